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

from ..engine.client.film_render import CLIP, GUIDE, MOVE, MOVED_OVER
from ..engine.client.shot import Shot
from ..engine.client.shot_words import prompts_through
from ..engine.client.stored_request import write
from ..engine.protocol import Board, Condition, ShotRequest
from . import (
    camera_motion,
    camera_moves,
    capture,
    chosen,
    engine,
    fingerprint,
    follow,
    guide_film,
    handlers,
    lead_clip,
    loras,
    runtime,
    seen_from,
    sequencer,
    shot_folders,
    start_sources,
    text_strips,
    timeline,
    trust,
)
from .shot_folders import STILL
from .shot_intent import Intent, intent

_END = "end.png"
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
    seen: tuple[str, float, str] | None = None
    """From where its first picture is seen, where that is known: scene, frame, the camera then (`SeenFrom.kept`)."""

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


def prepare(context: Any, found: Intent, name: str = "") -> Prepared:
    """Take a shot's pictures into a folder of its own; nothing of the file is changed.

    `name` is like what it is to be called; empty: as what it is made of. Raises CaptureError with the sentence for the
    artist; then there is no folder.
    """
    name, folder = new_folder(found.frames, name or name_of(found))
    try:
        found = _with_camera(context, found)
        boards, before = _pictures(context, found, folder)
        conditions = _followed(found, boards, folder)
        for film in (folder / CLIP, folder / GUIDE, folder / MOVE):
            if film.is_file():
                trust.film_renderer().note(film)  # or it would not be taken: others come with files
        return replace(prepared(found, name, folder, boards, before, conditions), seen=_seen(context, found))
    except (RuntimeError, OSError, capture.CaptureError) as fault:
        shutil.rmtree(folder, ignore_errors=True)
        raise capture.CaptureError(said(fault)) from fault


def new_folder(length: int, wish: str) -> tuple[str, Path]:
    """The name and the folder of a new shot of so many frames. Raises CaptureError."""
    if (shortage := shot_folders.shortage(length)) is not None:
        raise capture.CaptureError(shortage)
    try:
        return shot_folders.new_folder(wish)
    except OSError as fault:
        raise capture.CaptureError(f"The shot's folder cannot be made: {fault.strerror or fault}.") from fault


def prepared(
    found: Intent,
    name: str,
    folder: Path,
    boards: list[tuple[int, str]],
    before: list[str],
    conditions: tuple[Condition, ...] = (),
) -> Prepared:
    """A shot whose pictures lie in its folder: its boards as (frame, file), what it goes on from, what leads it."""
    asked = replace(request_of(found.scene.shotpack, found, boards, before), conditions=conditions)
    # What leads a shot is in none of its request's words: what the camera may see, a move's film and board.
    moves = [fingerprint.of_scene(found.followed.scene, follow.camera_of(found.followed))] if found.followed else []
    moves += [(folder / MOVE).read_bytes()] if (folder / MOVE).is_file() else []
    shown = [file for _, file in boards] + ([MOVED_OVER] if (folder / MOVED_OVER).is_file() else [])
    pictures = _sha256(*(fingerprint.of_picture((folder / file).read_bytes()) for file in shown), *moves)
    digest = f"{pictures}-{_sha256(write(asked, '').encode())}"
    through = json.dumps([strip.name for strip, _ in found.pictures]) if found.stretches else ""
    board = found.strip.name if found.boards is not None and found.strip else ""
    shot = _new_shot(asked, name, folder, hidden=found.hidden)
    return Prepared(shot, found.spot, board, digest, asked, through, found.marker)


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
        own.seen_scene, own.seen_frame, own.seen_camera = seen, *made.seen[1:]
    runtime.send(made.shot)
    return meta


def _sha256(*data: bytes) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in data)).hexdigest()[:32]


class MakesShots:
    """An operator that makes what `found` says: by itself, one shot as the settings have it."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @staticmethod
    def found(context: Any) -> Intent | str:
        """The shot that it would make now, or the sentence that says why it cannot. Cheap: asked at every drawing."""
        return intent(context)

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is such a shot; else the button is grey and says why."""
        found = engine.MISSING if engine.missing() else cls.found(context)
        if isinstance(found, str):
            cls.poll_message_set(found)  # type: ignore[attr-defined]
        return not isinstance(found, str)

    def execute(self, context: Any) -> set[str]:
        """Make it; or say why not, and change nothing."""
        found = engine.INSTALL_FIRST if engine.needs_install() else self.found(context)
        if not isinstance(found, str):
            loras.take_over(found.scene.shotpack)
            try:
                self.make(context, found)
                return {"FINISHED"}
            except capture.CaptureError as fault:
                found = str(fault)
        self.report({"ERROR"}, found)  # type: ignore[attr-defined]
        return {"CANCELLED"}

    def make(self, context: Any, found: Intent) -> None:
        """Take its pictures, put it on the timeline and send it. Raises CaptureError; then there is nothing of it."""
        with busy(context):
            made = prepare(context, found)
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


def _pictures(context: Any, found: Intent, folder: Path) -> tuple[list[tuple[int, str]], list[str]]:
    """Put what the shot starts from into its folder, and what its strip shows meanwhile; returns boards and clip."""
    scene, still, last = found.scene, folder / STILL, found.frames
    if found.source == "TEXT":
        capture.blank(still)
        return [], []
    boards = [(1, STILL)]
    with handlers.OwnRender():
        if found.source == "CLIP":
            capture.at_frame(scene, found.strip, found.spot.start - 1, still)
            conform = scene.shotpack.rate == "CONFORM"
            return [], lead_clip.take(scene, found.strip, found.spot.start, folder, conform=conform)
        if found.source == "STRIP":
            capture.at_frame(scene, *found.pictures[0], still, camera_moves.longest_side(_own_boards(found)))
        elif found.source == "RENDER":
            capture.from_render_result(context.scene, still)
        elif found.source == "CAMERA":
            shown = found.followed.scene if found.followed is not None else context.scene
            # The present frame as it stands, with what is posed and not keyed.
            capture.from_camera(shown, still, scene.shotpack.engine, found.filmed[0] if found.filmed else None)
            if found.filmed and len(found.filmed) > 1:
                capture.from_camera(shown, folder / _END, scene.shotpack.engine, found.filmed[-1])
                boards.append((last, _END))
        else:
            capture.from_viewport(context, still)
        if found.end is not None:
            capture.at_frame(scene, *found.pictures[-1], folder / _END)
            boards.append((last + found.arrives, _END))
    return boards, []


def _with_camera(context: Any, found: Intent) -> Intent:
    """The same, with the camera that is followed kept as it stands where it is seen as it stands."""
    if found.followed is None or found.source != "CAMERA" or found.filmed:
        return found
    begin = replace(found.followed.begin, kept=_camera_now(context, found.followed.scene))
    return replace(found, followed=replace(found.followed, begin=begin))


def _followed(found: Intent, boards: list[tuple[int, str]], folder: Path) -> tuple[Condition, ...]:
    """What leads a shot that follows a camera, or over whose board one moves; nothing where neither is asked for."""
    if camera_moves.goes_over(_own_boards(found)):
        strip = found.pictures[0][0]
        return camera_moves.take(strip.shotpack_board.move, found.scene.shotpack, found.frames, found.fps, folder)
    followed = found.followed
    if followed is None:
        return ()
    seen = [(boards[0][1], followed.begin)]
    if found.source == "CAMERA" and found.filmed:
        seen += [(file, replace(followed.begin, frame=float(found.filmed[-1]))) for _, file in boards[1:]]
    with handlers.OwnRender():
        end = (found.end, _END) if found.end is not None else None
        seen += guide_film.capture_further(found.scene, followed, end, folder)
    pinned = {float(frame) for frame, _ in boards}
    return guide_film.take(followed, found.scene.shotpack, seen, pinned, found.frames, found.fps, folder)


def _seen(context: Any, found: Intent) -> tuple[str, float, str] | None:
    """From where the first picture is seen, as far as that is known."""
    if found.followed is not None:
        begin = found.followed.begin
        return begin.scene.name, begin.frame, begin.kept
    if found.source != "CAMERA" or found.filmed or found.hidden:
        return None
    return context.scene.name, float(context.scene.frame_current), _camera_now(context, context.scene)


def _camera_now(context: Any, shown: Any) -> str:
    """The camera that renders a scene as it stands, to be kept with its picture."""
    camera = camera_motion.camera_at(shown, shown.frame_current)
    return seen_from.kept_camera(camera, context.evaluated_depsgraph_get())


def _own_boards(found: Intent) -> start_sources.Boards | None:
    """The boards of a shot of strips; one that joins strips begins with what is seen before it, whole as it is."""
    return found.boards if found.strip is not None else None


def said(fault: Exception) -> str:
    """Why the pictures could not be taken, in a sentence."""
    if isinstance(fault, OSError):
        return f"The pictures for the shot cannot be written: {fault.strerror or fault}."
    return " ".join(str(fault).removeprefix("Error: ").split())


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
