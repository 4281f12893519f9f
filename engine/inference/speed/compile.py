"""Regional compilation: a transformer's repeated blocks through torch.compile, and back where that fails.

diffusers' `compile_repeated_blocks` refuses the FramePack transformer (0.42 names no repeated blocks for it), and it
compiles a block with all hooks on it. Here the forward beneath the hooks is compiled: a step cache's decisions are
Python's on every call, and would break the graph or make it anew.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any

import torch

from ..memory.allocation_faults import allocation_failed

log = logging.getLogger("shotpack.compile")


def compile_blocks(blocks: Iterable[Any], gave_up: Callable[[], None]) -> None:
    """Compile the repeated `blocks` of a transformer, when they are first called.

    Before any hook is put on them. Blocks are alike, so each kind is compiled once. Where compiling fails, `gave_up` is
    called, and from that call on all blocks run as they are: the shot goes on. Out of memory is no such failure.
    """
    region = _Region(gave_up)
    for block in blocks:
        block.forward = region.compiled(block.forward)


class _Region:
    """The blocks that are compiled together, and together no more."""

    def __init__(self, gave_up: Callable[[], None]) -> None:
        self._gave_up = gave_up
        self._works = True

    def compiled(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        quick = torch.compile(plain)

        @functools.wraps(plain)  # diffusers' hooks read the signature
        def forward(*args: Any, **kwargs: Any) -> Any:
            if self._works:
                try:
                    return quick(*args, **kwargs)
                except Exception as fault:  # compilers, linkers and drivers fail in their own ways
                    if allocation_failed(fault):
                        raise
                    log.warning("compiling failed, going on without: %s", " ".join(str(fault).split())[:300])
                    self._works = False
                    self._gave_up()
            return plain(*args, **kwargs)  # a block changes nothing but its output, so it may be run again

        return forward
