"""A shot goes to the engine: its pictures, each once, and then what is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from .connection import Connection
from .shot import Shot


def queue(connection: Connection, shot: Shot) -> dict[str, Any]:
    """Have a shot made; returns its job. Raises EngineError: `image_missing`, or as the connection does."""
    asked: dict[str, Any] = json.loads(shot.request)
    clip: list[str] = asked.pop("clip", [])
    names = dict.fromkeys([*(name for _, name in asked["boards"]), *clip])
    missing = next((name for name in names if not (shot.folder / name).is_file()), None)
    if missing is not None:
        raise EngineError(Code.IMAGE_MISSING, path=str(shot.folder / missing))
    sent = {name: connection.add_image(_picture(shot.folder / name)) for name in names}
    job = {**asked, "boards": [{"frame": frame, "image": sent[name]} for frame, name in asked["boards"]]}
    return connection.add_job({**job, "clip": [sent[name] for name in clip]} if clip else job, shot.key or shot.id)


def _picture(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise EngineError(Code.IMAGE_MISSING, path=str(path)) from fault
