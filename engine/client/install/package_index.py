"""Getting one file of a package index by plain HTTPS, where there is no pip to ask: also a program of its own.

`installer.py` runs it with the Python that the environment is made of, so that this file imports the standard library
alone. The file is known by its SHA-256, which the index tells beside its address (PEP 503) and which is compared
before the file gets its name.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

_CHOSEN = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
"""Where an artist, or a studio, names the index; this program knows none by itself."""
_SECONDS = 60.0
_PIECE = 1 << 18


def of(environ: Mapping[str, str]) -> str | None:
    """The address of the index that the environment's variables name; None where they name none."""
    return next((environ[name] for name in _CHOSEN if environ.get(name)), None)


def address(page: str, base: str, sha256: str) -> str | None:
    """Where the file with that SHA-256 lies, as an index's page at `base` says; None where it names no such file."""
    links = (html.unescape(link) for link in re.findall(r"""href=["']([^"']+)["']""", page, re.IGNORECASE))
    return next((urldefrag(urljoin(base, link))[0] for link in links if link.endswith(f"#sha256={sha256}")), None)


def fetch(index: str, project: str, sha256: str, folder: Path) -> Path:
    """Put the project's file with that SHA-256 into `folder`, whole. Raises OSError, or ValueError for another file."""
    base = f"{index.rstrip('/')}/{project}/"
    with _opened(base) as answer:
        found = address(answer.read().decode("utf-8", "replace"), answer.geturl(), sha256)
    if found is None:
        raise ValueError(f"{urlsplit(base).hostname} does not list the version of {project} that is wanted")
    name = Path(unquote(urlsplit(found).path)).name
    part, digest = folder / f"{name}.part", hashlib.sha256()
    with _opened(found) as answer, part.open("wb") as file:
        while piece := answer.read(_PIECE):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != sha256:
        part.unlink()
        raise ValueError(f"the bytes of {name} do not match the hashes that are known")
    return part.replace(folder / name)


def _opened(url: str) -> HTTPResponse:
    request = urllib.request.Request(url, headers={"Accept": "text/html", "User-Agent": "shotpack"})
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=_SECONDS)
    return answer


def main() -> int:
    """Fetch what the command line names; one line says what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("project", "sha256", "folder"):
        parser.add_argument(name)
    parser.add_argument("--index-url")
    wanted = parser.parse_args()
    index = wanted.index_url or of(os.environ)
    if index is None:
        print(f"error: there is no pip, and no package index is named by {_CHOSEN[0]}")
        return 1
    try:
        fetch(index, wanted.project, wanted.sha256, Path(wanted.folder))
    except (OSError, ValueError) as fault:
        print(f"error: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
