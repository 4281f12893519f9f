"""How much of a shot's last frame its boards show, before it is made: found out in the background when asked for.

Only that frame is made, by another Blender (`render_guide.py`). What is found holds for one shot as it is: with
another length, another board or a scene that has changed it is looked again.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..engine.client.guide_frames import GuideProgress
from ..engine.client.look_ahead import LookAhead
from . import engine, guide_film, problems, render_guide, runtime, sequencer, settings, shot_intent, timers
from .background_program import background_program
from .follow import Followed
from .seen_from import SeenFrom
from .strip_scene import CaptureError

_TICK = 0.25


@dataclass
class _Latest:
    """The last look, and what it was at."""

    key: tuple[object, ...]
    look: LookAhead


@dataclass(frozen=True)
class Looked:
    """What there is to say of a shot."""

    ended: bool
    guide: GuideProgress
    fault: str | None


_latest: _Latest | None = None
_frames: dict[str, int] = {}
"""The frame at which each scene stood last: what changes with that is no change of the scene."""


def of(found: shot_intent.Intent) -> Looked | None:
    """What is known, or being found out, of this very shot; None where it was not looked at. Cheap."""
    if found.followed is None or _latest is None or _latest.key != _key(found, found.followed):
        return None
    look = _latest.look
    fault = problems.of_error(look.fault).sentence if look.ended and look.fault is not None else None
    return Looked(look.ended, look.guide, fault)


def begin(found: shot_intent.Intent) -> None:
    """Look at this shot's end; a look at another one is given up. Raises CaptureError."""
    global _latest
    assert found.followed is not None
    stop()
    folder = Path(tempfile.mkdtemp(prefix="shotpack-look-"))
    try:
        wanted, boards = found.scene.shotpack, _boards(found, folder)
        names = guide_film.take_look(found.followed, wanted, boards, found.frames, found.fps, folder)
        key = _key(found, found.followed)
    except (OSError, CaptureError):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    program = background_program(Path(render_guide.__file__))
    _latest = _Latest(key, LookAhead(program, folder, names))
    _frames[found.followed.scene.name_full] = found.followed.scene.frame_current
    timers.begin(_tick, _TICK)


def stop() -> None:
    """Know nothing any more."""
    global _latest
    if _latest is not None:
        _latest.look.close()
    _latest = None


def _boards(found: shot_intent.Intent, folder: Path) -> list[tuple[str, SeenFrom]]:
    """What the film is given for boards: pictures that lie on the disk, so that they can be checked; no render."""
    assert found.followed is not None
    shown = [(found.pictures[0] if found.pictures else None, found.followed.begin)]
    if found.source == "CAMERA" and found.filmed and len(found.filmed) > 1:
        begin = found.followed.begin
        last = SeenFrom(begin.scene, float(found.filmed[-1]), begin.tie, begin.camera)
        shown.append((None, last))
    shown += [((each.strip, each.at), each.seen) for each in found.followed.further]
    boards = []
    for number, (picture, seen) in enumerate(shown, start=1):
        name, file = "", None
        if picture is not None and picture[0].type == "IMAGE":
            file = sequencer.file_at(*picture)
        if file is not None and file.is_file():
            name = guide_film.BOARD_NAME.format(number=number)
            shutil.copyfile(file, folder / name)
        boards.append((name, seen))
    return boards


def _key(found: shot_intent.Intent, followed: Followed) -> tuple[object, ...]:
    """What it hangs on, but for what is in the scene: whoever changes that is heard (`changed`)."""
    boards = (followed.begin, *(each.seen for each in followed.further))
    seen = tuple((each.scene.name_full, each.named, each.frame, each.kept, each.drawn) for each in boards)
    try:
        size = guide_film.size_of(followed, found.scene.shotpack)
    except CaptureError:  # there is no engine any more that says so
        size = (0, 0)
    # The pictures as well: whether they match the camera is looked at.
    shown = [*found.pictures[:1], *((each.strip, each.at) for each in followed.further)]
    pictures = ((strip.name, sequencer.file_at(strip, frame)) for strip, frame in shown)
    return (*seen, size, followed.begin.pace, followed.at(found.frames), *pictures)


def changed(scene: Any, graph: Any) -> None:
    """Something in a scene is otherwise now: what was found out of it does not hold any more."""
    if _latest is None:
        return
    moved_on = _frames.get(scene.name_full) != scene.frame_current
    _frames[scene.name_full] = scene.frame_current
    if moved_on or scene.name_full != _latest.key[0][0]:  # type: ignore[index]
        return
    if any(update.is_updated_transform or update.is_updated_geometry for update in graph.updates):
        stop()
        runtime.redraw()


def forget() -> None:
    """Another file is open."""
    stop()
    _frames.clear()


def _tick() -> float | None:
    """See whether the look has ended; panels show it."""
    if _latest is None:
        return None
    runtime.redraw()
    return None if _latest.look.ended else _TICK


def _ticked(context: Any) -> None:
    """Follow Camera was chosen: say at once what that will show. A Blender without a window has nobody to say it to."""
    scene = sequencer.scene_of(context)
    if bpy.app.background or scene is None or not scene.shotpack.follow_camera or engine.missing():
        return
    found = shot_intent.intent(context)
    if not isinstance(found, str) and found.followed is not None and of(found) is None:
        with contextlib.suppress(CaptureError, OSError):
            begin(found)


class SHOTPACK_OT_look_ahead(bpy.types.Operator):  # noqa: N801
    """Find out in the background how much of the shot's last frame its boards show, and whether they match it"""

    bl_idname = "shotpack.look_ahead"
    bl_label = "See How Much the Board Shows"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        found = shot_intent.intent(context)
        if isinstance(found, str) or found.followed is None:
            self.report({"ERROR"}, found if isinstance(found, str) else "The shot follows no camera.")
            return {"CANCELLED"}
        try:
            begin(found)
        except (CaptureError, OSError) as fault:
            self.report({"ERROR"}, str(fault))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (SHOTPACK_OT_look_ahead,)


def attach() -> None:
    """Listen for the tick in a panel."""
    settings.follow_camera_set.append(_ticked)


def detach() -> None:
    """Listen no more, and let go of a look."""
    stop()
    timers.end(_tick)
    settings.follow_camera_set.clear()
