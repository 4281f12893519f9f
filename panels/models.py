"""The models in the preferences: what is here, what can be had, and how far a download is."""

from __future__ import annotations

from typing import Any

from ..operators import engine, models, problems, settings
from .text import draw_text

_STATES = {"installed": "", "partial": "begun", "missing": "", "damaged": "damaged"}


def draw_models(layout: Any) -> None:
    """A row for each model, with the button that it needs."""
    models.look_soon()
    header, body = layout.panel("shotpack_models", default_closed=False)
    header.label(text="Models")
    header.operator("shotpack.look_for_models", text="", icon="FILE_REFRESH", emboss=False)
    if body is None:
        return
    model_list = models.model_list
    if engine.missing():
        body.label(text="Models are listed here once the engine is installed.")
    elif model_list is None or not model_list.models:
        body.label(text="Looking for models …")
    else:
        for model in model_list.models:
            _draw_model(body, model_list, model)
    if model_list is not None and model_list.fault is not None:
        problem = problems.of_error(model_list.fault)
        draw_text(body, problem.sentence, "ERROR")
        draw_text(body, problem.advice)


def _draw_model(layout: Any, model_list: Any, model: Any) -> None:
    used = settings.preferences().model == model.name
    row = layout.row()
    words = ", ".join(filter(None, (model.title, models.size_of(model), _STATES.get(model.state, model.state))))
    row.label(text=words, icon="CHECKMARK" if used else "BLANK1", translate=False)
    if model_list.fetching == model.name:
        share = model_list.done / model_list.total if model_list.total else 0.0
        row.progress(factor=share, text=f"{share:.0%}")
        row.operator("shotpack.cancel_download", text="", icon="CANCEL")
    elif model.state == "installed":
        button = row.row()
        button.enabled = not used
        button.operator("shotpack.use_model", text="Use").name = model.name
    else:
        text = "Go On" if model.state == "partial" else "Download"
        row.operator("shotpack.download_model", text=text, icon="IMPORT").name = model.name
