"""What a shot may start from: which strips, at which frames, with whose words, and whether the model can."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy

from ..engine.client.shot_words import Words, WordSource, words_of
from . import runtime, sequencer, settings, shot_options

__all__ = [
    "Boards",
    "WordSource",
    "boards",
    "from_playhead",
    "offered",
    "seed",
    "strip_of",
    "swap",
    "unfit",
    "words",
    "words_each",
]

_NEEDS = {"TEXT": "text", "CLIP": "clip"}
"""The engine's word for a source; all others are boards."""
_CANNOT = {
    "board": "This model cannot start from a picture. Under Advanced, choose one that can: {models}.",
    "text": "This model needs a picture to start from. Under Advanced, choose one that needs none: {models}.",
    "clip": "This model cannot go on from a strip. Under Advanced, choose one that can: {models}.",
}
_NONE_CAN = {
    "board": "No model here can start from a picture; get one that can, or choose another start.",
    "text": "All models here need a picture to start from; get one that needs none, or choose another start.",
    "clip": "No model here can go on from a strip; get one that can, or choose another start.",
}


@dataclass(frozen=True)
class Boards:
    """The strips of one shot, whoever has chosen them."""

    place: Any
    """The one that it lies over: the earlier of two. Its words, length and seed count."""
    start: Any
    """The one whose picture it begins with."""
    end: Any | None = None
    """The one whose picture it ends on."""

    @property
    def strips(self) -> tuple[Any, ...]:
        """Those whose pictures are taken, in the order in which the shot shows them."""
        return (self.start,) if self.end is None else (self.start, self.end)


def unfit(wanted: Any, source: str) -> str | None:
    """The sentence for the artist where the model cannot start so. Before the engine has spoken all is well."""
    start = _NEEDS.get(source, "board")
    client = runtime.client
    if client is None or start in client.starts(settings.model_of(wanted)):
        return None
    models = able(source)
    translated = bpy.app.translations.pgettext_iface
    return translated(_CANNOT[start]).format(models=", ".join(models)) if models else translated(_NONE_CAN[start])


def able(source: str) -> list[str]:
    """The models here that can start so; none before the engine has been heard."""
    client, start = runtime.client, _NEEDS.get(source, "board")
    models = client.about.get("models", ()) if client is not None else ()
    return [model for model in models if client is not None and start in client.starts(model)]


def offered(wanted: Any) -> list[str]:
    """The sources that some model here can start from, and the one that is chosen."""
    client = runtime.client
    models = client.about.get("models", ()) if client is not None else ()
    able = {start for model in models for start in client.starts(model)} if client and models else set(_CANNOT)
    return [name for name, *_ in shot_options.SOURCES if name == wanted.source or _NEEDS.get(name, "board") in able]


def boards(scene: Any) -> Boards | None:
    """The strips of the shot that would be made now: of two that are selected the earlier is the start.

    None where no strip is selected, and none lies at the playhead.
    """
    strip = sequencer.board_strip(scene)
    if strip is None:
        return None
    pair = sequencer.chosen(scene)
    if not scene.shotpack.use_end or len(pair) != 2 or strip not in pair:
        return Boards(strip, strip)
    if sequencer.span(pair[0]).start == sequencer.span(pair[1]).start and strip == pair[1]:
        pair.reverse()  # neither is earlier: the active one counts
    first, second = pair
    swapped = scene.shotpack.swapped == _names(pair)
    return Boards(first, *((second, first) if swapped else (first, second)))


def swap(scene: Any) -> bool:
    """Let the shot of two selected strips begin with the other one; returns whether there are two.

    It holds for these two alone: the next pair goes by the timeline again.
    """
    found = boards(scene)
    if found is None or found.end is None:
        return False
    pair = _names([found.place, found.end if found.start == found.place else found.start])
    scene.shotpack.swapped = "" if scene.shotpack.swapped == pair else pair
    return True


def _names(pair: list[Any]) -> str:
    return json.dumps([strip.name for strip in pair])


def from_playhead(scene: Any) -> bool:
    """Whether a board is taken from the playhead, because no strip is selected."""
    strip = sequencer.board_strip(scene)
    return strip is not None and not strip.select


def strip_of(scene: Any) -> Any | None:
    """The strip that a shot would lie over, or go on from, now; None where there is none."""
    if scene.shotpack.source == "STRIP":
        found = boards(scene)
        return found.place if found is not None else None
    return sequencer.moving_strip(scene) if scene.shotpack.source == "CLIP" else None


def words(scene: Any, frames: range, strip: Any | None = None, own: str = "") -> Words:
    """The words of a shot over these frames, made of `strip` or of none, and where they come from."""
    return next(words_each(scene, [(frames, strip)], own))


def words_each(scene: Any, shots: Iterable[tuple[range, Any | None]], own: str = "") -> Iterator[Words]:
    """The same for many, and one look at the timeline; `own` are the words of those that are made of no strip."""
    texts = [(each.name, sequencer.span(each), each.text) for each in sequencer.word_strips(scene)]
    # A marker that switches cameras is called after one.
    markers = [(marker.frame, marker.name) for marker in scene.timeline_markers if marker.camera is None]
    for frames, strip in shots:
        yield words_of(
            frames,
            own=strip.shotpack_board.prompt if strip is not None else own,
            name=strip.name if strip is not None else "",
            texts=texts,
            markers=markers,
            scene=scene.shotpack.prompt,
        )


def seed(wanted: Any, strip: Any | None) -> int:
    """A shot's seed: its strip's own, else the scene's."""
    own = strip.shotpack_board if strip is not None else None
    return int(own.seed if own is not None and own.use_seed else wanted.seed)
