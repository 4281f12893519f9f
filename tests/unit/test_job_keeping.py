"""What the engine cannot remove just now is removed a moment later."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.client.background_calls import BackgroundCalls
from engine.client.job_keeping import JobKeeping
from engine.client.session import Session
from engine.client.shot import Shot
from engine.errors import Code, EngineError
from tests.patience import PATIENCE
from tests.unit.scripted_engine import JOB, ScriptedConnection


def until(reached: Callable[[], object]) -> None:
    begun = time.monotonic()
    while not reached():
        assert time.monotonic() - begun < PATIENCE, "it did not come to that in time"
        time.sleep(0.005)


class Refusing(ScriptedConnection):
    """Another job takes what it needs of this one, as often as it says."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals, self.removals, self.removed = refusals, 0, False
        self.known = {JOB: {"id": JOB, "state": "finished"}}

    def remove(self, job: str) -> None:
        self.removals += 1
        if self.removals <= self.refusals:
            raise EngineError(Code.REFUSED, detail="try again in a moment", status=409, problem="state_conflict")
        self.removed = True


def test_a_job_that_another_one_is_just_copied_from_goes_later() -> None:
    seconds, connection, calls = [0.0], Refusing(2), BackgroundCalls()
    keeping = JobKeeping(calls, lambda: connection, clock=lambda: seconds[0])
    session: Any = type("Told", (Session,), {"__init__": lambda self: None})()
    session.jobs = {}
    keeping.remove(Shot("shot", "panel", Path("shots/panel"), 1, JOB))

    def answered(removals: int) -> bool:
        calls.drain()
        keeping.poll(session)
        return connection.removals == removals

    until(lambda: answered(1))
    until(lambda: calls.drain() or keeping._held_up)
    keeping.poll(session)
    assert connection.removals == 1  # not at once: copying takes its time
    seconds[0] = 1.0
    until(lambda: answered(2))
    until(lambda: calls.drain() or keeping._held_up)
    seconds[0] = 2.0
    keeping.poll(session)
    assert not connection.removed
    assert connection.removals == 2  # twice as long each time
    seconds[0] = 3.0
    until(lambda: answered(3))
    assert connection.removed
    calls.close()
