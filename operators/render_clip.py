"""Takes the pictures of a film: here, for a board, and as a program for a Blender without a window, for a clip.

`blender --background --factory-startup --python render_clip.py -- FILM FOLDER` renders, at every marker of the scene in
the .blend FILM, a picture into FOLDER that bears the marker's name. What is rendered is set in the scene. It imports
nothing of the extension.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import bpy
import numpy as np

FILM = "shotpack_film"
"""The property of a scene that is a film; those that its strips show are none, whatever their markers."""
_PICTURE = re.compile(r"clip-[0-9]{1,9}\.(jpg|png)")
"""What `lead_clip.py` calls the pictures. A film comes with a file that somebody sent: no other name becomes a path."""
_QUALITY = 96
"""Per cent; of JPEG."""


def take(film: str, folder: Path) -> None:
    """Render all pictures of a film into `folder`, which is empty."""
    # Appended to the startup file, a scene's movies would stay black.
    bpy.ops.wm.open_mainfile(filepath=film, use_scripts=False)
    scenes = list(bpy.data.scenes)
    films = [scene for scene in scenes if scene.get(FILM)] or scenes  # 0.1.0 did not say which it is
    wanted = [(scene, marker) for scene in films for marker in scene.timeline_markers]
    for _, marker in wanted:
        if _PICTURE.fullmatch(marker.name) is None:
            sys.exit(f"{marker.name!r} is not the name of a film's picture.")
    for scene, marker in sorted(wanted, key=lambda each: (each[0].name, each[1].frame)):
        scene.frame_set(marker.frame)
        scene.render.use_compositing = False  # its nodes may write files of their own
        still(scene, folder / marker.name)


def still(film: Any, picture: Path, *, drawn: bool = False) -> None:
    """Render what a film shows now, or draw it as the Sequencer does, into a PNG or JPEG. Raises RuntimeError.

    Displays and views are called otherwise in every colour configuration, and some have none that leaves a picture as
    it is. So none is used: the film renders an EXR of display-referred numbers, which are put into the picture.
    """
    with tempfile.TemporaryDirectory(prefix="shotpack-") as place:
        film.render.filepath = literal(Path(place) / "still.exr")
        if drawn:
            bpy.ops.render.opengl(sequencer=True, write_still=True)
        else:
            _render(film)
        rendered = sorted(Path(place).iterdir())  # with several views, the name says of which it is
        if not rendered:
            raise RuntimeError("nothing was rendered")
        _develop(rendered[0], picture)


def _render(film: Any) -> None:
    """Render the film's frame, which is an animation of one: a still of another scene than the window's is rendered at
    the frame of the window's.

    To make it the window's for the moment (`temp_override`) is no way round: Blender looks that up while it renders,
    and with Python 3.11 it does so without the lock, beside our threads. It is left for frames before 0, which no
    animation has.
    """
    frame = film.frame_current
    if frame < 0:
        with bpy.context.temp_override(scene=film):
            bpy.ops.render.render(write_still=True)
        return
    film.frame_start = film.frame_end = frame
    film.frame_step = 1
    film.render.use_placeholder = False
    bpy.ops.render.render(animation=True, scene=film.name)


def _develop(rendered: Path, picture: Path) -> None:
    """The numbers of a float picture, 0 to 1, as those of an 8-bit one."""
    numbers = bpy.data.images.load(str(rendered), check_existing=False)
    try:
        numbers.colorspace_settings.is_data = True
        width, height = numbers.size
        pixels = np.empty(width * height * numbers.channels, np.float32)
        numbers.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(numbers)
    developed = bpy.data.images.new(picture.name, width, height)
    try:
        developed.pixels.foreach_set(pixels)
        developed.file_format = "PNG" if picture.suffix.lower() == ".png" else "JPEG"
        developed.filepath_raw = str(picture)
        developed.save(quality=_QUALITY)
    finally:
        bpy.data.images.remove(developed)


def literal(path: Path) -> str:
    """A path to render to, in which braces are no template: since 5.0 they are unless they are doubled."""
    text = str(path)
    return text.replace("{", "{{").replace("}", "}}") if bpy.app.version >= (5, 0, 0) else text


if __name__ == "__main__":
    _film, _folder = sys.argv[sys.argv.index("--") + 1 :]
    take(_film, Path(_folder))
