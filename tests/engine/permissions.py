"""Tests of permissions that mean something for root too: root's right to write anywhere, given up for a while."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

_VERSION_3 = 0x20080522
_DAC_OVERRIDE = 1 << 1


@contextlib.contextmanager
def without_root_s_override() -> Iterator[None]:
    """Within the block this thread is refused by a folder's permissions like anybody else (Linux capabilities)."""
    if os.geteuid() != 0:
        yield
        return
    effective, permitted, inheritable = before = _capabilities()
    _set_capabilities(effective & ~_DAC_OVERRIDE, permitted, inheritable)
    try:
        yield
    finally:
        _set_capabilities(*before)


def _capabilities() -> tuple[int, int, int]:
    data = (ctypes.c_uint32 * 6)()
    _call("capget", data)
    return data[0], data[1], data[2]


def _set_capabilities(effective: int, permitted: int, inheritable: int) -> None:
    data = (ctypes.c_uint32 * 6)()
    _call("capget", data)  # the upper halves stay as they are
    data[0], data[1], data[2] = effective, permitted, inheritable
    _call("capset", data)


def _call(name: str, data: ctypes.Array[ctypes.c_uint32]) -> None:
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    if getattr(ctypes.CDLL(None, use_errno=True), name)(header, data) != 0:
        raise OSError(ctypes.get_errno(), f"{name} failed")
