"""Sixty shots on a timeline: `python -m tests.host.crowd` in a Blender environment prints what they cost.

Sixty boards go through Animate Storyboard with a real engine and the tiny checkpoint: every step of the run is timed
beside Blender's own render of its board, then every tick until all are made, and how long panels take to draw
meanwhile. The file is saved and opened again, and a long shot streams in beside the sixty that are finished. Wall time
holds what other programs take of this machine's cores; the main thread's own processor time does not.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.host import studio
from tests.host.studio import bpy, part
from tests.host.test_panels import Panel
from tests.host.timing import percentile

SHOTS, LENGTH, LONG = 60, 10, 720
SIZE = (1920, 1080)
_BOARD, _TICK = "a board's render alone", "a tick"
_PANELS = (("shot", "_draw_shot"), ("storyboard", "_Storyboard"), ("shots", "_Shots"), ("engine", "_draw_engine"))

Spent = list[tuple[float, float]]
"""Milliseconds of wall time and of the main thread's processor time, one a call."""


def timed(call: Callable[[], Any], spent: Spent) -> Any:
    """What a call returns; its cost goes into `spent`."""
    wall, own = time.perf_counter(), time.thread_time()
    try:
        return call()
    finally:
        spent.append((1000 * (time.perf_counter() - wall), 1000 * (time.thread_time() - own)))


def boards(scene: Any, folder: Path) -> None:
    """One image strip a board, each of its own colour."""
    for number in range(SHOTS):
        file = folder / f"panel{number:02d}.png"
        Image.new("RGB", (SIZE[0] // 4, SIZE[1] // 4), (4 * number, 255 - 4 * number, 90)).save(file)
        strip = scene.sequence_editor.strips.new_image(
            f"Panel {number + 1}", str(file), 1, 1 + number * LENGTH, fit_method="FIT"
        )
        strip.frame_final_duration = LENGTH
        strip.shotpack_board.prompt = f"w{number % 8} w2"
        strip.select = False
    scene.sequence_editor.active_strip = scene.sequence_editor.strips["Panel 1"]


def animate(scene: Any) -> dict[str, Spent]:
    """Capture and place all boards as the window's timer would; each step's cost, and of each board its render's."""
    animate, capture = part("operators.animate"), part("operators.generate").capture
    spent: dict[str, Spent] = {_BOARD: [], "capture": [], "place": []}
    render = capture.at_frame
    capture.at_frame = lambda *of: timed(lambda: render(*of), spent[_BOARD])
    try:
        run = animate.Run(bpy.context, animate.strips_of(scene))
        more = True
        while more:
            more = timed(lambda: run.step(bpy.context), spent["capture" if run.capturing else "place"])
    finally:
        capture.at_frame = render
    return spent


def draw(spent: dict[str, Spent]) -> None:
    """What each panel costs to draw now, by a layout that does nothing."""
    for module, name in _PANELS:
        found, panel = getattr(part(f"panels.{module}"), name), Panel()
        if isinstance(found, type):
            drawing: Callable[[], Any] = lambda found=found, panel=panel: found.draw(  # noqa: E731
                types.SimpleNamespace(layout=panel), bpy.context
            )
        else:
            drawing = lambda found=found, panel=panel: found(panel, bpy.context)  # noqa: E731
        timed(drawing, spent.setdefault(f"drawing {module}", []))


def stream(ended: Callable[[], bool], drawn: dict[str, Spent]) -> Spent:
    """Every tick until `ended`, and every tenth time the panels."""
    runtime, ticks = part("operators.runtime"), []
    while not ended() or runtime._waiting:
        timed(runtime.step, ticks)
        if len(ticks) % 10 == 1:
            draw(drawn)
        time.sleep(0.05)
    return ticks


def all_made() -> bool:
    """Whether every shot is finished, and shown so."""
    return all(meta.shotpack.state == "finished" for _, meta in part("operators.shot_strips").stamped())


def long_shot(scene: Any) -> None:
    """One more, of a board that is used already, over all."""
    for strip in scene.sequence_editor.strips:
        strip.select = strip.name == "Panel 1"
    scene.sequence_editor.active_strip = scene.sequence_editor.strips["Panel 1"]
    scene.sequence_editor.strips["Panel 1"].shotpack_board.frames = LONG
    assert bpy.ops.shotpack.generate() == {"FINISHED"}


def line(figure: str, spent: Spent, wanted: str = "") -> str:
    """A row of the table."""
    wall, own = [each[0] for each in spent], [each[1] for each in spent]
    cells = [
        f"{statistics.median(values):.2f}, {percentile(values, 0.99):.2f}, {max(values):.2f}" for values in (wall, own)
    ]
    return f"| {figure} ({len(spent)}) | {cells[0]} | {cells[1]} | {wanted} |"


def main() -> int:
    """Print the table."""
    studio.install()
    studio.new_file()
    with tempfile.TemporaryDirectory() as place:
        bpy.ops.wm.save_as_mainfile(filepath=str(Path(place) / "film.blend"))
        scene = bpy.context.scene
        scene.render.resolution_x, scene.render.resolution_y = SIZE
        boards(scene, Path(place))
        drawn: dict[str, Spent] = {}
        runtime = part("operators.runtime")
        runtime.wake()
        studio.step_until(lambda: runtime.client.state == "ready")
        steps = animate(scene)
        first = stream(all_made, drawn)
        undone: Spent = []
        runtime.look_again()
        while runtime._waiting:
            timed(runtime.step, undone)
        bpy.ops.wm.save_mainfile()
        opened: Spent = []
        timed(lambda: bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath), opened)
        long_shot(bpy.context.scene)
        second = stream(all_made, drawn)
        ratio = [whole[0] / alone[0] for whole, alone in zip(steps["capture"], steps[_BOARD], strict=True)]
        print(f"| Blender {bpy.app.version_string}: median, p99, longest (calls) | wall, ms | own, ms | wanted |")
        print("| --- | --- | --- | --- |")
        print(line(_BOARD, steps[_BOARD]))
        print(line("a step that captures one", steps["capture"], "a board's render"))
        print(f"| its ratio to the render in it: median, most | {statistics.median(ratio):.2f}, {max(ratio):.2f} | | |")
        print(line("a step that places a shot", steps["place"], "a board's render"))
        print(line(f"{_TICK} while they are made", first, "8 at p99, never over 16"))
        print(line(f"{_TICK} while one of {LONG} frames streams in beside them", second, "8 at p99, never over 16"))
        print(line(f"{_TICK} after an undo, all {SHOTS} looked at", undone, "8 at p99, never over 16"))
        for figure, spent in drawn.items():
            print(line(figure, spent))
        print(line("opening the file", opened))
        runtime.detach()
    return 0


if __name__ == "__main__":
    sys.exit(main())
