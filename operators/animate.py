"""Animate Storyboard: a shot for each of many strips (or one through all: `through.py`), as one batch and undo step.

First all boards are captured, one a step, and nothing of the file is changed; then the shots are placed, one a step. A
strip of which no shot can be made is told, and the others go on.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import board_run, engine, sequencer, shot_intent, start_sources, through
from .board_run import RunsOverBoards, strip_named
from .shot_run import ShotRun


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
    if board_run.running is not None:
        return board_run.RUNNING
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
