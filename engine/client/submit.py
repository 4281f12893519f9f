"""A shot goes to the engine: its pictures, each once, and then what is asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..errors import Code, EngineError
from . import board_files
from .batch_progress import place_before
from .connection import Connection
from .shot import Shot
from .stored_request import read


def queue(connection: Connection, shot: Shot) -> dict[str, Any]:
    """Have a shot made; returns its job. What is sent are pictures that lie in its folder, and nothing else.

    Raises EngineError: `not_sent` where it was cancelled meanwhile, `image_missing`, `image_unreadable`, `bad_request`
    where the request is none or names anything but such pictures, or as the connection does.
    """
    if shot.ordered == "cancel":
        raise EngineError(Code.NOT_SENT, name=shot.name)
    asked = read(shot.request)
    missing = next((name for name in asked.names if not os.path.lexists(shot.folder / name)), None)
    if missing is not None:
        raise EngineError(Code.IMAGE_MISSING, path=str(shot.folder / missing))
    sent = {name: connection.add_image(board_files.read(shot.folder, name)) for name in asked.names}
    return connection.add_job(json.dumps(asked.body(sent)), shot.key or shot.id)


def hear_film(shot: Shot, shots: Mapping[str, Shot], line: str) -> None:
    """Take in what the program says that makes a shot's pictures, as long as anybody waits for them.

    `shots` are those that are followed. Raises EngineError `not_sent` for one that was cancelled or let go meanwhile.
    """
    if shot.ordered == "cancel" or shots.get(shot.id) is not shot:
        raise EngineError(Code.NOT_SENT, name=shot.name)
    shot.guide.hear(line)


def move_up(connection: Connection, job: str, *, first: bool) -> None:
    """Move a job that waits one place up in the queue, or, with `first`, before all that wait.

    Raises EngineError as the connection does.
    """
    before = place_before(connection.jobs(), job, first=first)
    if before is not None:
        connection.change(job, before=before)
