"""What a picture, a movie or a shot's folder says of itself, and which of it can be checked and holds.

Anybody may have made what is looked at: nothing that it says is followed, and names in a record are those of its own
frames and movies, or count for nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from . import content_credentials, png_chunks, provenance
from .json_objects import json_object
from .provenance import Provenance
from .shot_digests import compare

_RECORD = re.compile(r"(frames/[0-9]{4,9}(-t[0-9]{2,4})?\.png|shot(-t[0-9]{2,4})?\.mp4)")
"""The files of its own that a shot's record tells of, by their paths from its folder."""
_RECORD_LARGEST = 64 << 20
_MOST_NAMED = 8
_MATROSKA = b"\x1a\x45\xdf\xa3"
SIGNATURE = "signature"
"""The check of Content Credentials."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it holds, or None where it could not be told, and what there is to say."""

    name: str
    holds: bool | None
    detail: str


@dataclass(frozen=True)
class Inspection:
    """What was found."""

    path: Path
    kind: str
    """`picture`, `movie`, `shot` (a folder with the shot's record) or `pictures` (any other folder of them)."""
    said: Provenance | None
    """Of a folder, what its first picture says."""
    checks: Sequence[Check] = ()
    pictures: int = 0
    """Of a folder, how many it has."""
    sources: Mapping[str, int] = field(default_factory=dict)
    """How many of them say which source type; empty: they claim nothing."""

    @property
    def holds(self) -> bool:
        """Whether nothing that could be checked was found otherwise than it was made."""
        return all(check.holds is not False for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Itself, as JSON has it."""
        said = self.said or Provenance("")
        found = {
            "path": str(self.path),
            "kind": self.kind,
            "digital_source_type": said.source or None,
            "tool": said.tool or None,
            "description": said.description or None,
            "shot": dict(said.shot) or None,
            "checks": [{"check": each.name, "holds": each.holds, "detail": each.detail} for each in self.checks],
            "holds": self.holds,
        }
        return found | ({"pictures": self.pictures, "sources": dict(self.sources)} if self.pictures else {})


def inspect(path: Path, anchors: str | None = None) -> Inspection:
    """Look at a PNG, a movie or a folder. `anchors` are certificates (PEM) whose signers are trusted.

    Raises EngineError `inspect_unreadable` for what is none of these or is broken, and as `content_credentials.check`.
    """
    try:
        if path.is_dir():
            return _folder(path)
        if path.exists() and not path.is_file():
            raise ValueError("it is no file")
        with path.open("rb") as file:
            picture = provenance.is_png(file)
        return _picture(path, anchors) if picture else _movie(path, anchors)
    except OSError as fault:
        raise _unreadable(path, (fault.strerror or str(fault)).lower()) from fault
    except ValueError as fault:
        raise _unreadable(path, str(fault)) from fault


def _picture(path: Path, anchors: str | None) -> Inspection:
    said = provenance.read(path)
    with path.open("rb") as file:
        changed = png_chunks.changed(file)
    checks = [Check("check sums", changed is None, changed or "as written")]
    return Inspection(path, "picture", said, [*checks, *_signed(path, anchors), *_recorded(path, 2)])


def _movie(path: Path, anchors: str | None) -> Inspection:
    checks: list[Check] = []
    try:
        said = provenance.read(path)
        checks += _signed(path, anchors)
    except ValueError:  # another kind of movie has tags all the same
        said = None
    if said is None:
        said = provenance.of_tags(_tags(path))
        if said is not None:
            checks.append(Check("packet", None, "gone: what is said here is in the movie's tags"))
    return Inspection(path, "movie", said, [*checks, *_recorded(path, 1)])


def _tags(path: Path) -> dict[str, str]:
    import av  # it takes a while, and most movies tell without it

    with path.open("rb") as file:
        # The kind is said: FFmpeg knows some that send it to other files and addresses.
        kind = "matroska" if file.read(len(_MATROSKA)) == _MATROSKA else "mov"
        file.seek(0)
        try:
            with av.open(file, format=kind) as movie:
                return {name: str(text) for name, text in movie.metadata.items()}
        except av.FFmpegError as fault:
            raise ValueError("it is no PNG and no movie that can be read") from fault


def _signed(path: Path, anchors: str | None) -> Iterator[Check]:
    if not content_credentials.are_there(path):
        return
    if not content_credentials.installed():
        yield Check(SIGNATURE, None, f"there, and not checked: {content_credentials.missing().advice}")
        return
    found = content_credentials.check(path, anchors)
    if found is None:
        yield Check(SIGNATURE, None, "there, and not readable")
        return
    trust = {None: "nobody said whom to trust", True: "trusted", False: "not trusted"}[found.trusted]
    state = "as it was signed" if found.intact else f"changed since it was signed ({', '.join(found.faults)})"
    yield Check(SIGNATURE, found.intact and found.trusted is not False, f"{state}; by {found.signer}; {trust}")


def _recorded(path: Path, below: int) -> Iterator[Check]:
    """Whether a shot's frame or movie, so many folders below the shot's, is as its record has it."""
    whole = path.parent.resolve() / path.name  # from wherever it is looked at
    root = whole.parents[min(below, len(whole.parents)) - 1]
    name = whole.relative_to(root).as_posix()
    try:
        kept = {found: digest for _, digests in _records(root) for found, digest in digests.items() if found == name}
    except (OSError, ValueError) as fault:  # of a folder that is none of a shot's, maybe
        yield Check("record", None, str(fault))
        return
    if kept:
        wrong = dict(compare(root, kept))
        yield Check("record", not wrong, wrong.get(name, "as when the shot was finished"))


def _folder(path: Path) -> Inspection:
    records = list(_records(path))
    frames = path / "frames" if records or (path / "frames").is_dir() else path
    pictures = sorted(each for each in frames.glob("*.png") if each.is_file())
    if not pictures:
        raise ValueError("there is no shot in it, and no PNG picture")
    first, sources = None, Counter[str]()
    checks: list[Check] = []
    broken = []
    for picture in pictures:
        try:
            said = provenance.read(picture)
            with picture.open("rb") as file:
                changed = png_chunks.changed(file)
        except ValueError as fault:
            said, changed = None, str(fault)
        first = first or said
        sources[said.source if said is not None else ""] += 1
        if changed is not None:
            broken.append(picture.name)
    checks.append(Check("check sums", not broken, _told([(name, "changed") for name in broken], "as written")))
    for record, digests in records:
        wrong = list(compare(path, digests))
        if not digests:
            checks.append(Check(record, None, "keeps no digests: an earlier release made the shot"))
        else:
            checks.append(Check(record, not wrong, _told(wrong, f"{len(digests)} files as when it was finished")))
    return Inspection(path, "shot" if records else "pictures", first, checks, len(pictures), sources)


def _records(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The records of a shot and its takes by their paths, with the digests of files of its own that each keeps."""
    for record in (root / "shot.json", *sorted((root / "takes").glob("*.json"))):
        name = record.relative_to(root).as_posix()
        if not record.is_file():
            continue
        if record.stat().st_size > _RECORD_LARGEST:
            raise ValueError(f"{name} is too large")
        try:
            kept = json_object(record.read_bytes()).get("sha256", {})
            yield name, {each: str(digest) for each, digest in kept.items() if _RECORD.fullmatch(each)}
        except (ValueError, AttributeError) as fault:
            raise ValueError(f"{name} is no record of a shot") from fault


def _told(wrong: Sequence[tuple[str, str]], sound: str) -> str:
    if not wrong:
        return sound
    named = ", ".join(f"{name} {state}" for name, state in wrong[:_MOST_NAMED])
    return named if len(wrong) <= _MOST_NAMED else f"{named} and {len(wrong) - _MOST_NAMED} more"


def _unreadable(path: Path, detail: str) -> EngineError:
    return EngineError(Code.INSPECT_UNREADABLE, path=str(path), detail=detail)
