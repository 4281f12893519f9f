"""Out of memory, however the libraries say it, as one error an artist can act on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from ..errors import Code, EngineError


@contextlib.contextmanager
def memory_faults(device: torch.device, stage: str) -> Iterator[None]:
    """Turn an allocation that fails inside the block into EngineError `out_of_memory`; `stage` says what went on."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as fault:
        raise EngineError(Code.OUT_OF_MEMORY, device=str(device), stage=stage) from fault
    except RuntimeError as fault:
        # torch has no class of its own for a failed allocation on the CPU.
        if "not enough memory" in str(fault) or "can't allocate memory" in str(fault):
            raise EngineError(Code.OUT_OF_MEMORY, device=str(device), stage=stage) from fault
        raise
