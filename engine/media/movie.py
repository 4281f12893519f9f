"""The movie: H.264 from a PNG sequence, one frame in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
from PIL import Image

from .files import whole_file

# BT.709 said and meant: ffmpeg would otherwise convert by BT.601 and say nothing, and players shift the colours.
_COLOUR = (
    "-vf scale=out_color_matrix=bt709:out_range=tv -colorspace bt709 -color_primaries bt709 -color_trc iec61966-2-1"
)
_OUTPUT = f"{_COLOUR} -color_range tv -preset veryfast -crf 16 -movflags +faststart".split()


def write_movie(path: Path, frames: Sequence[Path], fps: float) -> None:
    """Write `frames` (PNG files of one size, even sides) as H.264, yuv420p, CRF 16 (the released recipe's), faststart.

    The file appears whole or not at all. Raises EngineError `disk_full` or `folder_unwritable`.
    """
    with (
        whole_file(path) as temporary,
        imageio.get_writer(
            temporary,
            format="FFMPEG",
            fps=fps,
            codec="libx264",
            pixelformat="yuv420p",
            macro_block_size=2,
            output_params=_OUTPUT,
            ffmpeg_log_level="error",
        ) as movie,
    ):
        for frame in frames:
            with Image.open(frame) as picture:
                movie.append_data(np.asarray(picture))
