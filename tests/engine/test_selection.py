"""Frames of the history chosen by similarity, against packing by time and by brute force."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.framepack.packing import parse
from engine.framepack.selection import nearness, select, similarity

SCHEDULES = ("f16k4f2k2f1k1", "f16k4f4k2f1k1", "f8k4f4k2f2k1h4w4f1k1", "f8k1h4w4f2k2f1k1", "f3k1h4w4f3k1")
schedules = st.sampled_from(SCHEDULES).map(lambda name: parse(name).past)
many_scores = st.lists(st.floats(-1, 1).map(lambda score: round(score, 3)), max_size=40)


def by_time(count: int, blocks) -> tuple[tuple[int | None, ...], ...]:  # type: ignore[no-untyped-def]
    """The nearest frames in the sequence of the slots: an oracle of one line."""
    near = itertools.count()
    filled = [[frame if (frame := next(near)) < count else None for _ in range(block.frames)] for block in blocks[::-1]]
    return tuple(tuple(reversed(block)) for block in reversed(filled))


@given(schedules, st.integers(0, 40), st.integers(0, 5))
def test_by_time_alone_it_is_packing_by_time(blocks, count: int, keep: int) -> None:
    scores = nearness(torch.arange(count) * 4 / 30).tolist()
    assert select([4e3 * score - 0.1 * frame for frame, score in enumerate(scores)], blocks, keep) == by_time(
        count, blocks
    )
    assert select([0.5] * count, blocks, keep) == by_time(count, blocks)


@given(schedules, many_scores, st.integers(0, 5))
def test_no_frame_is_there_twice_and_none_is_left_out_that_fits(blocks, scores, keep: int) -> None:
    chosen = select(scores, blocks, keep)
    assert [len(block) for block in chosen] == [block.frames for block in blocks]
    frames = [frame for block in chosen for frame in block if frame is not None]
    assert len(set(frames)) == len(frames) == min(len(scores), sum(block.frames for block in blocks))
    for block in chosen:
        there = [frame for frame in block if frame is not None]
        assert there == sorted(there, reverse=True)
        assert block[: len(block) - len(there)] == (None,) * (len(block) - len(there))


@given(schedules, many_scores)
def test_what_is_kept_stays_as_packed_by_time(blocks, scores) -> None:
    keep = blocks[-1].frames
    assert select(scores, blocks, keep)[-1] == by_time(len(scores), blocks)[-1]


@given(st.lists(st.integers(-50, 50), min_size=20, max_size=40, unique=True))
def test_the_best_frame_is_in_the_finest_slot_and_the_best_runs_behind(scores) -> None:
    far, middle, near = select(scores, parse("f16k4f2k2f1k1").past, 0)
    best = max(range(len(scores)), key=scores.__getitem__)
    assert near == (best,)
    left = [frame for frame in range(len(scores)) if frame != best]
    pairs = [left[at : at + 2] for at in range(0, len(left), 2)]
    top = max(pairs, key=lambda pair: (sum(scores[frame] for frame in pair) / len(pair), -pair[0]))
    assert {frame for frame in middle if frame is not None} >= set(top)
    assert len(set(far) - {None}) == min(16, len(scores) - 3)


def test_in_a_steady_pan_the_newest_three_are_where_they_were() -> None:
    blocks = parse("f16k4f2k2f1k1").past
    _, middle, near = select([-abs(frame - 12) for frame in range(30)], blocks, 3)
    assert (middle, near) == ((2, 1), (0,))


def test_similarity_is_the_mean_of_cosines() -> None:
    history, estimate = torch.randn(5, 4, 2, 3), torch.randn(3, 4, 2, 3)
    expected = [
        sum(
            float(torch.dot(frame[:, y, x], each[:, y, x]) / (frame[:, y, x].norm() * each[:, y, x].norm()))
            for each in estimate
            for y in range(2)
            for x in range(3)
        )
        / 18
        for frame in history
    ]
    assert similarity(history, estimate).tolist() == pytest.approx(expected, abs=1e-5)
    # What equals the estimate comes first, whatever its contrast.
    same = torch.cat([history, 0.1 * estimate[:1]])
    assert int(similarity(same, estimate[:1]).argmax()) == 5


def test_nearness_falls_with_the_square_of_seconds() -> None:
    assert nearness(torch.tensor([0.0, 1.0, 2.0])).tolist() == pytest.approx([1, math.exp(-1), math.exp(-4)])
