"""The main job end to end, without a window: the zip installed, a board captured, a shot made, streamed and saved.

`python3 dev.py demo` runs it in a Blender environment as `python -m samples.demo ENGINE_PYTHON OUT`. Everything is the
real thing: Blender's own installer, the extension's operators, the engine in its own process, Sketch on the processor.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import windowed
from .show import contact_sheet, draw_bar, say

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ADDON = "bl_ext.user_default.shotpack"
LIMIT_SECONDS = 1200


def main() -> int:
    """Run the demo; returns 1 where the shot did not come to its end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine_python", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="", help="an installed model or a model folder; without it Sketch")
    parser.add_argument("--ui", action="store_true", help="in a real Blender window: BLENDER, or blender on the PATH")
    args = parser.parse_args()
    args.engine_python = args.engine_python.absolute()  # not resolved: a link leads out of its environment
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    if args.ui:
        return windowed.film(args.out.resolve(), args.engine_python, args.model, LIMIT_SECONDS)
    with tempfile.TemporaryDirectory(prefix="shotpack-demo-") as place:
        os.environ["BLENDER_USER_RESOURCES"] = place  # before Blender's module is loaded
        _install(Path(place), args.engine_python, args.model)
        return _film(args.out.resolve())


def _install(place: Path, engine_python: Path, model: str) -> None:
    import bpy

    say(f"Blender {bpy.app.version_string}: building the extension and installing its zip")
    bl_pkg = importlib.import_module("bl_pkg")  # found only once bpy has shown Python its own add-ons
    program = Path(str(bl_pkg.__file__)).parent / "cli" / "blender_ext.py"
    command = [sys.executable, str(program), "build", "--source-dir", str(ROOT), "--output-dir", str(place)]
    subprocess.run(command, check=True, capture_output=True)
    package = next(place.glob("shotpack-*.zip"))
    bpy.ops.extensions.package_install_files(filepath=str(package), repo="user_default", enable_on_install=True)
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.python, preferences.device, preferences.model = str(engine_python), "cpu", model


def _film(out: Path) -> int:
    import bpy

    shutil.copytree(HERE / "panels", out / "panels")
    shutil.copyfile(HERE / "storyboard.blend", out / "storyboard.blend")
    bpy.ops.wm.open_mainfile(filepath=str(out / "storyboard.blend"))
    scene = bpy.context.scene
    wanted = scene.shotpack
    wanted.prompt = scene.timeline_markers[0].name
    board = scene.sequence_editor.active_strip
    say(f'{board.name}, {board.frame_final_duration} frames: "{wanted.prompt}"')
    begun = time.monotonic()
    bpy.ops.shotpack.generate()
    meta = next(strip for strip in scene.sequence_editor.strips if strip.type == "META")
    shot = meta.shotpack.shot
    if not _follow(shot, begun):
        return 1
    runtime = importlib.import_module(f"{ADDON}.operators.runtime")
    shot_strips = importlib.import_module(f"{ADDON}.operators.shot_strips")
    (meta,) = shot_strips.find(shot)
    frames = shot_strips.pictures(meta)
    engine = runtime.client._engine
    (out / "shot.mp4").write_bytes(engine.connection.movie(runtime.shot_of(shot).job))
    bpy.ops.wm.save_mainfile()
    contact_sheet(frames, out / "contact-sheet.png")
    bpy.ops.preferences.addon_disable(module=ADDON)
    engine.process.wait(30)
    say(f"made {len(frames)} frames in {time.monotonic() - begun:.0f} s; they take Panel 1's place on channel 2")
    say(f"  {out / 'storyboard.blend'}   open it in Blender's Video Editing workspace and press play")
    say(f"  {out / 'shot.mp4'}   the shot as a movie")
    say(f"  {out / 'contact-sheet.png'}   the shot at a glance")
    say(f"  {frames[0].parent}   its frames as PNG")
    missing = [path for path in frames if not path.is_file()]
    return int(bool(missing) or len(frames) != board.frame_final_duration)


def _follow(shot: str, begun: float) -> bool:
    """Tick as Blender's timer would, and draw a bar, until the shot has ended; returns whether it is made."""
    runtime = importlib.import_module(f"{ADDON}.operators.runtime")
    problems = importlib.import_module(f"{ADDON}.operators.problems")
    shown = ""
    while time.monotonic() - begun < LIMIT_SECONDS:
        runtime.step()
        record = runtime.shot_of(shot)
        job = runtime.client.job(record)
        if record.complete:
            draw_bar(1.0, "done", last=True)
            return True
        problem = problems.of_shot(record, job) or problems.of_engine()
        if problem is not None:
            say(f"\n{problem.sentence} {problem.advice}")
            return False
        words = (
            (job.stage or f"section {min(len(job.sections) + 1, len(job.plan.sections))} of {len(job.plan.sections)}")
            if job and job.plan
            else ""
        )
        state = f"{job.done if job else 0:.2f} {words or 'starting the engine'}"
        if state != shown:
            draw_bar(job.done if job else 0.0, words or "starting the engine")
            shown = state
        time.sleep(0.05)
    say("\nIt took too long; look at the engine's log.")
    return False


if __name__ == "__main__":
    sys.exit(main())
