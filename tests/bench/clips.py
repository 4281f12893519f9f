"""Ten seconds of a phone's 4K at 60 frames a second as a clip to go on from: how long it takes, and what it holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np

from tests.bench.table import Row

ROOT = Path(__file__).resolve().parent.parent.parent
_READ = """
import resource, sys, time
from pathlib import Path
from engine.media.clip import read_clip
began = time.monotonic()
clip = read_clip(Path(sys.argv[1]), 24)
held = sum(len(data) for data in {id(board): board.data for board in clip}.values())
print(time.monotonic() - began, held, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def rows(folder: Path, quick: bool) -> list[Row]:
    """Read the clip in a process of its own."""
    seconds = 1 if quick else 10
    path = folder / "phone.mp4"
    _film(path, seconds)
    said = subprocess.run([sys.executable, "-c", _READ, path], cwd=ROOT, check=True, capture_output=True, text=True)
    took, held, peak = (float(each) for each in said.stdout.split())
    return [
        Row(f"{seconds} s of 4K at 60 fps as a clip: time", f"{took:.1f} s"),
        Row(f"{seconds} s of 4K at 60 fps as a clip: peak of the process", f"{peak / 1e6:.0f} MB", wanted="< 1500 MB"),
        Row(f"{seconds} s of 4K at 60 fps as a clip: held afterwards", f"{held / 1e6:.0f} MB"),
    ]


def _film(path: Path, seconds: int) -> None:
    """A picture with detail that moves, so that neither file nor frames are small."""
    coarse = np.random.default_rng(1).integers(0, 255, (270, 480, 3), dtype=np.uint8)
    whole = coarse.repeat(8, axis=0).repeat(8, axis=1)
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("libx264", rate=60, options={"preset": "ultrafast", "crf": "28", "g": "60"})
        stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuv420p"
        for number in range(60 * seconds):
            picture = np.ascontiguousarray(np.roll(whole, number * 4, axis=1))
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        movie.mux(stream.encode(None))
