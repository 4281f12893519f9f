"""Where things lie in the engine's home, for the server and for its workers alike."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import Code, EngineError


def jobs_folder(home: Path) -> Path:
    """The folder of all jobs' folders, each under the id that the store made for it."""
    return home / "jobs"


def images_folder(home: Path) -> Path:
    """The folder of the pictures that clients sent in."""
    return home / "images"


def logs_folder(home: Path) -> Path:
    """The folder of all logs."""
    return home / "logs"


def finish_speeds_file(home: Path) -> Path:
    """Where it is kept how long finishing took."""
    return home / "finish-speeds.json"


def speeds_file(home: Path) -> Path:
    """The file that says how long finished shots took."""
    return home / "speeds.json"


def is_picture_name(name: str) -> bool:
    """Whether a name is a SHA-256 in hex, under which pictures are kept."""
    return re.fullmatch("[0-9a-f]{64}", name) is not None


def picture_file(home: Path, sha256: str) -> Path:
    """The file of a picture that was sent in. Raises EngineError `bad_request` for what is no SHA-256 in hex."""
    if not is_picture_name(sha256):
        raise EngineError(Code.BAD_REQUEST, detail=f"{sha256!r} is no picture's SHA-256")
    return images_folder(home) / sha256
