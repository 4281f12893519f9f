"""A network's share of the memory, from its configuration and the headers of its weights alone. No torch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ...models.safetensors_headers import tensor_counts
from .placement import Part

_BLOCK = re.compile(r"[^.]+\.\d+\.")
"""How the names of a block's tensors begin: only lists of blocks at a network's top are streamed."""


def part_of(folder: Path, number_bytes: int, work: int, *, leaves: bool = False) -> Part:
    """A network from its weights' headers; with `leaves` its smallest modules are what visits the device."""
    counts = tensor_counts(folder)
    blocks: dict[str, int] = {}
    for name, count in counts.items():
        found = _BLOCK.match(name)
        if leaves:
            blocks[name] = count
        elif found:
            block = name[: found.end()]
            blocks[block] = blocks.get(block, 0) + count
    total = sum(counts.values())
    rest = total - sum(blocks.values())
    return Part(total * number_bytes, max(blocks.values(), default=0) * number_bytes, rest * number_bytes, work)


def config_of(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config
