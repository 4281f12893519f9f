"""An engine that says what a test has written down: a connection without a wire, and an HTTP server of streams."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine.client.connection import Connection
from engine.client.engine_client import EngineClient, EngineLocation, EngineState
from engine.client.event_stream import LineState, NumberedEvent
from engine.client.launcher import Engine
from engine.client.shot import Shot
from engine.errors import Code, EngineError
from engine.events import Event, Section, SectionPlan, Started
from engine.serialization import to_json
from tests.patience import PATIENCE

PICTURE = b"\x89PNG\r\n\x1a\n" + b"pixels" + b"IEND\xaeB`\x82"
JOB = "00000000000000ab"
BREAK = EngineError(Code.ENGINE_UNREACHABLE, url="http://studio", detail="it broke")
WHERE = EngineLocation(Path("python"), Path("folder"), Path("home"), remote="http://studio.example:8188")


class Listening:
    """The thread that reads events, without the thread."""

    def __init__(self, inbox: queue.Queue[Any], after: int) -> None:
        self.inbox, self.after, self.stopped = inbox, after, False

    def stop(self, **_how: bool) -> None:
        self.stopped = True


class ScriptedConnection(Connection):
    """Answers as its fields say; whatever is an exception is raised."""

    url = "http://studio"

    def __init__(self, about: dict[str, Any] | None = None) -> None:
        self.about: Any = {"protocol": 1, "store": "one", "newest": 5000, "parked_by": []} if about is None else about
        self.known: dict[str, Any] = {}
        """What is said of each job."""
        self.pictures: Callable[[str, str], bytes] = lambda _job, _path: PICTURE
        self.accepts: Any = {"id": JOB}
        self.parking: Callable[[], None] = lambda: None
        self.parked: queue.Queue[tuple[bool, str]] = queue.Queue()
        self.sent: list[tuple[dict[str, Any], str]] = []
        self.asked: list[str] = []
        """The frames that were asked for."""
        self.listening: Listening | None = None
        self.closed = False

    def engine(self) -> dict[str, Any]:
        return _said(self.about)

    def jobs(self) -> list[dict[str, Any]]:
        return [{"id": job} for job, said in self.known.items() if not isinstance(said, Exception)]

    def job(self, job: str) -> dict[str, Any]:
        unknown = EngineError(Code.REFUSED, detail="There is no job", status=404, problem="job_unknown")
        return _said(self.known.get(job, unknown))

    def add_image(self, _data: bytes) -> str:
        return "a" * 64

    def add_job(self, job: str, key: str = "") -> dict[str, Any]:
        self.sent.append((json.loads(job), key))
        return _said(self.accepts)

    def act(self, job: str, _action: str) -> dict[str, Any]:
        return _said({"id": job})

    def park(self, away: bool, client: str = "", _seconds: float | None = None) -> dict[str, Any]:
        self.parked.put((away, client))
        self.parking()
        return self.about

    def picture(self, job: str, path: str) -> bytes:
        self.asked.append(path)
        return self.pictures(job, path)

    def listen(self, inbox: queue.Queue[Any], after: int = 0, _store: str = "") -> Listening:
        self.listening = Listening(inbox, after)
        inbox.put(LineState(up=True))
        return self.listening

    def tell(self, number: int, event: Event | dict[str, Any], job: str = JOB) -> None:
        assert self.listening is not None
        self.listening.inbox.put(NumberedEvent(number, job, event if isinstance(event, dict) else to_json(event)))

    def line(self, up: bool, **more: Any) -> None:
        assert self.listening is not None
        self.listening.inbox.put(LineState(up=up, detail="" if up else "it broke", **more))

    def close(self) -> None:
        self.closed = True


def _said(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


class Studio:
    """A client whose engine is scripted."""

    def __init__(self, patch: pytest.MonkeyPatch, connection: ScriptedConnection) -> None:
        self.connection = connection
        patch.setattr("engine.client.engine_line._engine", lambda _where: Engine(connection, {}))  # type: ignore[arg-type]
        self.client = EngineClient()

    def connect(self) -> None:
        self.client.wake(WHERE)
        self.until(lambda: self.client.state is EngineState.READY and self.connection.listening is not None)

    def until(self, reached: Callable[[], Any]) -> Any:
        """Tick until `reached` says so."""

        def ticked() -> Any:
            self.client.poll(0.05)
            return reached()

        return wait_for(ticked)


def wait_for(reached: Callable[[], Any]) -> Any:
    """What `reached` says once it says anything."""
    until = time.monotonic() + PATIENCE
    while not (found := reached()):
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.001)
    return found


def shot_of(folder: Path, frames: int = 4, **more: Any) -> Shot:
    """A shot that is being made as `JOB`."""
    return Shot(**{"id": "shot", "name": "Panel", "folder": folder, "frames": frames, "job": JOB} | more)


def started(*borders: tuple[int, int]) -> Started:
    plans = tuple(SectionPlan(number, first, last, "") for number, (first, last) in enumerate(borders))
    return Started("forward", plans, borders[-1][1], 64, 64, 30.0, 4, 0)


def section(number: int, first: int, last: int) -> Section:
    names = tuple(f"frames/{frame:04d}.png" for frame in range(first, last + 1))
    return Section(number, number + 1, 9, first, len(names), names, ())


def snapshot(number: int, state: str = "running", sections: tuple[Section, ...] = (), **more: Any) -> dict[str, Any]:
    """What GET /v1/jobs/ID answers of `JOB`."""
    data = [{key: value for key, value in to_json(each).items() if key != "event"} for each in sections]
    said = {"id": JOB, "state": state, "number": number, "sections": data, "plan": None, "step": None, "stage": ""}
    return said | {"failure": None, "starred": False, "key": "shot", "request": {"frames": 4}} | more


@contextlib.contextmanager
def streams(*scripts: tuple[dict[str, str], list[bytes]]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers every GET of events with the next script, a header and lines, and the last one for ever.

    Gives its address and the Last-Event-ID of every stream that was asked for.
    """
    asked: list[str] = []
    over = threading.Event()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def send(self, text: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

        def do_GET(self) -> None:
            headers, lines = scripts[min(len(asked), len(scripts) - 1)]
            last = len(asked) >= len(scripts) - 1
            asked.append(self.headers.get("Last-Event-ID", ""))
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with contextlib.suppress(OSError):
                for line in lines:
                    self.send(line + b"\n\n")
                while last and not over.wait(0.02):
                    self.send(b": waiting\n\n")
                self.send(b"")
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            over.set()
            server.shutdown()


def line_of(number: int, event: Event, job: str = JOB) -> bytes:
    """An event as it comes over the wire."""
    return b"data: " + json.dumps({"job": job, "number": number, "time": 1.0, **to_json(event)}).encode()
