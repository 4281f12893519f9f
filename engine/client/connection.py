"""A connection to an engine: its calls, each an answer or an EngineError; `event_stream.py` reads what it tells."""

from __future__ import annotations

import contextlib
import logging
import queue
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..errors import Code, EngineError
from .event_stream import LineState, Listener, NumberedEvent
from .http_session import CONNECT_SECONDS, open_session
from .requests_library import library

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

_ANSWER_SECONDS = 30.0

log = logging.getLogger(__name__)


class Connection:
    """The engine at `url`. Calls raise EngineError: `engine_unreachable`, or the engine's own refusal in its words."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._kept: requests.Session | None = None

    @property
    def _session(self) -> requests.Session:
        if self._kept is None:
            self._kept = open_session(self.url, self._token)
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
        return self._call("GET", f"{_of(job)}/{place}/{int(name.partition('.')[0].partition('-')[0])}").content

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
            answer = self._answer(method, path, **more)
        except (OSError, ValueError) as fault:  # what requests raises is an OSError, and a ValueError for an address
            raise EngineError(Code.ENGINE_UNREACHABLE, url=self.url, detail=type(fault).__name__) from fault
        if not answer.ok:
            raise _refusal(answer)
        if answer.status_code >= 300:
            raise self._nonsense(f"is {answer.status_code}")
        return answer

    def _answer(self, method: str, path: str, **more: Any) -> requests.Response:
        def sent() -> requests.Response:
            return self._session.request(
                method, self.url + path, timeout=(CONNECT_SECONDS, _ANSWER_SECONDS), allow_redirects=False, **more
            )

        try:
            return sent()
        except OSError as fault:
            # An engine closes idle connections, maybe just when one is used again (RFC 9112, 9.5); whether it took the
            # call nobody knows, so only what may be said twice is.
            requests = library()
            closed = isinstance(fault, requests.ConnectionError) and not isinstance(fault, requests.Timeout)
            if not (closed and _may_be_said_twice(method, more.get("headers", {}))):
                raise
            return sent()


def _may_be_said_twice(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a call leaves the engine the same whether it comes once or twice; a job's key makes it so."""
    return method != "POST" or "Idempotency-Key" in headers


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
