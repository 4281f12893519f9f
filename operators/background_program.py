"""How a program of ours runs in a Blender without a window, beside this one."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy


def background_program(script: Path) -> tuple[str, ...]:
    """The command that runs `script` in this same Blender once more; what is added to it is the script's.

    The user's settings and add-ons are not loaded, and no file is opened.
    """
    if bpy.app.binary_path:
        return (bpy.app.binary_path, "--background", "--factory-startup", "--python", str(script), "--")
    return (sys.executable, str(script), "--")  # Blender as a module
