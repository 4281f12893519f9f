"""How long Blender's main thread is held: `python -m tests.host.timing` in a Blender environment prints the table.

An environment is installed, a shot of 1,800 frames is placed whole, and a 60 s shot streams in from a real engine with
the tiny checkpoint; every call that Blender's own timer would make is timed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.host import studio
from tests.host.studio import add_board, bpy, part


def percentile(values: list[float], share: float) -> float:
    """The value under which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def stream(scene: object, frames: int) -> dict[str, list[float]]:
    """Milliseconds of the main thread for a shot of `frames`: the button, and every tick by what went on."""
    runtime, client = part("operators.runtime"), part("operators.runtime").the_client()
    add_board(scene, length=frames)
    scene.shotpack.prompt = "w5 w2"
    spent: dict[str, list[float]] = {"board": [], "starting": [], "streaming": [], "finishing": []}
    generate = part("operators.generate")
    capture = generate.capture.at_frame

    def timed_capture(*arguments: object) -> None:
        spent["board"].append(milliseconds(lambda: capture(*arguments)))

    generate.capture.at_frame = timed_capture
    try:
        spent["button"] = [milliseconds(bpy.ops.shotpack.generate)]
    finally:
        generate.capture.at_frame = capture
    shot = next(iter(client.shots.values()))
    while not shot.complete or runtime._waiting:
        before = shot.complete
        took = milliseconds(runtime.step)
        at = "starting" if client.state != "ready" else "streaming" if before == shot.complete else "finishing"
        spent[at].append(took)
        time.sleep(0.05)
    return spent


def install(scene: object) -> list[float]:
    """Milliseconds of the main thread while an environment is installed: the button, and every look at how far it is.

    The real installer with the real uv; but one small package instead of torch, so that its last check must fail.
    """
    engine, preferences = part("operators.engine"), bpy.context.preferences.addons[studio.ADDON].preferences
    with tempfile.TemporaryDirectory() as place:
        wanted = Path(place) / "requirements" / "engine.txt"
        wanted.parent.mkdir()
        wanted.write_text("six==1.17.0\n", encoding="utf-8")
        before = preferences.engine_folder, preferences.python, bpy.app.online_access
        preferences.engine_folder, preferences.python = place, ""
        bpy.context.preferences.system.use_online_access = True
        ticks = [milliseconds(bpy.ops.shotpack.install_engine)]
        while engine.installing():
            ticks.append(milliseconds(engine._watch))
            time.sleep(0.02)
        print(f"the installer ended with: {engine.installation.progress.detail}", file=sys.stderr)
        preferences.engine_folder, preferences.python, bpy.context.preferences.system.use_online_access = before
    return ticks


def milliseconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begun)


def place_whole(scene: object, frames: int) -> float:
    """Milliseconds to make one image strip of `frames` out of a complete shot's pictures."""
    timeline, shot_module = part("operators.timeline"), part("engine.client.shot")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        picture = (studio.FIXTURES / "board.png").read_bytes()
        for frame in range(1, frames + 1):
            (folder / f"{frame:04d}.png").write_bytes(picture)
        shot = shot_module.Shot("whole", "whole", folder, frames)
        for frame in range(1, frames + 1):
            shot.arrived(shot_module.remote_frame(f"frames/{frame:04d}.png"))
        shot.complete = True
        timeline.place(scene, shot, timeline.Spot(1, frames, 20), folder / "0001.png")
        begun = time.perf_counter()
        timeline.reconcile(shot, None)
        return 1000 * (time.perf_counter() - begun)


def main() -> int:
    """Print the table; the frames of the streamed shot may be given."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 1800
    studio.install()
    studio.new_file()
    with tempfile.TemporaryDirectory() as place:
        bpy.ops.wm.save_as_mainfile(filepath=str(Path(place) / "film.blend"))
        scene = bpy.context.scene
        scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
        installing = install(scene)
        whole = place_whole(scene, 1800)
        spent = stream(scene, frames)
        ticks = spent["streaming"] + spent["finishing"]
        print(f"| figure, Blender {bpy.app.version_string} | measured | wanted |\n| --- | --- | --- |")
        print(f"| installing: the longest of {len(installing)} calls | {max(installing):.1f} ms | |")
        print(f"| Generate on an image strip at 1920x1080 | {spent['button'][0]:.0f} ms | |")
        print(f"| of it Blender's render of the board | {spent['board'][0]:.0f} ms | |")
        print(
            f"| the engine starts: the longest of {len(spent['starting'])} ticks | {max(spent['starting']):.2f} ms | |"
        )
        print(f"| ticks while a shot of {frames} frames streams in | {len(ticks)} | |")
        print(f"| a tick, median | {statistics.median(ticks):.2f} ms | |")
        print(f"| a tick, p99 | {percentile(ticks, 0.99):.2f} ms | under 8 ms |")
        print(f"| a tick, longest | {max(ticks):.2f} ms | under 16 ms |")
        print(f"| the tick that finishes the shot | {max(spent['finishing']):.2f} ms | |")
        print(f"| a shot of 1800 frames placed | {whole:.0f} ms | under 250 ms |")
    part("operators.runtime").detach()
    return 0


if __name__ == "__main__":
    sys.exit(main())
