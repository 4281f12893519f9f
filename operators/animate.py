"""Animate Storyboard: a shot for each of many strips (or one through all: `through.py`), as one batch and undo step.

First all boards are captured, one a step, and nothing of the file is changed; then the shots are placed, one a step. A
strip of which no shot can be made is told, and the others go on.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import (
    engine,
    runtime,
    sequencer,
    shot_intent,
    start_sources,
    through,
)
from .board_run import strip_named
from .shot_run import ShotRun

running: ShotRun | through.Passage | None = None
"""The run that captures boards now: panels show how far it is."""


def strips_of(scene: Any) -> list[Any]:
    """The strips that Animate Storyboard is about, by the timeline: those that are selected, if there are several, else
    all on the active strip's channel. Shots are none of them, nor strips of words.
    """
    editor = scene.sequence_editor
    picked = [strip for strip in sequencer.chosen(scene) if not strip.shotpack.shot]
    active = editor.active_strip if editor is not None else None
    if len(picked) > 1 or active is None or active.shotpack.shot:
        return picked
    on_channel = [
        strip
        for strip in sequencer.displayed(editor)
        if strip.channel == active.channel and not strip.shotpack.shot and not sequencer.is_words(scene, strip)
    ]
    return sorted(on_channel, key=lambda strip: sequencer.span(strip).start)


def prevented(scene: Any) -> str | None:
    """The sentence that says why there is nothing to animate. Cheap: panels ask at every drawing."""
    if running is not None:
        return "Boards are being taken; Esc stops that."
    if engine.missing():
        return engine.MISSING
    strips = strips_of(scene) if scene is not None else []
    if not strips:
        return "Select the storyboard's strips, or one of its channel."
    unfit = start_sources.unfit(scene.shotpack, "STRIP")
    return through.prevented(scene, strips) if unfit is None and is_through(scene) else unfit


def is_through(scene: Any) -> bool:
    """Whether one shot is to be made through all boards."""
    return bool(scene.shotpack.storyboard_shots == "THROUGH")


class Run(ShotRun):
    """A shot of each strip."""

    def __init__(self, context: Any, strips: list[Any]) -> None:
        super().__init__(context, [strip.name for strip in strips])
        to_next = sequencer.scene_of(context).shotpack.to_next
        self._next = dict(zip(self._names, self._names[1:], strict=False)) if to_next else {}
        self._below = max(strip.channel for strip in strips)

    def found(self, _context: Any, scene: Any, name: str) -> shot_intent.Intent | str:
        """The shot of the strip of that name."""
        strip = strip_named(scene, name)
        after = self._next.get(name)
        end = scene.sequence_editor.strips_all.get(after) if after else None
        boards = start_sources.Boards(strip, strip, end)
        # Whatever the playhead shows: another run must find the same board.
        frames = [sequencer.span(each).start for each in boards.strips]
        return shot_intent.of_boards(scene, boards, frames, below=self._below)


class RunsOverBoards:
    """An operator that begins a run and ends with it: one undo step, and Esc while nothing is changed yet."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def new_run(self, context: Any) -> ShotRun | through.Passage:
        """The run that it is about."""
        raise NotImplementedError

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """One board a tick, so that the window can be seen to work, and Esc is heard."""
        global running
        if not self._begin(context):
            return {"CANCELLED"}
        window = context.window_manager
        window.progress_begin(0, running.of if running else 1)
        window.modal_handler_add(self)
        self._timer = window.event_timer_add(0.01, window=context.window)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        if running is None:
            return self._ended(context, "It was stopped.")
        if event.type == "ESC" and event.value == "PRESS" and running.capturing:
            running.stop()
            return self._ended(context, "Stopped; nothing was made.")
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        more = running.step(context)
        context.window_manager.progress_update(running.done)
        runtime.redraw()
        if more:
            return {"RUNNING_MODAL"}
        return self._ended(context, running.summary, {"FINISHED"})

    def execute(self, context: Any) -> set[str]:
        """All at once, for scripts and a Blender without a window."""
        if not self._begin(context):
            return {"CANCELLED"}
        while running is not None and running.step(context):
            pass
        return self._ended(context, running.summary if running else "", {"FINISHED"})

    def cancel(self, context: Any) -> None:
        """Another file is opened, or Blender quits."""
        if running is not None:
            running.stop()
        self._ended(context, "")

    def _begin(self, context: Any) -> bool:
        global running
        if engine.needs_install():
            self.report({"ERROR"}, engine.INSTALL_FIRST)  # type: ignore[attr-defined]
            return False
        running = self.new_run(context)
        return True

    def _ended(self, context: Any, said: str, how: frozenset[str] | set[str] = frozenset({"CANCELLED"})) -> set[str]:
        global running
        refused = running is not None and running.refused
        running = None
        if (timer := getattr(self, "_timer", None)) is not None:
            context.window_manager.event_timer_remove(timer)
            context.window_manager.progress_end()
            self._timer = None
        if said:
            self.report({"WARNING" if refused else "INFO"}, said)  # type: ignore[attr-defined]
        runtime.redraw()
        return set(how)


class SHOTPACK_OT_animate(RunsOverBoards, bpy.types.Operator):  # noqa: N801
    """Make shots of the selected strips, or of all on the active strip's channel: one of each, or one through all"""

    bl_idname = "shotpack.animate"
    bl_label = "Animate Storyboard"

    @classmethod
    def poll(cls, context: Any) -> bool:
        said = prevented(sequencer.scene_of(context))
        if said is not None:
            cls.poll_message_set(said)
        return said is None

    def new_run(self, context: Any) -> ShotRun | through.Passage:
        """One shot through all strips, or one of each."""
        scene = sequencer.scene_of(context)
        return (through.Passage if is_through(scene) else Run)(context, strips_of(scene))


CLASSES = (SHOTPACK_OT_animate,)
