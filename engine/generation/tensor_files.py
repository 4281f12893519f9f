"""Tensors on disk as safetensors: written whole, read with faults that name the file."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors

from ..errors import Code, EngineError
from ..media.files import make_folder, whole_file, write_whole

if TYPE_CHECKING:
    import torch


def save(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors, and texts about them, to `path`, whole."""
    from safetensors import torch as tensors_file  # whether a folder is taken is asked before torch is there

    contiguous = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    data = tensors_file.save(contiguous, dict(metadata) if metadata else None)  # an empty one writes a broken file
    write_whole(path, data)


def load(path: Path) -> dict[str, torch.Tensor]:
    """The tensors in `path`. Raises EngineError `checkpoint_damaged`."""
    with opened(path) as file:
        # Copied out, so that no checkpoint stays mapped while it may be replaced.
        return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a dict)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An open safetensors file, whose faults are EngineErrors `checkpoint_damaged`."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            yield file
    except (OSError, safetensors.SafetensorError) as fault:
        raise damaged(path, fault) from fault


def damaged(path: Path, fault: Exception) -> EngineError:
    """The error that says what is wrong with a checkpoint."""
    return EngineError(Code.CHECKPOINT_DAMAGED, path=str(path), detail=" ".join(str(fault).split())[:120])


def save_joined(path: Path, shape: Sequence[int], pieces: Iterable[torch.Tensor]) -> None:
    """Write `pieces`, each (1, C, T, H, W) float32, joined in time as the tensor `latents` of `shape`.

    The file is filled piece by piece, so memory stays at one of them.
    """
    size = math.prod(shape) * 4
    header = {"latents": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, size]}}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    make_folder(path.parent)
    with whole_file(path) as temporary:
        with temporary.open("wb") as file:
            file.write(len(encoded).to_bytes(8, "little") + encoded)
            file.truncate(8 + len(encoded) + size)
        # Blocks of the disk are taken by writing, not by truncate: mapping would turn a full disk into a crash.
        with temporary.open("rb+") as file:
            offset = 8 + len(encoded)
            row = shape[3] * shape[4] * 4
            frame = 0
            for piece in pieces:
                for channel in range(shape[1]):
                    file.seek(offset + (channel * shape[2] + frame) * row)
                    file.write(np.ascontiguousarray(piece[0, channel].numpy()).tobytes())
                frame += piece.shape[2]
