"""One run over many boards: what is the same whether it makes a shot of each, or one through all.

Strips and markers are kept by their names: nothing of Blender's outlives a step.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import capture, loras, runtime, sequencer


class BoardRun:
    """What a run has still to do, and what it has to say; its `step`, `stop` and `summary` are in each kind of run."""

    def __init__(self, context: Any, names: list[str]) -> None:
        scene = sequencer.scene_of(context)
        self.batch = runtime.new_id()
        self.told: list[tuple[str, str]] = []
        """What there is to say of each, by its name."""
        self.refused = False
        """Whether nothing could be made at all."""
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

    def _scene_or_none(self) -> Any | None:
        """The timeline's scene, as long as there is one."""
        return bpy.data.scenes.get(self._scene)


def strip_named(scene: Any, name: str) -> Any:
    """The strip of that name. Raises CaptureError where it is not on the timeline any more."""
    strip = scene.sequence_editor.strips_all.get(name) if scene.sequence_editor else None
    if strip is None:
        raise capture.CaptureError(f"{name} is not on the timeline any more.")
    return strip
