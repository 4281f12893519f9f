"""Runs inside Blender's window: boards of a drawn scene, the camera and the viewport, beside a Render Result.

Arguments after `--`: the status file, and two that are not used here. The pictures lie beside the status file.
"""

import importlib
import json
import sys
from pathlib import Path

import bpy

STATUS = Path(sys.argv[sys.argv.index("--") + 1])
ADDON = "bl_ext.user_default.shotpack"


def begin() -> None:
    scene, window = bpy.context.scene, bpy.context.window_manager.windows[0]
    scene.render.resolution_x, scene.render.resolution_y = 320, 180
    scene.render.engine, scene.view_settings.view_transform = "BLENDER_WORKBENCH", "Standard"
    window.workspace.sequencer_scene = scene
    scene.sequence_editor_create()
    colour = scene.sequence_editor.strips.new_effect("colour", "COLOR", 1, 1, length=50)
    for slot, level in ((0, (1, 0, 0)), (2, (0, 1, 0))):
        colour.color = level
        if slot:
            result().render_slots.active_index = slot
        bpy.ops.render.render()
    result().render_slots.active_index = 0
    panel = scene.sequence_editor.strips.new_scene("panel", drawn(), 2, 1)
    panel.right_handle, panel.blend_type = 40, "ALPHA_OVER"
    scene.frame_set(20)
    before = state(scene)
    area = max(window.screen.areas, key=lambda each: each.width * each.height)
    capture = importlib.import_module(f"{ADDON}.operators.capture")
    area.type = "SEQUENCE_EDITOR"
    with bpy.context.temp_override(window=window, area=area, region=region(area)):
        capture.from_strip(scene, panel, STATUS.with_name("panel.png"))
        capture.from_strip(scene, colour, STATUS.with_name("colour.png"))
    area.type = "VIEW_3D"
    with bpy.context.temp_override(window=window, area=area, region=region(area)):
        capture.from_viewport(bpy.context, STATUS.with_name("viewport.png"))
        capture.from_camera(scene, STATUS.with_name("camera.png"), "BLENDER_WORKBENCH")
    after = state(scene)
    passing = STATUS.with_name("passing.json")
    passing.write_text(json.dumps({"before": before, "after": after}), encoding="utf-8")
    passing.replace(STATUS)


def drawn() -> bpy.types.Scene:
    """Flat blue in its left half, and nothing in its right."""
    scene = bpy.data.scenes.new("drawn")
    scene.render.resolution_x, scene.render.resolution_y, scene.render.film_transparent = 320, 180, True
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.camera.location.z = 5
    mesh = bpy.data.meshes.new("half")
    mesh.from_pydata([(-9, -9, 0), (0, -9, 0), (0, 9, 0), (-9, 9, 0)], [], [(0, 1, 2, 3)])
    for each in (scene.camera, bpy.data.objects.new("half", mesh)):
        scene.collection.objects.link(each)
    shading = scene.display.shading
    shading.light, shading.color_type, shading.single_color = "FLAT", "SINGLE", (0.2, 0.5, 0.8)
    return scene


def result() -> bpy.types.Image:
    return next(image for image in bpy.data.images if image.type == "RENDER_RESULT")


def region(area: bpy.types.Area) -> bpy.types.Region:
    return next(each for each in area.regions if each.type == "WINDOW")


def state(scene: bpy.types.Scene) -> dict[str, object]:
    """What must stay: the Render Result's slots, which data there is, the frame, whether the file is saved."""
    image, slots = result(), []
    shown = image.render_slots.active_index
    for number in range(3):
        image.render_slots.active_index = number
        try:
            image.save_render(str(STATUS.with_name("slot.png")), scene=scene)
        except RuntimeError:
            slots.append(None)
            continue
        saved = bpy.data.images.load(str(STATUS.with_name("slot.png")), check_existing=False)
        slots.append([round(255 * level) for level in saved.pixels[:3]])
        bpy.data.images.remove(saved)
    image.render_slots.active_index = shown
    names = [each.name for each in bpy.data.images if each.type == "RENDER_RESULT"]
    scenes = [each.name for each in bpy.data.scenes]
    return {"slots": slots, "shown": shown, "results": names, "scenes": scenes, "frame": scene.frame_current}


bpy.app.timers.register(begin, first_interval=2.0)
