"""A shot goes to the engine: its pictures, each once, and then what is asked for."""

from __future__ import annotations

import json
import os
from typing import Any

from ..errors import Code, EngineError
from . import board_files
from .connection import Connection
from .shot import Shot
from .stored_request import read


def queue(connection: Connection, shot: Shot) -> dict[str, Any]:
    """Have a shot made; returns its job. What is sent are pictures that lie in its folder, and nothing else.

    Raises EngineError: `image_missing`, `image_unreadable`, `bad_request` where the request is none or names anything
    but such pictures, or as the connection does.
    """
    asked = read(shot.request)
    missing = next((name for name in asked.names if not os.path.lexists(shot.folder / name)), None)
    if missing is not None:
        raise EngineError(Code.IMAGE_MISSING, path=str(shot.folder / missing))
    sent = {name: connection.add_image(board_files.read(shot.folder, name)) for name in asked.names}
    job = {**asked.rest, "boards": [{"frame": frame, "image": sent[name]} for frame, name in asked.boards]}
    if asked.clip:
        job["clip"] = [sent[name] for name in asked.clip]
    return connection.add_job(json.dumps(job), shot.key or shot.id)
