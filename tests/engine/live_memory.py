"""An oracle for working memory: which tensors are alive at the same time, counted one by one.

Networks of true size run on tensors that have shapes and no data; every storage that an operation makes is counted
until it dies. Nothing of the engine's formulas goes in.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the storages made inside it; `peak` is the most at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._now = 0
        self._alive: dict[int, int] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self._alive:
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        self._alive[storage._cdata] = storage.nbytes()
        self._now += storage.nbytes()
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._gone, storage._cdata)

    def _gone(self, key: int) -> None:
        self._now -= self._alive.pop(key)


@contextmanager
def no_data(dtype: torch.dtype, *, autocast: bool = False) -> Iterator[None]:
    """Networks and tensors made inside have shapes only, and `dtype` where none is given.

    Networks that turn `autocast` off or on need tensors that say they lie on a processor: slower, and the same count.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with FakeTensorMode() if autocast else torch.device("meta"), torch.inference_mode():
            yield
    finally:
        torch.set_default_dtype(before)


def working_bytes(call: Callable[[], Any]) -> int:
    """The most bytes alive during `call` of what it makes itself."""
    live = LiveBytes()
    with live:
        call()
    return live.peak
