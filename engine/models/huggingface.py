"""The Hugging Face hub as Shotpack uses it: what a repository holds, and one file fetched, resumed and checked.

The talking is huggingface_hub's. Its `hf_hub_download` would do more, but as of version 2.4 it throws a partial file
away when the process ends, and these files are up to 10 GB; so the partial file is kept here, and the library's
`http_get` goes on with it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from ..media.files import disk_faults

# Read when huggingface_hub is imported, which the functions below do.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

_TIMEOUT_S = 20.0

Report = Callable[[int], None]
"""Told how many bytes of the file are here."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository; `sha256` for large files, `blob` (git's SHA-1) for the others, as the hub keeps them."""

    path: str
    size: int
    sha256: str | None
    blob: str | None


@dataclass(frozen=True)
class Snapshot:
    """What a repository holds at one commit."""

    repo: str
    revision: str
    files: tuple[RemoteFile, ...]


def offline_variable() -> str | None:
    """The variable of the environment that forbids going online, as huggingface_hub understands it, read anew."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return next((name for name in names if os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}), None)


class Hub:
    """The hub at `endpoint`; without one `HF_ENDPOINT`, else the public hub."""

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None

    def snapshot(self, repo: str, revision: str | None) -> Snapshot:
        """The files of `repo` at `revision`, or at its newest commit. Raises EngineError `download_failed`."""
        from huggingface_hub import HfApi

        with _hub_faults(repo):
            api = HfApi(endpoint=self._endpoint, library_name="shotpack")
            info = api.model_info(repo, revision=revision, timeout=_TIMEOUT_S, files_metadata=True)
            files = [
                RemoteFile(each.rfilename, int(each.size or 0), each.lfs.sha256 if each.lfs else None, each.blob_id)
                for each in info.siblings or ()
            ]
            if not info.sha or not files:
                raise ValueError("no commit or no files")
            return Snapshot(repo, info.sha, tuple(files))

    def fetch(self, snapshot: Snapshot, file: RemoteFile, path: Path, report: Report) -> str:
        """Bring a file to `path`, whole or not at all, and return its SHA-256.

        What an interruption leaves is kept beside `path` and gone on with the next time. Raises EngineError
        `download_failed` (also where the checksum is wrong: what was fetched is dropped then), `disk_full` and
        `folder_unwritable`.
        """
        partial = partial_path(path, file)
        resumed = partial_bytes(path, file)
        with disk_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if resumed != (partial.stat().st_size if partial.exists() else 0):
                partial.unlink()
        self._transfer(snapshot, file, partial, resumed, report)
        sha256 = _checked(file, partial)
        if sha256 is None and resumed:  # what lay here may have been bad before this run: once more from the start
            partial.unlink()
            self._transfer(snapshot, file, partial, 0, report)
            sha256 = _checked(file, partial)
        if sha256 is None:
            partial.unlink()
            raise EngineError(Code.DOWNLOAD_FAILED, file=file.path, detail="what came does not match its checksum")
        with disk_faults(path):
            with partial.open("rb+") as written:
                os.fsync(written.fileno())
            partial.replace(path)
        return sha256

    def _transfer(self, snapshot: Snapshot, file: RemoteFile, partial: Path, resumed: int, report: Report) -> None:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented, not re-exported

        url = hf_hub_url(snapshot.repo, file.path, revision=snapshot.revision, endpoint=self._endpoint)
        # A compressed answer could not be resumed.
        headers = build_hf_headers(library_name="shotpack", headers={"Accept-Encoding": "identity"})
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries would tear the progress bar
        with disk_faults(partial), _hub_faults(file.path), partial.open("ab") as target:
            http_get(
                url,
                target,
                resume_size=resumed,
                headers=headers,
                expected_size=file.size,
                tqdm_class=_reporter(report),
            )


def partial_path(path: Path, file: RemoteFile) -> Path:
    """Where a file on its way to `path` is kept; another version of it gets another name."""
    return path.with_name(f".{path.name}.{(file.sha256 or file.blob or 'unknown')[:12]}.incomplete")


def partial_bytes(path: Path, file: RemoteFile) -> int:
    """How much of a file on its way to `path` is here and can be gone on with."""
    partial = partial_path(path, file)
    size = partial.stat().st_size if partial.is_file() else 0
    return size if size <= file.size else 0


def matches(file: RemoteFile, path: Path, sha256: str) -> bool:
    """Whether the file at `path`, whose SHA-256 is given, is the one the hub has."""
    if file.sha256 is not None:
        return sha256 == file.sha256
    if file.blob is None:
        return path.stat().st_size == file.size
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == file.blob


def _checked(file: RemoteFile, path: Path) -> str | None:
    """The SHA-256 of a fetched file, None where it is not what the hub has."""
    with disk_faults(path), path.open("rb") as fetched:
        sha256 = hashlib.file_digest(fetched, "sha256").hexdigest()
        return sha256 if matches(file, path, sha256) else None


@contextlib.contextmanager
def _hub_faults(file: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into one sentence; faults of the disk pass through."""
    from httpx2 import HTTPError, InvalidURL
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled as fault:
        # It read the environment when it was imported, and only that can have forbidden it.
        cure = f"unset {offline_variable() or 'HF_HUB_OFFLINE'}"
        raise EngineError(Code.OFFLINE, model=file, cure=cure) from fault
    except GatedRepoError as fault:
        detail = "the hub wants its terms accepted on the repository's page, and 'hf auth login' here"
        raise EngineError(Code.DOWNLOAD_FAILED, file=file, detail=detail) from fault
    except HfHubHTTPError as fault:
        status = fault.response.status_code
        detail = "the hub does not have it (404)" if status == 404 else f"the hub answered with status {status}"
        raise EngineError(Code.DOWNLOAD_FAILED, file=file, detail=detail) from fault
    except (HTTPError, InvalidURL) as fault:
        reason = " ".join(str(fault).split())[:120] or type(fault).__name__
        raise EngineError(Code.DOWNLOAD_FAILED, file=file, detail=f"no connection to the hub ({reason})") from fault
    except OSError as fault:
        if fault.errno is not None and fault.errno != errno.ECONNRESET:
            raise
        raise EngineError(Code.DOWNLOAD_FAILED, file=file, detail="it did not come whole") from fault
    except (ValueError, LookupError, TypeError, AttributeError) as fault:
        raise EngineError(Code.DOWNLOAD_FAILED, file=file, detail="the answer was not the hub's") from fault


def _reporter(report: Report) -> Any:
    """A stand-in for the progress bar that huggingface_hub would draw: it passes the numbers on."""

    class Reporter:
        def __init__(self, *, initial: int = 0, **_: object) -> None:
            self._done = initial
            report(initial)

        def update(self, count: float | None = 1) -> None:
            self._done += int(count or 0)
            report(self._done)

        def __enter__(self) -> Reporter:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    return Reporter
