"""A connection to an engine: its calls, and a thread that reads its events and never misses one.

The reader remembers the number of the last event it passed on; when the line breaks it asks for everything after that.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ..errors import Code, EngineError
from ..protocol import Preview, Step
from .requests_library import library

if TYPE_CHECKING:
    import requests

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_SILENCE_SECONDS = 10.0
"""The engine sends a comment every two seconds; a line silent for longer is dead, whatever TCP says."""
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_LIVE = (Step.event, Preview.event)
"""Events that are told once, to whoever listens: their number is that of the newest one that is kept."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NumberedEvent:
    """An event as the engine numbered it."""

    number: int
    job: str
    event: dict[str, Any]

    @property
    def live(self) -> bool:
        """Whether it is not kept: it has no number of its own."""
        return self.event.get("event") in _LIVE


@dataclass(frozen=True)
class LineState:
    """Whether events are being read; `detail` says what is wrong where they are not."""

    up: bool
    detail: str = ""
    store: str = ""
    """Which database the engine tells of; empty where it does not say."""
    anew: bool = False
    """Whether it is another one than before: what was known of its jobs is of no use."""


class Connection:
    """The engine at `url`. Calls raise EngineError: `engine_unreachable`, or the engine's own refusal in its words."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._kept: requests.Session | None = None

    @property
    def _session(self) -> requests.Session:
        if self._kept is None:
            self._kept = _session(self.url, self._token)
        return self._kept

    def engine(self) -> dict[str, Any]:
        """What the engine is and has."""
        return self._object("GET", "/v1/engine")

    def add_image(self, data: bytes) -> str:
        """Send a picture; returns the name for it in a job's boards."""
        return str(self._object("POST", "/v1/images", data=data)["image"])

    def add_job(self, job: str, key: str = "") -> dict[str, Any]:
        """Queue a shot, as JSON. The same job sent again under the same `key` is the one that is there already."""
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        return self._object("POST", "/v1/jobs", data=job.encode(), headers=headers)

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs the engine knows."""
        found: list[dict[str, Any]] = self._json("GET", "/v1/jobs")
        return found

    def job(self, job: str) -> dict[str, Any]:
        """One job; of an engine that can tell, with its state up to the event `number`."""
        return self._object("GET", _of(job))

    def act(self, job: str, action: str) -> dict[str, Any]:
        """`pause`, `resume` or `cancel` a job."""
        return self._object("POST", f"{_of(job)}/{action}")

    def change(self, job: str, **what: Any) -> dict[str, Any]:
        """Change a job: name, before, prompt, steps, guidance."""
        return self._object("PATCH", _of(job), json=what)

    def park(self, away: bool, client: str = "", seconds: float | None = None) -> dict[str, Any]:
        """Have all weights taken off the devices, or put back.

        `client` has them away for `seconds` and may say so again before they are over; without it, until put back.
        """
        lease: dict[str, Any] = {"client": client} if client else {}
        if client and away and seconds is not None:
            lease["seconds"] = seconds
        return self._object("POST", f"/v1/engine/{'park' if away else 'unpark'}", **({"json": lease} if lease else {}))

    def remove(self, job: str) -> None:
        """Remove a job that has ended, with its files on the engine's side."""
        self._call("DELETE", _of(job))

    def picture(self, job: str, path: str) -> bytes:
        """A frame as PNG, by the path that the section's event gave it."""
        place, _, name = path.rpartition("/")
        return self._call("GET", f"{_of(job)}/{place}/{int(name.partition('.')[0])}").content

    def movie(self, job: str) -> bytes:
        """A finished job's movie."""
        return self._call("GET", f"{_of(job)}/movie").content

    def listen(self, inbox: queue.Queue[NumberedEvent | LineState], after: int = 0, store: str = "") -> Listener:
        """Start a thread that puts every event after number `after` of the database `store` into `inbox`."""
        return Listener(self.url, self._token, inbox, after, store)

    def close(self) -> None:
        """Close idle connections."""
        if self._kept is not None:
            self._kept.close()

    def _object(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self._json(method, path, **more)
        if not isinstance(answer, dict):
            raise self._nonsense("is no object")
        return answer

    def _json(self, method: str, path: str, **more: Any) -> Any:
        try:
            return self._call(method, path, **more).json()
        except ValueError as fault:
            raise self._nonsense("is not JSON") from fault

    def _nonsense(self, what: str) -> EngineError:
        return EngineError(Code.ENGINE_UNREACHABLE, url=self.url, detail=f"its answer {what}")

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        try:
            answer = self._session.request(
                method, self.url + path, timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS), allow_redirects=False, **more
            )
        except (OSError, ValueError) as fault:  # what requests raises is an OSError, and a ValueError for an address
            raise EngineError(Code.ENGINE_UNREACHABLE, url=self.url, detail=type(fault).__name__) from fault
        if not answer.ok:
            raise _refusal(answer)
        if answer.status_code >= 300:
            raise self._nonsense(f"is {answer.status_code}")
        return answer


class Listener:
    """The reading thread of one connection; `stop` ends it, and nothing else does."""

    def __init__(
        self, url: str, token: str, inbox: queue.Queue[NumberedEvent | LineState], after: int, store: str = ""
    ) -> None:
        self._url = url
        self._token = token
        self._inbox = inbox
        self._last = after
        self._store = store
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shotpack events", daemon=True)
        self._thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """End the thread, at the latest with the engine's next sign of life."""
        self._stopping.set()
        if wait:
            self._thread.join(_SILENCE_SECONDS)

    def _run(self) -> None:
        attempt = 0
        session: requests.Session | None = None
        while not self._stopping.is_set():
            before = self._last
            try:
                session = session or _session(self._url, self._token)
                detail = self._read(session)
            except Exception as fault:  # whatever it is, the line may be back in a moment
                detail = str(fault.params["detail"]) if isinstance(fault, EngineError) else type(fault).__name__
            if self._stopping.is_set():
                break
            attempt = 0 if self._last > before else attempt + 1
            self._inbox.put(LineState(up=False, detail=detail, store=self._store))
            self._stopping.wait(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
        if session is not None:
            session.close()

    def _read(self, session: requests.Session) -> str:
        """Read one stream until it breaks; returns why it did."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self._last)}
        with session.get(
            f"{self._url}/v1/events",
            headers=headers,
            stream=True,
            timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
            allow_redirects=False,  # the token is for this engine alone
        ) as answer:
            if answer.status_code != 200:
                return f"the engine answers {answer.status_code}"
            if not self._greet(answer.headers.get("Shotpack-Store", ""), answer.headers.get("Shotpack-Newest", "")):
                return "the engine has another database"
            for line in answer.iter_lines(chunk_size=None):  # whatever has come, as it comes
                if self._stopping.is_set():
                    return ""
                if line.startswith(b"data:"):
                    self._take(line[5:])
        return "the engine closed the line"

    def _greet(self, store: str, newest: str) -> bool:
        """Tell that the line is up; returns whether it was opened at the right place.

        Another database counts its events anew, from a number that may lie beyond those of the old one.
        """
        replayed = newest.isdecimal() and int(newest) < self._last  # then the engine begins with the first event
        anew = replayed or bool(store and self._store and store != self._store)
        self._store = store or self._store
        at_the_start = replayed or self._last == 0
        if anew:
            self._last = 0
        self._inbox.put(LineState(up=True, store=self._store, anew=anew))
        return at_the_start or not anew

    def _take(self, data: bytes) -> None:
        """Pass an event on; what is none is that line's trouble, and the next one may be whole again."""
        try:
            event = json.loads(data)
            told = NumberedEvent(event.pop("number"), event.pop("job"), event)
            if type(told.number) is not int or not isinstance(told.job, str):
                raise TypeError("its number or job is none")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            log.warning("what the engine told is not an event (%s): %.200r", fault, data)
            return
        event.pop("time", None)
        self._inbox.put(told)
        if not told.live:
            self._last = told.number


class _Bearer:
    """The token, which a machine's own file of passwords must not replace."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _session(url: str, token: str) -> requests.Session:
    """What calls the engine; one on this machine is never asked for through a proxy."""
    session: requests.Session = library().Session()
    session.auth = _Bearer(token)
    session.trust_env = not is_loopback(url)
    return session


def is_loopback(url: str) -> bool:
    """Whether `url` leads to this machine."""
    host = ""
    try:
        host = urlsplit(url).hostname or ""
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _of(job: str) -> str:
    """A job's address."""
    return f"/v1/jobs/{quote(job, safe='')}"


def _refusal(answer: requests.Response) -> EngineError:
    """The engine's problem document as an error: every fault that it names, else its title.

    `fields` has the request's fields that they are about, such as `model loras.0.name`.
    """
    detail, problem_code, fields = f"the engine answers {answer.status_code}", "", ""
    with contextlib.suppress(ValueError, AttributeError, TypeError, KeyError):
        problem = answer.json()
        problem_code = str(problem.get("code", ""))
        named = [(fault["where"].removeprefix("body."), fault["what"]) for fault in problem.get("faults", [])]
        detail = "; ".join(f"{where}: {what}" for where, what in named) or problem["title"]
        fields = " ".join(where for where, _ in named)
    return EngineError(Code.REFUSED, detail=detail, status=answer.status_code, problem=problem_code, fields=fields)
