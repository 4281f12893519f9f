"""How the engine is reached over HTTP: with the token, straight where it is on this machine, and never for ever."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .requests_library import library

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 5.0


class _Bearer:
    """The token, which a machine's own file of passwords must not replace."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def open_session(url: str, token: str) -> requests.Session:
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
