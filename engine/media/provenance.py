"""What a picture or a movie says of its making: that a model made it, with what, and enough to make it again.

It is said in XMP, which other programs read: in PNG as the packet's own text chunk, in MP4 as a box at the end, and in
the movie's tags, which outlive the box where a program copies the streams. No times: the same shot has the same bytes.

Reading trusts nothing: anybody may have written the file. What comes back is text and plain JSON, bounded in size, and
is nothing to run, open or follow. No libraries: Blender's Python reads it, too.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from . import mp4_boxes, png_chunks
from .xmp import DESCRIPTION, LARGEST, NO_TEXT, SHOT, SOURCE_TYPE, TOOL, read_packet, write_packet

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = f"{_SOURCE_TYPES}trainedAlgorithmicMedia"
"""Made by a model alone, out of words."""
COMPOSITE = f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
"""Made by a model of a picture that is a person's, as far as anybody knows."""
ENHANCED = f"{_SOURCE_TYPES}algorithmicallyEnhanced"
"""Improved by a program; whether what it improved was a model's nobody said."""
_WORDS = {
    TRAINED: "made by a generative model",
    COMPOSITE: "made by a generative model from pictures that it was given",
    ENHANCED: "improved by a program",
}
_MAKER = "Shotpack"
_OLD_KEY = "shotpack"
"""The text chunk in which 0.1.0 said all that it said of a frame; also the tag of a movie."""
_OLD_FACTS = ("prompt", "seed", "model", "model_sha256", "steps", "solver", "schedule", "boards")
_TYPE_TAG = "digitalSourceType"
_TITLE_LONGEST = 80
_FRAME_LARGEST = 8 << 10
"""Bytes of a request that each frame carries; a larger one (a guide's hundreds of digests) is in the movie alone."""
_MOVIE_LARGEST = 1 << 20


@dataclass(frozen=True)
class Provenance:
    """What a file says of itself."""

    source: str
    """IPTC's digital source type, its full address; empty: nothing is claimed."""
    description: str = ""
    shot: Mapping[str, Any] = field(default_factory=dict)
    """The shot's facts, as JSON has them; empty where it is none of Shotpack's."""
    tool: str = ""

    def packet(self) -> bytes:
        """Itself as an XMP packet."""
        said = {SOURCE_TYPE: self.source, TOOL: self.tool, DESCRIPTION: self.description}
        said |= {SHOT: _json(self.shot)} if self.shot else {}
        return write_packet({name: text for name, text in said.items() if text})

    def texts(self) -> dict[str, str]:
        """Itself as a PNG's text chunks (`frames.png_bytes`)."""
        old = {name: self.shot[name] for name in _OLD_FACTS if name in self.shot}
        return {
            "Software": _MAKER,
            "Description": self.description,
            _OLD_KEY: json.dumps(old, ensure_ascii=False),
            png_chunks.XMP.decode(): self.packet().decode(),
        }

    def tags(self) -> dict[str, str]:
        """Itself as a movie's tags: what every program knows says the most important, too."""
        title = " ".join(self.description.split())[:_TITLE_LONGEST] or _MAKER
        words = _WORDS.get(self.source, "")
        comment = f"{words[:1].upper()}{words[1:]} ({self.source}), with {self.tool}."
        said = {"title": title, "comment": comment, _TYPE_TAG: self.source, _OLD_KEY: _json(self.shot)}
        return {name: NO_TEXT.sub("\ufffd", text) for name, text in said.items()}

    @property
    def words(self) -> str:
        """What its source type means; empty where it claims nothing that is known here."""
        return _WORDS.get(self.source, "")


def source_of(inputs: Iterable[str]) -> str:
    """The source type of what a model makes of pictures that say of themselves `inputs`; empty: they say nothing.

    A shot that shows a person's drawing is no model's alone, and what says nothing is a person's until told otherwise.
    """
    return COMPOSITE if any(said != TRAINED for said in inputs) else TRAINED


def with_request(facts: Mapping[str, Any], request: Mapping[str, Any], *, frame: bool) -> dict[str, Any]:
    """`facts` with the request that makes the shot again; where that is too large, with its SHA-256 alone."""
    text = _json(request).encode()
    if len(text) <= (_FRAME_LARGEST if frame else _MOVIE_LARGEST):
        return {**facts, "request": request}
    return {**facts, "request_sha256": hashlib.sha256(text).hexdigest()}


def finished(before: Provenance | None, finishing: Mapping[str, Any], tool: str) -> Provenance:
    """What a frame or movie says that was made of one that says `before`, by `finishing`: whatever JSON tells of it.

    Whose it was stays so, and what was done before. `before` None or empty: nothing is known of the picture.
    """
    if before is None or not (before.source or before.shot):
        return Provenance(ENHANCED, "", {"finishing": [dict(finishing)]}, tool)
    done = before.shot.get("finishing", [])
    shot = {**before.shot, "finishing": [*(done if isinstance(done, list) else ()), dict(finishing)]}
    # A frame of 0.1.0 says what made it, and not what that is called.
    source = before.source or (COMPOSITE if before.shot.get("boards") else TRAINED)
    return replace(before, source=source, shot=shot, tool=tool)


def read(path: Path) -> Provenance | None:
    """What the PNG, MP4 or QuickTime file at `path` says of itself; None where it says nothing.

    Raises OSError, and ValueError for any other or a broken file, with what is wrong in a few words.
    """
    with path.open("rb") as file:
        return read_file(file)


def read_if_whole(path: Path) -> Provenance | None:
    """As `read` does; None also for what cannot be read: what a picture shows is used whatever it says."""
    try:
        return read(path)
    except (OSError, ValueError):
        return None


def read_file(file: BinaryIO) -> Provenance | None:
    """As `read` does, of a file that is open."""
    if is_png(file):
        found = png_chunks.texts(file, (png_chunks.XMP, b"Description", _OLD_KEY.encode()), LARGEST)
        packet, old = found.get(png_chunks.XMP), found.get(_OLD_KEY.encode())
        if packet is not None:
            return _of_packet(packet)
        return None if old is None else Provenance("", _text(found.get(b"Description", b"")), _shot(_text(old)), _MAKER)
    packet = mp4_boxes.find(file, mp4_boxes.XMP, LARGEST)
    return None if packet is None else _of_packet(packet)


def is_png(file: BinaryIO) -> bool:
    """Whether a file begins as a PNG does."""
    file.seek(0)
    return file.read(len(png_chunks.SIGNATURE)) == png_chunks.SIGNATURE


def of_tags(tags: Mapping[str, str]) -> Provenance | None:
    """What a movie's tags say, where its packet is gone. Raises ValueError for facts that are none."""
    tags = {name.lower(): text for name, text in tags.items()}  # Matroska writes them large
    source, shot = tags.get(_TYPE_TAG.lower(), ""), tags.get(_OLD_KEY, "")
    if not source:  # of tags that only programs of Shotpack's write a copy keeps none, of the comment the whole
        source = next((each for each in _WORDS if f"({each})" in tags.get("comment", "")), "")
    if not (source or shot):
        return None
    return Provenance(source, tags.get("title", ""), _shot(shot) if shot else {}, _MAKER)


def _of_packet(packet: bytes) -> Provenance | None:
    said = read_packet(packet)
    if not said:
        return None
    shot = _shot(said[SHOT]) if SHOT in said else {}
    return Provenance(said.get(SOURCE_TYPE, "").strip(), said.get(DESCRIPTION, ""), shot, said.get(TOOL, ""))


def _shot(text: str) -> dict[str, Any]:
    """A shot's facts out of JSON that anybody may have written. Raises ValueError."""
    try:
        said = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError as fault:
        raise ValueError("what it says of a shot is too deep") from fault
    except ValueError as fault:
        raise ValueError(f"what it says of a shot is no JSON ({fault})") from fault
    if not isinstance(said, dict):
        raise ValueError("what it says of a shot is no object")
    return said


def _finite(number: str) -> float:
    if not math.isfinite(found := float(number)):
        raise ValueError(f"{number[:20]} is no number")
    return found


def _json(data: Mapping[str, Any]) -> str:
    """`data` as JSON that XML can hold: what it has no way to say is escaped, and is read back as it was."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return NO_TEXT.sub(lambda each: f"\\u{ord(each[0]):04x}", text)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
