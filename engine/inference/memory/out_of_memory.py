"""Out of memory, however the libraries say it, as one error an artist can act on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from ...errors import Code, EngineError
from .allocation_faults import allocation_failed


@contextlib.contextmanager
def memory_faults(device: torch.device, stage: str, **more: str) -> Iterator[None]:
    """Turn an allocation that fails inside the block into EngineError `out_of_memory`.

    `stage` says what went on, and `advice` what to do where that is not what it is for a shot.
    """
    try:
        yield
    except EngineError:
        raise
    except Exception as fault:
        if allocation_failed(fault):
            raise EngineError(Code.OUT_OF_MEMORY, device=str(device), stage=stage, **more) from fault
        raise
