"""The chunks of a PNG file (ISO/IEC 15948): what it says in words, and whether a byte of it was changed.

Anybody may have made the file: lengths are bounded, and nothing is decoded but text. No libraries.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP = b"XML:com.adobe.xmp"
"""The keyword of an XMP packet."""
CONTENT_CREDENTIALS = b"caBX"
"""The chunk of a C2PA signature."""
_MOST_CHUNKS = 1 << 16
_TEXTS = (b"iTXt", b"zTXt", b"tEXt")
_PIECE = 1 << 20
_SIDES = 8
_LONGEST_KEYWORD = 79
_LONGEST_HEAD = 256
"""Bytes of a text chunk before its text: keyword, language, and the like."""


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk, to its end (IEND); the file stands at the chunk's data then.

    Raises ValueError where the file is no PNG or ends too soon.
    """
    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise ValueError("it is no PNG")
    at, kind = len(SIGNATURE), b""
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            raise ValueError("its end is missing")
        kind, length = head[4:], int.from_bytes(head[:4], "big")
        yield kind, length
        if kind == b"IEND":
            return
        at += 12 + length
    raise ValueError("it has too many parts")


def size(file: BinaryIO) -> tuple[int, int]:
    """(width, height) that the file says it has, nothing of it decoded. Raises as `chunks` does."""
    kind, length = next(chunks(file))
    if kind != b"IHDR" or length < _SIDES:
        raise ValueError("its beginning is missing")
    head = file.read(_SIDES)
    return int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")


def texts(file: BinaryIO, wanted: Collection[bytes], most: int) -> dict[bytes, bytes]:
    """The text chunks with a keyword that is `wanted`, the first of each; iTXt in UTF-8, others in Latin-1.

    Raises as `chunks` does, and ValueError where an XMP packet has more than `most` bytes or cannot be unpacked to its
    end; other such texts are passed over.
    """
    found: dict[bytes, bytes] = {}
    for kind, length in chunks(file):
        if kind not in _TEXTS:
            continue
        at = file.tell()
        keyword, ended, _ = file.read(min(length, _LONGEST_KEYWORD + 1)).partition(b"\0")
        if not ended or keyword not in wanted or keyword in found:
            continue
        if length > most + _LONGEST_HEAD:
            _pass_over(keyword, "is too large")
            continue
        file.seek(at)
        rest = file.read(length)[len(keyword) + 1 :]
        compressed = kind == b"zTXt"
        if kind == b"iTXt":
            if len(rest) < 2:
                _pass_over(keyword, "is cut off")
                continue
            compressed, rest = rest[0] == 1, rest[2:].split(b"\0", 2)[-1]
        elif compressed:
            rest = rest[1:]
        if compressed:
            unpacking = zlib.decompressobj()
            try:
                rest = unpacking.decompress(rest, most)
            except zlib.error:
                _pass_over(keyword, "is damaged")
                continue
            if not unpacking.eof:
                # Of one that is larger something may wait in the unpacker alone: then no byte of it is left over.
                larger = bool(unpacking.unconsumed_tail) or len(rest) >= most
                _pass_over(keyword, "is too large" if larger else "is cut off")
                continue
        found[keyword] = rest
    return found


def _pass_over(keyword: bytes, fault: str) -> None:
    if keyword == XMP:
        raise ValueError(f"its XMP packet {fault}")


def changed(file: BinaryIO) -> str | None:
    """What of the file is not as it was written, by the check sum that each chunk has; None where all agrees.

    Raises ValueError where the file is no PNG or ends too soon.
    """
    for kind, length in chunks(file):
        check = zlib.crc32(kind)
        left = length
        while left:
            piece = file.read(min(left, _PIECE))
            if not piece:
                raise ValueError("its end is missing")
            check, left = zlib.crc32(piece, check), left - len(piece)
        stored = file.read(4)
        if len(stored) < 4:
            raise ValueError("its end is missing")
        if int.from_bytes(stored, "big") != check:
            return f"its part {kind.decode('latin-1')!r} does not have the check sum that was written with it"
    return "something follows its end" if file.read(1) else None
