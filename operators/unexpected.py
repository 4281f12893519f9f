"""What nobody expected: said once of each kind on the console, so that timers and handlers outlive it."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from ..engine.errors import Code, EngineError

T = TypeVar("T")
_log = logging.getLogger(__name__)
_said: set[tuple[type[Exception], str]] = set()


def report(fault: Exception) -> None:
    """Say it with its traceback, the first time that this kind comes from this place."""
    frames = traceback.extract_tb(fault.__traceback__)
    kind = (type(fault), f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "")
    if kind not in _said:
        _said.add(kind)
        _log.error("Shotpack goes on after a fault that it did not expect", exc_info=fault)


def error_of(fault: Exception) -> EngineError:
    """The same as an error that a shot can show."""
    if isinstance(fault, EngineError):
        return fault
    return EngineError(Code.NOT_SHOWN, detail=" ".join(f"{type(fault).__name__}: {fault}".split()))


def outlived(otherwise: T) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Let a function that Blender calls return `otherwise` where it would raise."""

    def wrap(function: Callable[..., T]) -> Callable[..., T]:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> T:
            try:
                return function(*arguments, **named)
            except Exception as fault:
                report(fault)
                return otherwise

        return call

    return wrap
