"""LoRAs of the next shot: chosen by name from those that the engine has, each with how much of it."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from ..engine.protocol import Lora
from . import runtime, sequencer


def here() -> list[str] | None:
    """The names of the LoRAs that the engine has; None before it has been heard."""
    client = runtime.client
    names = client.about.get("loras") if client is not None else None
    return None if names is None else [str(name) for name in names]


def asked(wanted: Any) -> list[Lora]:
    """The LoRAs of a scene's settings as a request names them; the last choice of a name counts."""
    chosen = {choice.name: choice.weight for choice in wanted.lora_choices if choice.name}
    written = {name: weight for name, weight in in_words(wanted.loras, here() or ()) if name not in chosen}
    return [Lora(name, weight) for name, weight in (written | chosen).items()]


def in_words(text: str, names: Any) -> list[tuple[str, float]]:
    """The LoRAs in a text of Shotpack 0.1, such as "ink 0.8, haze": a name, and how much of it where that follows.

    What is one of `names` as it stands is that LoRA, be there a number in it.
    """
    found = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        name, weight = piece, 1.0
        head, _, last = piece.replace(":", " ").rpartition(" ")
        if piece not in names and head.strip():
            with contextlib.suppress(ValueError):
                if math.isfinite(much := float(last)):
                    name, weight = head.strip(), much
        found.append((name, weight))
    return found


class SHOTPACK_OT_add_lora(bpy.types.Operator):  # noqa: N801
    """Make the next shots with this LoRA"""

    bl_idname = "shotpack.add_lora"
    bl_label = "Add LoRA"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    name: StringProperty(name="LoRA", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[str]:
        wanted = sequencer.scene_of(context).shotpack
        names = here()
        if not self.name or (names is not None and self.name not in names):
            self.report({"ERROR"}, f"The engine has no LoRA named '{self.name}'.")
            return {"CANCELLED"}
        take_over(wanted)
        if all(choice.name != self.name for choice in wanted.lora_choices):
            wanted.lora_choices.add().name = self.name
        return {"FINISHED"}


class SHOTPACK_OT_remove_lora(bpy.types.Operator):  # noqa: N801
    """Make the next shots without this LoRA"""

    bl_idname = "shotpack.remove_lora"
    bl_label = "Remove LoRA"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    index: IntProperty(min=0, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[str]:
        choices = sequencer.scene_of(context).shotpack.lora_choices
        if self.index >= len(choices):
            return {"CANCELLED"}
        choices.remove(self.index)
        return {"FINISHED"}


class SHOTPACK_OT_look_for_loras(bpy.types.Operator):  # noqa: N801
    """Ask the engine anew which LoRAs are in its folder"""

    bl_idname = "shotpack.look_for_loras"
    bl_label = "Look Again"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        if runtime.client is None or runtime.client.state != "ready":
            cls.poll_message_set("The engine is not running; start it first.")
            return False
        return True

    def execute(self, _context: Any) -> set[str]:
        runtime.client.ask()
        return {"FINISHED"}


def take_over(wanted: Any) -> None:
    """Turn the text of an earlier version into choices, once the engine has said what there is."""
    names = here()
    if not wanted.loras or names is None:
        return
    chosen = {choice.name for choice in wanted.lora_choices}
    for name, weight in in_words(wanted.loras, names):
        if name not in chosen:
            choice = wanted.lora_choices.add()
            choice.name, choice.weight = name, weight
    wanted.loras = ""


CLASSES = (SHOTPACK_OT_add_lora, SHOTPACK_OT_remove_lora, SHOTPACK_OT_look_for_loras)
