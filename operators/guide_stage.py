"""A scene of our own in which another scene's surfaces shine with where they were, rendered by Cycles.

The program `render_guide.py` loads it from beside itself: it is no part of a package there.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, TypeAlias

import bpy
import numpy as np
from mathutils import Matrix

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

LENS = (
    *("type", "lens", "sensor_width", "sensor_height", "sensor_fit", "shift_x", "shift_y", "ortho_scale"),
    *("clip_start", "clip_end"),
)
"""What of a camera's data says what it sees."""
_PNG_END = b"IEND\xaeB`\x82"
_PLACE, _OWNER = "shotpack carried", "shotpack owner"
_UNKNOWN = -1.0
"""The place of what was not there at the board, or had other vertices; places are 0 to 1."""


class Stage:
    """A scene of our own, in which surfaces shine with where they were."""

    def __init__(self, size: tuple[int, int], film: Any, folder: Path) -> None:
        self._size = size
        self._file = folder / "carried.exr"
        self.scene = bpy.data.scenes.new("stage")
        self.eye = bpy.data.objects.new("eye", bpy.data.cameras.new("eye"))
        self.scene.collection.objects.link(self.eye)
        self.scene.camera = self.eye
        self._shown: dict[Any, tuple[Any, Array]] = {}
        self._materials: dict[str, Any] = {}
        self._owners: dict[Any, int] = {}
        self._shines, self._which = _new_shine()
        render, cycles, image = self.scene.render, self.scene.cycles, self.scene.render.image_settings
        render.engine = "CYCLES"
        render.resolution_x, render.resolution_y = size
        render.resolution_percentage = 100
        render.pixel_aspect_x, render.pixel_aspect_y = film.render.pixel_aspect_x, film.render.pixel_aspect_y
        render.film_transparent = render.use_persistent_data = True
        render.use_compositing = render.use_sequencer = False
        # One ray through each pixel's centre: an average over an edge would be a place between two surfaces.
        cycles.samples, cycles.max_bounces, cycles.transparent_max_bounces = 1, 0, 64
        cycles.use_denoising = cycles.use_adaptive_sampling = False
        cycles.pixel_filter_type, cycles.filter_width = "BOX", 0.01
        if hasattr(image, "media_type"):
            image.media_type = "IMAGE"
        image.file_format, image.color_depth, image.color_mode = "OPEN_EXR", "32", "RGBA"

    def look(self, surfaces: Any, kept: dict[str, Any] | None = None) -> tuple[Array, Array]:
        """See what the followed camera sees now: its place in the world, and how it maps to the picture, (4, 4) each.

        With `kept`, what it saw when it was like that: `world`, its matrix in rows, and its `lens` by properties.
        """
        camera = surfaces.camera.evaluated_get(surfaces.layer.depsgraph)
        for name in LENS:
            setattr(self.eye.data, name, kept["lens"][name] if kept else getattr(camera.data, name))
        matrix = Matrix(np.reshape(kept["world"], (4, 4)).tolist()) if kept else camera.matrix_world
        self.eye.matrix_world = matrix.normalized()
        width, height = self._size
        aspects = self.scene.render.pixel_aspect_x, self.scene.render.pixel_aspect_y
        lens = self.eye.calc_matrix_camera(
            surfaces.layer.depsgraph, x=width, y=height, scale_x=aspects[0], scale_y=aspects[1]
        )
        return np.array(self.eye.matrix_world), np.array(lens)

    def carried(self, surfaces: Any, home: dict[Any, Array]) -> tuple[Array, Array, Array, Array, Array]:
        """Of each pixel: where what it shows was at `home` (H, W, 3), whether anything is there, whether that is known,
        the number of its object, and how far before the camera it is now.
        """
        # Modifiers may put a vertex nowhere; no other one is to suffer for it.
        there = [places[np.isfinite(places).all(1)] for places in home.values()]
        low = np.min([places.min(0) for places in there if len(places)] or [np.zeros(3)], 0)
        size = np.max([places.max(0) - low for places in there if len(places)] or [np.ones(3)], 0)
        size = np.maximum(size, 1e-6)
        present = set()
        for key, source, places, matrix in surfaces.each():
            present.add(key)
            was = home.get(key)
            if was is None or was.shape != places.shape:
                shine = np.full(places.shape, _UNKNOWN, np.float32)
            else:
                known = np.isfinite(was).all(1, keepdims=True)
                shine = np.where(known, (was - low) / size, _UNKNOWN).astype(np.float32)
            self._show(key, source, surfaces, places, shine)
            self._shown[key][0].matrix_world = Matrix(matrix.tolist())
        for key in set(self._shown) - present:
            bpy.data.objects.remove(self._shown.pop(key)[0])
        shone, owners = (self._render(which) for which in (0.0, 1.0))
        places = shone[..., :3].astype(np.float64) * size + low
        owner, depth = np.rint(owners[..., 0]).astype(int), owners[..., 1].astype(np.float64)
        return places, shone[..., 3] > 0.5, shone[..., 0] >= 0, owner, depth

    def _render(self, which: float) -> Array:
        """A picture of the places (0), or of the objects' numbers and depths (1)."""
        self._which.outputs[0].default_value = which
        self.scene.render.filepath = str(self._file)
        bpy.ops.render.render(write_still=True, scene=self.scene.name)
        return read(self._file)

    def _show(self, key: Any, source: Any, surfaces: Any, places: Array, shine: Array) -> None:
        """Put a surface on the stage; only one that bends, or shines otherwise than before, is copied again."""
        state = np.concatenate([places, shine])
        shown = self._shown.get(key)
        if shown is not None and np.array_equal(shown[1], state):
            return
        mesh = bpy.data.meshes.new_from_object(source, depsgraph=surfaces.layer.depsgraph)
        owner = self._owners.setdefault(key, len(self._owners) + 1)
        _attribute(mesh, _PLACE, "FLOAT_VECTOR").data.foreach_set("vector", shine.ravel())
        owners = np.full(len(mesh.vertices), owner, np.float32)
        _attribute(mesh, _OWNER, "FLOAT").data.foreach_set("value", owners)
        materials = [self._shining(material) for material in mesh.materials] or [self._shining(None)]
        mesh.materials.clear()
        for material in materials:
            mesh.materials.append(material)
        if shown is None:
            standing = bpy.data.objects.new("surface", mesh)
            self.scene.collection.objects.link(standing)
        else:
            standing, before = shown[0], shown[0].data
            standing.data = mesh
            bpy.data.meshes.remove(before)
        self._shown[key] = (standing, state)

    def _shining(self, material: Any | None) -> Any:
        """A material that shines with the carried place, cut out where the surface's own one is transparent."""
        name = material.name_full if material is not None else ""
        if name not in self._materials:
            self._materials[name] = _shining(material, self._shines)
        return self._materials[name]


def _attribute(mesh: Any, name: str, kind: str) -> Any:
    """An attribute of a mesh's points under exactly that name: another of that name would be shown in its place."""
    other = mesh.attributes.get(name)
    if other is not None:
        mesh.attributes.remove(other)
    return mesh.attributes.new(name, kind, "POINT")


def _new_shine() -> tuple[Any, Any]:
    """What all materials shine with, as one group of nodes, and the node that says which of the two it is.

    The carried place (0), or the owner and how far before the camera it is (1).
    """
    group = bpy.data.node_groups.new("shine", "ShaderNodeTree")
    group.interface.new_socket("Colour", in_out="OUTPUT", socket_type="NodeSocketColor")
    kinds = ("Attribute", "Attribute", "CameraData", "CombineXYZ", "Mix")
    place, owner, camera, both, mix = (group.nodes.new(f"ShaderNode{kind}") for kind in kinds)
    which, end = group.nodes.new("ShaderNodeValue"), group.nodes.new("NodeGroupOutput")
    place.attribute_name, owner.attribute_name = _PLACE, _OWNER
    mix.data_type = "VECTOR"
    group.links.new(which.outputs[0], next(each for each in mix.inputs if each.name == "Factor" and each.enabled))
    sides = [each for each in mix.inputs if each.enabled and each.name in ("A", "B")]
    group.links.new(place.outputs["Vector"], sides[0])
    group.links.new(owner.outputs["Fac"], both.inputs[0])
    group.links.new(camera.outputs["View Z Depth"], both.inputs[1])
    group.links.new(both.outputs[0], sides[1])
    group.links.new(next(each for each in mix.outputs if each.enabled), end.inputs[0])
    return group, which


def _shining(material: Any | None, shines: Any) -> Any:
    shine = material.copy() if material is not None else bpy.data.materials.new("carried")
    if not shine.use_nodes:  # since 5.0 all have nodes
        shine.use_nodes = True
    tree = shine.node_tree
    alpha, clear = (_alpha(tree), _is_clear(tree)) if material is not None else (None, False)
    place, glow, end = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("Group", "Emission", "OutputMaterial"))
    place.node_tree = shines
    tree.links.new(place.outputs[0], glow.inputs["Color"])
    surface = glow.outputs[0]
    if alpha is not None:
        cut, through, mixed = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("Math", "BsdfTransparent", "MixShader"))
        cut.operation = "GREATER_THAN"  # a soft edge would mix two places
        cut.inputs[1].default_value = 0.5
        tree.links.new(alpha, cut.inputs[0])
        tree.links.new(cut.outputs[0], mixed.inputs[0])
        tree.links.new(through.outputs[0], mixed.inputs[1])
        tree.links.new(surface, mixed.inputs[2])
        surface = mixed.outputs[0]
    elif clear:
        surface = tree.nodes.new("ShaderNodeBsdfTransparent").outputs[0]
    for node in tree.nodes:
        if node.type == "OUTPUT_MATERIAL":
            node.is_active_output = node == end
    tree.links.new(surface, end.inputs["Surface"])
    return shine


def _is_clear(tree: Any) -> bool:
    """Whether nothing of a surface is seen anywhere: fog in a box, say."""
    node = _surface_of(tree)
    if node is None:
        end = _end_of(tree)
        return end is not None and bool(end.inputs["Volume"].links)
    if node.type != "BSDF_PRINCIPLED":
        return bool(node.type == "BSDF_TRANSPARENT")
    alpha = node.inputs["Alpha"]
    fades = tree.animation_data is not None  # and how far it has come at a frame, nobody can tell
    return not fades and not alpha.links and alpha.default_value <= 0.5


def _end_of(tree: Any) -> Any | None:
    ends = [node for node in tree.nodes if node.type == "OUTPUT_MATERIAL" and node.is_active_output]
    return ends[0] if ends else None


def _surface_of(tree: Any) -> Any | None:
    """The node that says what a surface looks like."""
    end = _end_of(tree)
    links = end.inputs["Surface"].links if end is not None else ()
    return links[0].from_node if links else None


def _alpha(tree: Any) -> Any | None:
    """The socket that says how opaque a surface is; None where it is so everywhere, or nobody can tell."""
    node = _surface_of(tree)
    if node is not None and node.type == "BSDF_PRINCIPLED" and node.inputs["Alpha"].links:
        return node.inputs["Alpha"].links[0].from_socket
    if node is not None and node.type == "MIX_SHADER" and node.inputs[0].links:
        sides = [side.links[0].from_node.type if side.links else "" for side in node.inputs[1:3]]
        factor = node.inputs[0].links[0].from_socket
        if sides[0] == "BSDF_TRANSPARENT":
            return factor
        if sides[1] == "BSDF_TRANSPARENT":
            turned = tree.nodes.new("ShaderNodeMath")
            turned.operation = "SUBTRACT"
            turned.inputs[0].default_value = 1.0
            tree.links.new(factor, turned.inputs[1])
            return turned.outputs[0]
    return None


def read(path: Path) -> Array:
    """A picture's numbers as they are in its file, (H, W, 4) float32, its upper row first."""
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        image.colorspace_settings.is_data = True
        width, height = image.size
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        return pixels.reshape(height, width, image.channels)[::-1]
    finally:
        bpy.data.images.remove(image)


def write(path: Path, colours: Array) -> None:
    """Write colours (H, W, 3), 0 to 1, as an 8-bit PNG of these numbers. Raises OSError."""
    height, width = colours.shape[:2]
    image = bpy.data.images.new(path.name, width, height)
    try:
        image.colorspace_settings.is_data = True
        rgba = np.dstack([np.clip(colours, 0, 1), np.ones((height, width))])
        image.pixels.foreach_set(rgba[::-1].astype(np.float32).ravel())
        image.filepath_raw, image.file_format = str(path), "PNG"
        image.save()
    finally:
        bpy.data.images.remove(image)
    if not path.read_bytes().endswith(_PNG_END):  # Blender says nothing of a disk that is full
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
