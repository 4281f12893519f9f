"""What a finish leaves to us: one that was begun is gone on with as it was, whatever is installed since."""

from __future__ import annotations

from dataclasses import replace

from ..protocol import Finish

_LEFT_OPEN = ("upscaler", "between", "steady")
_OPEN = ("", None)


def as_begun(asked: Finish, begun: Finish) -> Finish:
    """`asked`, with whatever it leaves open as `begun` has it."""
    told = {name: getattr(begun, name) for name in _LEFT_OPEN if getattr(asked, name) in _OPEN}
    return replace(asked, **told)


def open_as_begun(asked: Finish, begun: Finish) -> Finish:
    """`asked`, with what `begun` has no use for, or was not written down of it by an earlier release, left open."""
    told = {name: getattr(begun, name) for name in _LEFT_OPEN if getattr(begun, name) in _OPEN}
    return replace(asked, **told)


def is_begun_so(asked: Finish, begun: Finish) -> bool:
    """Whether what is asked for is what was begun, but for what either leaves open or has no use for."""
    return as_begun(open_as_begun(asked, begun), begun) == begun


def changes_nothing(finish: Finish) -> bool:
    """Whether it asks for nothing but how things are to be done."""
    return finish == as_begun(Finish(), finish)
