"""What can be set of something of Blender's, as plain values in a fixed order: of modifiers, physics and node trees.

It reads and evaluates nothing. What is animated or driven is left out, since its present value hangs on the playhead;
so is what only looks otherwise in an editor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import bpy

_PLAIN = ("BOOLEAN", "INT", "FLOAT", "ENUM", "STRING")
_OF_THE_EDITOR = frozenset(
    (
        *("is_active", "show_expanded", "use_pin_to_last", "active", "active_index", "open_texture_panel"),
        *("location", "location_absolute", "width", "width_hidden", "height", "select", "show_options", "show_preview"),
        *("hide", "label", "color", "color_tag", "use_custom_color", "show_texture", "warning_propagation"),
    )
)
_LEFT_OUT = frozenset(
    (
        *("rna_type", "inputs", "outputs", "internal_links", "parent", "paired_output"),
        "frame_current",  # of an image that plays
        *("point_caches", "particles", "child_particles", "solver_result"),  # what comes of it, not what is set
        *("asset_data", "preview", "animation_data", "override_library", "library", "session_uid"),
    )
)
_DEEPEST, _MOST = 4, 512


def of_struct(owner: Any, animated: Collection[str] = (), path: str = "", deep: int = _DEEPEST) -> Iterator[object]:
    """What is set of `owner`, which lies at `path` of its ID; other IDs by their names."""
    for prop in owner.bl_rna.properties:
        name = prop.identifier
        if name in _OF_THE_EDITOR or name in _LEFT_OUT or name.startswith("bl_") or f"{path}{name}" in animated:
            continue
        if prop.type in _PLAIN:
            if not prop.is_readonly:
                yield name, _value(getattr(owner, name))
        elif prop.type == "POINTER":
            yield name
            yield from _of_held(getattr(owner, name), animated, f"{path}{name}", deep)
        else:
            for number, value in zip(range(_MOST), getattr(owner, name), strict=False):
                yield name, number
                yield from _of_held(value, animated, f"{path}{name}[{number}]", deep)


def _of_held(value: Any, animated: Collection[str], path: str, deep: int) -> Iterator[object]:
    """What a struct holds at `path`: its own parts, and the names of what is none of it."""
    if isinstance(value, (bpy.types.ID, bpy.types.Node)):
        yield value.name
    elif deep and isinstance(value, bpy.types.bpy_struct):
        yield from of_struct(value, animated, f"{path}.", deep - 1)


def of_modifier(modifier: Any, animated: Collection[str], path: str) -> Iterator[object]:
    """The same of a modifier, with what its node group is given."""
    yield from of_struct(modifier, animated, path)
    if modifier.type == "NODES":
        for name in sorted(modifier.keys()):
            if f'{path[:-1]}["{name}"]' not in animated:
                value = modifier[name]
                yield name, value.name if isinstance(value, bpy.types.ID) else _value(value)


def of_tree(tree: Any, animated: Collection[str]) -> Iterator[object]:
    """What is set in a node tree, without the groups in it, which are named: nodes, their free inputs, links."""
    for node in tree.nodes:
        path = f'nodes["{node.name}"].'
        yield node.name, node.bl_idname
        yield from of_struct(node, animated, path)
        for number, socket in enumerate(node.inputs):
            if not socket.is_linked and f"{path}inputs[{number}].default_value" not in animated:
                value = getattr(socket, "default_value", None)
                yield socket.identifier, value.name if isinstance(value, bpy.types.ID) else _value(value)
    for link in tree.links:
        ends = link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier
        yield (*ends, link.is_muted)
    if tree.bl_rna.properties.get("interface") is not None:
        yield from of_interface(tree.interface)


def of_interface(interface: Any) -> Iterator[object]:
    """The inputs and outputs of a node group, with what they are where nothing is given."""
    for item in interface.items_tree:
        value = getattr(item, "default_value", None)
        yield item.item_type, item.name, value.name if isinstance(value, bpy.types.ID) else _value(value)


def groups_in(tree: Any) -> Iterator[Any]:
    """The node groups that a tree uses."""
    for node in tree.nodes:
        group = getattr(node, "node_tree", None)
        if group is not None:
            yield group


def _value(value: Any) -> object:
    """Numbers and words as they are, several as a tuple, whatever Blender's type for that is."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(value))
    try:
        return tuple(_value(each) for each in value)
    except TypeError:
        return type(value).__name__
