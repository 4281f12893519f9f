"""Weight files judged by their headers alone: whole safetensors in plain or sharded sets, never a pickle, no torch."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Endings of weight files that run code when they are opened; Shotpack never opens one."""

_LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors library itself."""

_NAMES = ("diffusion_pytorch_model", "model")
"""What diffusers and transformers call the weights they load; files of other names they pass over."""

_LENGTH = struct.Struct("<Q")

_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}


class WeightsError(ValueError):
    """Weights are missing, truncated, garbled or of a kind that is never loaded; the text names the file."""

    def __init__(self, detail: str, *, pickled: bool = False) -> None:
        super().__init__(detail)
        self.pickled = pickled


def check_weights(folder: Path) -> None:
    """Check a component's folder: safetensors with sound headers, and every shard its index names.

    Raises WeightsError for the first fault and OSError where a file cannot be read.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    indexes = [path for path in files if path.name.endswith(".safetensors.index.json")]
    weights = [path for path in files if path.suffix == ".safetensors"]
    if not weights and not indexes:
        pickles = [path.name for path in files if path.suffix in PICKLES]
        if pickles:
            raise WeightsError(
                f"{folder.name}/{pickles[0]} is a pickle, which can run code, and is not loaded", pickled=True
            )
        raise WeightsError(f"{folder.name} has no weights (*.safetensors)")
    shards = {name for index in indexes for name in _indexed(index)}
    for path in weights:
        if "-of-" in path.stem and path.name not in shards:
            raise WeightsError(f"{folder.name}/{path.name} is one of several shards, but no index names it")
        check_header(path)
    loaded = {f"{name}.safetensors{ending}" for name in _NAMES for ending in ("", ".index.json")}
    if not loaded & {path.name for path in files}:
        names = " or ".join(f"{name}.safetensors" for name in _NAMES)
        raise WeightsError(f"{folder.name} has {(weights or indexes)[0].name}, but no {names}")


def check_header(path: Path) -> None:
    """Check one safetensors file: an 8-byte length, a JSON header, and tensors that fill the rest exactly.

    Raises WeightsError, and OSError where the file cannot be read.
    """
    name = f"{path.parent.name}/{path.name}"
    size = path.stat().st_size
    data_begins, header = _read_header(name, path)
    end = 0
    for begin, stop in sorted(_extents(name, header)):
        if begin != end:
            raise WeightsError(f"{name} is garbled: its tensors overlap or leave gaps")
        end = stop
    missing = data_begins + end - size
    if missing > 0:
        raise WeightsError(f"{name} is truncated: its last {missing} bytes are missing")
    if missing < 0:
        raise WeightsError(f"{name} is garbled: {-missing} bytes too many")


def tensor_counts(folder: Path) -> dict[str, int]:
    """How many numbers each tensor of a component's folder has, by name, from the headers alone.

    Raises WeightsError for a garbled header and OSError where a file cannot be read.
    """
    counts: dict[str, int] = {}
    for path in sorted(folder.glob("[!.]*.safetensors")):
        name = f"{folder.name}/{path.name}"
        _, header = _read_header(name, path)
        for tensor, entry in header.items():
            if tensor != "__metadata__":
                counts[tensor] = math.prod(entry["shape"])
    return counts


def _indexed(index: Path) -> Iterator[str]:
    """The shards an index names, each of which exists."""
    name = f"{index.parent.name}/{index.name}"
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as fault:
        raise WeightsError(f"{name} is not a readable index of shards") from fault
    for shard in sorted(names, key=str):
        if not isinstance(shard, str) or Path(shard).name != shard or not shard.endswith(".safetensors"):
            raise WeightsError(f"{name} names '{shard}', which is no safetensors file beside it")
        if not (index.parent / shard).is_file():
            raise WeightsError(f"{index.parent.name}/{shard} is missing")
        yield shard


def _read_header(name: str, path: Path) -> tuple[int, dict[str, Any]]:
    """Where a file's tensors begin, in bytes, and the JSON header before them."""
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(_LENGTH.size)
        if len(prefix) < _LENGTH.size:
            raise WeightsError(f"{name} is truncated: {size} bytes")
        (length,) = _LENGTH.unpack(prefix)
        if length > _LONGEST_HEADER:
            raise WeightsError(f"{name} is garbled: it does not begin like a safetensors file")
        if _LENGTH.size + length > size:
            raise WeightsError(f"{name} is truncated: it ends within its header")
        return _LENGTH.size + length, _header(name, file.read(length))


def _header(name: str, data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data)
    except (ValueError, RecursionError) as fault:
        raise WeightsError(f"{name} is garbled: its header is not JSON") from fault
    if not isinstance(header, dict):
        raise WeightsError(f"{name} is garbled: its header is not an object")
    return header


def _extents(name: str, header: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """Where each tensor begins and ends, in bytes behind the header."""
    for tensor, entry in header.items():
        if tensor == "__metadata__":
            continue
        try:
            begin, stop = entry["data_offsets"]
            bits = _BITS.get(entry["dtype"])
            count = math.prod(entry["shape"])
            sound = all(type(number) is int and number >= 0 for number in (begin, stop, *entry["shape"]))
        except (LookupError, TypeError, ValueError) as fault:
            raise WeightsError(f"{name} is garbled: its entry for '{tensor}' makes no sense") from fault
        # A type newer than this table (4 and 6 bit floats) is judged by its place alone.
        if not sound or begin > stop or (bits is not None and (stop - begin) * 8 != count * bits):
            raise WeightsError(f"{name} is garbled: '{tensor}' does not have the size its shape asks for")
        yield begin, stop
