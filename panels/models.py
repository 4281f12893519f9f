"""The models in the preferences, a card each: what is here, what each needs and is good for, how far a download is."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import chosen, engine, models, problems, settings
from .choices import time_of
from .text import draw_text


def draw_models(layout: Any) -> None:
    """A card for each model, those that are here first."""
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
        here = [model for model in model_list.models if model.state == "installed"]
        used = settings.preferences().model or next((model.name for model in here), "")
        for model in sorted(model_list.models, key=lambda model: model.state != "installed"):
            _draw_card(body.box(), model_list, model, used=model.name == used)
    if model_list is not None and model_list.fault is not None:
        problem = problems.of_error(model_list.fault)
        draw_text(body, problem.sentence, "ERROR")
        draw_text(body, problem.advice)


def _draw_card(box: Any, model_list: Any, model: Any, *, used: bool) -> None:
    translated = bpy.app.translations.pgettext_iface
    row = box.row()
    words = ", ".join(filter(None, (model.title, translated(model.quality) if model.quality else "")))
    row.label(text=words, icon="CHECKMARK" if used else "BLANK1", translate=False)
    if model_list.fetching == model.name:
        share = model_list.done / model_list.total if model_list.total else 0.0
        row.progress(factor=share, text=f"{share:.0%}")
        row.operator("shotpack.cancel_download", text="", icon="CANCEL")
    elif model.state == "installed":
        if used:
            row.label(text="Used by default")
        else:
            row.operator("shotpack.use_model", text="Use by Default").name = model.name
    elif model.state == "damaged":
        row.label(text="Damaged: copy its files again", icon="ERROR")
    else:
        text = "Continue Download" if model.state == "partial" else "Download"
        row.operator("shotpack.download_model", text=text, icon="IMPORT").name = model.name
    if model.good_for:
        draw_text(box, model.good_for)
    draw_text(box, "; ".join(filter(None, _needs(model))))


def _needs(model: Any) -> tuple[str, ...]:
    """What a model takes of the machine, what it took of time, and its terms."""
    translated = bpy.app.translations.pgettext_iface
    gpu = translated("Runs on a processor too") if model.quality else ""
    if model.gpu_bytes:
        gpu = translated("GPU from {least} GB, several times as fast from {whole} GB on").format(
            least=round(model.gpu_bytes / 1e9), whole=round(model.gpu_bytes_whole / 1e9)
        )
    disk = models.size_of(model)
    measured = chosen.film_second(model.name)
    time = translated("{time} a second of film here, at {size}") if measured else ""
    return (
        gpu,
        translated("{size} on disk").format(size=disk) if disk else "",
        time.format(time=time_of(measured[0]), size=measured[1]) if measured else "",
        model.licence,
    )
