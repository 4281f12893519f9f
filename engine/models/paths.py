"""Where models and caches live on this machine: `SHOTPACK_HOME`, or the platform's folder for a user's data."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PARTS = "parts"
"""The folder beside the models that holds what several of them share."""


def models_home(home: Path | None = None) -> Path:
    """The folder that holds installed models, which need not exist; `home` goes before `SHOTPACK_HOME`."""
    return _home(home) / "models"


def loras_home(home: Path | None = None) -> Path:
    """The folder that holds LoRAs, which need not exist; `home` goes before `SHOTPACK_HOME`."""
    return _home(home) / "loras"


def upscalers_home(home: Path | None = None) -> Path:
    """The folder that holds an artist's own upscalers, which need not exist; `home` goes before `SHOTPACK_HOME`."""
    return _home(home) / "upscalers"


def cache_home(home: Path | None = None) -> Path:
    """The folder for what can be made again, such as checksums already computed; it need not exist."""
    chosen = home or _from_environment("SHOTPACK_HOME")
    if chosen is not None:
        return chosen / "cache"
    if sys.platform == "win32":
        return _home(None) / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "Shotpack"
    return (_from_environment("XDG_CACHE_HOME") or Path.home() / ".cache") / "shotpack"


def _home(home: Path | None) -> Path:
    chosen = home or _from_environment("SHOTPACK_HOME")
    if chosen is not None:
        return chosen
    if sys.platform == "win32":
        return (_from_environment("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Shotpack"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Shotpack"
    return (_from_environment("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "shotpack"


def _from_environment(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value).expanduser() if value else None
