"""How long Blender's main thread is held: `python -m tests.host.timing` in a Blender environment prints the table.

A 60 s shot streams in from a real engine with the tiny checkpoint; every tick of the runtime is timed, as Blender's own
timer would call it. Then a shot of 1,800 frames is placed whole.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.host import studio
from tests.host.studio import add_board, bpy, part


def percentile(values: list[float], share: float) -> float:
    """The value under which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def stream(scene: object, frames: int) -> list[float]:
    """Milliseconds of every tick until a shot of `frames` is complete."""
    runtime, desk = part("operators.runtime"), part("operators.runtime").the_desk()
    add_board(scene, length=frames)
    scene.shotpack.prompt = "w5 w2"
    bpy.ops.shotpack.generate()
    ticks: list[float] = []
    while not all(shot.complete for shot in desk.shots.values()) or part("operators.runtime")._waiting:
        begun = time.perf_counter()
        runtime.step()
        ticks.append(1000 * (time.perf_counter() - begun))
        time.sleep(0.05)
    return ticks


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
            shot.arrived(shot_module.wanted(f"frames/{frame:04d}.png"))
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
        whole = place_whole(scene, 1800)
        ticks = stream(scene, frames)
        print(f"| figure, Blender {bpy.app.version_string} | measured | wanted |\n| --- | --- | --- |")
        print(f"| ticks while a shot of {frames} frames streams in | {len(ticks)} | |")
        print(f"| a tick, median | {statistics.median(ticks):.2f} ms | |")
        print(f"| a tick, p99 | {percentile(ticks, 0.99):.2f} ms | under 8 ms |")
        print(f"| a tick, longest | {max(ticks):.2f} ms | under 16 ms |")
        print(f"| a shot of 1800 frames placed | {whole:.0f} ms | under 250 ms |")
    part("operators.runtime").detach()
    return 0


if __name__ == "__main__":
    sys.exit(main())
