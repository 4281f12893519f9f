"""The boxes of an MP4 or QuickTime file (ISO/IEC 14496-12): those by a UUID are read, and one may be put at the end.

Anybody may have made the file: what is read is bounded. No libraries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""The box of an XMP packet (XMP specification, part 3)."""
CONTENT_CREDENTIALS = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""The box of a C2PA signature."""
_MOST_BOXES = 1 << 16
_LONGEST_HEAD = 1 << 32


def boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Kind, and where the data of each box at the file's top begins and ends.

    Raises ValueError where the file is none of boxes, or the last one does not end with it.
    """
    end = file.seek(0, 2)
    at = 0
    for _ in range(_MOST_BOXES):
        if at == end:
            return
        file.seek(at)
        head = file.read(16)
        kind, size, data = head[4:8], int.from_bytes(head[:4], "big"), at + 8
        if size == 1 and len(head) == 16:
            size, data = int.from_bytes(head[8:], "big"), at + 16
        elif size == 0:
            size = end - at
        if len(head) < 8 or size < data - at or at + size > end or (at == 0 and kind not in _FIRST):
            raise ValueError("it is no MP4" if at == 0 else "its end is missing")
        yield kind, data, at + size
        at += size
    raise ValueError("it has too many parts")


_FIRST = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
"""What such a file may begin with."""


def find(file: BinaryIO, uuid: bytes, most: int) -> bytes | None:
    """What the first box at the top with this UUID holds; None where there is none.

    Raises as `boxes` does, and ValueError where it holds more than `most` bytes.
    """
    for kind, start, end in boxes(file):
        if kind == b"uuid" and len(uuid) <= end - start:
            file.seek(start)
            if file.read(len(uuid)) == uuid:
                if end - start - len(uuid) > most:
                    raise ValueError("its XMP packet is too large")
                return file.read(end - start - len(uuid))
    return None


def has(file: BinaryIO, uuid: bytes) -> bool:
    """Whether there is a box at the top with this UUID. Raises as `boxes` does."""
    for kind, start, _ in boxes(file):
        if kind == b"uuid":
            file.seek(start)
            if file.read(len(uuid)) == uuid:
                return True
    return False


def box(uuid: bytes, data: bytes) -> bytes:
    """A box with a UUID, to be put at a file's end. Raises ValueError for more than 4 GiB."""
    size = 8 + len(uuid) + len(data)
    if size >= _LONGEST_HEAD:
        raise ValueError("a box holds no more than 4 GiB")
    return size.to_bytes(4, "big") + b"uuid" + uuid + data
