"""How much memory enlarging takes, counted beforehand: on tensors that have shapes and no data."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_KEPT_SMALL = 3 + 4 * (3 + 4 * 8)
_KEPT = 3
_MIXED = 110


def live_bytes(call: Callable[[], Any]) -> int:
    """The most bytes that tensors which `call` makes hold at a time; on the device "meta" nothing is computed."""
    counting = _Counting()
    with counting, torch.inference_mode():
        call()
    return counting.most


def frames_bytes(size: tuple[int, int], result: tuple[int, int], held: int) -> int:
    """Bytes of main memory that frames of `size` (width, height) take, enlarged to `result`, while `held` are at hand.

    Each as it came, as flow is computed of it, and with the flow to four others; each enlarged; and what it takes to
    mix two of those: planes of floats for a picture, for where its pixels come from, and for what each counts.
    """
    pixels, made = size[0] * size[1], result[0] * result[1]
    return held * (_KEPT_SMALL * pixels + _KEPT * made) + _MIXED * made


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
