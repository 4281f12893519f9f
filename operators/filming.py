"""A program for a Blender without a window: takes a film's frames. Nothing of the extension imports it.

`blender --background --factory-startup --python filming.py -- FILM FOLDER` renders, at every marker of the scene in the
.blend FILM, a picture into FOLDER that bears the marker's name. How it is rendered is set in the scene.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy


def take(film: str, folder: Path) -> None:
    """Render all pictures of a film."""
    bpy.ops.wm.open_mainfile(filepath=film)  # appended to the startup file, a scene's movies would stay black
    for scene in list(bpy.data.scenes):
        for marker in sorted(scene.timeline_markers, key=lambda each: each.frame):
            scene.frame_set(marker.frame)
            scene.render.filepath = str(folder / marker.name)
            bpy.ops.render.render(write_still=True, scene=scene.name)


if __name__ == "__main__":
    _film, _folder = sys.argv[sys.argv.index("--") + 1 :]
    take(_film, Path(_folder))
