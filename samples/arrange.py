"""Runs inside a Blender window with Shotpack: arranges the sample's workspace, so that animating it is one press.

Blender's module has no window to do that in. Argument after `--`: the sample, which is saved in its place; then
`make_storyboard again` saves it as the older Blender's, which all that Shotpack runs in open without a warning.
"""

import sys

import bpy

[SAMPLE] = sys.argv[sys.argv.index("--") + 1 :]
_VIEW_WIDTH = 0.36
"""Of the window: what the camera sees."""
_NEARER = 11
"""Steps of zoom: so that a few channels fill the timeline's height."""
_SIDEBAR_HEIGHT = 0.72
"""Of the window: the picture and the panels beside it; the timeline has the rest."""


def begin() -> None:
    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(arrange, first_interval=2.0, persistent=True)
    bpy.ops.wm.open_mainfile(filepath=SAMPLE)


def arrange() -> None:
    """The picture with the panels beside it above, the timeline below it, what the camera sees beside it if there is
    one, and nothing else.
    """
    window = bpy.context.window_manager.windows[0]
    blocked_out = any(marker.camera for marker in window.scene.timeline_markers)
    if blocked_out:
        show_camera(next(area for area in window.screen.areas if area.type == "FILE_BROWSER"))
    for kind in ("FILE_BROWSER", "PROPERTIES", "DOPESHEET_EDITOR"):
        for area in [each for each in window.screen.areas if each.type == kind]:
            with bpy.context.temp_override(window=window, area=area, region=area.regions[0]):
                bpy.ops.screen.area_close()
    if blocked_out:
        view = next(area for area in window.screen.areas if area.type == "VIEW_3D")
        wider = round(window.width * _VIEW_WIDTH) - view.width
        with bpy.context.temp_override(window=window):
            bpy.ops.screen.area_move(x=view.x + view.width + 1, y=view.y + view.height // 2, delta=wider)
    preview = sequencer("PREVIEW")
    down = preview.height - round(window.height * _SIDEBAR_HEIGHT)
    with bpy.context.temp_override(window=window):
        bpy.ops.screen.area_move(x=preview.x + preview.width // 2, y=preview.y - 1, delta=down)
    bpy.app.timers.register(open_tab, first_interval=2.0)


def show_camera(area: bpy.types.Area) -> None:
    """The blocked-out scene, by its camera."""
    area.type = "VIEW_3D"
    area.spaces.active.region_3d.view_perspective = "CAMERA"
    area.spaces.active.overlay.show_overlays = False
    area.spaces.active.shading.color_type = "MATERIAL"
    area.spaces.active.show_region_toolbar = False


def open_tab() -> float | None:
    """The sidebar shows Shotpack's tab, and the whole storyboard is in sight."""
    sidebar = region_of(sequencer("PREVIEW"), "UI")
    if sidebar.active_panel_category == "UNSUPPORTED":
        return 0.5  # it has no tabs before it was drawn
    sidebar.active_panel_category = "Shotpack"
    area = sequencer("SEQUENCER")
    with bpy.context.temp_override(area=area, region=region_of(area, "WINDOW")):
        bpy.ops.sequencer.view_all()
        for _ in range(_NEARER):
            bpy.ops.view2d.zoom_in(zoomfacx=0.0, zoomfacy=0.0625)
        bpy.ops.view2d.pan(deltax=0, deltay=-1000)  # the lowest channels
    bpy.app.timers.register(save, first_interval=2.0)
    return None


def save() -> None:
    bpy.ops.wm.save_mainfile(compress=True)
    bpy.ops.wm.quit_blender()


def sequencer(view: str) -> bpy.types.Area:
    areas = bpy.context.window_manager.windows[0].screen.areas
    return next(each for each in areas if each.type == "SEQUENCE_EDITOR" and each.spaces.active.view_type == view)


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(each for each in area.regions if each.type == kind)


bpy.app.timers.register(begin, first_interval=1.0)
