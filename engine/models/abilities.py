"""What an artist is told of a model before choosing it: what it can, how well, and what it needs. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..framepack.packing import Order
from ..protocol import GUIDE, Start
from .catalog import SKETCH, find_model
from .folder import ModelFolder
from .guide_use import GuidePictures
from .trained import Trained, trained


class Card(NamedTuple):
    """What the weights of a model do not say of it."""

    title: str
    quality: str
    """In a word."""
    good_for: str
    """One sentence."""
    gpu_bytes: int
    """The least that a GPU must have for it; 0 where a processor does."""
    gpu_bytes_whole: int
    """From where on its weights stay on the GPU, which is several times as fast; 0 where a processor does."""


_NEEDS = 6_000_000_000, 48_000_000_000  # docs/engine.md, Memory: the leanest placement, and the first that keeps all
CARDS: dict[str, Card] = {
    "framepack-i2v": Card(
        "FramePack I2V",
        "final",
        "Long, steady shots that keep to their board: the last section is made first, toward the board.",
        *_NEEDS,
    ),
    "framepack-f1": Card(
        "FramePack F1",
        "final",
        "More motion than I2V, made from the beginning on: the first seconds can be seen at once.",
        *_NEEDS,
    ),
    "helios-distilled": Card(
        "Helios Distilled",
        "final",
        "The fastest of the large models; also from words alone, and going on from a strip.",
        *_NEEDS,
    ),
    "helios-base": Card(
        "Helios Base", "final", "The slowest and most exact Helios, with a negative prompt of your own.", *_NEEDS
    ),
    "helios-mid": Card("Helios Mid", "final", "Between Helios Base and Distilled, for trying both out.", *_NEEDS),
    SKETCH: Card(
        "Sketch", "draft", "Camera moves and timing in seconds, also without a GPU; it comes with Shotpack.", 0, 0
    ),
}


@dataclass(frozen=True)
class Abilities:
    """What shots of a model can be. Sizes are (width, height) in pixels."""

    title: str
    quality: str
    """Empty where nobody says."""
    good_for: str
    starts: tuple[Start, ...]
    orders: tuple[Order, ...]
    """Its own first."""
    sizes: tuple[tuple[int, int], ...]
    size_multiple: int
    side_limits: tuple[int, int]
    native_fps: float
    steps: int
    guidance: float
    negative: bool
    """Whether a negative prompt of one's own changes anything."""
    first_frames: int
    """Frames at `native_fps` before the first section's own."""
    section_frames: int
    """Frames that one section adds."""
    latent_frames: int
    """Frames that are made in one go at the least: two boards are as far apart."""
    boards_within: bool
    """Whether boards may lie anywhere in a shot, or only at its start."""
    guide_frames: int
    """Frames at `native_fps` from one picture of a guide to the next that it uses; 0: it takes no guide."""
    trained: Trained
    """What it was trained for beyond the released recipe."""


def abilities(model: ModelFolder) -> Abilities:
    """What an installed model can, by its manifest and by what such weights were released as."""
    facts, released = model.facts, model.released
    card = CARDS.get(model.name)
    guidance = released.guidance if facts.guidance is None else facts.guidance
    return Abilities(
        title=card.title if card else facts.title or model.name,
        quality=card.quality if card else "",
        good_for=card.good_for if card else "",
        starts=model.starts,
        orders=model.orders,
        sizes=facts.sizes or released.sizes,
        size_multiple=released.size_multiple,
        side_limits=facts.side_limits or released.side_limits,
        native_fps=model.native_fps,
        steps=facts.steps or released.steps,
        guidance=guidance,
        negative=released.classifier_free and guidance > 1,
        first_frames=released.grid.lead,
        section_frames=released.grid.stride,
        latent_frames=released.grid.compression,
        boards_within=released.boards_within,
        guide_frames=_guide_frames(model),
        trained=trained(model),
    )


def _guide_frames(model: ModelFolder) -> int:
    if GUIDE not in model.conditions:
        return 0
    use = model.facts.guide or {}
    every = use.get("pictures", GuidePictures.EVERY) is GuidePictures.EVERY or use.get("alone", False)
    return 1 if every else model.released.grid.compression


def abilities_of(name: str) -> Abilities:
    """The same by an installed model's name. Raises EngineError as `find_model` does."""
    return abilities(find_model(name, check=False))
