"""What a worker knows of its own process: the memory it takes, and its place behind the others."""

from __future__ import annotations

import sys

import psutil


def memory_used() -> int:
    """Bytes that this process holds on its GPU, or in main memory where it uses none."""
    # The first beats come while another thread is still importing torch: a part of it may be missing.
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    initialized = getattr(cuda, "is_initialized", None)
    if cuda is not None and initialized is not None and initialized():
        return int(cuda.memory_reserved())
    return int(psutil.Process().memory_info().rss)


def step_back() -> None:
    """Let the server, and Blender, go first where processors are short: a CPU shot would take them all."""
    psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 5)
