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
from typing import Any

from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ADDON = "bl_ext.user_default.shotpack"
LIMIT_SECONDS = 1200
_SHEET_COLUMNS, _SHEET_WIDTH = 6, 256
_BAR = 30


def main() -> int:
    """Run the demo; returns 1 where the shot did not come to its end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine_python", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="", help="an installed model or a model folder; without it Sketch")
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="shotpack-demo-") as place:
        os.environ["BLENDER_USER_RESOURCES"] = place  # before Blender's module is loaded
        _install(Path(place), args.engine_python, args.model)
        return _film(args.out.resolve())


def _install(place: Path, engine_python: Path, model: str) -> None:
    import bpy

    _say(f"Blender {bpy.app.version_string}: building the extension and installing its zip")
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
    _say(f'{board.name}, {board.frame_final_duration} frames: "{wanted.prompt}"')
    begun = time.monotonic()
    bpy.ops.shotpack.generate()
    meta = next(strip for strip in scene.sequence_editor.strips if strip.type == "META")
    shot = meta.shotpack.shot
    if not _follow(shot, begun):
        return 1
    runtime = importlib.import_module(f"{ADDON}.operators.runtime")
    timeline = importlib.import_module(f"{ADDON}.operators.timeline")
    (meta,) = timeline.find(shot)
    (strip,) = meta.strips
    folder = timeline.folder_of(meta)
    frames = [folder / element.filename for element in strip.elements]
    record = runtime.shot_of(shot)
    (out / "shot.mp4").write_bytes(runtime.desk.movie(record))
    bpy.ops.wm.save_mainfile()
    contact_sheet(frames, out / "contact-sheet.png")
    engine = runtime.desk._engine
    bpy.ops.preferences.addon_disable(module=ADDON)
    engine.process.wait(30)
    missing = [path for path in frames if not path.is_file()]
    length = len(frames) == board.frame_final_duration and not missing
    _say(f"made {len(frames)} frames in {time.monotonic() - begun:.0f} s; they take Panel 1's place on channel 2")
    _say(f"  {out / 'storyboard.blend'}   open it in Blender's Video Editing workspace and press play")
    _say(f"  {out / 'shot.mp4'}   the shot as a movie")
    _say(f"  {out / 'contact-sheet.png'}   the shot at a glance")
    _say(f"  {folder}   its frames as PNG")
    return int(not length)


def _follow(shot: str, begun: float) -> bool:
    """Tick as Blender's timer would, and draw a bar, until the shot has ended; returns whether it is made."""
    runtime = importlib.import_module(f"{ADDON}.operators.runtime")
    problems = importlib.import_module(f"{ADDON}.operators.problems")
    shown = ""
    while time.monotonic() - begun < LIMIT_SECONDS:
        runtime.step()
        record = runtime.shot_of(shot)
        job = runtime.desk.job(record)
        if record.complete:
            _draw_bar(1.0, "done", last=True)
            return True
        problem = problems.of_shot(record, job) or problems.of_engine()
        if problem is not None:
            _say(f"\n{problem.sentence} {problem.advice}")
            return False
        words = (
            (job.stage or f"section {min(len(job.sections) + 1, len(job.plan.sections))} of {len(job.plan.sections)}")
            if job and job.plan
            else ""
        )
        state = f"{job.done if job else 0:.2f} {words or 'starting the engine'}"
        if state != shown:
            _draw_bar(job.done if job else 0.0, words or "starting the engine")
            shown = state
        time.sleep(0.05)
    _say("\nIt took too long; look at the engine's log.")
    return False


def contact_sheet(frames: list[Path], path: Path) -> None:
    """The shot at a glance: frames from its whole length, row by row."""
    count = min(len(frames), 4 * _SHEET_COLUMNS)
    chosen = [frames[round(number * (len(frames) - 1) / max(1, count - 1))] for number in range(count)]
    pictures = [Image.open(each).convert("RGB") for each in chosen]
    width, height = _SHEET_WIDTH, round(_SHEET_WIDTH * pictures[0].height / pictures[0].width)
    rows = -(-count // _SHEET_COLUMNS)
    sheet = Image.new("RGB", (_SHEET_COLUMNS * width, rows * height), "white")
    for number, picture in enumerate(pictures):
        place = (number % _SHEET_COLUMNS * width, number // _SHEET_COLUMNS * height)
        sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), place)
    sheet.save(path)


def _draw_bar(done: float, words: str, *, last: bool = False) -> None:
    filled = round(done * _BAR)
    line = f"\r[{'#' * filled}{'.' * (_BAR - filled)}] {done:4.0%}  {words:<40.40}"
    print(line, end="\n" if last else "", file=sys.stderr, flush=True)


def _say(line: Any) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
