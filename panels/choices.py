"""The menus of model and start, and what the next shot takes: only what can be chosen, and what it means."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import board_run, chosen, engine, sequencer, settings, shot_options, start_sources
from .install import draw_install
from .text import draw_text


def time_of(seconds: float) -> str:
    """A time as an artist reads it."""
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    return f"{whole // 60}:{whole % 60:02d} min" if whole < 3600 else f"{whole // 3600}:{whole // 60 % 60:02d} h"


def draw_model(layout: Any, wanted: Any) -> None:
    """The model in use, as a menu of those that are installed."""
    split = layout.row().split(factor=0.4)
    split.alignment = "RIGHT"
    split.label(text="Model")
    name = chosen.model_in_use(wanted)
    details = chosen.details_of(name)
    gone = bool(name) and bool(chosen.about()) and details is None
    row = split.row(align=True)
    row.alert = gone
    row.menu("SHOTPACK_MT_models", text=details["title"] if details else name or "Best Installed", translate=False)


def draw_estimate(layout: Any, scene: Any, frames: int, fps: float) -> None:
    """What the next shot takes, in a line; nothing where the engine has not told what its model can.

    How long it takes is said once that was measured here.
    """
    found = chosen.estimate_of(scene, frames, fps)
    if found is None:
        return
    translated = bpy.app.translations.pgettext_iface
    sections = translated("1 section") if found.sections == 1 else translated("{count} sections")
    room = found.bytes / 1e6
    words = [
        f"{found.width} x {found.height}",
        sections.format(count=found.sections),
        *([translated("about {time}").format(time=time_of(found.seconds))] if found.seconds is not None else []),
        translated("up to {room} MB").format(room=f"{room:.0f}" if room >= 1 else "1"),
    ]
    draw_text(layout, ", ".join(words), "TIME")


def draw_missing_engine(layout: Any) -> bool:
    """What must be installed before anything can be made, with its button; whether that is so."""
    if not (engine.missing() or engine.replacing()):
        return False
    draw_install(layout.box())
    return True


class SHOTPACK_MT_models(bpy.types.Menu):  # noqa: N801
    """The models that are installed, with what each can"""

    bl_label = "Model"

    def draw(self, context: Any) -> None:
        about = chosen.about()
        if not about:
            self.layout.label(text="The engine tells what is installed once it runs.")
            self.layout.operator("shotpack.start_engine", icon="PLAY")
            return
        scene = sequencer.scene_of(context)
        wanted = scene.shotpack
        best = settings.preferences().model or next(iter(about.get("models", ())), "")
        words = bpy.app.translations.pgettext_iface("The Preferences' Choice")
        title = (chosen.details_of(best) or {"title": best})["title"]
        icon = "BLANK1" if wanted.model else "CHECKMARK"
        self.layout.operator("shotpack.choose_model", text=f"{words}: {title}", icon=icon, translate=False).name = ""
        self.layout.separator()
        for name in about.get("models", ()):
            icon = "CHECKMARK" if wanted.model == name else "BLANK1"
            entry = self.layout.operator("shotpack.choose_model", text=_told(name), icon=icon, translate=False)
            entry.name = name


def _told(name: str) -> str:
    """A model in a line: quality, size, time."""
    details = chosen.details_of(name)
    if details is None:
        return name
    translated = bpy.app.translations.pgettext_iface
    width, height = max(details["sizes"], key=lambda size: size[0] * size[1])
    words = [translated(details["quality"]), f"{width} x {height}"]
    measured = chosen.film_second(name)
    if measured is not None:
        words.append(translated("{time} a second of film").format(time=time_of(measured[0])))
    return f"{details['title']}: {', '.join(filter(None, words))}"


def title_of_start(source: str, *, able: bool) -> str:
    """A start's name in a menu; where the model in use cannot start so, with those that can."""
    title = bpy.app.translations.pgettext_iface(next(item[1] for item in shot_options.SOURCES if item[0] == source))
    if able:
        return str(title)
    titles = [(chosen.details_of(name) or {"title": name})["title"] for name in start_sources.able(source)]
    needs = bpy.app.translations.pgettext_iface("needs {models}").format(models=" / ".join(titles))
    return f"{title} ({needs})"


CLASSES = (SHOTPACK_MT_models,)


def draw_running(layout: Any) -> bool:
    """How far boards are taken, while they are; returns whether."""
    run = board_run.running
    if run is None:
        return False
    words = bpy.app.translations.pgettext_iface("Board {done} of {of}; Esc stops")
    layout.progress(factor=run.done / max(1, run.of), text=words.format(done=run.done, of=run.of))
    return True
