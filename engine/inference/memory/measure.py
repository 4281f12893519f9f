"""How much memory a device has, how much of it a job used, and what was predicted: measured, not guessed."""

from __future__ import annotations

import gc
import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

import psutil
import torch

from .placement import GIB, Placed, Room

_SAMPLE_SECONDS = 0.02
_MAIN_MEMORY_SPARE = 2 * GIB
"""Main memory left to Blender and the rest while weights wait there."""


@cache
def base_memory() -> int:
    """Bytes of main memory that this process held when it was first asked: before any network was loaded."""
    return int(psutil.Process().memory_info().rss)


def measure_room(device: torch.device, limit: int | None = None) -> Room:
    """What there is on `device` for this process, at most `limit` bytes; what it holds already counts as free."""
    base = base_memory()
    free_ram = psutil.virtual_memory().available
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        free += torch.cuda.memory_reserved(device)
    elif device.type == "mps":
        free = int(torch.mps.recommended_max_memory())
    else:
        free = free_ram + int(psutil.Process().memory_info().rss)
    if limit is not None:
        free = min(free, limit)
    of_cpu = device.type == "cpu"
    return Room(device.type, free, max(0, free_ram - _MAIN_MEMORY_SPARE), base if of_cpu else 0)


def free_beside(device: torch.device, limit: int | None = None) -> int:
    """Bytes of `device` that there are besides what this process holds of it, which is to hold `limit` at most."""
    return max(0, measure_room(device, limit).free - _held(device))


def release_unused(device: torch.device) -> None:
    """Give memory that nothing uses any more back to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _held(device: torch.device) -> int:
    """Bytes of `device` that this process holds now: tensors on a graphics card, all of it on a processor."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    return int(psutil.Process().memory_info().rss)


@dataclass
class Account:
    """What a job's memory was predicted to be, and what it was; a context that watches while the job runs."""

    placed: Placed
    device: torch.device
    measured: int = 0
    """Most bytes on the device so far: of tensors where that is a GPU, of the whole process where it is the CPU."""

    def __enter__(self) -> Account:
        self._ended = threading.Event()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self._watch = threading.Thread(target=self._sample, name="memory", daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self._ended.set()
        self._watch.join()

    def record(self) -> dict[str, Any]:
        """For the shot's record: bytes, and what is special about the placement."""
        self._look()
        return {
            "placement": self.placed.placement.words or "everything stays on the device",
            "predicted_bytes": self.placed.peak,
            "measured_bytes": self.measured,
        }

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._look()

    def _look(self) -> None:
        now = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else _held(self.device)
        self.measured = max(self.measured, int(now))
