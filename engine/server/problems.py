"""Everything that can be wrong with a call, as a problem document with a stable code (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..errors import EngineError
from .schemas import Fault, Problem

MEDIA_TYPE = "application/problem+json"
_CODES = {404: "not_found", 405: "method_not_allowed", 409: "state_conflict", 413: "body_too_large"}


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
            Fault(where=".".join(str(part) for part in fault["loc"]), what=str(fault["msg"]))
            for fault in error.errors()
        ]
        return _response(Problem(title="The request is not valid", status=422, code="bad_request", faults=faults))

    async def engine(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, EngineError)
        return _response(Problem(title=error.line, status=422, code=str(error.code)))

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "http")
        problem = Problem(title=str(error.detail), status=error.status_code, code=code)
        return _response(problem, dict(error.headers or {}))

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(EngineError, engine)
    app.add_exception_handler(HTTPException, http)


def _response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), problem.status, headers, media_type=MEDIA_TYPE)
