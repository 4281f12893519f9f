"""True renders of a scene and what a guide makes of its first frame: `python -m tests.host.guide_truth SCENE FOLDER`.

FOLDER gets `board.png`, `truth/0001.png` and on, `guide/` as `generate --guide` reads it (a picture for every frame),
and `geometry.json`: how many seconds of processor that took.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import bpy

from tests.host.guide_scenes import FRAMES, SCENES

SIZE = (256, 144)
PROGRAM = Path(__file__).resolve().parents[2] / "operators" / "render_guide.py"


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    SCENES[name]()
    scene = bpy.context.scene
    scene.cycles.samples = 8
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.use_persistent_data = True
    (folder / "truth").mkdir(parents=True)
    for frame in range(1, FRAMES + 1):
        scene.frame_set(frame)
        scene.render.filepath = str(folder / "truth" / f"{frame:04d}.png")
        bpy.ops.render.render(write_still=True)
    shutil.copyfile(folder / "truth" / "0001.png", folder / "board.png")
    frames = {f"{frame:07.2f}": frame for frame in range(2, FRAMES + 1)}
    scene["shotpack_guide"] = json.dumps({"size": SIZE, "boards": [["board.png", 1]], "frames": frames})
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


if __name__ == "__main__":
    main()
