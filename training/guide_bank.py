"""A bank of clips with their guides as latents on disk: what lessons with a guide are made of.

A camera that a shot follows is several times as fast as one that a prompt asks for, and shows much that its board does
not. So these clips run at several times their motion's rate. Each begins with its board, and each later latent has its
guide's picture beside it, encoded alone, as Sketch sees guides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save

from engine.errors import Code, EngineError
from engine.media.files import make_folder, write_whole
from engine.media.measures import Picture

from .latent_bank import (
    CLIPS_PER_FILE,
    SIZE_SHARES,
    SIZES,
    StillEncoder,
    file_of,
    missing_files,
    small_board,
    write_files,
)
from .scenes.clips import random_blocks, random_clip, random_motion
from .scenes.guides import CarriedBoard
from .scenes.moves import FRAMES_PER_LATENT, LATENTS_PER_SECTION, Motion, Move, Speed
from .scenes.textures import textured

_REVEALING = ("pan", "tilt", "roll", "zoom out", "orbit", "dolly")
"""Moves that show what the board does not; they come three times as often."""
_PACES = (1, 2, 3, 4, 6)
_SWELLING, _MOST_SWELLING = ("zoom", "dolly"), 3
"""Moves that multiply what they change by at every step, and their greatest pace: sheets would grow without end."""
_BLOCKED_OUT = 0.7
"""Share of the clips whose things are all layers. What lies where is then known also of what comes into view, as in a
real scene: without it a model learns to trust no silhouette, and what it makes of a guess is haze."""
_TEXTURED = 0.5
"""Share of the clips whose surfaces wear patterns, as blocked-out scenes do."""
_LONG = 0.3
"""Share of the files whose clips last two sections, at up to half of the pace."""


@dataclass(frozen=True)
class GuidedClip:
    """One clip from its board on and what a guide shows of it, four frames apart."""

    latents: torch.Tensor
    """(T, C, h, w) float16: what is true."""
    guide: torch.Tensor
    """(T, C, h, w) float16: the board as it was carried there, filled where it cannot know; first the board."""
    share: torch.Tensor
    """(T, h, w) float16, 0 to 1: how much of each latent pixel the board shows."""
    board: torch.Tensor
    """(S, S, 3) uint8, as the image encoder sees it."""
    motion: Motion
    """What moves how; not how fast."""
    thing: str
    place: str


def extend_guides(
    folder: Path, vae: AutoencoderKLHunyuanVideo, *, side: int, seed: int, clips: int, workers: int
) -> None:
    """Draw and encode clips with guides until `folder` holds `clips`; `side` is the image encoder's in pixels.

    Raises EngineError `choice_invalid` for a VAE that encodes no picture alone.
    """
    encoder = StillEncoder(vae)
    if not encoder.free:
        raise EngineError(Code.CHOICE_INVALID, name="guides", value=clips, allowed="0: its VAE sees clips as a whole")
    make_folder(folder)
    jobs = [
        (_write_file, (folder, number, side, seed, CLIPS_PER_FILE, SIZES)) for number in missing_files(folder, clips)
    ]
    write_files(encoder, jobs, workers if vae.device.type == "cpu" else 1)


def _write_file(
    encoder: StillEncoder,
    folder: Path,
    number: int,
    side: int,
    seed: int,
    count: int,
    sizes: tuple[tuple[int, int], ...],
) -> None:
    rng = np.random.default_rng([seed, number])
    size = sizes[rng.choice(len(sizes), p=SIZE_SHARES)]
    sections = 2 if rng.random() < _LONG else 1
    drawn = [_drawn(encoder, rng, size, sections, side) for _ in range(count)]
    facts = [
        {"move": clip.motion.move, "speed": clip.motion.speed, "thing": clip.thing, "place": clip.place}
        for clip in drawn
    ]
    tensors = {
        name: torch.stack([getattr(clip, name) for clip in drawn]) for name in ("latents", "guide", "share", "board")
    }
    write_whole(file_of(folder, number), save(tensors, {"clips": json.dumps(facts)}))


def _drawn(
    encoder: StillEncoder, rng: np.random.Generator, size: tuple[int, int], sections: int, side: int
) -> GuidedClip:
    motion = random_motion(rng, often=_REVEALING)
    most = _MOST_SWELLING if motion.move.startswith(_SWELLING) else max(_PACES)
    pace = int(rng.choice([pace for pace in _PACES if pace * sections <= most or pace == 1]))
    draw = random_blocks if rng.random() < _BLOCKED_OUT else random_clip
    clip = draw(rng, size, sections * pace, motion)
    if rng.random() < _TEXTURED:
        clip = replace(clip, scene=textured(rng, clip.scene))
    numbers = [pace * FRAMES_PER_LATENT * latent for latent in range(sections * LATENTS_PER_SECTION + 1)]
    board = CarriedBoard(clip)
    carried = [board.at(number) for number in numbers[1:]]
    width, height = size[0] // 8, size[1] // 8
    shares = [np.ones((height, width), np.float32), *(share_of(seen, (width, height)) for _, seen in carried)]
    return GuidedClip(
        latents=encoder.encode_alone([clip.frame(number) for number in numbers]),
        guide=encoder.encode_alone([clip.first, *(picture for picture, _ in carried)]),
        share=torch.from_numpy(np.stack(shares)).half(),
        board=torch.from_numpy(small_board(clip.first, side).copy()),
        motion=motion,
        thing=clip.scene.thing,
        place=clip.scene.place,
    )


def share_of(seen: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """How much of each latent pixel (h, w), 0 to 1, a mask (H, W) bool says is seen; `size` is (w, h)."""
    mask: Picture = seen.astype(np.uint8) * 255
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BOX), np.float32) / 255


def read_guides(folder: Path) -> list[GuidedClip]:
    """All clips of the bank in `folder`, in the sequence they were made."""
    return [clip for path in sorted(folder.glob("clips-*.safetensors")) for clip in _read(path)]


def _read(path: Path) -> Iterator[GuidedClip]:
    with safe_open(path, "pt") as file:
        tensors = [file.get_tensor(name) for name in ("latents", "guide", "share", "board")]
        metadata = file.metadata()
    for latents, guide, share, board, facts in zip(*tensors, json.loads(metadata["clips"]), strict=True):
        motion = Motion(Move(facts["move"]), Speed(facts["speed"]))
        yield GuidedClip(latents, guide, share, board, motion, facts["thing"], facts["place"])
