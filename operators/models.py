"""Models from inside Blender: which there are, fetching one after its terms were agreed to, choosing one."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ..engine.client.model_list import Model, ModelList
from . import engine, runtime, settings, timers

model_list: ModelList | None = None
"""What is known of models; None before anybody wanted to know."""
_TICK = 0.25
_DIALOG_WIDTH = 520


def look_soon() -> None:
    """Have the models looked up if they never were; panels may call it while they draw."""
    if model_list is None and not engine.missing():
        timers.begin(_look, 0.05)


def known(name: str) -> Model | None:
    """What is known of a model."""
    return next((model for model in model_list.models if model.name == name), None) if model_list else None


def _look() -> None:
    global model_list
    if model_list is None or not model_list.busy:
        where = runtime.engine_location()
        model_list = ModelList(where.python, where.folder, where.models)
        model_list.look()
        _watch_soon()


def _watch_soon() -> None:
    timers.begin(_watch, _TICK, persistent=True)


def _watch() -> float | None:
    runtime.redraw()
    return _TICK if model_list is not None and model_list.busy else None


class SHOTPACK_OT_look_for_models(bpy.types.Operator):  # noqa: N801
    """Look anew which models there are and which are installed"""

    bl_idname = "shotpack.look_for_models"
    bl_label = "Look for Models"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        return not (model_list is not None and model_list.busy)

    def execute(self, _context: Any) -> set[str]:
        if engine.needs_install():
            self.report({"ERROR"}, engine.INSTALL_FIRST)
            return {"CANCELLED"}
        _look()
        return {"FINISHED"}


class SHOTPACK_OT_download_model(bpy.types.Operator):  # noqa: N801
    """Download this model, or go on with its download; its licences are shown first"""

    bl_idname = "shotpack.download_model"
    bl_label = "Download Model"

    name: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    agreed: BoolProperty(name="I have read these terms and agree to them", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, _context: Any) -> bool:
        if model_list is None or model_list.busy:
            cls.poll_message_set("A model is being downloaded or looked for.")
            return False
        if not bpy.app.online_access:
            cls.poll_message_set("Allow online access in the preferences under System, Network.")
            return False
        return True

    def invoke(self, context: Any, _event: Any) -> set[str]:
        model = known(self.name)
        if model is None:
            return {"CANCELLED"}
        return set(context.window_manager.invoke_props_dialog(self, width=_DIALOG_WIDTH, confirm_text="Download"))

    def draw(self, _context: Any) -> None:
        model = known(self.name)
        if model is None:
            return
        column = self.layout.column()
        column.label(text=f"{model.title}, {size_of(model)}, comes under:", translate=False)
        for terms in model.terms:
            box = column.box()
            box.operator("wm.url_open", text=terms.name, icon="URL").url = terms.url
            for line in wrapped(f"{terms.note[:1].upper()}{terms.note[1:]}."):
                box.label(text=line, translate=False)
        column.prop(self, "agreed")

    def execute(self, _context: Any) -> set[str]:
        model = known(self.name)
        if model is None or model_list is None:
            self.report({"ERROR"}, "There is no such model; look for models anew.")
            return {"CANCELLED"}
        if model.terms and not self.agreed:
            self.report({"ERROR"}, "The model is downloaded only once its terms are agreed to.")
            return {"CANCELLED"}
        model_list.fetch(model.name, agreed=self.agreed)
        _watch_soon()
        return {"FINISHED"}


class SHOTPACK_OT_cancel_download(bpy.types.Operator):  # noqa: N801
    """Stop the download; what is here is kept for the next time"""

    bl_idname = "shotpack.cancel_download"
    bl_label = "Stop Download"

    def execute(self, _context: Any) -> set[str]:
        if model_list is not None:
            model_list.cancel()
        return {"FINISHED"}


class SHOTPACK_OT_use_model(bpy.types.Operator):  # noqa: N801
    """Make shots with this model from now on"""

    bl_idname = "shotpack.use_model"
    bl_label = "Use Model"

    name: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, _context: Any) -> set[str]:
        settings.preferences().model = self.name
        return {"FINISHED"}


def size_of(model: Model) -> str:
    """A model's size as an artist reads it; empty where it is not known."""
    if model.bytes is None:
        return ""
    return f"{model.bytes / 1e9:.1f} GB" if model.bytes >= 1e9 else f"{model.bytes / 1e6:.0f} MB"


def wrapped(text: str) -> list[str]:
    """Lines of a text that fit the dialog: Blender cuts a label's middle out."""
    return textwrap.wrap(text, _DIALOG_WIDTH // 6)


def attach() -> None:
    """Nothing to do before somebody wants to know of models."""


def detach() -> None:
    """Leave nothing running."""
    global model_list
    timers.end(_watch, _look)
    if model_list is not None:
        model_list.cancel()
        model_list.wait(3.0)
        model_list = None


CLASSES = (
    SHOTPACK_OT_look_for_models,
    SHOTPACK_OT_download_model,
    SHOTPACK_OT_cancel_download,
    SHOTPACK_OT_use_model,
)
