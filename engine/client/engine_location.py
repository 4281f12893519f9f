"""Which engine to use, on this machine or another, and getting at it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import Code, EngineError
from ..protocol import PROTOCOL_VERSION
from .connection import Connection
from .http_session import is_loopback
from .launcher import Engine, find_or_start
from .requests_library import library


@dataclass(frozen=True)
class EngineLocation:
    """Which engine to use: the one at `remote`, else one on this machine."""

    python: Path
    folder: Path
    home: Path
    device: str = "auto"
    remote: str = ""
    token: str = ""
    online: bool = True
    """Whether another machine may be asked."""
    models: Path | None = None
    """Where models lie, if not in the engine's own choice of folder."""
    memory: float = 0.0
    """Gigabytes of its device that a new engine takes at most; 0: all that is free."""
    options: tuple[str, ...] = ()
    """More options of a new engine, as `serve` takes them."""


def engine_at(where: EngineLocation) -> Engine:
    """The engine to use; waits for it. Raises EngineError."""
    library()  # or an engine would be started that cannot be called
    if not where.remote:
        return find_or_start(
            *(where.python, where.folder, where.home),
            device=where.device,
            models=where.models,
            memory=where.memory,
            options=where.options,
        )
    if not where.online and not is_loopback(where.remote):
        raise EngineError(Code.REMOTE_OFFLINE, url=where.remote)
    connection = Connection(where.remote, where.token)
    about = connection.engine()
    if about.get("protocol") != PROTOCOL_VERSION:
        detail = f"it speaks protocol {about.get('protocol')}, not {PROTOCOL_VERSION}"
        raise EngineError(Code.ENGINE_UNREACHABLE, url=where.remote, detail=detail)
    return Engine(connection, about)
