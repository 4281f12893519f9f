"""Sixty boards in a real window: `BLENDER=... python -m tests.desktop.crowd` with the engine's Python prints a table.

They go through Animate Storyboard on the Storyboarding template, are stopped by Esc once, and then ten are made by a
real engine with the tiny checkpoint. Timed is what holds the main thread; pictures of the window stay in out/desktop/.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.desktop.window import BLENDER, ShotpackWindow

BOARDS, STOP_AFTER = 60, 5
MADE = 10
"""So many are made while ticks are timed: the others wait on the timeline."""


def line(figure: str, spent: list[list[float]], wanted: str = "") -> str:
    """A row of the table: median, 99th percentile and longest of wall time, and of the main thread's own."""
    cells = []
    for values in zip(*spent, strict=True):
        ordered = sorted(values)
        p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        cells.append(f"{statistics.median(ordered):.2f}, {p99:.2f}, {ordered[-1]:.2f}")
    return f"| {figure} ({len(spent)}) | {' | '.join(cells)} | {wanted} |"


def main() -> int:
    """Print the table; the number of boards may be given."""
    boards = int(sys.argv[1]) if len(sys.argv) > 1 else BOARDS
    with tempfile.TemporaryDirectory() as folder:
        window = ShotpackWindow(Path(folder), Path(__file__).with_name("animating.py"), str(boards))
        try:
            window.wait_for(lambda status: len(status.get("steps", [])) >= STOP_AFTER)
            subprocess.run([BLENDER, "--do", "mousemove", "800", "500", "key", "Escape"], check=True)
            stopped = window.wait_for(lambda status: status["stopped"] and status)
            after, shots, left = stopped["stopped"][0], len(stopped["shots"]), stopped["folders"]
            print(f"Esc after {after} boards: {shots} shots, folders: {left}", flush=True)
            window.wait_for(lambda status: len(status["steps"]) >= boards // 2)
            window.screenshot("crowd-capturing.png")
            window.wait_for(lambda status: len(status["shots"]) == boards)
            window.screenshot("crowd-making.png")
            status = window.wait_for(
                lambda status: sum(shot["state"] == "finished" for shot in status["shots"]) >= MADE and status
            )
            window.screenshot("crowd-made.png")
        finally:
            window.close()
    steps, renders = status["steps"], status["renders"]
    ratios = [[whole / alone for whole, alone in zip(*each, strict=True)] for each in zip(steps, renders, strict=False)]
    print("| Blender with a window: median, p99, longest (calls) | wall, ms | own, ms | wanted |")
    print("| --- | --- | --- | --- |")
    print(line("a board's render alone", renders))
    print(line("a step that captures one", steps[:boards], "a board's render"))
    print(line("its ratio to the render in it", ratios))
    print(line("a step that places a shot", steps[boards:], "a board's render"))
    print(line("a tick", status["ticks"], "8 at p99, never over 16"))
    for panel, spent in status["drawn"].items():
        print(line(f"drawing the panel {panel}", spent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
