"""How the sample was made: three panels drawn with Pillow, and a .blend whose timeline holds them.

Run it with the Python of a Blender environment, `.venvs/blender-4.5/bin/python -m samples.make_storyboard`; then in a
window with Shotpack, `blender --python samples/arrange.py -- samples/storyboard.blend`; then here `… again`.
"""

from __future__ import annotations

import itertools
import math
import os
import random
import sys
from pathlib import Path

import bpy
from PIL import Image, ImageDraw

from . import template

HERE = Path(__file__).resolve().parent
FILM = HERE / "storyboard.blend"
SIZE = (1280, 720)
SECONDS, FPS = 5, 24
PROMPTS = (
    "The camera pans left along the harbour.",
    "Slow zoom in on the lighthouse.",
    "She stands still. Static camera.",
)
_INK, _PAPER = (34, 32, 38), (246, 242, 232)
_SCALE = 2


class Panel:
    """A sheet of paper and a pen that is never quite steady."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._sheet = Image.new("RGB", (SIZE[0] * _SCALE, SIZE[1] * _SCALE), _PAPER)
        self._draw = ImageDraw.Draw(self._sheet)

    def line(self, *points: tuple[float, float], width: float = 4) -> None:
        """A line through the points, drawn by hand."""
        path: list[tuple[float, float]] = []
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            steps = max(2, int(math.hypot(bx - ax, by - ay) / 30))
            for step in range(steps):
                along = step / steps
                path.append((ax + (bx - ax) * along + self._shake(), ay + (by - ay) * along + self._shake()))
        path.append(points[-1])
        scaled = [(x * _SCALE, y * _SCALE) for x, y in path]
        self._draw.line(scaled, fill=_INK, width=round(width * _SCALE), joint="curve")

    def fill(self, points: list[tuple[float, float]], grey: int) -> None:
        """A flat tone."""
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill=(grey, grey - 2, grey - 6))

    def round(self, x: float, y: float, rx: float, ry: float, grey: int | None = None, width: float = 4) -> None:
        """An ellipse."""
        turn = [math.tau * step / 40 for step in range(41)]
        points = [(x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in turn]
        if grey is not None:
            self.fill(points, grey)
        self.line(*points, width=width)

    def save(self, path: Path) -> None:
        """Write it at its size."""
        self._sheet.resize(SIZE, Image.Resampling.LANCZOS).save(path, optimize=True)

    def _shake(self) -> float:
        return self._rng.uniform(-1.2, 1.2)


def harbour() -> Panel:
    """Houses along the water, and a boat."""
    panel = Panel(1)
    panel.fill([(0, 470), (1280, 470), (1280, 720), (0, 720)], 214)
    panel.line((0, 470), (1280, 470), width=5)
    for number, (x, height) in enumerate(((70, 190), (250, 250), (440, 170), (800, 230), (990, 180))):
        wide = 150
        panel.fill([(x, 470), (x, 470 - height), (x + wide, 470 - height), (x + wide, 470)], 232 - 8 * (number % 3))
        panel.line((x, 470), (x, 470 - height), (x + wide, 470 - height), (x + wide, 470))
        panel.line((x - 12, 470 - height), (x + wide / 2, 400 - height), (x + wide + 12, 470 - height))
        for row in range(2):
            for column in range(2):
                left, top = x + 25 + 65 * column, 490 - height + 70 * row
                panel.line((left, top), (left + 35, top), (left + 35, top + 40), (left, top + 40), (left, top), width=3)
    panel.fill([(560, 560), (860, 560), (810, 625), (610, 625)], 120)
    panel.line((560, 560), (860, 560), (810, 625), (610, 625), (560, 560), width=5)
    panel.line((700, 560), (700, 330), width=6)
    panel.line((700, 340), (840, 530), (705, 540), width=4)
    for y in (520, 590, 660):
        for x in range(40, 1240, 190):
            panel.line((x + y % 90, y), (x + y % 90 + 70, y + 4), width=2)
    return panel


def lighthouse() -> Panel:
    """A lighthouse on a rock."""
    panel = Panel(2)
    panel.fill([(0, 520), (1280, 520), (1280, 720), (0, 720)], 205)
    panel.line((0, 520), (1280, 520), width=4)
    rock = [(360, 620), (450, 500), (560, 460), (720, 455), (830, 510), (930, 620)]
    panel.fill(rock, 150)
    panel.line(*rock, width=6)
    panel.fill([(575, 460), (600, 190), (690, 190), (715, 460)], 250)
    panel.line((575, 460), (600, 190), (690, 190), (715, 460), width=5)
    for low, high in ((420, 370), (320, 270)):
        inset = (460 - low) / 11
        panel.fill([(575 + inset, low), (580 + inset, high), (710 - inset, high), (715 - inset, low)], 90)
    panel.line((585, 190), (705, 190), (705, 170), (585, 170), (585, 190), width=5)
    panel.line((610, 170), (610, 115), (680, 115), (680, 170), width=4)
    panel.line((600, 115), (645, 75), (690, 115), (600, 115), width=5)
    panel.round(180, 150, 60, 60, 235)
    for x, y in ((880, 130), (960, 180), (1050, 110)):
        panel.line((x - 30, y - 12), (x, y), (x + 30, y - 12), width=4)
    return panel


def waiting() -> Panel:
    """A woman at a railing, from behind the harbour wall."""
    panel = Panel(3)
    panel.fill([(0, 430), (1280, 430), (1280, 720), (0, 720)], 222)
    panel.line((0, 430), (1280, 430), width=3)
    panel.line((0, 560), (1280, 560), width=6)
    for x in range(60, 1280, 160):
        panel.line((x, 560), (x, 720), width=5)
    panel.fill([(585, 330), (695, 330), (745, 640), (535, 640)], 100)
    panel.line((585, 330), (535, 640), (745, 640), (695, 330), (585, 330), width=5)
    panel.round(640, 270, 50, 60, 248, width=5)
    hair = [(590, 275), (585, 225), (640, 195), (695, 225), (692, 280), (665, 245), (620, 245), (590, 275)]
    panel.fill(hair, 70)
    panel.line(*hair, width=4)
    panel.line((590, 350), (520, 470), (560, 555), width=9)
    panel.line((690, 350), (760, 470), (720, 555), width=9)
    panel.round(1040, 455, 70, 18, 190, width=4)
    panel.line((1040, 437), (1040, 345), (1085, 420), width=3)
    return panel


def main() -> None:
    """Draw the panels and write the .blend."""
    (HERE / "panels").mkdir(exist_ok=True)
    scene = template.opened()
    scene.name = "Storyboard"
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.fps = FPS
    scene.view_settings.view_transform = "Standard"
    scene.frame_end = 3 * SECONDS * FPS
    editor = scene.sequence_editor_create()
    bpy.ops.wm.save_as_mainfile(filepath=str(FILM))
    for number, (panel, prompt) in enumerate(zip((harbour(), lighthouse(), waiting()), PROMPTS, strict=True)):
        panel.save(HERE / "panels" / f"{number + 1:02d}.png")
        scene.timeline_markers.new(prompt, frame=1 + number * SECONDS * FPS)
    _lay(editor)
    template.save(FILM)


def _lay(editor: bpy.types.SequenceEditor) -> None:
    """The panels as strips, one after the other, the first of them chosen."""
    for number in range(len(PROMPTS)):
        start, file = 1 + number * SECONDS * FPS, f"//panels/{number + 1:02d}.png"
        strip = editor.strips.new_image(f"Panel {number + 1}", file, 1, start, fit_method="FIT")
        strip.frame_final_duration = SECONDS * FPS
    for strip in editor.strips:
        strip.select = strip == editor.strips[0]
    editor.active_strip = editor.strips[0]


def lay_again(scene: bpy.types.Scene) -> None:
    """What a newer Blender has written and this one does not understand."""
    scene.render.engine = "BLENDER_EEVEE_NEXT"  # the newer one's has another name here
    _lay(scene.sequence_editor)


if __name__ == "__main__":
    template.save_again(FILM, lay_again) if sys.argv[1:] == ["again"] else main()
    os._exit(0)  # Blender's module does not come to an end by itself once it has had a template with a file browser
