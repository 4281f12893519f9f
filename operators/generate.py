"""Generate: settings and boards become a request, and the shot is on the timeline before the engine knows of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.film_render import MOVE, MOVED_OVER
from ..engine.client.shot import Shot
from ..engine.client.shot_words import prompts_through
from ..engine.client.stored_request import write
from ..engine.protocol import Board, ShotRequest
from . import (
    board_run,
    capture,
    chosen,
    engine,
    fingerprint,
    follow,
    handlers,
    loras,
    runtime,
    sequencer,
    shot_folders,
    shot_pictures,
    start_sources,
    text_strips,
    timeline,
)
from .board_run import BoardRun, RunsOverBoards
from .shot_folders import STILL
from .shot_intent import Intent, intent
from .shot_pictures import Seen, Taken

_NAME_WORDS = 4


@dataclass(frozen=True)
class Prepared:
    """A shot whose pictures are taken, and which is on no timeline yet."""

    shot: Shot
    spot: timeline.Spot
    board: str
    """The strip that it is made of, by its name; empty: none."""
    digest: str
    """Of its boards' pixels, and after a dash of its request: the same digest is the same shot."""
    asked: ShotRequest
    """Its request, pictures by their files in its folder."""
    through: str = ""
    """As in `ShotStamp`."""
    marker: str = ""
    """As in `ShotStamp`."""
    seen: Seen | None = None
    """From where its first picture is seen, where that is known."""

    def at(self, channel: int) -> Prepared:
        """The same on another channel."""
        return replace(self, spot=replace(self.spot, channel=channel))

    def to_stop_after(self, sections: int) -> Prepared:
        """The same, which pauses by itself after so many sections."""
        return replace(self, shot=_new_shot(self.asked, self.shot.name, self.shot.folder, sections, self.shot.hidden))

    def with_seed(self, seed: int, name: str) -> Prepared:
        """The same shot by another seed, with pictures of its own in a folder called like `name`. Raises OSError."""
        asked = replace(self.asked, seed=seed)
        name, folder = shot_folders.new_folder(name)
        try:
            shot_folders.copy_pictures(
                self.shot.folder, folder, [board.image for board in asked.boards] + [*asked.clip]
            )
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return replace(
            self,
            shot=_new_shot(asked, name, folder, hidden=self.shot.hidden),
            digest=f"{self.digest.partition('-')[0]}-{_sha256(write(asked, '').encode())}",
            asked=asked,
        )


class Preparation:
    """A shot on its way to the timeline: its pictures are taken one a step, and nothing of the file is changed."""

    def __init__(self, wish: str = "") -> None:
        """`wish` is like what it is to be called; empty: as what it is made of."""
        self._wish = wish
        self._name = ""
        self._folder: Path | None = None
        self._pictures: shot_pictures.ShotPictures | None = None

    def step(self, context: Any, found: Intent) -> Prepared | None:
        """Take one picture of the shot that is wanted, said anew; returns the shot once all are there.

        Raises CaptureError with the sentence for the artist; then there is no folder.
        """
        try:
            if self._folder is None or self._pictures is None:
                self._name, self._folder = shot_pictures.new_folder(found.frames, self._wish or name_of(found))
                self._pictures = shot_pictures.ShotPictures(self._folder)
            with handlers.OwnRender():
                taken = self._pictures.step(context, found.sources)
            return None if taken is None else prepared(found, self._name, self._folder, taken)
        except (RuntimeError, OSError, capture.CaptureError) as fault:
            self.stop()
            raise capture.CaptureError(shot_pictures.said(fault)) from fault

    @property
    def done(self) -> int:
        """How many of its pictures are taken."""
        return self._pictures.done if self._pictures is not None else 0

    def stop(self) -> None:
        """Let go of what was taken."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._pictures = None


def prepare(context: Any, found: Intent, name: str = "") -> Prepared:
    """Take all of a shot's pictures into a folder of its own, as `Preparation` does. Raises CaptureError."""
    on_its_way = Preparation(name)
    while (made := on_its_way.step(context, found)) is None:
        pass
    return made


def prepared(found: Intent, name: str, folder: Path, taken: Taken) -> Prepared:
    """A shot whose pictures lie in its folder."""
    asked = replace(request_of(found.scene.shotpack, found, taken.boards, taken.before), conditions=taken.conditions)
    # What leads a shot is in none of its request's words: what the camera may see, a move's film and board.
    moves = [fingerprint.of_scene(found.followed.scene, follow.camera_of(found.followed))] if found.followed else []
    moves += [repr(found.followed.drawn).encode()] if found.followed and found.followed.drawn else []
    moves += [(folder / MOVE).read_bytes()] if (folder / MOVE).is_file() else []
    shown = [folder / file for _, file in taken.boards] + sorted(folder.glob(MOVED_OVER))
    pictures = _sha256(*(fingerprint.of_picture(file.read_bytes()) for file in shown), *moves)
    # What is done at a limit changes nothing of what is made.
    digest = f"{pictures}-{_sha256(write(replace(asked, on_drift=''), '').encode())}"
    through = json.dumps([strip.name for strip, _ in found.pictures]) if found.stretches else ""
    board = found.strip.name if found.boards is not None and found.strip else ""
    shot = _new_shot(asked, name, folder, hidden=found.hidden)
    return Prepared(shot, found.spot, board, digest, asked, through, found.marker, taken.seen)


def _new_shot(asked: ShotRequest, name: str, folder: Path, stop_after: int = 0, hidden: int = 0) -> Shot:
    request = write(asked, name, stop_after)
    return Shot(runtime.new_id(), name, folder, asked.frames, request=request, key=runtime.new_id(), hidden=hidden)


def put(scene: Any, made: Prepared, batch: str = "") -> Any:
    """Put a shot on the timeline, and have it made; returns its strip."""
    meta = timeline.place(scene, made.shot, made.spot, made.shot.folder / STILL)
    meta.shotpack.board, meta.shotpack.digest, meta.shotpack.batch = made.board, made.digest, batch
    meta.shotpack.through, meta.shotpack.marker = made.through, made.marker
    if made.seen is not None and (seen := bpy.data.scenes.get(made.seen[0])) is not None:
        own = meta.shotpack_board
        own.seen_scene, own.seen_frame, own.seen_camera, own.seen_drawn = seen, *made.seen[1:]
    runtime.send(made.shot)
    return meta


def _sha256(*data: bytes) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in data)).hexdigest()[:32]


class OneShot(BoardRun):
    """A shot whose pictures are taken one a step, and which is placed with the last of them."""

    def __init__(self, context: Any, maker: MakesShots, found: Intent) -> None:
        super().__init__(context, [])
        self.summary = ""
        self._maker = maker
        self._of = shot_pictures.count(context, found.sources)
        self._preparation = Preparation(maker.wish(found))
        self._placed = False

    @property
    def done(self) -> int:
        """How many of its pictures are taken."""
        return self._preparation.done

    @property
    def of(self) -> int:
        """How many there are."""
        return self._of

    @property
    def capturing(self) -> bool:
        """Whether nothing is changed yet."""
        return not self._placed

    def step(self, context: Any) -> bool:
        """One picture. What the shot is, is asked anew: strips may be gone since."""
        try:
            found = self._maker.found(context)
            if isinstance(found, str):
                raise capture.CaptureError(found)
            made = self._preparation.step(context, found)
            if made is None:
                return True
            self._placed = True
            self._maker.place(context, found, made)
        except capture.CaptureError as fault:
            self.stop()
            self.refused = self.untouched = True
            self.summary = str(fault)
        return False

    def stop(self) -> None:
        """Let go of what was taken."""
        self._preparation.stop()


class MakesShots(RunsOverBoards):
    """An operator that makes what `found` says: by itself, one shot as the settings have it."""

    @staticmethod
    def found(context: Any) -> Intent | str:
        """The shot that it would make now, or the sentence that says why it cannot. Cheap: asked at every drawing."""
        return intent(context)

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is such a shot; else the button is grey and says why."""
        if board_run.running is not None:
            found: Intent | str = board_run.RUNNING
        else:
            found = engine.MISSING if engine.missing() else cls.found(context)
        if isinstance(found, str):
            cls.poll_message_set(found)  # type: ignore[attr-defined]
        return not isinstance(found, str)

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Several pictures are taken one a tick: Blender never stands still for longer than one takes."""
        found = self.found(context)
        if isinstance(found, str) or shot_pictures.count(context, found.sources) < 2:
            return self.execute(context)
        return super().invoke(context, event)

    def new_run(self, context: Any) -> BoardRun:
        """The shot, picture by picture. Raises CaptureError."""
        found = self.found(context)
        if isinstance(found, str):
            raise capture.CaptureError(found)
        return OneShot(context, self, found)

    def execute(self, context: Any) -> set[str]:
        """Make it at once; or say why not, and change nothing."""
        found = engine.INSTALL_FIRST if engine.needs_install() else self.found(context)
        if not isinstance(found, str):
            loras.take_over(found.scene.shotpack)
            try:
                with busy(context):
                    made = prepare(context, found, self.wish(found))
                self.place(context, found, made)
                return {"FINISHED"}
            except capture.CaptureError as fault:
                found = str(fault)
        self.report({"ERROR"}, found)  # type: ignore[attr-defined]
        return {"CANCELLED"}

    def wish(self, _found: Intent) -> str:
        """What it is to be called like; empty: as what it is made of."""
        return ""

    def place(self, _context: Any, found: Intent, made: Prepared) -> None:
        """Put it on the timeline and send it. Raises CaptureError; then there is nothing of it."""
        put(found.scene, made)


class SHOTPACK_OT_generate(MakesShots, bpy.types.Operator):  # noqa: N801
    """Make a shot: it takes its place on the timeline at once and fills while you go on"""

    bl_idname = "shotpack.generate"
    bl_label = "Generate Shot"


@contextlib.contextmanager
def busy(context: Any) -> Iterator[None]:
    """The cursor says that a picture is taken: a render of the camera's may take seconds."""
    window = None if bpy.app.background else context.window
    if window is not None:
        window.cursor_modal_set("WAIT")
    try:
        yield
    finally:
        if window is not None:
            window.cursor_modal_restore()


def request_of(wanted: Any, found: Intent, boards: list[tuple[int, str]], before: list[str]) -> ShotRequest:
    """What the settings ask for; pictures are named by their files in the shot's folder until they are sent.

    `boards` are (frame, file), `before` the frames that it goes on from.
    """
    asked = chosen.asked(wanted)
    if found.arrives:
        asked["order"] = chosen.order_toward_end(wanted, asked["order"])
    first = found.spot.start - found.hidden
    whole = (range(first, first + found.frames), found.words.text)
    return ShotRequest(
        **asked | {"seed": found.seed},
        prompt=found.words.text,
        prompts=prompts_through(found.stretches or (whole,), text_strips.timed_texts(found.scene)),
        boards=tuple(Board(frame, file) for frame, file in boards),
        frames=found.frames,
        fps=found.fps,
        conform=wanted.rate == "CONFORM",
        clip=tuple(before),
    )


def name_of(found: Intent) -> str:
    """What a shot is called like, unless told otherwise."""
    named = found.title or (found.strip.name if found.strip else "")
    return named or " ".join(found.words.text.split()[:_NAME_WORDS])


class SHOTPACK_OT_swap_boards(bpy.types.Operator):  # noqa: N801
    """Begin the shot with the later of the two selected strips and end it on the earlier one, or the other way round"""

    bl_idname = "shotpack.swap_boards"
    bl_label = "Swap Boards"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        return {"FINISHED"} if start_sources.swap(sequencer.scene_of(context)) else {"CANCELLED"}


CLASSES = (SHOTPACK_OT_generate, SHOTPACK_OT_swap_boards)
