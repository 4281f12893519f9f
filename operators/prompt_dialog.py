"""Prompt Helper: a sentence out of fields and menus, in words that the chosen model knows. Nothing leaves Blender."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from ..engine.client import prompt_sentence
from . import prompts, sequencer
from .shot_options import CONTEXT

_WIDTH = 460
_NONE = "NONE"
_kept: dict[str, list[tuple[Any, ...]]] = {}
"""Blender shows the items of an enumeration without keeping their texts: they must not go away."""


def _items(kind: str, items: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    if _kept.get(kind) != items:
        _kept[kind] = items
    return _kept[kind]


def _taught(context: Any) -> Any:
    return prompts.vocabulary(sequencer.scene_of(context).shotpack)


def _cameras(_self: Any, context: Any) -> list[tuple[Any, ...]]:
    moves = prompt_sentence.camera_moves(_taught(context))
    still = (prompt_sentence.STILL, "Stand Still", "The camera does not move")
    none = (_NONE, "Say Nothing", "No word about the camera")
    return _items("camera", [none, still, *((move.name, move.name.title(), "") for move in moves)])


def _things(_self: Any, context: Any) -> list[tuple[Any, ...]]:
    moves = prompt_sentence.subject_moves(_taught(context))
    none = (_NONE, "Say Nothing", "No word for a move of the subject")
    names = ((move.name, move.name.removeprefix("subject ").title(), "") for move in moves)
    return _items("subject", [none, *names])


def _speeds(_self: Any, context: Any) -> list[tuple[Any, ...]]:
    known = prompt_sentence.speeds(_taught(context))
    # What is not chosen yet has the number 0: the model's own speed.
    return _items(
        "speed",
        [
            (speed.name or _NONE, speed.name.title() or "Normal", "", "NONE", number if speed.name else 0)
            for number, speed in enumerate(known, 1)
        ],
    )


class SHOTPACK_OT_prompt_helper(bpy.types.Operator):  # noqa: N801
    """Put a prompt together out of subject, motion, camera and style, in words that the model knows"""

    bl_idname = "shotpack.prompt_helper"
    bl_label = "Prompt Helper"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    strip: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    subject: StringProperty(name="Subject", description="Who or what is seen", options={"TEXTEDIT_UPDATE"})  # type: ignore[valid-type]
    action: StringProperty(  # type: ignore[valid-type]
        name="Action", description="What it does", options={"TEXTEDIT_UPDATE"}, translation_context=CONTEXT
    )
    moves: EnumProperty(name="Subject's Move", description="A move that the model knows by name", items=_things)  # type: ignore[valid-type]
    secondary: StringProperty(name="Also Moving", description="What else moves", options={"TEXTEDIT_UPDATE"})  # type: ignore[valid-type]
    camera: EnumProperty(name="Camera", description="How the camera moves", items=_cameras)  # type: ignore[valid-type]
    speed: EnumProperty(name="How Fast", description="How fast the move is", items=_speeds)  # type: ignore[valid-type]
    style: StringProperty(name="Style", description="How it looks", options={"TEXTEDIT_UPDATE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, _event: Any) -> set[str]:
        if self.speed == "":  # never chosen, or another model's
            self.speed = _NONE
        return set(context.window_manager.invoke_props_dialog(self, width=_WIDTH, confirm_text="Use as Prompt"))

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "subject", placeholder="a girl in a red coat")
        layout.prop(self, "action", placeholder="runs through the rain")
        if len(_things(self, context)) > 1:
            layout.prop(self, "moves")
        layout.prop(self, "secondary", placeholder="her coat flutters")
        layout.prop(self, "camera")
        layout.prop(self, "speed", expand=True)
        layout.prop(self, "style", placeholder="ink drawing")
        wanted = sequencer.scene_of(context).shotpack
        written = self.written(context)
        box = layout.box().column(align=True)
        for line in prompts.lines(written or "Fill in what you like; every field may stay empty.", _WIDTH):
            box.label(text=line, translate=not written)
        for text, icon in prompts.said_of(written, wanted):
            for number, line in enumerate(prompts.lines(text, _WIDTH)):
                layout.label(text=line, icon="BLANK1" if number else icon, translate=False)

    def written(self, context: Any) -> str:
        """The sentence as it stands now."""
        parts = prompt_sentence.Parts(
            subject=self.subject,
            action=self.action,
            moves="" if self.moves == _NONE else self.moves,
            secondary=self.secondary,
            camera="" if self.camera == _NONE else self.camera,
            speed="" if self.speed == _NONE else self.speed,
            style=self.style,
        )
        return prompt_sentence.sentence(parts, _taught(context))

    def execute(self, context: Any) -> set[str]:
        written = self.written(context)
        if not written:
            self.report({"WARNING"}, "Nothing was filled in; the prompt stays as it is.")
            return {"CANCELLED"}
        prompts.owner(sequencer.scene_of(context), self.strip).prompt = written
        return {"FINISHED"}


def templates(scene: Any) -> tuple[str, ...]:
    """Sentences to begin with, in words that the scene's model knows."""
    return prompt_sentence.templates(prompts.vocabulary(scene.shotpack))


CLASSES = (SHOTPACK_OT_prompt_helper,)
