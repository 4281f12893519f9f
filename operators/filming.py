"""A program for a Blender without a window: takes a film's frames. Nothing of the extension imports it.

`blender --background --factory-startup --python filming.py -- FILM FOLDER` renders, at every marker of the scene in the
.blend FILM, a picture into FOLDER that bears the marker's name. How it is rendered is set in the scene.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import bpy

_PICTURE = re.compile(r"clip-[0-9]{1,9}\.(jpg|png)")
"""What `clip.py` calls the pictures. A film comes with a file that somebody sent: no other name becomes a path."""


def take(film: str, folder: Path) -> None:
    """Render all pictures of a film into `folder`, which is empty."""
    # Appended to the startup file, a scene's movies would stay black.
    bpy.ops.wm.open_mainfile(filepath=film, use_scripts=False)
    wanted = [(scene, marker) for scene in bpy.data.scenes for marker in scene.timeline_markers]
    for _, marker in wanted:
        if _PICTURE.fullmatch(marker.name) is None:
            sys.exit(f"{marker.name!r} is not the name of a film's picture.")
    for scene, marker in sorted(wanted, key=lambda each: (each[0].name, each[1].frame)):
        scene.frame_set(marker.frame)
        scene.render.use_compositing = False  # its nodes may write files of their own
        scene.render.filepath = str(folder / marker.name)
        bpy.ops.render.render(write_still=True, scene=scene.name)


if __name__ == "__main__":
    _film, _folder = sys.argv[sys.argv.index("--") + 1 :]
    take(_film, Path(_folder))
