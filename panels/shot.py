"""The panel that makes a shot: board, prompt, length, Generate, in the Sequencer's and the 3D viewport's sidebar."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import engine, generate, loras, previews, problems, runtime, sequencer, start_sources
from .install import draw_install
from .text import draw_text

_CATEGORY = "Shotpack"
_BOARD_SCALE = 5.0


class Sidebar:
    """Where all of Shotpack's panels are."""

    bl_region_type = "UI"
    bl_category = _CATEGORY


def _draw_shot(layout: Any, context: Any) -> None:
    scene = sequencer.scene_of(context)
    wanted = scene.shotpack
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.prop(wanted, "source")
    strip = start_sources.strip_of(scene)
    if strip is not None:
        _draw_board(layout.box(), scene, strip)
    column = layout.column()
    column.use_property_split = False
    column.prop(wanted, "prompt", text="", placeholder="What happens in the shot")
    layout.prop(wanted, "length")
    if wanted.length == "FRAMES":
        layout.prop(wanted, "frames")
    elif wanted.length == "SECONDS" or (wanted.length == "BOARD" and (strip is None or wanted.source != "STRIP")):
        layout.prop(wanted, "seconds")
    found = generate.intent(context)
    row = layout.column()
    row.scale_y = 1.4
    row.operator("shotpack.generate", icon="RENDER_ANIMATION", text=_button(found))
    if isinstance(found, str):
        draw_text(layout, found, "INFO")
    elif wanted.source == "CLIP":
        words = bpy.app.translations.pgettext_iface("Begins at frame {frame}").format(frame=found.spot.start)
        layout.label(text=words, icon="FORWARD", translate=False)
    elif found.end is not None:
        layout.label(text=f"Ends on {found.end.name}", icon="TRACKING_FORWARDS_SINGLE", translate=False)
    view = scene.view_settings.view_transform
    # A strip's picture is taken before the view transform, and goes through it with the shot; others show it already.
    if wanted.source not in ("STRIP", "CLIP") and view not in generate.PLAIN_VIEWS:
        box = layout.box()
        draw_text(box, f"{view} changes the colours of boards and shots.", "ERROR")
        box.operator("shotpack.standard_view")


def _draw_board(layout: Any, scene: Any, strip: Any) -> None:
    picture = sequencer.picture_of(scene, strip)
    if picture is not None and picture.is_file():
        layout.template_icon(previews.of_file(picture), scale=_BOARD_SCALE)
    layout.label(text=strip.name, icon="SEQUENCE", translate=False)


def _button(found: generate.Intent | str) -> str:
    if isinstance(found, str):
        return "Generate"
    return f"Generate {found.spot.length} Frames ({found.spot.length / found.fps:.1f} s)"


def _draw_advanced(layout: Any, context: Any) -> None:
    wanted = sequencer.scene_of(context).shotpack
    layout.use_property_split = True
    layout.use_property_decorate = False
    for name in ("seed", "speed", "steps", "guidance", "order", "rate", "use_end", "engine", "model"):
        layout.prop(wanted, name)
    _draw_loras(layout, wanted)


def _draw_loras(layout: Any, wanted: Any) -> None:
    here = loras.here()
    column = layout.column(align=True)
    for index, choice in enumerate(wanted.lora_choices):
        row = column.row(align=True)
        row.alert = here is not None and choice.name not in here
        row.prop(choice, "weight", text=choice.name, translate=False)
        row.operator("shotpack.remove_lora", text="", icon="X").index = index
    if wanted.loras:
        layout.prop(wanted, "loras")
    layout.menu("SHOTPACK_MT_loras", icon="ADD")


class SHOTPACK_MT_loras(bpy.types.Menu):  # noqa: N801
    """The LoRAs that the engine has"""

    bl_label = "Add LoRA"

    def draw(self, _context: Any) -> None:
        here = loras.here()
        if here is None:
            self.layout.label(text="The engine has not been heard yet.")
        elif not here:
            self.layout.label(text="No LoRA lies in the engine's folder.")
        for name in here or ():
            self.layout.operator("shotpack.add_lora", text=name, translate=False).name = name
        self.layout.separator()
        self.layout.operator("shotpack.look_for_loras", icon="FILE_REFRESH")


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


def draw_problem(layout: Any, problem: problems.Problem, shot: str) -> None:
    """One sentence, one advice, one button."""
    box = layout.box()
    draw_text(box, problem.sentence, "ERROR")
    draw_text(box, problem.advice)
    if problem.fix is not None:
        button = box.operator(problem.fix.operator, text=problem.fix.label)
        if problem.fix.of_shot:
            button.shot = shot


_ENGINE_WORDS = {
    "off": "The engine is off; it starts by itself.",
    "starting": "The engine is starting …",
    "ready": "The engine is ready.",
    "away": "The engine does not answer.",
    "ended": "The engine has ended.",
}
_ENGINE_ICONS = {"off": "RADIOBUT_OFF", "starting": "TIME", "ready": "CHECKMARK", "away": "ERROR", "ended": "ERROR"}


class _Shot(Sidebar):
    bl_label = "Shot"

    def draw(self, context: Any) -> None:
        _draw_shot(self.layout, context)


class _Advanced(Sidebar):
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: Any) -> None:
        _draw_advanced(self.layout, context)


class SHOTPACK_PT_sequencer(_Shot, bpy.types.Panel):  # noqa: N801
    """Make a shot from a board."""

    bl_space_type = "SEQUENCE_EDITOR"


class SHOTPACK_PT_sequencer_advanced(_Advanced, bpy.types.Panel):  # noqa: N801
    """What most shots leave as it is."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_parent_id = "SHOTPACK_PT_sequencer"


class SHOTPACK_PT_viewport(_Shot, bpy.types.Panel):  # noqa: N801
    """Make a shot from what is seen here."""

    bl_space_type = "VIEW_3D"


class SHOTPACK_PT_viewport_advanced(_Advanced, bpy.types.Panel):  # noqa: N801
    """What most shots leave as it is."""

    bl_space_type = "VIEW_3D"
    bl_parent_id = "SHOTPACK_PT_viewport"


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


CLASSES = (
    SHOTPACK_MT_loras,
    SHOTPACK_PT_sequencer,
    SHOTPACK_PT_sequencer_advanced,
    SHOTPACK_PT_viewport,
    SHOTPACK_PT_viewport_advanced,
    SHOTPACK_PT_sequencer_engine,
    SHOTPACK_PT_viewport_engine,
)
