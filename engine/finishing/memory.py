"""How much memory enlarging takes, counted beforehand: on tensors that have shapes and no data."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .optical_flow import FLOWS_KEPT, flow_size

LIBRARIES = 128 * 2**20
"""What torch's libraries take of a processor's memory for themselves once they work: measured."""
_PICTURE, _FLOW = 3, 8
"""Bytes of a pixel."""
_MIXING = 110
"""Bytes of a pixel that it takes to mix two pictures, moved: planes of floats for what they show, for where that comes
from and for what it counts. Measured."""


def live_bytes(call: Callable[[], Any]) -> int:
    """The most bytes that tensors which `call` makes hold at a time; on the device "meta" nothing is computed."""
    counting = _Counting()
    with counting, torch.inference_mode():
        call()
    return counting.most


def held_bytes(size: tuple[int, int], result: tuple[int, int], held: int) -> int:
    """Bytes of main memory that `held` frames of `size` (width, height) take: as they came, as flow is computed of them
    and the flow between them, and as they are shown, as large as `result`.
    """
    width, height = flow_size(*size)
    flows = width * height * (_PICTURE + FLOWS_KEPT * _FLOW)
    return held * (_PICTURE * size[0] * size[1] + flows + _PICTURE * result[0] * result[1])


def mixing_bytes(result: tuple[int, int]) -> int:
    """Bytes of main memory that it takes to steady a frame of that size, or to make one between two."""
    return _MIXING * result[0] * result[1]


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the storages that operations make inside it, until they die."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        self._now = 0
        self._alive: dict[int, int] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self._alive:
                storage = tensor.untyped_storage()
                self._alive[storage._cdata] = storage.nbytes()
                self._now += storage.nbytes()
                self.most = max(self.most, self._now)
                weakref.finalize(storage, self._gone, storage._cdata)
        return made

    def _gone(self, key: int) -> None:
        self._now -= self._alive.pop(key)
