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

from . import previs, shots, windowed
from .show import contact_sheet, say

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def main() -> int:
    """Run the demo; returns 1 where the shot did not come to its end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine_python", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="", help="an installed model or a model folder; without it Sketch")
    parser.add_argument("--ui", action="store_true", help="in a real Blender window: BLENDER, or blender on the PATH")
    parser.add_argument("--previs", action="store_true", help="a shot that follows a blocked-out scene's camera")
    args = parser.parse_args()
    if args.ui and args.previs:
        parser.error("--previs runs without a window; open demo-output/previs.blend in one when it is done")
    args.engine_python = args.engine_python.absolute()  # not resolved: a link leads out of its environment
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    if args.ui:
        return windowed.film(args.out.resolve(), args.engine_python, args.model, shots.LIMIT_SECONDS)
    with tempfile.TemporaryDirectory(prefix="shotpack-demo-") as place:
        os.environ["BLENDER_USER_RESOURCES"] = place  # before Blender's module is loaded
        _install(Path(place), args.engine_python, args.model)
        return (previs.film if args.previs else _film)(args.out.resolve())


def _install(place: Path, engine_python: Path, model: str) -> None:
    import bpy

    say(f"Blender {bpy.app.version_string}: building the extension and installing its zip")
    bl_pkg = importlib.import_module("bl_pkg")  # found only once bpy has shown Python its own add-ons
    program = Path(str(bl_pkg.__file__)).parent / "cli" / "blender_ext.py"
    command = [sys.executable, str(program), "build", "--source-dir", str(ROOT), "--output-dir", str(place)]
    subprocess.run(command, check=True, capture_output=True)
    package = next(place.glob("shotpack-*.zip"))
    bpy.ops.extensions.package_install_files(filepath=str(package), repo="user_default", enable_on_install=True)
    preferences = bpy.context.preferences.addons[shots.ADDON].preferences
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
    meta = shots.make(scene)
    if meta is None:
        return 1
    frames = shots.frames_of(meta)
    (out / "shot.mp4").write_bytes(shots.movie(meta))
    bpy.ops.wm.save_mainfile()
    contact_sheet(frames, out / "contact-sheet.png")
    shots.close()
    say(f"made {len(frames)} frames in {time.monotonic() - begun:.0f} s; they take Panel 1's place on channel 2")
    say(f"  {out / 'storyboard.blend'}   open it in Blender's Video Editing workspace and press play")
    say(f"  {out / 'shot.mp4'}   the shot as a movie")
    say(f"  {out / 'contact-sheet.png'}   the shot at a glance")
    say(f"  {frames[0].parent}   its frames as PNG")
    missing = [path for path in frames if not path.is_file()]
    return int(bool(missing) or len(frames) != board.frame_final_duration)


if __name__ == "__main__":
    sys.exit(main())
