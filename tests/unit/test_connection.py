"""A call over a connection that the engine closed: said again where that changes nothing, and only once."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from engine.client import connection as connection_module
from engine.client.connection import Connection
from engine.errors import Code, EngineError

ANSWERS, CLOSES, SILENT = "answers", "closes", "is silent"


class ClosingEngine:
    """Takes calls one after another and does with each what `script` says next; `heard` has their first lines."""

    def __init__(self) -> None:
        self.script: list[str] = []
        self.heard: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._silent: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                self._serve(self._listening.accept()[0])

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := _call(line):
                self.heard.append(said.partition(b" HTTP")[0].decode())
                if (do := self.script.pop(0)) == ANSWERS:
                    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    continue
                if do == SILENT:
                    self._silent.append(line)
                    return
                break
        line.close()

    def close(self) -> None:
        for each in (self._listening, *self._silent):
            each.close()


def _call(line: socket.socket) -> bytes:
    """A whole call, as the engine must have read it before it closes; nothing at the other's end."""
    said = b""
    while b"\r\n\r\n" not in said:
        if not (more := line.recv(65536)):
            return b""
        said += more
    head, _, body = said.partition(b"\r\n\r\n")
    lengths = [int(each[15:]) for each in head.split(b"\r\n") if each.lower().startswith(b"content-length:")]
    while len(body) < sum(lengths):
        body += line.recv(65536)
    return said


@pytest.fixture
def engine() -> Iterator[ClosingEngine]:
    engine = ClosingEngine()
    yield engine
    engine.close()


@pytest.fixture
def connection(engine: ClosingEngine) -> Iterator[Connection]:
    with contextlib.closing(Connection(engine.url, "token")) as connection:
        yield connection


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda line: line.jobs(), "GET /v1/jobs"),
        (lambda line: line.change("a", name="b"), "PATCH /v1/jobs/a"),
        (lambda line: line.remove("a"), "DELETE /v1/jobs/a"),
        (lambda line: line.add_job("{}", key="k"), "POST /v1/jobs"),
    ],
)
@pytest.mark.parametrize("used", [0, 1])
def test_a_connection_closed_under_a_call_is_not_an_engine_that_is_gone(engine, connection, call, said, used):
    engine.script = [ANSWERS] * used + [CLOSES, ANSWERS]
    for _ in range(used + 1):
        call(connection)
    assert engine.heard == [said] * (used + 2)


@pytest.mark.parametrize(
    "call", [lambda line: line.act("a", "pause"), lambda line: line.add_job("{}"), lambda line: line.park(away=True)]
)
def test_what_may_not_come_twice_is_not_said_twice(engine, connection, call):
    engine.script = [CLOSES]
    with pytest.raises(EngineError) as refused:
        call(connection)
    assert refused.value.code == Code.ENGINE_UNREACHABLE
    assert len(engine.heard) == 1


def test_an_engine_that_only_closes_is_asked_twice(engine, connection):
    engine.script = [CLOSES, CLOSES]
    with pytest.raises(EngineError) as refused:
        connection.jobs()
    assert refused.value.code == Code.ENGINE_UNREACHABLE
    assert len(engine.heard) == 2


def test_one_that_is_silent_is_waited_for_once(engine, connection, monkeypatch):
    engine.script = [SILENT, ANSWERS]
    with monkeypatch.context() as hasty:
        hasty.setattr(connection_module, "_ANSWER_SECONDS", 0.05)
        with pytest.raises(EngineError) as refused:
            connection.jobs()
    assert refused.value.params["detail"] == "ReadTimeout"
    connection.jobs()
    assert len(engine.heard) == 2
