"""The previs demo: a shot that follows a blocked-out scene, beside the scene itself and a shot that does not."""

from __future__ import annotations

import math
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from . import shots
from .show import say

HERE = Path(__file__).resolve().parent
_FRAMES = 72
"""The first camera's."""
_COLUMNS = 7
_CAPTION = 18


def film(out: Path) -> int:
    """Make both shots of the sample's first camera; returns 1 where one did not come to its end."""
    import bpy

    shutil.copyfile(HERE / "previs.blend", out / "previs.blend")
    bpy.ops.wm.open_mainfile(filepath=str(out / "previs.blend"))
    scene = bpy.context.scene
    wanted = scene.shotpack
    wanted.source, wanted.length, wanted.frames = "CAMERA", "FRAMES", _FRAMES
    scene.frame_set(1)
    shots.start_engine()
    begun = time.monotonic()
    made = {}
    for name, follow in (("guided by the scene", True), ("the same without", False)):
        wanted.follow_camera = follow
        say(f"{scene.camera.name}, {_FRAMES} frames, {name}")
        meta = shots.make(scene)
        if meta is None:
            return 1
        meta.mute = not follow
        made[name] = shots.frames_of(meta)
        if follow:
            (out / "shot.mp4").write_bytes(shots.movie(meta))
    bpy.ops.wm.save_mainfile()
    shots.close()
    say("rendering the scene itself, to compare")
    numbers = [round(1 + column * (_FRAMES - 1) / (_COLUMNS - 1)) for column in range(_COLUMNS)]
    size = Image.open(made["guided by the scene"][0]).size
    rows = {"the scene, rendered": _rendered(scene, numbers, size, out / "scene")}
    rows |= {name: [_open(frames[number - 1]) for number in numbers] for name, frames in made.items()}
    _sheet(rows, numbers, out / "contact-sheet.png")
    say(f"made two shots of {_FRAMES} frames in {time.monotonic() - begun:.0f} s; the guided one is on the timeline")
    say(f"  {out / 'previs.blend'}   open it and press play; the shot without a guide is muted above it")
    say(f"  {out / 'shot.mp4'}   the guided shot as a movie")
    say(f"  {out / 'contact-sheet.png'}   the scene, the guided shot and the other one, by frames")
    return int(any(len(frames) != _FRAMES or not all(path.is_file() for path in frames) for frames in made.values()))


def _rendered(scene: Any, numbers: list[int], size: tuple[int, int], folder: Path) -> list[Image.Image]:
    """What the camera sees at these frames, at the shots' size."""
    import bpy

    scene.render.use_sequencer = False
    scene.render.resolution_x, scene.render.resolution_y = size
    for number in numbers:
        scene.frame_set(number)
        scene.render.filepath = str(folder / f"{number:04d}.png")
        bpy.ops.render.render(write_still=True)
    return [_open(folder / f"{number:04d}.png") for number in numbers]


def _open(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _sheet(rows: dict[str, list[Image.Image]], numbers: list[int], path: Path) -> None:
    """A row for each, under what it is and how near to the first row its pictures are."""
    (true, *_) = rows.values()
    width, height = true[0].size
    sheet = Image.new("RGB", (len(numbers) * width, len(rows) * (height + _CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (name, pictures) in enumerate(rows.items()):
        for column, (picture, other, number) in enumerate(zip(pictures, true, numbers, strict=True)):
            near = "" if pictures is true else f", {_psnr(picture, other):.1f} dB"
            place = column * width, row * (height + _CAPTION)
            pen.text((place[0] + 4, place[1] + 3), f"{name}: frame {number}{near}", fill="black")
            sheet.paste(picture, (place[0], place[1] + _CAPTION))
    sheet.save(path)


def _psnr(one: Image.Image, other: Image.Image) -> float:
    apart = np.mean((np.asarray(one, np.float64) - np.asarray(other, np.float64)) ** 2)
    return 10 * math.log10(255**2 / max(float(apart), 1e-9))
