"""What a command does where a section drifts beyond a limit: it asks whoever sits there, or has a take made."""

from __future__ import annotations

from ..drift import Drift, OnDrift, first_to_make_again, sentence
from ..errors import Code, EngineError
from ..events import Event, Started
from .progress import ProgressBar


class Drifted:
    """How far the sections of one shot have drifted."""

    def __init__(self) -> None:
        self._made: tuple[int, ...] = ()
        self._drift: dict[int, Drift] = {}

    def heard(self, event: Event, bar: ProgressBar, *, may_ask: bool) -> None:
        """Take in an event. Where the shot is to ask at a limit, a terminal is asked; raises EngineError `drifted`
        where nobody is there, or wants to go on.
        """
        if isinstance(event, Started):
            self._made = tuple(planned.section for planned in event.sections)
        elif isinstance(event, Drift):
            self._drift[event.section] = event
            if event.then == OnDrift.ASK and not (may_ask and bar.asks("Go on?")):
                raise EngineError(Code.DRIFTED, detail=sentence(event))

    def again(self) -> int | None:
        """The section, from 1 in time, that is to be made again by a take; None where none is."""
        section = first_to_make_again(self._made, self._drift)
        return None if section is None else section + 1
