"""The movie, once all frames are there: written frame by frame, so that it can be stopped and tells how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..events import Progress
from ..media.movie import movie_by_frames
from ..media.provenance import Provenance
from .time_left import Clock

_TELL_SECONDS = 1.0


@dataclass(frozen=True)
class Movie:
    """What is written, and where."""

    path: Path
    frames: Sequence[Path]
    fps: Fraction
    said: Provenance
    """What it says of its making."""
    slate: str = ""
    """Words that stand on it; empty: none."""


def write_movie(movie: Movie, clock: Clock, asked: Callable[[], bool]) -> Iterator[Progress]:
    """Write a movie. `asked` is called after each: where somebody wants to be heard it says how far it is.

    Closed before its end, it leaves no movie. Raises as `movie_by_frames` does.
    """
    yield Progress("writing the movie")
    told, percent = time.monotonic(), 0
    with closing(movie_by_frames(movie.path, movie.frames, movie.fps, movie.said, movie.slate)) as writing:
        while True:
            with clock.measure("movie"):  # and not what passes while somebody else has the turn
                written = next(writing, None)
            if written is None:
                return
            now = 100 * written // len(movie.frames)
            if asked() or (now > percent and time.monotonic() - told >= _TELL_SECONDS):
                told, percent = time.monotonic(), now
                yield Progress(f"writing the movie, {percent} %")
