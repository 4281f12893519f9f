"""The stage between seams and writing: whatever comes when, each frame is finished once, with its neighbours."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.finishing.stage import AsMade, FinalRuns


def numbered(first: int, last: int) -> torch.Tensor:
    """Frames of one pixel whose value is their number, `last` not included."""
    return torch.arange(first, last, dtype=torch.float32).view(1, 1, -1, 1, 1).expand(1, 3, -1, 1, 1)


@st.composite
def blocks(draw: st.DrawFn) -> tuple[int, list[range]]:
    """A shot's frames, cut into blocks that come in any order."""
    frames = draw(st.integers(1, 40))
    cuts = sorted(draw(st.sets(st.integers(1, frames), max_size=6)) | {0, frames})
    pieces = [range(first, last) for first, last in pairwise(cuts)]
    return frames, draw(st.permutations(pieces))


@given(blocks(), st.integers(0, 5))
def test_every_frame_is_finished_once_with_the_neighbours_it_has(shot: tuple[int, list[range]], look: int) -> None:
    frames, pieces = shot
    runs, finished = FinalRuns([range(frames)], look), []
    here: set[int] = set()
    for piece in pieces:
        here |= set(piece)
        for run in runs.add(piece.start, numbered(piece.start, piece.stop)):
            own = [int(value) for value in run.own[0, 0, :, 0, 0]]
            assert own == list(range(run.first, run.first + len(own)))
            seen = [int(value) for value in run.pixels[0, 0, :, 0, 0]]
            assert seen == list(range(max(0, own[0] - look), min(frames, own[-1] + look + 1)))
            assert set(seen) <= here
            finished += own
        waiting = here - set(finished)
        for frame in waiting:
            assert {*range(max(0, frame - look), min(frames, frame + look + 1))} - here, "it waits for a neighbour only"
        assert len(runs._held) <= 4 * look * len(pieces) + len(waiting)
    assert sorted(finished) == list(range(frames))
    assert not runs._held or look


def test_last_first_brings_the_later_frames_first() -> None:
    runs = FinalRuns([range(30)], 2)
    assert [(run.first, run.own.shape[2]) for run in runs.add(20, numbered(20, 30))] == [(22, 8)]
    assert [(run.first, run.own.shape[2]) for run in runs.add(10, numbered(10, 20))] == [(12, 10)]
    assert [(run.first, run.own.shape[2]) for run in runs.add(0, numbered(0, 10))] == [(0, 12)]


def test_frames_of_another_stretch_are_no_neighbours() -> None:
    runs = FinalRuns([range(10), range(13, 20)], 2)
    assert [(run.first, run.own.shape[2], run.after) for run in runs.add(0, numbered(0, 10))] == [(0, 10, 0)]
    assert [(run.first, run.own.shape[2], run.before) for run in runs.add(13, numbered(13, 20))] == [(13, 7, 0)]
    assert not runs._held


@pytest.mark.parametrize("first", [0, 7])
def test_without_a_stage_frames_pass_as_they_come(first: int) -> None:
    pixels = numbered(first, first + 5)
    (run,) = FinalRuns([range(40)], AsMade.neighbours).add(first, pixels)
    assert run.first == first
    assert AsMade().finish(run).equal(pixels)
