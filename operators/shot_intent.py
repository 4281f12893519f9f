"""What a shot would be made of: its strips, words, length and place; or why there can be none. It captures nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..engine.client.shot_words import Words, fault_of
from ..engine.protocol import FRAMES_MAXIMUM
from . import (
    camera_motion,
    camera_moves,
    engine,
    follow,
    missing_pictures,
    sequencer,
    shot_pictures,
    start_sources,
    timeline,
)

__all__ = ["Intent", "intent", "of_boards", "of_join", "of_marker"]


@dataclass(frozen=True)
class Intent:
    """One shot that can be made: what Generate would do now, or one of a batch. It does not ask what is selected."""

    scene: Any
    source: str
    """One of `shot_options.SOURCES`."""
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
    """The frames of the camera's scene whose first, and last where there are several, are the boards."""
    hidden: int = 0
    """How many of its first frames its strip hides (`Shot.hidden`)."""
    arrives: bool = False
    """Whether the picture that it ends on comes after its last frame, in another strip."""
    title: str = ""
    """What it is called after; empty: its strip, or its words."""
    stretches: tuple[tuple[range, str], ...] = ()
    """Of one through many boards: the timeline's frames from each of them to the next, and the words there."""
    followed: follow.Followed | None = None
    """The camera that it follows."""
    marker: str = ""
    """As in `ShotStamp`."""

    @property
    def frames(self) -> int:
        """How many frames are made; `spot` has those that are seen."""
        return self.spot.length + self.hidden

    @property
    def end(self) -> Any | None:
        """The strip whose picture it ends on."""
        return self.boards.end if self.boards is not None and (self.frames > 1 or self.arrives) else None

    @property
    def sources(self) -> shot_pictures.Sources:
        """What its pictures are taken of."""
        return shot_pictures.Sources(
            self.scene,
            self.source,
            self.strip,
            self.pictures,
            self.end is not None,
            self.arrives,
            self.spot.start,
            self.frames,
            self.fps,
            self.filmed,
            self.hidden,
            self.followed,
        )


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
        at = follow.frame_of if wanted.follow_camera else sequencer.frame_of
        frames = [at(scene, strip) for strip in boards.strips]
        also = sequencer.chosen(scene) if wanted.follow_camera else []
        return of_boards(scene, boards, frames, scene_range=len(_range(context.scene)), also=also)
    strip = sequencer.moving_strip(scene) if wanted.source == "CLIP" else None
    if wanted.source == "CLIP" and strip is None:
        return "Select a movie, an image sequence or a finished shot, or put the playhead on one."
    if wanted.source == "CAMERA" and context.scene.camera is None:
        return f"{context.scene.name} has no camera; add one, or choose another board."
    return _of_no_board(context.scene, scene, strip)


def _of_no_board(shown: Any, scene: Any, strip: Any | None) -> Intent | str:
    """What Generate would do now where no strip is the board; `shown` is the window's scene."""
    wanted, filmed, followed = scene.shotpack, None, None
    start = int(scene.frame_current) if strip is None else sequencer.joint(scene, strip)
    if wanted.source == "CAMERA":
        if wanted.camera_range:
            filmed = _range(shown)
        elif wanted.length == "KEYS" and (keys := camera_motion.keyed(shown.camera)) is not None:
            filmed = keys[:1]
        elif wanted.length == "RANGE":
            filmed = _range(shown)[:1]
        if filmed is not None and scene == shown:
            start = filmed.start
        followed = follow.of_camera(shown, scene, filmed or range(shown.frame_current, shown.frame_current + 1))
    if wanted.source == "CAMERA" and wanted.camera_range:
        length: int | str = len(_range(shown))
    else:
        length = _wanted_length(scene, start, len(_range(shown)), followed)
    pictures = ((strip, start - 1),) if strip is not None else ()
    # A shot lies above its board, but beside what it goes on from.
    below = strip.channel - 1 if strip is not None else 0
    found = _checked(scene, wanted.source, strip, None, pictures, start, length, below, filmed)
    if followed is None or not wanted.follow_camera or isinstance(found, str):
        return found
    why = follow.unheard(wanted) or follow.prevented(wanted, followed, found.frames)
    return why if why is not None else replace(found, followed=followed)


def of_boards(
    scene: Any,
    boards: start_sources.Boards,
    frames: Sequence[int],
    *,
    scene_range: int | None = None,
    below: int = 0,
    also: Sequence[Any] = (),
) -> Intent | str:
    """The shot of these strips' pictures at these frames, or the sentence that says why there is none.

    It is as long as its strip says, else as the scene's settings say; without `scene_range`, as the strip. It lies
    above its strip, and above the channel `below`. Where it follows a camera, the strips `also` show what comes, too.
    """
    strip, wanted = boards.place, scene.shotpack
    moves = camera_moves.goes_over(boards.start)
    if moves and (why := camera_moves.prevented(wanted)) is not None:
        return why
    follows = wanted.follow_camera and not moves
    start, own = sequencer.span(strip).start, strip.shotpack_board.frames
    pictures = tuple(zip(boards.strips, frames, strict=True))
    as_long = bool(own) or scene_range is None or wanted.length == "BOARD"
    by_camera = follows or (not as_long and wanted.length == "KEYS")
    followed = follow.of_strips(scene, pictures, also) if by_camera else None
    if isinstance(followed, str):
        return followed
    if as_long or scene_range is None:
        length: int | str = own or len(sequencer.span(strip))
    else:
        length = _wanted_length(scene, start, scene_range, followed)
    followed = followed if follows else None
    if followed is not None and not isinstance(length, str):
        followed = follow.within(followed, length)
        if (why := follow.unheard(wanted) or follow.prevented(wanted, followed, length)) is not None:
            return why
        if boards.end is not None and not followed.ends_on(boards.end, length):
            # It ends where the camera is then; a picture of another moment would pull it off.
            boards, pictures = start_sources.Boards(boards.place, boards.start), pictures[:1]
    found = _checked(scene, "STRIP", strip, boards, pictures, start, length, max(below, strip.channel), None)
    return found if isinstance(found, str) or followed is None else replace(found, followed=followed)


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


def of_marker(
    scene: Any, followed: follow.Followed, *, start: int, length: int, marker: str, title: str
) -> Intent | str:
    """The shot that follows a camera from a marker on, with what it sees there as its board; or why there is none.

    `marker` is as in `ShotStamp`.
    """
    wanted, first = scene.shotpack, math.floor(followed.begin.frame)
    why = start_sources.unfit(wanted, "CAMERA") or follow.unheard(wanted) or follow.prevented(wanted, followed, length)
    if why is not None:
        return why
    found = _checked(scene, "CAMERA", None, None, (), start, length, 0, range(first, first + 1))
    return found if isinstance(found, str) else replace(found, followed=followed, marker=marker, title=title)


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


def _wanted_length(scene: Any, start: int, scene_range: int, followed: follow.Followed | None = None) -> int | str:
    """The shot's length in frames by the scene's settings, or the sentence that says why there is none."""
    wanted = scene.shotpack
    if wanted.length == "KEYS":
        return (
            "No camera is known whose keys end the shot; choose another length."
            if followed is None
            else followed.to_last_key()
        )
    if wanted.length == "NEXT":
        to_next = sequencer.frames_to_next(scene, start) or max(0, scene.frame_end + 1 - start)
        return to_next or "No strip and no marker follows; choose another length."
    if wanted.length == "FRAMES":
        return int(wanted.frames)
    if wanted.length == "RANGE":
        return scene_range
    return max(1, round(wanted.seconds * scene.render.fps / scene.render.fps_base))


def _range(scene: Any) -> range:
    """A scene's own frames."""
    return range(scene.frame_start, scene.frame_end + 1)
