"""Weights written as diffusers writes them, in shards, without ever holding more than one tensor.

The safetensors library writes a file of tensors that are all there at once: 26 GB of the 13B model's. What it would
write is an eight-byte length, a JSON header, and the tensors' bytes; all but the last is known beforehand.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from tqdm import tqdm

from .checkpoint import DTYPES

SHARD_BYTES = 10_000_000_000
"""As diffusers' `save_pretrained` has it."""
_NAME = "diffusion_pytorch_model"
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ALIGNED = 8


class Planned(NamedTuple):
    """A tensor that is to be written."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[], torch.Tensor]
    """Reads or computes it; whatever its numbers are, `dtype` is what is written."""

    @property
    def length(self) -> int:
        """Its bytes in a file."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def write_shards(folder: Path, tensors: Sequence[Planned], shard_bytes: int = SHARD_BYTES) -> None:
    """Write `tensors` into `folder`, in files that hold at most `shard_bytes`, or one tensor. Raises OSError.

    A terminal is shown how far it is.
    """
    shards: list[list[Planned]] = [[]]
    for tensor in tensors:
        if shards[-1] and sum(each.length for each in shards[-1]) + tensor.length > shard_bytes:
            shards.append([])
        shards[-1].append(tensor)
    count = len(shards)
    names = [f"{_NAME}-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]
    names = names if count > 1 else [f"{_NAME}.safetensors"]
    size = sum(tensor.length for tensor in tensors)
    with tqdm(desc="transformer", total=size, unit="B", unit_scale=True, disable=None) as bar:
        for name, shard in zip(names, shards, strict=True):
            for written in _write(folder / name, shard):
                bar.update(written)
    if count > 1:
        places = {tensor.name: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
        index = {"metadata": {"total_size": size}, "weight_map": places}
        (folder / f"{_NAME}.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")


def _write(path: Path, tensors: Sequence[Planned]) -> Iterator[int]:
    """Write a file, and tell of each tensor how many bytes that were."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        begin, end = end, end + tensor.length
        place = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
        entries[tensor.name] = place
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNED)
    with path.open("xb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for tensor in tensors:
            yield file.write(_bytes(tensor))


def _bytes(tensor: Planned) -> memoryview:
    """What is written of a tensor; once that is written nothing holds it."""
    made = tensor.make()
    if tuple(made.shape) != tensor.shape:
        raise ValueError(f"{tensor.name} is {tuple(made.shape)}, not {tensor.shape}")
    return made.to(tensor.dtype).contiguous().flatten().view(torch.uint8).numpy().data
