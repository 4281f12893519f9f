"""A connection to an engine: its calls, and a thread that reads its events and never misses one.

The reader remembers the number of the last event it passed on; when the line breaks it asks for everything after that.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import queue
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from ..errors import Code, EngineError

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_SILENCE_SECONDS = 10.0
"""The engine sends a comment every two seconds; a line silent for longer is dead, whatever TCP says."""
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Told:
    """An event as the engine numbered it."""

    number: int
    job: str
    event: dict[str, Any]


@dataclass(frozen=True)
class LineState:
    """Whether events are being read; `detail` says what is wrong where they are not."""

    up: bool
    detail: str = ""


class Connection:
    """The engine at `url`. Calls raise EngineError: `engine_unreachable`, or the engine's own refusal in its words."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._session = _session(self.url, token)

    def engine(self) -> dict[str, Any]:
        """What the engine is and has."""
        return self._object("GET", "/v1/engine")

    def add_image(self, data: bytes) -> str:
        """Send a picture; returns the name for it in a job's boards."""
        return str(self._object("POST", "/v1/images", data=data)["image"])

    def add_job(self, job: dict[str, Any], key: str = "") -> dict[str, Any]:
        """Queue a shot. The same job sent again under the same `key` is the one that is there already."""
        return self._object("POST", "/v1/jobs", json=job, headers={"Idempotency-Key": key} if key else None)

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs the engine knows."""
        found: list[dict[str, Any]] = self._json("GET", "/v1/jobs")
        return found

    def act(self, job: str, action: str) -> dict[str, Any]:
        """`pause`, `resume` or `cancel` a job."""
        return self._object("POST", f"/v1/jobs/{job}/{action}")

    def change(self, job: str, **what: Any) -> dict[str, Any]:
        """Change a job: name, before, prompt, steps, guidance."""
        return self._object("PATCH", f"/v1/jobs/{job}", json=what)

    def park(self, away: bool) -> dict[str, Any]:
        """Have all weights taken off the devices, or put back."""
        return self._object("POST", f"/v1/engine/{'park' if away else 'unpark'}")

    def remove(self, job: str) -> None:
        """Remove a job that has ended, with its files on the engine's side."""
        self._call("DELETE", f"/v1/jobs/{job}")

    def picture(self, job: str, path: str) -> bytes:
        """A frame as PNG, by the path that the section's event gave it."""
        place, _, name = path.rpartition("/")
        return self._call("GET", f"/v1/jobs/{job}/{place}/{int(name.partition('.')[0])}").content

    def movie(self, job: str) -> bytes:
        """A finished job's movie."""
        return self._call("GET", f"/v1/jobs/{job}/movie").content

    def listen(self, inbox: queue.Queue[Told | LineState], after: int = 0) -> Listener:
        """Start a thread that puts every event after number `after` into `inbox`."""
        return Listener(self.url, self._token, inbox, after)

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def _object(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._json(method, path, **more)
        return answer

    def _json(self, method: str, path: str, **more: Any) -> Any:
        try:
            return self._call(method, path, **more).json()
        except requests.JSONDecodeError as fault:
            raise EngineError(Code.ENGINE_UNREACHABLE, url=self.url, detail="its answer is not JSON") from fault

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        try:
            answer = self._session.request(
                method, self.url + path, timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS), allow_redirects=False, **more
            )
        except requests.RequestException as fault:
            raise EngineError(Code.ENGINE_UNREACHABLE, url=self.url, detail=type(fault).__name__) from fault
        if answer.status_code >= 400:
            raise _refusal(answer)
        return answer


class Listener:
    """The reading thread of one connection; `stop` ends it."""

    def __init__(self, url: str, token: str, inbox: queue.Queue[Told | LineState], after: int) -> None:
        self._url = url
        self._session = _session(url, token)
        self._inbox = inbox
        self._last = after
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shotpack events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, at the latest with the engine's next sign of life."""
        self._stopping.set()
        self._thread.join(_SILENCE_SECONDS)

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            before = self._last
            detail = self._read()
            if self._stopping.is_set():
                return
            attempt = 0 if self._last > before else attempt + 1
            self._inbox.put(LineState(up=False, detail=detail))
            self._stopping.wait(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])

    def _read(self) -> str:
        """Read one stream until it breaks; returns why it did."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self._last)}
        try:
            with self._session.get(
                f"{self._url}/v1/events",
                headers=headers,
                stream=True,
                timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
                allow_redirects=False,  # the token is for this engine alone
            ) as answer:
                if answer.status_code != 200:
                    return f"the engine answers {answer.status_code}"
                self._inbox.put(LineState(up=True))
                for line in answer.iter_lines(chunk_size=None):  # whatever has come, as it comes
                    if self._stopping.is_set():
                        return ""
                    if line.startswith(b"data: "):
                        self._take(line[6:])
        except requests.RequestException as fault:
            return type(fault).__name__
        except (ValueError, KeyError):
            return "what came is not an event"
        return "the engine closed the line"

    def _take(self, data: bytes) -> None:
        event = json.loads(data)
        number, job = event.pop("number"), event.pop("job")
        event.pop("time", None)
        self._inbox.put(Told(number, job, event))
        self._last = number


class _Bearer(requests.auth.AuthBase):
    """The token, which a machine's own file of passwords must not replace."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _session(url: str, token: str) -> requests.Session:
    """What calls the engine; one on this machine is never asked for through a proxy."""
    session = requests.Session()
    session.auth = _Bearer(token)
    session.trust_env = not is_loopback(url)
    return session


def is_loopback(url: str) -> bool:
    """Whether `url` leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refusal(answer: requests.Response) -> EngineError:
    """The engine's problem document as an error: every fault that it names, else its title."""
    detail = f"the engine answers {answer.status_code}"
    with contextlib.suppress(ValueError, AttributeError, TypeError, KeyError):
        problem = answer.json()
        faults = [f"{fault['where'].removeprefix('body.')}: {fault['what']}" for fault in problem.get("faults", [])]
        detail = "; ".join(faults) or problem["title"]
    return EngineError(Code.REFUSED, detail=detail, status=answer.status_code)
