"""Batches of shots: what a run of Animate Storyboard has made, how it stands, and what can be done with it as a whole.

A batch is known by its shots' stamps, so a file that is opened has it still.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ..engine.client.batch_progress import ENDED, BatchProgress, Standing, progress_of
from ..engine.client.stored_request import plain, read
from ..engine.errors import EngineError
from . import adoption, generate, problems, runtime, sequencer, shot_strips, timeline, visible_strips

_pace: dict[str, float] = {}
"""Seconds that a frame of a batch takes, as far as that is known."""


def shots(scene: Any, batch: str = "") -> list[Any]:
    """A strip of each shot of a batch, the earliest first; without one, of the timeline's latest storyboard."""
    batch = batch or scene.shotpack.batch
    found: dict[str, Any] = {}
    for owner, meta in shot_strips.stamped():
        if batch and owner == scene and meta.shotpack.batch == batch:
            found.setdefault(meta.shotpack.shot, meta)
    return sorted(found.values(), key=lambda meta: sequencer.span(meta).start)


def state_of(stamp: Any) -> str:
    """A shot's state as the engine has it.

    Before that `sending`, `unsent`, `failed` where it was refused, or `cancelled` where it was cancelled before.
    """
    shot, job = _shot_and_job(stamp)
    if job is not None:
        return str(job.state)
    if shot is not None and not shot.job and shot.fault is not None:
        return timeline.state_without_job(shot) or "failed"
    return "unsent" if adoption.is_unsent(stamp) else str(stamp.state)


def under_way(stamp: Any) -> bool:
    """Whether something is still to be made of a shot without a press; a seed that stands at its stop waits for one."""
    return state_of(stamp) not in (*ENDED, *(("paused",) if stamp.trying else ()))


def _shot_and_job(stamp: Any) -> tuple[Any, Any]:
    """A stamp's shot and job, as far as they are known."""
    shot = runtime.shot_of(stamp.shot)
    return shot, runtime.client.job(shot) if runtime.client and shot else None


def progress(scene: Any) -> BatchProgress | None:
    """How the latest batch stands; None where there is none."""
    standings = []
    for meta in shots(scene):
        stamp = meta.shotpack
        _, job = _shot_and_job(stamp)
        left = job.step.seconds_left if job is not None and job.step is not None else None
        standings.append(Standing(max(1, stamp.frames), state_of(stamp), job.done if job is not None else 0.0, left))
    if not standings:
        return None
    found = progress_of(standings, _pace.get(scene.shotpack.batch))
    if found.pace is not None:
        _pace[scene.shotpack.batch] = found.pace
    return found


def waiting(scene: Any) -> list[Any]:
    """The latest batch's shots that wait in the engine's queue."""
    return [meta for meta in shots(scene) if state_of(meta.shotpack) == "queued"]


def failures(scene: Any) -> Iterator[tuple[str, str]]:
    """The latest batch's shots that failed, by their boards, and why."""
    for meta in shots(scene):
        stamp = meta.shotpack
        if state_of(stamp) == "failed":
            shot, job = _shot_and_job(stamp)
            problem = problems.of_shot(shot, job) if shot and runtime.client else None
            yield stamp.board or stamp.name, problem.sentence if problem is not None else "It failed."


def note(scene: Any, batch: str, told: list[tuple[str, str]]) -> None:
    """Keep what a run had to say of strips: it goes with the file, and with an undo."""
    scene.shotpack.batch, scene.shotpack.told = batch, json.dumps(told)


def told(scene: Any) -> list[tuple[str, str]]:
    """What the latest run had to say of strips; a file may hold anything."""
    try:
        return [(str(name), str(sentence)) for name, sentence in plain(scene.shotpack.told or "[]")]
    except (ValueError, TypeError):
        return []


def keep(scene: Any, names: list[str], batch: str) -> None:
    """What was made before and is as it should be belongs to this batch, too; what was never sent is sent now."""
    for name in names:
        for meta in shot_strips.find(name):
            meta.shotpack.batch = batch
        meta = next(iter(shot_strips.find(name)), None)
        if meta is not None and adoption.is_unsent(meta.shotpack) and (shot := adoption.record(meta)) is not None:
            runtime.send(shot)


def of_same(scene: Any, made: generate.Prepared) -> list[Any]:
    """The strips of shots that were made of the same before, the topmost first."""
    return of_board(scene, made.board, made.through, made.marker)


def of_board(scene: Any, board: str, through: str = "", marker: str = "") -> list[Any]:
    """The strips of shots that were made of the strip of this name, the topmost first; seeds on trial are none yet.

    With `through` or `marker` (as in `ShotStamp`) those that go through the boards of the same strips, whatever their
    order, or that were made of the same marker.
    """
    strips = sorted(names_through(through))
    found = [
        meta
        for owner, meta in shot_strips.stamped()
        if owner == scene
        and sorted(names_through(meta.shotpack.through)) == strips
        and meta.shotpack.marker == marker
        and (strips or marker or (board and meta.shotpack.board == board))
        and not meta.shotpack.trying
    ]
    return sorted(found, key=lambda meta: meta.channel, reverse=True)


@lru_cache(maxsize=256)
def names_through(through: str) -> tuple[str, ...]:
    """The strips that a shot goes through, in time order; none where it goes through none. A file may hold anything."""
    try:
        return tuple(str(name) for name in plain(through or "[]"))
    except (ValueError, TypeError):
        return ()


def standing(scene: Any, made: generate.Prepared) -> Any | None:
    """A shot of the same boards that another run would make again as it is, unless it came to nothing."""
    for meta in of_same(scene, made):
        # What has takes was made once, whatever has become of the one that it shows.
        stands = len(meta.shotpack.takes) or state_of(meta.shotpack) not in ("failed", "cancelled")
        if meta.shotpack.digest == made.digest and stands:
            return meta
    return None


def make_room(scene: Any, made: generate.Prepared) -> tuple[generate.Prepared, str]:
    """See to the shot that was made of a board before: its strip goes where the artist has done nothing to it.

    Returns the new shot with its place, and what is to be said of it.
    """
    old = of_same(scene, made)[0]
    why = _why(old.shotpack, made)
    if (touched := _touched(scene, old, made.spot.start)) is not None:
        return made, f"{why}; the new shot lies above the one before, which was {touched}."
    shot, channel = runtime.shot_of(old.shotpack.shot), old.channel
    if shot is not None and state_of(old.shotpack) not in ENDED:
        runtime.the_client().act(shot, "cancel")
    sequencer.level_of(scene, old).strips.remove(old)
    free = sequencer.free_channel(scene, made.spot.start, made.spot.length, channel - 1)
    return made.at(free), f"{why}; the new shot is in the place of the one before."


def _why(stamp: Any, made: generate.Prepared) -> str:
    if stamp.digest == made.digest:
        return "It had come to nothing"
    if stamp.digest[:32] == made.digest[:32]:
        return "Its words or settings changed"
    ends, ended = len(made.asked.boards) > 1, _boards_of(stamp.request) > 1
    if ends != ended and not made.through:
        return "It ends on the next board now" if ends else "It does not end on the next board any more"
    return "Its picture or the next board's changed" if ends else "Its picture changed"


def _boards_of(request: str) -> int:
    try:
        return len(read(request).boards)
    except EngineError:
        return 0


def _touched(scene: Any, meta: Any, start: int) -> str | None:
    """What the artist has done to a shot's strip that would be lost with it."""
    shown = sequencer.span(meta)
    if len(shot_strips.find(meta.shotpack.shot)) > 1 or len(shown) != meta.shotpack.frames:
        return "cut or copied"
    if shown.start != start or sequencer.content_start(meta) != start:
        return "moved"
    if len(meta.shotpack.takes):
        return "given other takes"
    if meta.shotpack.tried[1]:
        return "chosen among seeds"
    effects = any(meta in visible_strips.inputs(each) for each in sequencer.level_of(scene, meta).strips)
    if effects or len(meta.modifiers) or visible_strips.animated(scene, meta):
        return "changed by effects or keys"
    return "locked" if meta.lock else None


class SHOTPACK_OT_cancel_batch(bpy.types.Operator):  # noqa: N801
    """Stop all shots of the storyboard that are being made or wait; what is finished of them stays"""

    bl_idname = "shotpack.cancel_batch"
    bl_label = "Cancel All"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    batch: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        """What is stopped."""
        if properties.batch:
            return "Make no more of these seeds; those that are there stay, and can be gone on with"
        return str(cls.__doc__)

    def execute(self, context: Any) -> set[str]:
        for meta in shots(sequencer.scene_of(context), self.batch):
            if under_way(meta.shotpack) and (shot := runtime.shot_of(meta.shotpack.shot)) is not None:
                runtime.the_client().act(shot, "cancel")
        return {"FINISHED"}


class SHOTPACK_OT_advance(bpy.types.Operator):  # noqa: N801
    """Let the engine make this shot earlier"""

    bl_idname = "shotpack.advance"
    bl_label = "Make Earlier"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    shot: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    first: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, _context: Any) -> set[str]:
        shot = runtime.shot_of(self.shot)
        if shot is None or not shot.job:
            return {"CANCELLED"}
        runtime.wake()
        runtime.the_client().advance(shot, first=self.first)
        return {"FINISHED"}


class SHOTPACK_OT_dismiss(bpy.types.Operator):  # noqa: N801
    """Take what the last run had to say off the panel"""

    bl_idname = "shotpack.dismiss"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        scene = sequencer.scene_of(context)
        note(scene, scene.shotpack.batch, [])
        return {"FINISHED"}


CLASSES = (SHOTPACK_OT_cancel_batch, SHOTPACK_OT_advance, SHOTPACK_OT_dismiss)
