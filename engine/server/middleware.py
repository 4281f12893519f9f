"""Who may talk to the server, and how much they may say: token, host and body size, before any route is looked at."""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

BODY_MAXIMUM = 64 * 1024 * 1024
_TOO_LARGE = "The body is longer than 64 MiB"
_HOST = re.compile(r"(?:\[([^]]+)\]|([^][:]+))(?::[0-9]*)?")
"""A `Host`: an IPv6 address in brackets, or another address or name, and perhaps a port."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """ASGI middleware: 401 without the token, 403 for a foreign host, 413 for a body over 64 MiB."""

    def __init__(self, app: App, token: str, loopback: bool) -> None:
        """With `loopback` only a loopback `Host` is answered: a web page cannot reach us by rebinding its name."""
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with what is wrong."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self._loopback and not _names_loopback(headers.get(b"host", b"").decode("latin-1")):
            await _refuse(send, 403, "host_forbidden", "The Host header is not a loopback address")
        elif not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            await _refuse(send, 401, "token_wrong", "The bearer token is missing or wrong")
        elif _declared(headers) > BODY_MAXIMUM:
            await _refuse(send, 413, "body_too_large", _TOO_LARGE)
        else:
            await self._limited(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting a body of undeclared length as it comes."""
        count = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > BODY_MAXIMUM:
                raise HTTPException(413, _TOO_LARGE)  # the application answers it, as its own middleware would else
            return message

        await self._app(scope, counted, send)


def is_loopback(name: str) -> bool:
    """Whether an address, without brackets or port, or a name always means this machine: no other name does."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name.lower().removesuffix(".") == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _names_loopback(host: str) -> bool:
    parts = _HOST.fullmatch(host)
    return parts is not None and is_loopback(parts[1] or parts[2])


def _declared(headers: dict[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def _refuse(send: Send, status: int, code: str, title: str) -> None:
    """Answer with a problem document (RFC 9457)."""
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "code": code}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
