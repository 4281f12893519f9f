"""How much memory enlarging takes, counted beforehand: on tensors that have shapes and no data."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .in_between import FLOW, MOTION, motion_size
from .optical_flow import FLOWS_KEPT, flow_size

_TORCH, _OPENCV = 128 * 2**20, 30 * 2**20
"""What libraries take of main memory for themselves once they work: measured."""
_PICTURE, _FLOW = 3, 8
"""Bytes of a pixel."""
_STEADYING, _BETWEEN = 76, {FLOW: 108, MOTION: 318}
"""Bytes of a pixel of the result that it takes to steady a frame, and to make one between two: planes of floats for
what is shown, for where that comes from and for what it counts; FFmpeg's filter keeps some of its own. Measured.
"""


@dataclass(frozen=True)
class FramesMemory:
    """Main memory that frames of a source take while they are finished, in bytes."""

    size: tuple[int, int]
    """(width, height) of the source."""
    result: tuple[int, int]
    frames: int
    """Of the source, that are at hand at a time."""
    steadies: bool
    between: str

    @property
    def held(self) -> int:
        """As they came, with what flow is computed of and the flow between them; and as they are shown."""
        flows = self.steadies or self.between == FLOW
        width, height = flow_size(*self.size)
        small = width * height * (_PICTURE + FLOWS_KEPT * _FLOW) if flows else 0
        shown = _PICTURE * (self.size[0] * self.size[1] + self.result[0] * self.result[1])
        return self.frames * (shown + small) + (_OPENCV if flows else 0)

    @property
    def mixing(self) -> int:
        """What it takes to mix two of them."""
        width, height = motion_size(*self.result) if self.between == MOTION else self.result
        steadying = _STEADYING * self.result[0] * self.result[1] if self.steadies else 0
        return max(steadying, _BETWEEN.get(self.between, 0) * width * height)

    @property
    def beside_network(self) -> int:
        """What is taken while a network works on the processor, besides what it takes itself."""
        return self.held + _TORCH

    def with_network(self, working: int) -> int:
        """All that is taken at a time, with a network that takes `working` bytes on the processor, or none (0)."""
        return (self.beside_network if working else self.held) + max(self.mixing, working)


def live_bytes(call: Callable[[], Any]) -> int:
    """The most bytes that tensors which `call` makes hold at a time; on the device "meta" nothing is computed."""
    counting = _Counting()
    with counting, torch.inference_mode():
        call()
    return counting.most


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
