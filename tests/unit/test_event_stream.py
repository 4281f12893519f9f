"""What a listener hears, in time that runs as fast as a test lets it."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.events import Finished, Step
from engine.protocol import Board, ShotRequest
from engine.serialization import to_json, to_json_text
from engine.server import sse
from engine.server.service import Service
from engine.server.sse import COMMENT_SECONDS, stream
from engine.server.workers.worker_messages import Happened
from tests.unit.scripted_pool import ScriptedPool

REQUEST = ShotRequest(model="sketch", prompt="pan left", boards=(Board(1, "a" * 64),), frames=37)
FINISHED = to_json(Finished(37, 1.0, None))


class FastSelector(selectors.DefaultSelector):
    """Where the loop would wait for the time to pass, it has passed."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(None if timeout is None else 0)
        if not found and timeout:
            self.passed += timeout
        return found


class FastLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.fast = FastSelector()
        super().__init__(self.fast)

    def time(self) -> float:
        return self.fast.passed


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def here(call: Callable[..., Any], *given: Any) -> Any:
        return call(*given)

    monkeypatch.setattr(sse, "run_in_threadpool", here)  # a thread's time is another
    made = Service(tmp_path, ScriptedPool(("cpu",)), "0")
    made.scheduler.start()
    yield made
    made.stop()


def add(service: Service) -> str:
    record, _ = service.scheduler.submit(to_json_text(REQUEST), "")
    return record.id


def tell(service: Service, job: str, event: dict[str, Any]) -> None:
    service.pool.listener.heard("cpu", Happened(job, event))


def run(service: Service, job: str, after: int, meanwhile: Callable[[], Coroutine[Any, Any, None]]) -> list[str]:
    """What a job's listener has heard when `meanwhile` is over, or its stream ends."""

    async def main() -> list[str]:
        service.broker.attach(service.store.last_number())
        heard: list[str] = []

        async def listen() -> None:
            async for text in stream(service, after, job):
                heard.append(text)

        tasks = {asyncio.create_task(listen()), asyncio.create_task(meanwhile())}
        done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        for task in done:
            task.result()
        return heard

    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(main())


def getting_on(service: Service, other: str) -> Callable[[], Coroutine[Any, Any, None]]:
    """Another job tells of step after step, for twenty times as long as a listener is left without a word."""

    async def steps() -> None:
        for step in range(80):
            tell(service, other, to_json(Step(0, step, 80, None)))
            await asyncio.sleep(COMMENT_SECONDS / 4)  # exact in binary, as is all time here

    return steps


def test_a_comment_comes_every_two_seconds_also_while_only_other_jobs_get_on(service):
    other, waiting = add(service), add(service)
    heard = run(service, waiting, service.store.last_number(), getting_on(service, other))
    assert heard[0] == ": shotpack\n\n"
    assert set(heard[1:]) == {": waiting\n\n"}
    assert 18 <= len(heard[1:]) <= 20


@pytest.mark.parametrize("removed", [False, True])
def test_a_listener_that_comes_after_the_end_is_let_go_also_while_other_jobs_get_on(service, removed):
    ended, other = add(service), add(service)
    tell(service, ended, FINISHED)
    if removed:
        service.scheduler.remove(ended)
    told = 0

    async def steps() -> None:
        nonlocal told
        await getting_on(service, other)()
        told = 1

    run(service, ended, service.store.last_number(), steps)
    assert not told


def test_an_end_that_comes_just_as_somebody_looks_for_it_is_told(service, monkeypatch):
    job = add(service)
    asked = service.store.has_ended

    def has_ended(which: str) -> bool:
        if not asked(which):
            tell(service, job, FINISHED)
        return asked(which)

    monkeypatch.setattr(service.store, "has_ended", has_ended)

    async def nothing() -> None:
        await asyncio.Event().wait()

    heard = run(service, job, service.store.last_number(), nothing)
    assert heard[-1].startswith(f"id: {service.store.last_number()}\nevent: finished\n")
    assert sum("event: finished" in text for text in heard) == 1


def test_what_happens_live_has_no_id_and_what_is_stored_has_its_number(service):
    job = add(service)
    after = service.store.last_number()

    async def meanwhile() -> None:
        await asyncio.sleep(1)
        tell(service, job, to_json(Step(0, 1, 80, None)))
        tell(service, job, FINISHED)
        await asyncio.Event().wait()

    heard = [text for text in run(service, job, after, meanwhile) if not text.startswith(":")]
    step, finished = [dict(line.split(": ", 1) for line in text.splitlines() if line) for text in heard]
    assert heard[1].startswith("id: ")  # before the data: who reads line by line knows then that it is stored
    assert all(text.endswith("\n\n") and text.count("\n\n") == 1 for text in heard)
    assert (step["event"], json.loads(step["data"])["number"]) == ("step", after)
    assert "id" not in step
    assert (finished["event"], int(finished["id"])) == ("finished", json.loads(finished["data"])["number"])
    assert int(finished["id"]) == service.store.last_number() > after
