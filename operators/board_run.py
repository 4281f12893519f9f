"""A run over boards, one a step: what is the same whether it makes a shot of each, one through all, or one of a few.

Strips and markers are kept by their names: nothing of Blender's outlives a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import bpy

from . import capture, engine, loras, runtime, sequencer

RUNNING = "Boards are being taken; Esc stops that."
running: BoardRun | None = None
"""The run that captures boards now: panels show how far it is."""


class BoardRun(ABC):
    """What a run has still to do, and what it has to say; its `summary` is in each kind of run."""

    summary: str
    """What has become of it, in a sentence."""

    def __init__(self, context: Any, names: list[str]) -> None:
        scene = sequencer.scene_of(context)
        self.batch = runtime.new_id()
        self.told: list[tuple[str, str]] = []
        """What there is to say of each, by its name."""
        self.refused = False
        """Whether nothing could be made at all."""
        self.untouched = False
        """Whether the file is as it was, although the run has ended by itself."""
        self._scene = scene.name
        self._names = names
        self._to_capture = list(self._names)
        loras.take_over(scene.shotpack)

    @property
    def done(self) -> int:
        """How many boards have been looked at."""
        return len(self._names) - len(self._to_capture)

    @property
    def of(self) -> int:
        """How many there are."""
        return len(self._names)

    @property
    def capturing(self) -> bool:
        """Whether nothing is changed yet."""
        return bool(self._to_capture)

    @abstractmethod
    def step(self, context: Any) -> bool:
        """Do one thing; returns whether there is more to do. Raises nothing but what Blender's own end brings."""

    @abstractmethod
    def stop(self) -> None:
        """Let go of what was captured: the file is as it was."""

    def _scene_or_none(self) -> Any | None:
        """The timeline's scene, as long as there is one."""
        return bpy.data.scenes.get(self._scene)


def strip_named(scene: Any, name: str) -> Any:
    """The strip of that name. Raises CaptureError where it is not on the timeline any more."""
    strip = scene.sequence_editor.strips_all.get(name) if scene.sequence_editor else None
    if strip is None:
        raise capture.CaptureError(f"{name} is not on the timeline any more.")
    return strip


class RunsOverBoards:
    """An operator that begins a run and ends with it: one undo step, and Esc while nothing is changed yet."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def new_run(self, context: Any) -> BoardRun:
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
        return self._ended(context, running.summary, {"CANCELLED" if running.untouched else "FINISHED"})

    def execute(self, context: Any) -> set[str]:
        """All at once, for scripts and a Blender without a window."""
        if not self._begin(context):
            return {"CANCELLED"}
        while running is not None and running.step(context):
            pass
        untouched = running is not None and running.untouched
        return self._ended(context, running.summary if running else "", {"CANCELLED" if untouched else "FINISHED"})

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
        level = "INFO"
        if running is not None and running.refused:
            level = "ERROR" if running.untouched else "WARNING"
        running = None
        if (timer := getattr(self, "_timer", None)) is not None:
            context.window_manager.event_timer_remove(timer)
            context.window_manager.progress_end()
            self._timer = None
        if said:
            self.report({level}, said)  # type: ignore[attr-defined]
        runtime.redraw()
        return set(how)
