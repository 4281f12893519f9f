"""A small Hugging Face hub on 127.0.0.1: model info, resolve with redirect, ranges, and faults on demand."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.patience import PATIENCE

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Request:
    """What was asked for, and how many bytes of body were sent."""

    path: str
    range: str | None
    sent: int


@dataclass
class HubServer:
    """Serves `repos` (name to folder) at one commit; the fields below `requests` are faults a test may switch on."""

    repos: dict[str, Path]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    corrupt: set[str] = field(default_factory=set)
    """Files whose last byte is sent wrong."""
    lost: set[str] = field(default_factory=set)
    """Files that are listed and not there."""
    cut_at: dict[str, int] = field(default_factory=dict)
    """Files whose connection breaks after so many bytes."""
    recovers: bool = False
    """Whether the hub is well again after a break; otherwise every later request gets status 503."""
    stall_at: dict[str, int] = field(default_factory=dict)
    """Files that stop coming after so many bytes, until `go` is set."""
    ignores_range: bool = False
    commits: frozenset[str] = frozenset((COMMIT,))
    """Revisions that there are; every one has the same files."""
    down: bool = False
    stalled: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def of(self, name: str) -> list[Request]:
        """The requests for one file's body."""
        return [request for request in self.requests if request.path.endswith(name)]

    def bodies(self) -> list[Request]:
        """The requests for any file's body."""
        return [request for request in self.requests if request.path.startswith("/cdn/") or request.sent]


@contextmanager
def serve(repos: dict[str, Path]) -> Iterator[HubServer]:
    """Run the hub until the block ends."""
    hub = HubServer(repos)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        hub.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if self.hub.down:
            self._answer(503, b"")
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info(found[1], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)", path):
            self._resolve(found[1], found[2], found[3])
        elif found := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
            self._file(self.hub.repos[found[1]] / found[2])
        else:
            self._missing("EntryNotFound")

    def _info(self, repo: str, revision: str | None) -> None:
        if repo not in self.hub.repos:
            return self._missing("RepoNotFound")
        commit = COMMIT if revision in (None, "main") else revision
        if commit not in self.hub.commits:
            return self._missing("RevisionNotFound")
        root = self.hub.repos[repo]
        siblings = []
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            data = path.read_bytes()
            sibling: dict[str, object] = {"rfilename": path.relative_to(root).as_posix(), "size": len(data)}
            sibling["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            if _large(path):
                sibling["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            siblings.append(sibling)
        self._answer(200, json.dumps({"id": repo, "sha": commit, "siblings": siblings}).encode())
        return None

    def _resolve(self, repo: str, commit: str, name: str) -> None:
        path = self.hub.repos[repo] / name
        if commit not in self.hub.commits or name in self.hub.lost or not path.is_file():
            self._missing("EntryNotFound")
        elif _large(path):  # large files come from elsewhere, as on the hub
            self._answer(302, b"", {"Location": f"{self.hub.url}/cdn/{repo}/{name}", "X-Repo-Commit": commit})
        else:
            self._file(path, commit)

    def _file(self, path: Path, commit: str = COMMIT) -> None:
        data = path.read_bytes()
        name = next(path.relative_to(root).as_posix() for root in self.hub.repos.values() if path.is_relative_to(root))
        if name in self.hub.corrupt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        asked = self.headers.get("Range")
        first = 0
        if asked is not None and not self.hub.ignores_range:
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        end = min(len(data), self.hub.cut_at.get(name, len(data)), self.hub.stall_at.get(name, len(data)))
        self.wfile.write(data[first:end])
        self.wfile.flush()
        self.hub.requests.append(Request(self.path, asked, max(0, end - first)))
        if name in self.hub.cut_at:
            self.hub.down = not self.hub.recovers
            del self.hub.cut_at[name]
        if name in self.hub.stall_at:
            self.hub.stalled.set()
            self.hub.go.wait(PATIENCE)

    def _missing(self, code: str) -> None:
        self._answer(404, b"", {"X-Error-Code": code})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.hub.requests.append(Request(self.path, self.headers.get("Range"), 0))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _large(path: Path) -> bool:
    return path.suffix == ".safetensors"
