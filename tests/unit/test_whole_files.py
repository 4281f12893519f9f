"""Files written whole: by several threads at once, and what is swept away of those that never were."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import Code, EngineError
from engine.media.files import sweep_parts, whole_file, write_whole
from engine.server.uploads import Uploads
from tests.patience import PATIENCE

DAY = 24 * 3600.0


class Upload:
    """A body that is there at once."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def stream(self) -> AsyncIterator[bytes]:
        yield self._data


@pytest.fixture
def crossing(monkeypatch) -> threading.Barrier:
    """Two writers, each held at syncing until the other one is there: both are between writing and renaming."""
    barrier, sync = threading.Barrier(2, timeout=PATIENCE), os.fsync

    def meet(handle: int) -> None:
        barrier.wait()
        sync(handle)

    monkeypatch.setattr(os, "fsync", meet)
    return barrier


def picture() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), (10, 20, 30)).save(data, "PNG")
    return data.getvalue()


def test_two_uploads_of_one_picture_at_once_are_both_taken_in(tmp_path, crossing):
    uploads, data = Uploads(tmp_path / "images"), picture()

    async def both() -> list[object]:
        return list(await asyncio.gather(*(uploads.take(Upload(data)) for _ in range(2))))

    one, other = asyncio.run(both())
    assert one == other
    assert [path.read_bytes() for path in (tmp_path / "images").iterdir()] == [data]


def test_of_two_writers_of_one_file_the_last_one_stays(tmp_path, crossing):
    path = tmp_path / "0001.png"
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda data: write_whole(path, data), [b"one" * 1000, b"other" * 1000]))
    assert path.read_bytes() in (b"one" * 1000, b"other" * 1000)
    assert list(tmp_path.iterdir()) == [path]


def write_half(path: Path) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_one_that_fails_leaves_the_others_alone(tmp_path):
    path = tmp_path / "shot.json"
    with whole_file(path) as written:
        written.write_bytes(b"written")
        with pytest.raises(EngineError) as refused:
            write_half(path)
    assert refused.value.code is Code.DISK_FULL
    assert path.read_bytes() == b"written"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_being_written_is_not_swept_away(tmp_path):
    path, left = tmp_path / "a.safetensors", tmp_path / f".b.{os.getpid()}.part.safetensors"
    left.touch()  # by an earlier process of our number, as in a container
    with whole_file(path) as temporary:
        temporary.write_bytes(b"data")
        sweep_parts(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_what_another_process_writes_is_swept_away_once_it_is_gone(tmp_path):
    script = "import sys\nfrom pathlib import Path\nfrom engine.media.files import whole_file\n"
    script += "with whole_file(Path(sys.argv[1])) as part:\n    part.touch()\n    print(part, flush=True)\n    input()"
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script, str(tmp_path / "shot.mp4")]
    writer = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdin is not None
    part = Path(writer.stdout.readline().strip())
    sweep_parts(tmp_path)
    assert part.exists()
    writer.kill()
    writer.wait()
    for pipe in (writer.stdin, writer.stdout):
        pipe.close()
    sweep_parts(tmp_path, spared_seconds=DAY)  # on a disk that others write to as well
    assert part.exists()
    sweep_parts(tmp_path)
    assert not part.exists()


def test_a_number_that_was_given_again_does_not_keep_a_part_for_ever(tmp_path):
    part = tmp_path / f".shot.mp4.{os.getppid()}-0a1b2c3d.part.mp4"
    part.touch()
    sweep_parts(tmp_path)
    assert part.exists()
    os.utime(part, (0, 0))
    sweep_parts(tmp_path)
    assert not part.exists()
