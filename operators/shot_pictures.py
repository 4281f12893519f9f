"""The pictures of one shot, taken into its folder one a step: what it starts and ends with, and what leads it.

Between two steps the artist's file may change, so what is to be taken is said anew at each; nothing of Blender's is
kept. No words and no request come here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..engine.client.film_render import CLIP, GUIDE, MOVE
from ..engine.protocol import Condition
from . import camera_moves, capture, follow, guide_film, lead_clip, seen_from, shot_folders, trust
from .shot_folders import STILL
from .strip_scene import LONGEST_SIDE

_END = "end.png"
CHANGED = "The timeline was changed while its pictures were being taken; press again."
Seen = tuple[str, float, str, bool]
"""From where a picture is seen: scene, frame, the camera then (`SeenFrom.kept`), and whether it is drawn."""


@dataclass(frozen=True)
class Sources:
    """What a shot's pictures are taken of."""

    scene: Any
    """The timeline's."""
    source: str
    """One of `shot_options.SOURCES`."""
    strip: Any | None
    """As in `Intent`."""
    pictures: tuple[tuple[Any, int], ...]
    """As in `Intent`."""
    ends: bool
    """Whether the last of these is the picture that it ends on."""
    arrives: bool
    """As in `Intent`."""
    start: int
    """The timeline's frame at which it is first seen."""
    frames: int
    fps: float
    filmed: range | None
    """As in `Intent`."""
    hidden: int
    followed: follow.Followed | None

    @property
    def moved_over(self) -> Any | None:
        """The strip over whose board a camera moves; a shot that joins strips shows what is seen before it, whole."""
        first = self.pictures[0][0] if self.source == "STRIP" and self.strip is not None else None
        return first if first is not None and camera_moves.goes_over(first) else None


@dataclass(frozen=True)
class Taken:
    """What lies in the shot's folder."""

    boards: list[tuple[int, str]]
    """Its boards: their frames, from 1, and files."""
    before: list[str]
    """The frames that it goes on from."""
    conditions: tuple[Condition, ...]
    """What leads it; files are in its folder, or are taken from a film there."""
    seen: Seen | None
    """From where the first picture is seen, where that is known."""


@dataclass(frozen=True)
class _Picture:
    """One that is still to be taken."""

    key: tuple[object, ...]
    """What it is of, and its file."""
    take: Callable[[], object]


class ShotPictures:
    """A shot's pictures, as far as they are taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: list[tuple[object, ...]] = []
        """Of all its pictures, as they were said at first."""
        self._done = 0
        self._begin: Seen | None = None
        """From where the first picture was seen, where it is what a camera sees at the present frame."""
        self._before: list[str] = []

    @property
    def done(self) -> int:
        """How many are taken."""
        return self._done

    def step(self, context: Any, wanted: Sources) -> Taken | None:
        """Take one more, and after the last one make the films; then it returns all that there is.

        Raises CaptureError, RuntimeError or OSError.
        """
        pictures = self._pictures(context, wanted)
        keys = [(wanted.frames, wanted.start, wanted.hidden, *each.key) for each in pictures]
        if not self._done:
            self._keys, self._begin = keys, _present(context, wanted)
        elif keys != self._keys:
            raise capture.CaptureError(CHANGED)
        pictures[self._done].take()
        self._done += 1
        return self._finished(wanted) if self._done == len(pictures) else None

    def _pictures(self, context: Any, wanted: Sources) -> list[_Picture]:
        """All of them, in the order in which they are taken."""
        scene, folder, found = wanted.scene, self._folder, list[_Picture]()

        def add(take: Callable[..., object], file: str, *of: object, **more: Any) -> None:
            found.append(_Picture((file, *of), partial(take, path=folder / file, **more)))

        def add_strip(strip: Any, at: int, file: str, longest: int = LONGEST_SIDE) -> None:
            add(capture.at_frame, file, strip.name, at, scene=scene, strip=strip, frame=at, longest=longest)

        def add_camera(frame: int | None, file: str) -> None:
            # The present frame as it stands, with what is posed and not keyed.
            shown = wanted.followed.scene if wanted.followed is not None else context.scene
            engine = scene.shotpack.engine
            add(capture.from_camera, file, shown.name, frame, scene=shown, engine=engine, frame=frame)

        if wanted.source == "TEXT":
            add(capture.blank, STILL)
        elif wanted.source == "CLIP":
            add_strip(wanted.strip, wanted.start - 1, STILL)
        elif wanted.source == "STRIP":
            moved = wanted.moved_over
            add_strip(*wanted.pictures[0], STILL, camera_moves.longest_side(moved) if moved else LONGEST_SIDE)
        elif wanted.source == "RENDER":
            add(capture.from_render_result, STILL, scene=context.scene)
        elif wanted.source == "CAMERA":
            add_camera(wanted.filmed[0] if wanted.filmed else None, STILL)
            if wanted.filmed and len(wanted.filmed) > 1:
                add_camera(wanted.filmed[-1], _END)
        else:
            add(capture.from_viewport, STILL, context=context)
        if wanted.ends:
            add_strip(*wanted.pictures[-1], _END)
        for name, each in self._further(wanted):
            if name != _END:
                add_strip(each.strip, each.at, name)
        if wanted.source == "CLIP" and wanted.strip is not None:
            found.append(_Picture((CLIP, wanted.strip.name), partial(self._take_clip, wanted)))
        return found

    def _further(self, wanted: Sources) -> list[tuple[str, follow.Further]]:
        if wanted.followed is None:
            return []
        return guide_film.name_further(wanted.followed, (wanted.pictures[-1][0], _END) if wanted.ends else None)

    def _take_clip(self, wanted: Sources) -> None:
        conform = wanted.scene.shotpack.rate == "CONFORM"
        self._before = lead_clip.take(wanted.scene, wanted.strip, wanted.start, self._folder, conform=conform)

    def _finished(self, wanted: Sources) -> Taken:
        boards = [(1, STILL)] if wanted.source not in ("TEXT", "CLIP") else []
        if wanted.source == "CAMERA" and wanted.filmed and len(wanted.filmed) > 1:
            boards.append((wanted.frames, _END))
        if wanted.ends:
            boards.append((wanted.frames + wanted.arrives, _END))
        conditions = self._moved(wanted, boards) if wanted.moved_over is not None else self._followed(wanted, boards)
        note_films(self._folder)
        return Taken(boards, self._before, conditions, self._seen(wanted))

    def _moved(self, wanted: Sources, boards: list[tuple[int, str]]) -> tuple[Condition, ...]:
        moves = camera_moves.BoardMoves(wanted.scene.shotpack, wanted.frames, wanted.fps, self._folder)
        after = boards[1][0] if len(boards) > 1 else None
        moves.add(1, STILL, camera_moves.move_over(wanted.moved_over), after)
        return moves.conditions()

    def _followed(self, wanted: Sources, boards: list[tuple[int, str]]) -> tuple[Condition, ...]:
        followed = wanted.followed
        if followed is None:
            return ()
        if self._begin is not None:
            _, frame, kept, _ = self._begin
            followed = replace(followed, begin=replace(followed.begin, frame=frame, kept=kept))
        seen = [(boards[0][1], followed.begin)]
        if wanted.source == "CAMERA" and wanted.filmed:
            seen += [(file, replace(followed.begin, frame=float(wanted.filmed[-1]))) for _, file in boards[1:]]
        seen += [(name, each.seen) for name, each in self._further(wanted)]
        pinned = {float(frame) for frame, _ in boards}
        return guide_film.take(followed, wanted.scene.shotpack, seen, pinned, wanted.frames, wanted.fps, self._folder)

    def _seen(self, wanted: Sources) -> Seen | None:
        if wanted.followed is None:
            return self._begin if not wanted.hidden else None
        begin = wanted.followed.begin
        return self._begin or (begin.scene.name, begin.frame, begin.kept, begin.drawn)


def _present(context: Any, wanted: Sources) -> Seen | None:
    """From where the first picture is seen, if it is what a camera sees at the present frame."""
    if wanted.source != "CAMERA" or wanted.filmed:
        return None
    shown = wanted.followed.scene if wanted.followed is not None else context.scene
    return (shown.name, *seen_from.now(context, shown), False)


def count(context: Any, wanted: Sources) -> int:
    """How many pictures there are to take."""
    return len(ShotPictures(Path())._pictures(context, wanted))


def new_folder(length: int, wish: str) -> tuple[str, Path]:
    """The name and the folder of a new shot of so many frames. Raises CaptureError."""
    if (shortage := shot_folders.shortage(length)) is not None:
        raise capture.CaptureError(shortage)
    try:
        return shot_folders.new_folder(wish)
    except OSError as fault:
        raise capture.CaptureError(f"The shot's folder cannot be made: {fault.strerror or fault}.") from fault


def said(fault: Exception) -> str:
    """Why the pictures could not be taken, in a sentence."""
    if isinstance(fault, OSError):
        return f"The pictures for the shot cannot be written: {fault.strerror or fault}."
    return " ".join(str(fault).removeprefix("Error: ").split())


def note_films(folder: Path) -> None:
    """Let the films in a shot's folder be known as ours: others come with files, and no picture is taken of them."""
    for film in (folder / CLIP, folder / GUIDE, folder / MOVE):
        if film.is_file():
            trust.film_renderer().note(film)
