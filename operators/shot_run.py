"""A run that makes a shot of each of many things: of which none can be made is told, and the others go on.

First all boards are captured, one a step, and nothing of the file is changed; then the shots are placed, one a step.
"""

from __future__ import annotations

import shutil
from abc import abstractmethod
from typing import Any

from . import batches, capture, generate
from .board_run import BoardRun
from .shot_intent import Intent


class ShotRun(BoardRun):
    """What to make a shot of goes by names; `found` says which shot that is.

    `step` does one thing and returns whether there is more to do.
    """

    def __init__(self, context: Any, names: list[str]) -> None:
        super().__init__(context, names)
        self.kept: list[str] = []
        """Shots that are as they would be made now."""
        self.placed = 0
        self._made: list[tuple[str, generate.Prepared]] = []
        self._to_keep: list[str] | None = None
        self._preparation: generate.Preparation | None = None

    @abstractmethod
    def found(self, context: Any, scene: Any, name: str) -> Intent | str:
        """The shot that is to be made of that, or the sentence that says why there is none. May raise CaptureError."""

    def step(self, context: Any) -> bool:
        """One board, one shot's place, or one that stays. Raises nothing but what Blender's own end brings."""
        scene = self._scene_or_none()
        if scene is None:
            self.stop()
            return False
        if self._to_capture:
            name = self._to_capture[0]
            try:
                more = self._capture(context, scene, name)
            except capture.CaptureError as fault:
                self.told.append((name, str(fault)))
                more = False
            if not more:
                self._to_capture.pop(0)
                self._preparation = None
        elif self._made:
            self._place(scene, *self._made.pop(0))
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
        if self._preparation is not None:
            self._preparation.stop()
        while self._made:
            shutil.rmtree(self._made.pop()[1].shot.folder, ignore_errors=True)

    @property
    def summary(self) -> str:
        """What has become of it, in a sentence."""
        parts = [f"{self.placed} {'shot is' if self.placed == 1 else 'shots are'} being made"]
        if self.kept:
            parts.append(f"{len(self.kept)} unchanged")
        if self.told:
            parts.append(f"{len(self.told)} told in the panel")
        return f"{', '.join(parts)}."

    def _capture(self, context: Any, scene: Any, name: str) -> bool:
        """Take one picture of a shot; returns whether it has more."""
        found = self.found(context, scene, name)
        if self._preparation is None:
            self._preparation = generate.Preparation()
        if isinstance(found, str):
            self._preparation.stop()
            raise capture.CaptureError(found)
        made = self._preparation.step(context, found)
        if made is None:
            return True
        if (same := batches.standing(scene, made)) is not None:
            shutil.rmtree(made.shot.folder, ignore_errors=True)
            self.kept.append(same.shotpack.shot)
        else:
            self._made.append((name, made))
        return False

    def _place(self, scene: Any, name: str, made: generate.Prepared) -> None:
        if batches.of_same(scene, made):
            made, said = batches.make_room(scene, made)
            self.told.append((name, said))
        generate.put(scene, made, self.batch)
        self.placed += 1
