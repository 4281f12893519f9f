"""Follow Camera: which camera a shot follows, from which frame on, and by which boards; or why it cannot.

It reads, and captures nothing: `guide_film.py` makes the film of what is found here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import bpy

from ..engine.client.engine_client import EngineState
from . import camera_motion, chosen, runtime, seen_from, sequencer
from .seen_from import SeenFrom, Tie

_EVERYWHERE = (float("-inf"), float("inf"))
_NEAR = 0.5
"""Frames of the scene: a board that near to a shot's frame is seen at it."""


@dataclass(frozen=True)
class Further:
    """Another board that shows what the camera sees at another frame."""

    strip: Any
    at: int
    """The frame of the timeline that its picture is taken of."""
    seen: SeenFrom


@dataclass(frozen=True)
class Followed:
    """The camera that a shot follows: of its first frame, and of the boards that help to show what comes."""

    begin: SeenFrom
    further: tuple[Further, ...] = ()
    unused: tuple[str, ...] = ()
    """The selected strips whose pictures are of no use to it, by name: seen by another camera, or at no frame of it."""

    @property
    def scene(self) -> Any:
        """The scene that is followed."""
        return self.begin.scene

    @property
    def drawn(self) -> list[int]:
        """Which of its boards are drawn, by their numbers from 0."""
        boards = (self.begin, *(each.seen for each in self.further))
        return [number for number, seen in enumerate(boards) if seen.drawn]

    def at(self, frame: float) -> float:
        """The frame of the scene that the shot's frame `frame`, from 1, shows; it may lie between two."""
        low, high = self.begin.within
        return min(max(self.begin.frame + (frame - 1) * self.begin.pace, low), high)

    def shown(self, frames: int) -> range:
        """The frames of the scene that a shot of so many frames shows."""
        ends = self.at(1), self.at(frames)
        return range(math.floor(min(ends)), math.ceil(max(ends)) + 1)

    def to_last_key(self) -> int | str:
        """How many frames it is to the last key of the camera, or the sentence that says why there is none."""
        camera = camera_of(self)
        keys = camera_motion.keyed(camera) if camera is not None else None
        if camera is None or keys is None or keys[-1] <= self.begin.frame:
            words = "{name} has no keys after the board; choose another length."
            return _said(words, name=camera.name if camera is not None else self.scene.name)
        return max(1, round((keys[-1] - self.begin.frame) / abs(self.begin.pace)) + 1)

    def ends_on(self, strip: Any, frames: int) -> bool:
        """Whether a strip's picture is what the camera sees at the last of so many frames."""
        return any(
            abs(each.seen.frame - self.at(frames)) < max(_NEAR, abs(self.begin.pace) / 2)
            for each in self.further
            if each.strip == strip
        )


def of_camera(filmed: Any, timeline_scene: Any, boards: range) -> Followed:
    """A shot that begins with what a scene's own camera sees at the first frame of `boards`, and where that has
    several ends with the last. A second of the timeline is a second of the scene.
    """
    pace = seen_from.pace_of(filmed, timeline_scene)
    within = (float(boards[0]), float(boards[-1])) if len(boards) > 1 else _EVERYWHERE
    return Followed(SeenFrom(filmed, float(boards[0]), Tie.CAMERA, pace=pace, within=within))


def of_strips(scene: Any, pictures: Sequence[tuple[Any, int]], also: Sequence[Any] = ()) -> Followed | str:
    """A shot that begins with the first of these strips' pictures, each with its frame of the timeline.

    The others, and the strips `also`, are carried along as well where the same camera sees them. Returns the sentence
    where the first is seen from no camera.
    """
    (strip, at), *others = pictures
    begin = seen_from.of_strip(scene, strip, at)
    if begin is None:
        words = "{name} is seen from no camera that is known; say so under Seen From, or untick Follow Camera."
        return _said(words, name=strip.name)
    if isinstance(begin, str):
        return begin
    further, unused = list[Further](), list[str]()
    known = {strip.name, *(each.name for each, _ in others)}
    for each, frame in (*others, *((each, frame_of(scene, each)) for each in also if each.name not in known)):
        seen = seen_from.of_strip(scene, each, frame)
        if isinstance(seen, SeenFrom) and (seen.scene, seen.named) == (begin.scene, begin.named):
            further.append(Further(each, frame, seen))
        else:
            unused.append(each.name)
    return Followed(begin, tuple(further), tuple(unused))


def within(followed: Followed, frames: int) -> Followed:
    """The same with those boards alone that are seen during a shot of so many frames."""
    shown = followed.shown(frames)
    seen = [each for each in followed.further if shown.start - _NEAR < each.seen.frame < shown.stop - 1 + _NEAR]
    lost = [each.strip.name for each in followed.further if each not in seen]
    return replace(followed, further=tuple(seen), unused=(*followed.unused, *lost))


def frame_of(scene: Any, strip: Any) -> int:
    """The frame of the timeline at which a strip is a board of a shot that follows its camera.

    A scene strip's first, or the shot would go elsewhere than the strip below it; else wherever the playhead is.
    """
    return sequencer.span(strip).start if strip.type == "SCENE" else sequencer.frame_of(scene, strip)


def unheard(wanted: Any) -> str | None:
    """The sentence that says that nobody knows yet whether the model can follow a camera; `early_start` sees to it."""
    if chosen.details_of(chosen.model_in_use(wanted)) is not None:
        return None
    if runtime.client is not None and runtime.client.state is EngineState.STARTING:
        return "The engine is starting; in a moment it says whether this model can follow the camera."
    return "Start the engine: it knows whether this model can follow the camera."


def prevented(wanted: Any, followed: Followed, frames: int) -> str | None:
    """The sentence that says why a shot of so many frames cannot follow this camera. Cheap: panels ask it."""
    details = chosen.details_of(chosen.model_in_use(wanted))
    if details is not None and not details.get("guide_frames"):
        return "This model follows no camera; choose one that does, or untick Follow Camera."
    scene, shown = followed.scene, followed.shown(frames)
    camera = camera_of(followed)
    if (why := unfit(scene, camera)) is not None:
        return why
    if followed.begin.camera is None:
        switch = next(
            (each.frame for each in camera_motion.switches(scene) if shown.start < each.frame < shown.stop), None
        )
        if switch is not None:
            return f"The scene's camera changes at frame {switch}; end the shot before it, or untick Follow Camera."
    assert camera is not None
    cut = camera_motion.jump(scene, camera, shown)
    if cut is not None:
        words = "{name} jumps at frame {frame}, which is a cut; end the shot before it, or untick Follow Camera."
        return _said(words, name=camera.name, frame=cut)
    return None


def unfit(scene: Any, camera: Any) -> str | None:
    """The sentence where this camera of a scene cannot be followed, wherever it goes."""
    if scene.library is not None:  # what is written of it is a link to its file alone
        return _said("{name} belongs to another file; make a local copy of it to follow its camera.", name=scene.name)
    if camera is None:
        return f"{scene.name} has no camera to follow."
    if camera.type != "CAMERA" or camera.data.type not in seen_from.FLAT:
        return seen_from.PANORAMIC
    if scene.render.use_multiview:
        return "Stereo pictures cannot follow the camera; turn Stereoscopy off."
    return None


def camera_of(followed: Followed) -> Any | None:
    """The camera that a shot begins with."""
    begin = followed.begin
    return begin.camera or camera_motion.camera_at(begin.scene, math.floor(begin.frame))


def _said(sentence: str, **values: Any) -> str:
    """A sentence in the artist's language."""
    return str(bpy.app.translations.pgettext_iface(sentence).format(**values))
