"""A Blender in which another extension has put a broken `requests` in the library's place; `test_registration` runs it.

A process of its own: what has once been imported stays. It tells what it finds in JSON lines on stdout.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from tests.host.killed_blender import tell
from tests.host.studio import ADDON, add_board, bpy, install, metas_of, new_file, part, step_until
from tests.patience import PATIENCE


def main(broken: Path) -> None:
    """Press Generate with the library at `broken` in the way, and once more without it."""
    install()
    tell(registered=hasattr(bpy.types, "SHOTPACK_PT_sequencer") and hasattr(bpy.types.Scene, "shotpack"))
    scene = new_file()
    scene.shotpack.prompt = "w5 w2"
    add_board(scene, length=37)
    assert bpy.ops.shotpack.generate() == {"FINISHED"}
    (meta,) = metas_of(scene)
    runtime, problems = part("operators.runtime"), part("operators.problems")
    shot = runtime.shot_of(meta.shotpack.shot)
    found = [step_until(problems.of_engine), step_until(lambda: problems.of_shot(shot, None))]
    tell(problems=[[problem.sentence, problem.advice] for problem in found], engine=runtime.client._engine)
    broken.unlink()
    importlib.invalidate_caches()
    assert bpy.ops.shotpack.start_engine() == {"FINISHED"}
    step_until(lambda: shot.job)
    tell(problems=[found.sentence for found in (problems.of_engine(), problems.of_shot(shot, None)) if found], job=True)
    engine = runtime.client._engine
    bpy.ops.preferences.addon_disable(module=ADDON)
    engine.process.wait(PATIENCE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # Blender 4.5 may wait for ever for a thread of its own while it ends
