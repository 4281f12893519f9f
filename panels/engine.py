"""The engine's panel: whether it runs, what it holds, and how it is installed, started and stopped."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import engine, problems, runtime
from .install import draw_install
from .problem import draw_problem
from .shot import Sidebar
from .text import draw_text

_ENGINE_WORDS = {
    "off": "The engine is off; it starts by itself.",
    "starting": "The engine is starting …",
    "ready": "The engine is ready.",
    "away": "The engine does not answer.",
    "ended": "The engine has ended.",
}
_ENGINE_ICONS = {"off": "RADIOBUT_OFF", "starting": "TIME", "ready": "CHECKMARK", "away": "ERROR", "ended": "ERROR"}


def _draw_engine(layout: Any, _context: Any) -> None:
    if engine.missing() or engine.installing():
        draw_install(layout)
        return
    client = runtime.client
    state = client.state if client else "off"
    row = layout.row()
    row.label(text=_ENGINE_WORDS[state], icon=_ENGINE_ICONS[state])
    row.operator("shotpack.open_log", text="", icon="TEXT")
    if state in ("ready", "away", "starting"):
        row.operator("shotpack.stop_engine", text="", icon="PANEL_CLOSE")
    else:
        row.operator("shotpack.start_engine", text="", icon="PLAY")
    parked = _parked(client) if client and state == "ready" else ""
    if parked:
        draw_text(layout, parked, "PAUSE")
    for worker in client.about.get("workers", []) if client and state == "ready" else ():
        if not worker["ready"]:
            layout.label(text=f"{worker['device']}: loading …", translate=False)
            continue
        used, total = worker["memory_used"] / 2**30, worker["memory_total"] / 2**30
        layout.label(text=f"{worker['title'] or worker['device']}: {used:.1f} of {total:.0f} GiB", translate=False)
    problem = problems.of_engine()
    if problem is not None:
        draw_problem(layout, problem, "")


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
