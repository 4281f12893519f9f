"""An artist's own upscalers on this machine: files in one folder, known by their names. A name never becomes a path."""

from __future__ import annotations

from pathlib import Path

from .paths import upscalers_home
from .safetensors_headers import PICKLES


def installed_upscalers(home: Path | None = None) -> dict[str, Path]:
    """The upscalers that were put into the folder for them, by name: safetensors, which hold nothing but numbers."""
    return {path.stem: path for path in _files(home) if path.suffix == ".safetensors"}


def pickled_upscalers(home: Path | None = None) -> dict[str, Path]:
    """Files of weights in that folder that could run code, by name: they are never opened."""
    return {path.stem: path for path in _files(home) if path.suffix in PICKLES}


def _files(home: Path | None) -> list[Path]:
    folder = upscalers_home(home)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.is_file() and not path.name.startswith(".")]
