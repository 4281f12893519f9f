"""Whether a fault means that memory ran out: each library, and each maker of graphics cards, says it differently."""

from __future__ import annotations

import errno
import re

import torch

_SAID = re.compile(
    "|".join(
        (
            "out of memory",  # CUDA, its driver, HIP, XPU, MPS, triton
            "invalid buffer size",  # MPS, for more than one buffer may hold
            r"[a-z]+(_status)?_alloc_failed",  # cuBLAS, cuDNN, cuSOLVER, cuFFT, hipBLAS
            "rocblas_status_memory_error",
            "cudaerrormemoryallocation",
            "not enough memory",  # torch's allocator for the CPU on Windows, and Windows itself
            "can't allocate memory",  # the same elsewhere
            "cannot allocate memory",  # ENOMEM, as torch, safetensors and the C library say it when a file is mapped
            "unable to allocate",  # numpy
            "bad_alloc",  # C++
            "bad allocation",  # C++ on Windows
            r"paging file is too small",  # Windows, mapping a file
            r"os error (12|1450|1455)\)",  # the same out of safetensors, in any language
        )
    )
)
_SAID_BESIDE = re.compile(
    "|".join(
        (
            r"(cublas|cudnn)_status_not_initialized",
            "cublas_status_execution_failed",
            "cudnn_status_(internal_error|execution_failed|not_supported)",
            "unable to find (a valid|an engine)",  # cuDNN: none whose workspace there is room for
            "find was unable to find|get was unable to find",
        )
    )
)
"""What CUDA's libraries say without memory for a handle or a workspace, and for other reasons too."""
_HARDLY_ANY = 2**30
"""Bytes free on a card below which those other reasons are not the likely ones."""
_WINDOWS = (8, 14, 1450, 1455)
"""Windows' codes for too little memory, or too small a paging file."""


def allocation_failed(fault: BaseException | None) -> bool:
    """Whether memory ran out, be it what `fault` says or what made a library raise `fault` instead."""
    seen: set[int] = set()
    while fault is not None and id(fault) not in seen:
        if _says_so(fault):
            return True
        seen.add(id(fault))
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
    return False


def _says_so(fault: BaseException) -> bool:
    if isinstance(fault, (torch.OutOfMemoryError, MemoryError)):
        return True
    if isinstance(fault, OSError) and fault.errno is not None:  # else a library's words, as any other fault has them
        return fault.errno == errno.ENOMEM or getattr(fault, "winerror", None) in _WINDOWS
    said = str(fault).lower()
    return bool(_SAID.search(said)) or (bool(_SAID_BESIDE.search(said)) and _free_on_card() < _HARDLY_ANY)


def _free_on_card() -> float:
    """Bytes free on the present card; endless where there is none, or it cannot tell any more."""
    if not torch.cuda.is_available():
        return float("inf")
    try:
        return torch.cuda.mem_get_info()[0]
    except RuntimeError:
        return float("inf")
