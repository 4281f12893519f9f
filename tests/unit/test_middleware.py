"""Who may talk to the server by the name that it calls it by: a web page may bind its own name to our address."""

from __future__ import annotations

import asyncio

import pytest

from engine.server.middleware import Guard

TOKEN = "the token"


def answered(host: str | None, loopback: bool = True) -> int:
    """The status that a request with this `Host` gets."""
    statuses: list[int] = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
    headers += [] if host is None else [(b"host", host.encode("latin-1"))]
    asyncio.run(Guard(app, TOKEN, loopback)({"type": "http", "headers": headers}, receive, send))
    return statuses[0]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:8188", "127.0.0.2:80", "127.255.255.254", "[::1]", "[::1]:8188", "127.0.0.1:"),
        *("[0:0:0:0:0:0:0:1]:1", "[::ffff:127.0.0.1]:1", "localhost", "localhost:8188", "localhost.", "LOCALHOST.:1"),
    ],
)
def test_every_name_of_this_machines_loopback_is_answered(host: str) -> None:
    assert answered(host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *(None, "", ":80", "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example"),
        *("evil.example@127.0.0.1", "127.0.0.1@evil.example", "127.0.0.1:80@evil.example", "127.0.0.1:80:80"),
        *("evil-localhost", "localhost..", "0.0.0.0", "[::]", "10.0.0.1:80", "128.0.0.1", "[fe80::1]", "::1", "[::1"),
        *("[::1]evil.example", "[::1]:x", "127.0.0.1:x", "127.0.0.1, evil.example", "127.0.0.1 ", "l\xf6calhost"),
    ],
)
def test_a_name_that_could_be_bound_to_our_address_is_refused(host: str | None) -> None:
    assert answered(host) == 403


def test_who_binds_elsewhere_on_purpose_is_called_by_any_name() -> None:
    assert answered("studio:8188", loopback=False) == 200
