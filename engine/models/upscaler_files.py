"""An artist's own upscalers on this machine: files in one folder, known by their names. A name never becomes a path."""

from __future__ import annotations

from pathlib import Path

from .paths import upscalers_home

_ENDINGS = (".pth", ".safetensors")
"""Of two files of one name the latter kind goes first: it holds nothing but numbers."""


def installed_upscalers(home: Path | None = None) -> dict[str, Path]:
    """The upscalers that were put into the folder for them, by name."""
    folder = upscalers_home(home)
    found = [path for ending in _ENDINGS for path in (sorted(folder.glob(f"*{ending}")) if folder.is_dir() else [])]
    return {path.stem: path for path in found if path.is_file() and not path.name.startswith(".")}
