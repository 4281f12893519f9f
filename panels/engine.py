"""The engine's panel: whether it runs, what it holds, and how it is installed, started and stopped."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import engine, problems, runtime, shot_strips
from ..operators.shot_options import CONTEXT
from .install import draw_install
from .problem import draw_problem
from .shot import Sidebar
from .text import draw_text

_ENGINE_WORDS = {
    "off": "The engine is off; it starts with the next shot.",
    "starting": "The engine is starting …",
    "ready": "The engine is ready.",
    "away": "The engine does not answer.",
    "ended": "The engine has ended.",
}
_ENGINE_ICONS = {"off": "RADIOBUT_OFF", "starting": "TIME", "ready": "CHECKMARK", "away": "ERROR", "ended": "ERROR"}


def _draw_engine(layout: Any, _context: Any) -> None:
    if engine.missing() or engine.replacing():
        draw_install(layout)
        return
    client = runtime.client
    state = client.state if client else "off"
    draw_text(layout, _words(client, state), _ENGINE_ICONS[state])
    row = layout.row(align=True)
    if state in ("ready", "away", "starting"):
        row.operator("shotpack.stop_engine", text="Stop Engine")
    else:
        row.operator("shotpack.start_engine", text="Start Engine")
    row.operator("shotpack.open_log", text="Log")
    parked = _parked(client) if client and state == "ready" else ""
    if parked:
        draw_text(layout, parked, "PAUSE")
    for worker in client.about.get("workers", []) if client and state == "ready" else ():
        if not worker["ready"]:
            layout.label(text="Loading the engine's libraries …")
            continue
        used, total = worker["memory_used"] / 2**30, worker["memory_total"] / 2**30
        layout.label(text=f"{worker['title'] or worker['device']}: {used:.1f} of {total:.0f} GiB", translate=False)
    if runtime.others and state == "ready":
        translated = bpy.app.translations.pgettext_iface
        one, more = "It makes 1 shot of another file.", "It makes {count} shots of other files."
        words = translated(one) if runtime.others == 1 else translated(more).format(count=runtime.others)
        draw_text(layout, words, "INFO")
    problem = problems.of_engine()
    if problem is not None:
        draw_problem(layout, problem, "")


def _words(client: Any, state: str) -> str:
    """How it stands with the engine, and what that means for shots that are not finished."""
    if client is None or state not in ("off", "ended"):
        return _ENGINE_WORDS[state]
    # Of jobs nothing is known while the engine is off: what was known last stands in the strips.
    waits = {meta.shotpack.shot for _, meta in shot_strips.stamped() if meta.shotpack.state in ("queued", "running")}
    count = len(waits & client.shots.keys())
    if not count:
        return _ENGINE_WORDS[state]
    translated = bpy.app.translations.pgettext_iface
    one, more = "The engine is off, and 1 shot waits for it.", "The engine is off, and {count} shots wait for it."
    return str(translated(one) if count == 1 else translated(more).format(count=count))


def _parked(client: Any) -> str:
    """Who keeps the engine's weights off the device, in one sentence; empty where nobody does."""
    clients = [each.get("client", "") for each in client.about.get("parked_by") or ()]
    if client.client in clients:
        return "Parked while Blender renders."
    if any(clients):
        return "Parked while another program uses the device."
    return "Parked until somebody unparks it." if clients or client.about.get("parked") else ""


class _Engine(Sidebar):
    bl_label = "Engine"
    bl_translation_context = CONTEXT
    bl_order = 20

    def draw(self, context: Any) -> None:
        _draw_engine(self.layout, context)


class SHOTPACK_PT_sequencer_engine(_Engine, bpy.types.Panel):  # noqa: N801
    """The engine: whether it runs, and what it holds."""

    bl_space_type = "SEQUENCE_EDITOR"


class SHOTPACK_PT_viewport_engine(_Engine, bpy.types.Panel):  # noqa: N801
    """The engine, where the artist draws: the Storyboarding workspace has its sidebar in the viewport."""

    bl_space_type = "VIEW_3D"


CLASSES = (SHOTPACK_PT_sequencer_engine, SHOTPACK_PT_viewport_engine)
