"""Everything that can be wrong with a call, as a problem document with a stable code (RFC 9457)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route

from ..errors import Code, EngineError
from .schemas import Fault, Problem

MEDIA_TYPE = "application/problem+json"
_CODES = {404: "not_found", 405: "method_not_allowed", 409: "state_conflict", 413: "body_too_large", 422: "bad_request"}


_WORDS = {
    "unexpected_keyword_argument": "there is no such field",
    "extra_forbidden": "there is no such field",
    "tuple_type": "it must be a list",
    "dataclass_type": "it must be an object",
    "none_required": "it cannot be asked for over the wire",
}
"""pydantic's kinds of faults whose own words speak of Python."""


class Refused(Exception):  # noqa: N818  what it says of a call, not a fault of ours
    """A call that cannot be done: its HTTP status, a stable code, and what to tell."""

    def __init__(self, status: int, code: str, title: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(title)
        self.problem = Problem(title=title, status=status, code=code, faults=list(faults))


def add_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused)
        return _response(error.problem)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        faults = [
            Fault(where=".".join(map(str, fault["loc"])), what=_WORDS.get(fault["type"], str(fault["msg"])))
            for fault in error.errors()
        ]
        return _response(Problem(title="The request is not valid", status=422, code="bad_request", faults=faults))

    async def engine(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, EngineError)
        status = 507 if error.code is Code.DISK_FULL else 422
        return _response(Problem(title=error.line, status=status, code=str(error.code)))

    async def store(_: Request, error: Exception) -> JSONResponse:
        title = f"The engine's job store cannot be written ({error}); free some space on its disk and try again"
        return _response(Problem(title=title, status=507, code=str(Code.DISK_FULL)))

    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        told = EngineError(Code.INTERNAL, detail=f"{type(error).__name__}: {error}")
        return _response(Problem(title=told.line, status=500, code=str(told.code)))

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        # A body that is not even JSON is as wrong as one that does not fit.
        status = 422 if error.status_code == 400 else error.status_code
        problem = Problem(title=str(error.detail), status=status, code=_CODES.get(status, "http"))
        headers = dict(error.headers or {})
        if status == 405:  # the router names the methods of one route, and there may be several of that path
            headers["Allow"] = ", ".join(sorted(_methods(app, request)))
        return _response(problem, headers)

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(EngineError, engine)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(sqlite3.OperationalError, store)
    app.add_exception_handler(Exception, unexpected)  # its traceback goes to the log all the same


def _methods(app: FastAPI, request: Request) -> set[str]:
    matching = (route for route in app.routes if isinstance(route, Route) and route.path_regex.match(request.url.path))
    return {method for route in matching for method in route.methods or ()}


def _response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), problem.status, headers, media_type=MEDIA_TYPE)
