"""A Blender that is killed, and the one that opens its file afterwards; `test_killed` runs it with `film` and `reopen`.

Both say in one JSON line on stdout when they have come to what the test waits for.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tests.host.studio import ADDON, add_board, bpy, install, new_file, of_role, part, shot_strips, step_until

FRAMES = 145


def film(file: Path) -> None:
    """Begin a shot, save once its first section is there, and go on until killed."""
    scene = new_file()
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    add_board(scene, length=FRAMES)
    scene.shotpack.prompt = "w5 w2"
    bpy.ops.shotpack.generate()
    (meta,) = shot_strips(scene)
    step_until(lambda: of_role(meta, "section"))
    bpy.ops.wm.save_mainfile()
    job = meta.shotpack.job
    tell(job=job, engine=part("operators.runtime").desk._engine.ready["pid"])
    while True:
        part("operators.runtime").step()
        time.sleep(0.02)


def reopen(file: Path) -> None:
    """Open the file, as an artist would, and let the shot come to its end."""
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene = bpy.context.scene
    part("operators.runtime").adopt()  # what load_post does in a Blender that knew the extension before it opened
    (meta,) = shot_strips(scene)
    step_until(lambda: meta.shotpack.state == "finished")
    frames = part("operators.timeline").pictures(meta)
    tell(
        job=meta.shotpack.job,
        roles=[strip.shotpack.role for strip in meta.strips],
        frames=len(frames),
        missing=[str(path) for path in frames if not path.is_file()],
        span=[meta.frame_final_start, meta.frame_final_end],
    )
    engine = part("operators.runtime").desk._engine
    bpy.ops.preferences.addon_disable(module=ADDON)
    engine.process.wait(30)


def tell(**news: object) -> None:
    """One line for the test."""
    print(json.dumps(news), flush=True)


if __name__ == "__main__":
    install()
    {"film": film, "reopen": reopen}[sys.argv[1]](Path(sys.argv[2]))
