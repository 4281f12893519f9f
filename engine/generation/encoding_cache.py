"""Encoded prompts and boards on disk, shared by all shots: a prompt seen before never loads its encoder again.

Files are named by a digest of everything that decides what is in them, so a cache is never wrong, only old: when it
grows past its limit, what was not used for longest goes. A damaged file counts as missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from ..errors import EngineError
from ..media.files import make_folder, sweep_parts, write_whole

_SPARED_SECONDS = 3600.0
"""An unfinished file younger than that may be another machine's, which shares the folder."""
_LIMIT = 2 * 2**30
"""Bytes; a prompt of the 13B model takes 2 MB, a board 3 MB."""


class EncodingCache:
    """Encodings under `folder`; `model` is whatever else decides them: weights, settings, precision, device."""

    def __init__(self, folder: Path, model: str, limit: int = _LIMIT) -> None:
        self._folder = folder
        self._model = model
        self._limit = limit

    def take(self, *content: str) -> dict[str, torch.Tensor] | None:
        """The tensors encoded from `content`, or None where they are not here; they now count as used."""
        path = self._path(content)
        try:
            tensors: dict[str, torch.Tensor] = load(path.read_bytes())
            os.utime(path)
        except (OSError, SafetensorError, ValueError):
            return None
        return tensors

    def keep(self, tensors: Mapping[str, torch.Tensor], *content: str) -> None:
        """Keep what was encoded from `content`. A disk that will not take it is no reason to stop a shot."""
        with contextlib.suppress(EngineError, OSError):
            make_folder(self._folder)
            write_whole(self._path(content), save({name: each.contiguous() for name, each in tensors.items()}))
            self._trim()

    def _trim(self) -> None:
        """Let go of what was not used for longest, down to the limit."""
        sweep_parts(self._folder, _SPARED_SECONDS)
        found = sorted(((path.stat(), path) for path in self._folder.glob("*.safetensors")), key=_last_use)
        size = sum(each.st_size for each, _ in found)
        for each, path in found[:-1]:
            if size <= self._limit:
                break
            path.unlink(missing_ok=True)
            size -= each.st_size

    def _path(self, content: tuple[str, ...]) -> Path:
        described = json.dumps([self._model, *content])
        return self._folder / f"{hashlib.sha256(described.encode()).hexdigest()[:40]}.safetensors"


def _last_use(found: tuple[os.stat_result, Path]) -> float:
    return found[0].st_mtime
