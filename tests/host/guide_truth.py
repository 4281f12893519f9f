"""True renders of a scene and what a guide makes of its first frame: `python -m tests.host.guide_truth SCENE FOLDER`.

FOLDER gets `board.png`, `truth/0001.png` and on, `guide/` as `generate --guide` reads it (a picture for every frame),
and `geometry.json`: how many seconds of processor that took. With a third word, a style of `drawn_boards.py`, the board
is drawn so, `forms/` shows where surfaces are and how they face, and `redrawn/` every fourth frame as it would be drawn
anew: another drawing, so no truth but for where its lines are.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image

from tests.host.drawn_boards import STYLES
from tests.host.guide_scenes import FRAMES, SCENES

SIZE = (256, 144)
EVERY = 4
"""Frames from one that is drawn anew to the next."""
PROGRAM = Path(__file__).resolve().parents[2] / "operators" / "render_guide.py"


def main() -> None:
    name, place, *style = sys.argv[1:]
    folder = Path(place)
    SCENES[name]()
    scene = bpy.context.scene
    scene.cycles.samples = 8
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.use_persistent_data = True
    _render(scene, range(1, FRAMES + 1, EVERY if style else 1), folder / "truth")
    shutil.copyfile(folder / "truth" / "0001.png", folder / "board.png")
    if style:
        with _forms_alone(scene):
            _render(scene, range(1, FRAMES + 1), folder / "forms")
        (folder / "redrawn").mkdir()
        for frame in range(1, FRAMES + 1, EVERY):
            drawn = STYLES[style[0]](*(_colours(folder / kind / f"{frame:04d}.png") for kind in ("truth", "forms")))
            Image.fromarray((255 * drawn).round().astype(np.uint8)).save(folder / "redrawn" / f"{frame:04d}.png")
        shutil.copyfile(folder / "redrawn" / "0001.png", folder / "board.png")
    frames = {f"{frame:07.2f}": frame for frame in range(2, FRAMES + 1)}
    film = {"size": SIZE, "boards": [["board.png", 1]], "frames": frames, "drawn": [0] if style else []}
    scene["shotpack_guide"] = json.dumps(film)
    bpy.data.libraries.write(str(folder / "guide.blend"), {scene}, path_remap="ABSOLUTE")
    (folder / "guide").mkdir()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, str(PROGRAM), "--", str(folder / "guide.blend"), str(folder / "guide")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (folder / "geometry.json").write_text(json.dumps({"seconds": spent, "pictures": len(frames)}))


def _render(scene: Any, frames: range, folder: Path) -> None:
    folder.mkdir(parents=True)
    for frame in frames:
        scene.frame_set(frame)
        scene.render.filepath = str(folder / f"{frame:04d}.png")
        bpy.ops.render.render(write_still=True)


@contextmanager
def _forms_alone(scene: Any) -> Iterator[None]:
    """Surfaces without their patterns: each shines in the colour of where it faces."""
    facing = bpy.data.materials.new("facing")
    facing.use_nodes = True
    tree = facing.node_tree
    tree.nodes.clear()
    normal, glow, end = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("NewGeometry", "Emission", "OutputMaterial"))
    half = tree.nodes.new("ShaderNodeVectorMath")
    half.operation = "MULTIPLY_ADD"
    half.inputs[1].default_value = half.inputs[2].default_value = (0.5, 0.5, 0.5)
    tree.links.new(normal.outputs["Normal"], half.inputs[0])
    tree.links.new(half.outputs[0], glow.inputs["Color"])
    tree.links.new(glow.outputs[0], end.inputs["Surface"])
    layer = scene.view_layers[0]
    layer.material_override = facing
    try:
        yield
    finally:
        layer.material_override = None
        bpy.data.materials.remove(facing)


def _colours(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), float) / 255


if __name__ == "__main__":
    main()
