"""What a shot would be made of: its strips, words, length and place; or why there can be none. It captures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..engine.client.shot_words import Words, fault_of
from ..engine.protocol import FRAMES_MAXIMUM
from . import camera_moves, engine, guide_film, missing_pictures, sequencer, start_sources, timeline

__all__ = ["Intent", "intent", "of_boards", "of_join"]


@dataclass(frozen=True)
class Intent:
    """One shot that can be made: what Generate would do now, or one of a batch. It does not ask what is selected."""

    scene: Any
    source: str
    """One of `settings.SOURCES`."""
    strip: Any | None
    """The strip that it lies over, or goes on from; None where it starts from neither."""
    boards: start_sources.Boards | None
    pictures: tuple[tuple[Any, int], ...]
    """The strips that pictures are taken of, each with the frame of the timeline."""
    spot: timeline.Spot
    fps: float
    words: Words
    seed: int
    filmed: range | None = None
    """The frames of the camera's scene whose first and last are the boards."""
    hidden: int = 0
    """How many of its first frames its strip hides (`Shot.hidden`)."""
    arrives: bool = False
    """Whether the picture that it ends on comes after its last frame, in another strip."""
    title: str = ""
    """What it is called after; empty: its strip, or its words."""
    stretches: tuple[tuple[range, str], ...] = ()
    """Of one through many boards: the timeline's frames from each of them to the next, and the words there."""

    @property
    def frames(self) -> int:
        """How many frames are made; `spot` has those that are seen."""
        return self.spot.length + self.hidden

    @property
    def end(self) -> Any | None:
        """The strip whose picture it ends on."""
        return self.boards.end if self.boards is not None and (self.frames > 1 or self.arrives) else None


def intent(context: Any) -> Intent | str:
    """What Generate would do now, or the sentence that says why it cannot. Cheap: panels ask at every drawing."""
    scene = sequencer.scene_of(context)
    if scene is None:
        return "There is no scene to put a shot into."
    if engine.missing():
        return engine.MISSING
    wanted = scene.shotpack
    if (unfit := start_sources.unfit(wanted, wanted.source)) is not None:
        return unfit
    if wanted.source == "STRIP":
        boards = start_sources.boards(scene)
        if boards is None:
            return "Select a strip that shows the board, or put the playhead on one."
        frames = [sequencer.frame_of(scene, strip) for strip in boards.strips]
        return of_boards(scene, boards, frames, scene_range=len(_range(context.scene)))
    strip = sequencer.moving_strip(scene) if wanted.source == "CLIP" else None
    if wanted.source == "CLIP" and strip is None:
        return "Select a movie, an image sequence or a finished shot, or put the playhead on one."
    if wanted.source == "CAMERA" and context.scene.camera is None:
        return f"{context.scene.name} has no camera; add one, or choose another board."
    filmed = _range(context.scene) if wanted.source == "CAMERA" and wanted.camera_range else None
    start = int(scene.frame_current) if strip is None else sequencer.joint(scene, strip)
    if filmed is not None and scene == context.scene:
        start = filmed.start
    length = len(filmed) if filmed is not None else _wanted_length(scene, start, len(_range(context.scene)))
    if wanted.source == "CAMERA" and wanted.follow_camera and not isinstance(length, str):
        seen = filmed or camera_frames(context.scene, scene, length)
        if (why := guide_film.unheard(wanted) or guide_film.prevented(context.scene, wanted, seen)) is not None:
            return why
    pictures = ((strip, start - 1),) if strip is not None else ()
    # A shot lies above its board, but beside what it goes on from.
    below = strip.channel - 1 if strip is not None else 0
    return _checked(scene, wanted.source, strip, None, pictures, start, length, below, filmed)


def camera_frames(filmed: Any, timeline_scene: Any, length: int) -> range:
    """The frames of a camera's scene that a shot of `length` frames of a timeline shows, from the present one on."""
    paces = (each.render.fps / each.render.fps_base for each in (filmed, timeline_scene))
    pace = next(paces) / next(paces)
    first = int(filmed.frame_current)
    return range(first, first + max(1, round((length - 1) * pace) + 1))


def of_boards(
    scene: Any, boards: start_sources.Boards, frames: Sequence[int], *, scene_range: int | None = None, below: int = 0
) -> Intent | str:
    """The shot of these strips' pictures at these frames, or the sentence that says why there is none.

    It is as long as its strip says, else as the scene's settings say; without `scene_range`, as the strip. It lies
    above its strip, and above the channel `below`.
    """
    strip = boards.place
    if (why := camera_moves.prevented(scene.shotpack, boards)) is not None:
        return why
    start, own = sequencer.span(strip).start, strip.shotpack_board.frames
    if own or scene_range is None or scene.shotpack.length == "BOARD":
        length: int | str = own or len(sequencer.span(strip))
    else:
        length = _wanted_length(scene, start, scene_range)
    pictures = tuple(zip(boards.strips, frames, strict=True))
    return _checked(scene, "STRIP", strip, boards, pictures, start, length, max(below, strip.channel), None)


def of_join(
    scene: Any,
    *,
    source: str,
    boards: start_sources.Boards,
    pictures: tuple[tuple[Any, int], ...],
    shown: range,
    hidden: int,
    own: str,
    title: str,
) -> Intent | str:
    """The shot that is seen in the frames `shown` beside strips whose pictures it begins or ends with, or why not.

    The strip before it shows the one that it begins with where `hidden` is 1, and the one that it ends on is always
    the next strip's. `own` are its own words.
    """
    found = _checked(scene, source, None, boards, pictures, shown.start, len(shown), 0, None, own=own)
    if isinstance(found, str):
        return found
    spot = replace(found.spot, channel=sequencer.channel_beside(scene, shown, boards.strips))
    return replace(found, spot=spot, hidden=hidden, title=title, arrives=boards.end is not None)


def _checked(
    scene: Any,
    source: str,
    strip: Any | None,
    boards: start_sources.Boards | None,
    pictures: tuple[tuple[Any, int], ...],
    start: int,
    length: int | str,
    below: int,
    filmed: range | None,
    *,
    own: str | None = None,
) -> Intent | str:
    """What all shots are asked for, whatever they start from. Words of its `own`, be they none, are no strip's."""
    wanted = scene.shotpack
    if isinstance(length, str):
        return length
    most = FRAMES_MAXIMUM if own is None else FRAMES_MAXIMUM - 2  # a join may have a board before and one after
    if length > most:
        return f"{length} frames are too many; {most} is the most."
    for shown, frame in pictures:
        if (missing := missing_pictures.trouble(scene, shown, (frame,))) is not None:
            return missing
    place = boards.place if boards is not None and own is None else None
    words = start_sources.words(scene, range(start, start + length), place, own or "")
    if (fault := fault_of(words)) is not None:
        return fault
    spot = timeline.Spot(start, length, sequencer.free_channel(scene, start, length, below))
    fps = scene.render.fps / scene.render.fps_base
    seed = start_sources.seed(wanted, place)
    return Intent(scene, source, strip, boards, pictures, spot, fps, words, seed, filmed)


def _wanted_length(scene: Any, start: int, scene_range: int) -> int | str:
    """The shot's length in frames by the scene's settings, or the sentence that says why there is none."""
    wanted = scene.shotpack
    if wanted.length == "NEXT":
        return sequencer.frames_to_next(scene, start) or "No strip and no marker follows; choose another length."
    if wanted.length == "FRAMES":
        return int(wanted.frames)
    if wanted.length == "RANGE":
        return scene_range
    return max(1, round(wanted.seconds * scene.render.fps / scene.render.fps_base))


def _range(scene: Any) -> range:
    """A scene's own frames."""
    return range(scene.frame_start, scene.frame_end + 1)
