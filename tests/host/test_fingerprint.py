"""What makes Previs All make a shot again: all that its camera may see later, whatever the playhead shows."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.host.guide_scenes import with_nodes
from tests.host.studio import ROOT, bpy, part

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def filmed(scene):
    """A cube of a material with nodes, with a group in a group, cloth, particles, a driver, and two cameras."""
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    material = with_nodes(bpy.data.materials.new("paint"))
    texture = material.node_tree.nodes.new("ShaderNodeTexNoise")
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(texture.outputs[0], shader.inputs["Alpha"])
    cube.data.materials.append(material)
    inner, outer = (bpy.data.node_groups.new(name, "GeometryNodeTree") for name in ("inner", "outer"))
    inner.nodes.new("GeometryNodeTransform").name = "Transform"
    outer.nodes.new("GeometryNodeGroup").node_tree = inner
    outer.interface.new_socket("Size", in_out="INPUT", socket_type="NodeSocketFloat")
    cube.modifiers.new("shape", "NODES").node_group = outer
    cube.modifiers.new("cloth", "CLOTH")
    cube.modifiers.new("sparks", "PARTICLE_SYSTEM")
    cube.driver_add("location", 0).driver.expression = "frame / 10"
    for name in ("camera", "other"):
        scene.collection.objects.link(bpy.data.objects.new(name, bpy.data.cameras.new(name)))
    scene.camera = bpy.data.objects["camera"]
    noise = material.node_tree
    for frame, value in ((1, 2.0), (30, 9.0)):
        texture.inputs["Scale"].default_value = value
        noise.keyframe_insert('nodes["Noise Texture"].inputs[2].default_value', frame=frame)
    scene.frame_set(1)
    return scene


def cube():
    return bpy.data.objects["Cube"]


def tree():
    return bpy.data.materials["paint"].node_tree


def shader():
    return next(node for node in tree().nodes if node.type == "BSDF_PRINCIPLED")


def given(name, value):
    modifier = cube().modifiers["shape"]
    modifier[next(key for key in modifier.keys() if key.startswith("Socket"))] = value  # noqa: SIM118
    assert name


CHANGES = {
    "a colour of a material": lambda: setattr(shader().inputs["Base Color"], "default_value", (1, 0, 0, 1)),
    "a setting of a node": lambda: setattr(tree().nodes["Noise Texture"], "noise_dimensions", "2D"),
    "a link": lambda: tree().links.remove(tree().links[-1]),
    "a key of a node": lambda: setattr(
        part("operators.camera_motion").curves_of(tree()).__next__().keyframe_points[1], "co", (30, 7)
    ),
    "another material": lambda: setattr(cube().material_slots[0], "material", bpy.data.materials.new("other paint")),
    "a node of a group in a group": lambda: setattr(
        bpy.data.node_groups["inner"].nodes["Transform"].inputs["Scale"], "default_value", (2, 2, 2)
    ),
    "what a node group is given": lambda: given("Size", 4.0),
    "how stiff cloth is": lambda: setattr(cube().modifiers["cloth"].settings, "tension_stiffness", 3),
    "what of it is held": lambda: setattr(cube().modifiers["cloth"].collision_settings, "distance_min", 0.03),
    "how many particles": lambda: setattr(cube().particle_systems[0].settings, "count", 7),
    "gravity": lambda: setattr(bpy.context.scene, "gravity", (0, 0, -1)),
    "a driver": lambda: setattr(cube().animation_data.drivers[0].driver, "expression", "frame / 11"),
    "a modifier's array": lambda: setattr(cube().modifiers.new("m", "ARRAY"), "constant_offset_displace", (1, 2, 3)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_the_camera_may_see_counts(filmed, change):
    of_scene = part("operators.fingerprint").of_scene
    before = of_scene(filmed, filmed.camera)
    assert of_scene(filmed, filmed.camera) == before
    change()
    assert of_scene(filmed, filmed.camera) != before


def test_instanced_collections_of_no_scene_count(filmed):
    of_scene, far = part("operators.fingerprint").of_scene, bpy.data.collections.new("far")
    mesh = bpy.data.meshes.new("point")
    mesh.from_pydata([(0, 0, 0)], [], [])
    far.objects.link(bpy.data.objects.new("inside", mesh))
    empty = bpy.data.objects.new("instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", far
    filmed.collection.objects.link(empty)
    before = of_scene(filmed, filmed.camera)
    mesh.vertices[0].co = (0, 0, 1)
    assert of_scene(filmed, filmed.camera) != before


def test_playhead_editor_sky_and_other_cameras_do_not_count(filmed):
    of_scene = part("operators.fingerprint").of_scene
    before = of_scene(filmed, filmed.camera)
    filmed.frame_set(17)
    assert of_scene(filmed, filmed.camera) == before, "keys and drivers count, not what they come to now"
    tree().nodes["Noise Texture"].location = (300, 20)
    tree().nodes["Noise Texture"].select = False
    bpy.data.objects["other"].location = (1, 2, 3)
    filmed.world = with_nodes(bpy.data.worlds.new("sky"))
    assert of_scene(filmed, filmed.camera) == before


@pytest.fixture
def box(scene):
    bpy.ops.mesh.primitive_cube_add()
    made = bpy.context.object
    own = bpy.data.collections.new("own")
    scene.collection.children.link(own)
    scene.collection.objects.unlink(made)
    own.objects.link(made)
    made.shape_key_add(name="rest")
    made.shape_key_add(name="bent").value = 0.5
    return made


def keyed_shape(box):
    box.data.shape_keys.key_blocks["bent"].keyframe_insert("value", frame=1)


def key_moved(box):
    keyed_shape(box)
    box.data.shape_keys.key_blocks["bent"].value = 1
    box.data.shape_keys.key_blocks["bent"].keyframe_insert("value", frame=9)


SHAPES = {
    "hidden collection": lambda box: setattr(bpy.data.collections["own"], "hide_render", True),
    "shape": lambda box: setattr(box.data.shape_keys.key_blocks["bent"], "value", 1),
    "a shape's points": lambda box: setattr(box.data.shape_keys.key_blocks["bent"].data[0].co, "x", 9),
    "shape keyed": keyed_shape,
    "shape keyed twice": key_moved,
    "ray visibility": lambda box: setattr(box, "visible_camera", False),
}


def test_what_is_seen_otherwise_is_another_shot(scene, box):
    of_scene, seen = part("operators.fingerprint").of_scene, []
    for change in (lambda box: None, *SHAPES.values()):
        change(box)
        seen.append(of_scene(scene, None))
    assert len(set(seen)) == len(seen)
    scene.frame_set(5)
    assert of_scene(scene, None) == seen[-1], "what is animated counts by its keys"


_SAID = """
import sys; sys.path.insert(0, sys.argv[1] + "/operators")
import bpy
import types
package = sys.modules["operators"] = types.ModuleType("operators")
package.__path__ = [sys.argv[1] + "/operators"]
from operators import fingerprint
bpy.ops.mesh.primitive_cube_add()
bpy.context.object.modifiers.new("data", "DATA_TRANSFER").data_types_verts = {"VGROUP_WEIGHTS", "BEVEL_WEIGHT_VERT"}
print("DIGEST", fingerprint.of_scene(bpy.context.scene, None).hex())
"""


def test_it_is_the_same_in_every_blender():
    """Python's own order of several choices differs from run to run."""
    said = set()
    for seed in ("1", "2", "3", "4"):
        ended = subprocess.run(
            [sys.executable, "-c", _SAID, str(ROOT)],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
        )
        said |= {line for line in ended.stdout.splitlines() if line.startswith("DIGEST")}
    assert len(said) == 1
