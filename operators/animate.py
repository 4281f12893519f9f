"""Animate Storyboard: a shot for each of many strips (or one through all: `through.py`), as one batch and undo step.

First all boards are captured, one a step, and nothing of the file is changed; then the shots are placed, one a step. A
strip of which no shot can be made is told, and the others go on.
"""

from __future__ import annotations

import shutil
from typing import Any

import bpy

from . import (
    batches,
    capture,
    engine,
    generate,
    runtime,
    sequencer,
    shot_intent,
    start_sources,
    through,
)
from .board_run import BoardRun, strip_named

running: Run | through.Passage | None = None
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


class Run(BoardRun):
    """A shot of each strip: of one of which none can be made, the others go on.

    `step` does one thing and returns whether there is more to do.
    """

    def __init__(self, context: Any, strips: list[Any]) -> None:
        super().__init__(context, strips)
        self.kept: list[str] = []
        """Shots that are as they would be made now."""
        self.placed = 0
        to_next = sequencer.scene_of(context).shotpack.to_next
        self._next = dict(zip(self._names, self._names[1:], strict=False)) if to_next else {}
        self._below = max(strip.channel for strip in strips)
        self._made: list[generate.Prepared] = []
        self._to_keep: list[str] | None = None

    def step(self, context: Any) -> bool:
        """One strip's boards, one shot's place, or one that stays. Raises nothing but what Blender's own end brings."""
        scene = self._scene_or_none()
        if scene is None:
            self.stop()
            return False
        if self._to_capture:
            name = self._to_capture.pop(0)
            try:
                self._capture(context, scene, name)
            except capture.CaptureError as fault:
                self.told.append((name, str(fault)))
        elif self._made:
            self._place(scene, self._made.pop(0))
        elif self._to_keep:
            batches.keep(scene, [self._to_keep.pop(0)], self.batch)
        if not self._to_capture and self._to_keep is None:
            self._to_keep = list(self.kept)
        if self._to_capture or self._made or self._to_keep:
            return True
        batches.note(scene, self.batch if self.placed or self.kept else scene.shotpack.batch, self.told)
        return False

    def stop(self) -> None:
        """Let go of what was captured: the file is as it was."""
        self._to_capture.clear()
        while self._made:
            shutil.rmtree(self._made.pop().shot.folder, ignore_errors=True)

    @property
    def summary(self) -> str:
        """What has become of it, in a sentence."""
        parts = [f"{self.placed} {'shot is' if self.placed == 1 else 'shots are'} being made"]
        if self.kept:
            parts.append(f"{len(self.kept)} unchanged")
        if self.told:
            parts.append(f"{len(self.told)} told in the panel")
        return f"{', '.join(parts)}."

    def _capture(self, context: Any, scene: Any, name: str) -> None:
        strip = strip_named(scene, name)
        after = self._next.get(name)
        end = scene.sequence_editor.strips_all.get(after) if after else None
        boards = start_sources.Boards(strip, strip, end)
        # Whatever the playhead shows: another run must find the same board.
        frames = [sequencer.span(each).start for each in boards.strips]
        found = shot_intent.of_boards(scene, boards, frames, below=self._below)
        if isinstance(found, str):
            raise capture.CaptureError(found)
        made = generate.prepare(context, found)
        if (same := batches.standing(scene, made)) is not None:
            shutil.rmtree(made.shot.folder, ignore_errors=True)
            self.kept.append(same.shotpack.shot)
            return
        self._made.append(made)

    def _place(self, scene: Any, made: generate.Prepared) -> None:
        if batches.of_board(scene, made.board):
            made, said = batches.make_room(scene, made)
            self.told.append((made.board, said))
        generate.put(scene, made, self.batch)
        self.placed += 1


class SHOTPACK_OT_animate(bpy.types.Operator):  # noqa: N801
    """Make shots of the selected strips, or of all on the active strip's channel: one of each, or one through all"""

    bl_idname = "shotpack.animate"
    bl_label = "Animate Storyboard"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        said = prevented(sequencer.scene_of(context))
        if said is not None:
            cls.poll_message_set(said)
        return said is None

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
            self.report({"ERROR"}, engine.INSTALL_FIRST)
            return False
        scene = sequencer.scene_of(context)
        kind = through.Passage if is_through(scene) else Run
        running = kind(context, strips_of(scene))
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
            self.report({"WARNING" if refused else "INFO"}, said)
        runtime.redraw()
        return set(how)


CLASSES = (SHOTPACK_OT_animate,)
