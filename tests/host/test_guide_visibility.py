"""What a guide is made of is what renders, however it is hidden or shown in a viewport: against true renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from tests.host.guide_scenes import _object
from tests.host.test_render_guide import render, render_guide

SIZE = (64, 36)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def box() -> Any:
    """A white box before a black floor and a camera."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)  # which leaves extensions as they are
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.view_settings.view_transform = "Standard"
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.camera.location, scene.camera.rotation_euler.x = (0, 0, 1.5), 1.45
    _object(bpy.ops.mesh.primitive_plane_add, "floor", (0, 0, 0), size=40, location=(0, 10, 0))
    made = _object(bpy.ops.mesh.primitive_cube_add, "box", (1, 1, 1), size=2, location=(0, 8, 1))
    (mix,) = [node for node in made.data.materials[0].node_tree.nodes if node.name.startswith("Mix")]
    made.data.materials[0].node_tree.nodes.remove(mix)
    (glow,) = [node for node in made.data.materials[0].node_tree.nodes if node.name == "Emission"]
    glow.inputs[0].default_value = (1, 1, 1, 1)
    return made


def collected(box: Any) -> Any:
    """A collection of the box's own."""
    own = bpy.data.collections.new("own")
    bpy.context.scene.collection.objects.unlink(box)
    own.objects.link(box)
    return own


def in_a_collection(box: Any) -> Any:
    own = collected(box)
    bpy.context.scene.collection.children.link(own)
    return own


def instanced(box: Any) -> Any:
    own = collected(box)
    empty = bpy.data.objects.new("instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", own
    bpy.context.scene.collection.objects.link(empty)
    return own


def keyed(box: Any, name: str) -> None:
    for frame, hidden in ((1, True), (5, False)):
        setattr(box, name, hidden)
        box.keyframe_insert(name, frame=frame)


def driven(box: Any) -> None:
    box.driver_add("hide_render").driver.expression = "frame < 5"


def layered(box: Any, **values: bool) -> None:
    own = in_a_collection(box)
    for name, value in values.items():
        setattr(bpy.context.view_layer.layer_collection.children[own.name], name, value)


def named_alike(box: Any) -> None:
    for name in ("shotpack carried", "shotpack owner"):
        box.data.uv_layers.new(name=name)


def of_nodes(box: Any, kind: str, end: str = "Surface") -> Any:
    """Make the box of this shader alone, and return its node."""
    tree = box.data.materials[0].node_tree
    (output,) = [node for node in tree.nodes if node.type == "OUTPUT_MATERIAL"]
    for link in list(output.inputs["Surface"].links):
        tree.links.remove(link)
    node = tree.nodes.new(f"ShaderNode{kind}")
    tree.links.new(node.outputs[0], output.inputs[end])
    return node


def faint(box: Any) -> None:
    node = of_nodes(box, "BsdfPrincipled")
    node.inputs["Alpha"].default_value = 0.0
    for name in ("Emission Color", "Emission Strength"):
        node.inputs[name].default_value = 1.0 if name.endswith("Strength") else (1, 1, 1, 1)


def scattered(box: Any, **floor: bool) -> None:
    """Boxes all over the floor, of which a viewport shows a tenth."""
    ground = bpy.data.objects["floor"]
    ground.modifiers.new("boxes", "PARTICLE_SYSTEM")
    spread = ground.particle_systems[0].settings
    spread.count, spread.frame_start, spread.frame_end, spread.lifetime = 40, -5, 1, 100
    spread.physics_type, spread.render_type, spread.instance_object, spread.particle_size = "NO", "OBJECT", box, 0.5
    spread.display_percentage = 10
    for name, value in floor.items():
        setattr(ground, name, value)


def without_splines(_: Any) -> None:
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("curve", bpy.data.curves.new("curve", "CURVE")))


def nowhere(_: Any) -> None:
    mesh = bpy.data.meshes.new("nowhere")
    mesh.from_pydata([(0, 5, 1), (float("nan"), 5, 1), (1, float("inf"), 2)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("nowhere", mesh))


WAYS = {
    "plain": lambda box: None,
    "monitor": lambda box: setattr(box, "hide_viewport", True),
    "eye": lambda box: box.hide_set(True),
    "camera": lambda box: setattr(box, "hide_render", True),
    "ray visibility": lambda box: setattr(box, "visible_camera", False),
    "collection's monitor": lambda box: setattr(in_a_collection(box), "hide_viewport", True),
    "collection's camera": lambda box: setattr(in_a_collection(box), "hide_render", True),
    "collection's eye": lambda box: layered(box, hide_viewport=True),
    "excluded": lambda box: layered(box, exclude=True),
    "indirect only": lambda box: layered(box, indirect_only=True),
    "instanced collection's camera": lambda box: setattr(instanced(box), "hide_render", True),
    "instanced object's camera": lambda box: (instanced(box), setattr(box, "hide_render", True)),
    "instanced object's monitor": lambda box: (instanced(box), setattr(box, "hide_viewport", True)),
    "keyed monitor": lambda box: keyed(box, "hide_viewport"),
    "keyed camera": lambda box: keyed(box, "hide_render"),
    "driven camera": driven,
    "fog": lambda box: of_nodes(box, "VolumeScatter", "Volume"),
    "a transparent shader": lambda box: of_nodes(box, "BsdfTransparent"),
    "no alpha": faint,
    "particles": scattered,
    "the floor that they are on": lambda box: scattered(box, show_instancer_for_render=False),
    "the floor's viewport": lambda box: scattered(box, show_instancer_for_viewport=False),
    "attributes that are called alike": named_alike,
    "a curve without splines": without_splines,
    "vertices that are nowhere": nowhere,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_renders_is_there(box: Any, way: str, tmp_path: Path) -> None:
    WAYS[way](box)
    scene = bpy.context.scene
    truth = {frame: (render(scene, frame, tmp_path / f"{frame}.png") > 0.5).all(-1) for frame in (1, 6)}
    guide = render_guide.Guide(scene, render_guide.Wanted(SIZE, (("", 1.0),), {}), tmp_path, tmp_path)
    for frame, shown in truth.items():
        (view,) = guide.at(frame)
        owners = [number for key, number in guide._looks[0][0]._owners.items() if "box" in key[1]]
        found = view.there & np.isin(view.owners, owners)
        assert np.array_equal(found, shown), frame
        if way not in ("keyed camera", "driven camera"):  # else it was not there at the board
            assert (view.known | ~shown).all()
