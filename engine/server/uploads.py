"""Pictures that clients send in: looked at before they are kept, and kept under their own SHA-256."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from ..media.files import make_folder, write_whole
from .home import is_picture_name
from .schemas import ImageOut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Protocol

    class Body(Protocol):
        """Whatever gives a body in pieces."""

        def stream(self) -> AsyncIterator[bytes]:
            """The body's pieces."""
            ...


class Uploads:
    """The folder of pictures, by SHA-256; nobody but this class makes names in it."""

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self._folder = folder
        self._using = threading.Lock()

    def has(self, sha256: str) -> bool:
        """Whether that picture is here."""
        return is_picture_name(sha256) and (self._folder / sha256).is_file()

    def claim(self, sha256: str) -> bool:
        """Whether that picture is here; it counts as just sent in then, and `sweep` leaves it to whoever asked."""
        with self._using:
            if not self.has(sha256):
                return False
            os.utime(self._folder / sha256)
            return True

    def sweep(self, named: Collection[str], before: float) -> int:
        """Delete pictures that are not among those `named` and were sent in `before` that time (seconds since 1970).

        Returns the bytes that are left.
        """
        left = 0
        for path in self._folder.iterdir():
            with self._using:
                found = path.stat()
                if found.st_mtime < before and path.name not in named and self.has(path.name):
                    path.unlink()
                else:
                    left += found.st_size
        return left

    async def take(self, body: Body) -> ImageOut:
        """Keep the picture that a body holds. Raises EngineError for anything that is no picture of a usable size."""
        data = bytearray()
        async for piece in body.stream():
            data += piece
        return await run_in_threadpool(self._keep, bytes(data))

    def _keep(self, data: bytes) -> ImageOut:
        from ..media.boards import check_board  # numpy and Pillow: not before they are needed

        board = check_board(data, "the picture")
        if not self.claim(board.sha256):
            write_whole(self._folder / board.sha256, data)
        return ImageOut(image=board.sha256, width=board.width, height=board.height)
