"""`python -m engine serve`: the engine as a server, for Blender on this machine or another."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Code, EngineError
from ..protocol import ENGINE_FILE, ENGINE_VERSION, PROTOCOL_VERSION
from .options import add_keep, add_memory

if TYPE_CHECKING:
    import uvicorn

    from ..server.workers.pool import Pool

_LAST_WORDS_SECONDS = 5.0
_TOKEN_MINIMUM = 16


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `serve` command to the command line."""
    parser = subparsers.add_parser("serve", help="serve jobs over HTTP; prints one JSON line when it is ready")
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="jobs, pictures and logs")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any that is free)")
    parser.add_argument("--device", default="auto", metavar="D,D", help="a worker for each: cpu, cuda:0,cuda:1 (auto)")
    add_memory(parser)
    add_keep(parser)
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="take the token from here instead of a new one")
    parser.add_argument("--detach", action="store_true", help="live on when stdin closes")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to end; returns the exit code. Raises EngineError before it is ready."""
    from ..media.files import make_folder
    from ..media.lock import folder_lock
    from ..server.home import logs_folder
    from ..server.middleware import is_loopback
    from ..server.workers.local_pool import LocalPool, parse_devices
    from ..server.workers.parent_process import watch_pipe

    devices = parse_devices(args.device)
    loopback = is_loopback(args.host)
    if not loopback and args.token_file is None:
        raise EngineError(Code.BIND_UNSAFE, host=args.host)
    token = _token(args.token_file)
    os.umask(0o077)  # boards, prompts, frames and logs are this user's own business; workers inherit it
    make_folder(logs_folder(args.home))
    try:
        with folder_lock(args.home / "engine.lock", args.home):
            server, listening = _server(args, LocalPool(devices, args.home, args.memory), token, loopback)
            if not args.detach:
                watch_pipe(sys.stdin, lambda: _end(server))
            try:
                server.run(sockets=[listening])
            except SystemExit as fault:  # how uvicorn says that it could not start; why is on stderr by now
                detail, logs = "what it has to go on with cannot be taken up", str(logs_folder(args.home))
                raise EngineError(Code.ENGINE_START_FAILED, detail=detail, log=logs) from fault
            finally:
                listening.close()
                _forget(args.home / ENGINE_FILE)
    except EngineError as error:
        if error.code is Code.FOLDER_BUSY:
            raise EngineError(Code.ENGINE_RUNNING, path=str(args.home)) from error
        raise
    return 0


def _server(args: argparse.Namespace, pool: Pool, token: str, loopback: bool) -> tuple[uvicorn.Server, socket.socket]:
    """The server, not yet running, and the socket that it will listen on."""
    import uvicorn

    from ..server.app import create_app
    from ..server.jobs.retention import Rule
    from ..server.middleware import Guard
    from ..server.service import Service

    listening = _listen(args.host, args.port)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    ready = {
        "event": "ready",
        "url": f"http://{shown}:{port}",
        "token": token,
        "pid": os.getpid(),
        "version": ENGINE_VERSION,
        "protocol": PROTOCOL_VERSION,
    }

    class Announcing(uvicorn.Server):
        """Says that it is ready once it accepts connections, and ends what never ends by itself."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            _write_private(args.home / ENGINE_FILE, json.dumps(ready))
            print(json.dumps(ready), flush=True)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            service.broker.end()  # else a stream of events would be torn off, with a traceback in the log
            await super().shutdown(sockets=sockets)

    service = Service(args.home, pool, ENGINE_VERSION, Rule(args.keep_days, args.keep_gb))
    app = Guard(create_app(service), token, loopback)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1, server_header=False
    )
    return Announcing(config), listening


def _end(server: uvicorn.Server) -> None:
    """Whoever started the engine is gone: end politely, and soon in any case."""
    server.should_exit = True
    threading.Timer(_LAST_WORDS_SECONDS, os._exit, (0,)).start()


def _token(file: Path | None) -> str:
    if file is None:
        return secrets.token_urlsafe(32)
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise EngineError(Code.BAD_REQUEST, detail=f"--token-file {file} cannot be read") from fault
    if len(token) < _TOKEN_MINIMUM or not token.isascii() or not token.isprintable():
        raise EngineError(Code.BAD_REQUEST, detail=f"the token in {file} must be at least 16 printable characters")
    return token


def _forget(path: Path) -> None:
    """Remove the file that says where this engine is; another one's stays: the home may have been wiped meanwhile."""
    try:
        if json.loads(path.read_bytes())["pid"] != os.getpid():
            return
    except (OSError, ValueError, LookupError, TypeError):
        pass
    path.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    """Write `text` where only this user can read it, in one step."""
    from ..media.files import whole_file

    with whole_file(path) as temporary:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket that says that it is TCP: asyncio switches Nagle's delay (40 ms an answer) off only then.

    Raises EngineError `bad_request` where there is no such address here, or the port is taken.
    """
    listening = socket.socket(
        socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )
    if os.name == "posix":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except (OSError, OverflowError, UnicodeError) as fault:
        listening.close()
        why = getattr(fault, "strerror", None) or str(fault)
        raise EngineError(Code.BAD_REQUEST, detail=f"--host {host} --port {port} cannot be used ({why})") from fault
    return listening
