"""Procedural clips: the true motion field against an independent warp, sheets that cover every view."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.scenes.clips import Clip, random_clip, random_motion
from training.scenes.moves import CAMERA_MOVES, OBJECT_MOVES, Motion, Move, Speed
from training.scenes.pen import OVERSAMPLING

SIZE = (128, 80)
seeds = st.integers(0, 2**32 - 1)


def warped(clip: Clip, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Frame `end` put together from frame `start` by the motion field, bilinearly, and where that is possible."""
    field, source = clip.motion_field(start, end), clip.frame(start).astype(float)
    height, width = source.shape[:2]
    x, y = field.origin[..., 0].clip(0, width - 1.001), field.origin[..., 1].clip(0, height - 1.001)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = source[top, left] * (1 - across) + source[top, left + 1] * across
    lower = source[top + 1, left] * (1 - across) + source[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down, field.visible


@pytest.mark.parametrize("move", [*CAMERA_MOVES, *OBJECT_MOVES, Move.STATIC])
def test_the_motion_field_is_the_motion(move):
    still, moved = [], []
    for seed in range(4):
        clip = random_clip(np.random.default_rng(seed), SIZE, 1, Motion(move))
        guess, visible = warped(clip, 0, 30)
        truth = clip.frame(30).astype(float)
        moved.append(((guess - truth)[visible] ** 2).mean())
        still.append(((clip.frame(0).astype(float) - truth)[visible] ** 2).mean())
    if move is Move.STATIC:
        assert max(moved) < 1e-3
    else:
        assert np.mean(moved) < 0.35 * np.mean(still)


@given(seeds, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_the_sheet_covers_every_view(seed, sections):
    rng = np.random.default_rng(seed)
    motion = random_motion(rng)
    clip = random_clip(rng, SIZE, sections, motion)
    back = clip.scene.layers[0]
    corners = np.array([[x * SIZE[0] / 2, y * SIZE[1] / 2, 1] for x in (-1, 1) for y in (-1, 1)])
    half = np.array(back.picture.size) / OVERSAMPLING / 2
    for number in range(0, clip.frames, 9):
        on_sheet = corners @ np.linalg.inv(motion.of_camera(number / 36, back.depth)).T
        assert (np.abs(on_sheet[:, :2]) <= half).all()


def test_moves_asked_for_often_come_three_times_as_often():
    rng = np.random.default_rng(0)
    drawn = [random_motion(rng, often=("orbit", "object")).move for _ in range(4000)]
    of = {part: sum(move.startswith(part) for move in drawn) / len(drawn) for part in ("orbit", "object", "static")}
    orbits = 0.62 * 2 / len(CAMERA_MOVES)
    whole = 1 + 2 * (orbits + 0.28)
    expected = {"orbit": 3 * orbits / whole, "object": 3 * 0.28 / whole, "static": 0.1 / whole}
    assert of == pytest.approx(expected, abs=0.03)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_one_seed_one_clip(seed):
    one, other = (random_clip(np.random.default_rng(seed), SIZE, 1) for _ in range(2))
    assert one.motion == other.motion
    assert (one.frame(20) == other.frame(20)).all()
    assert one.frame(20).shape == (SIZE[1], SIZE[0], 3)
    assert one.frame(20).dtype == np.uint8


def test_what_a_pan_reveals_is_not_visible_before():
    clip = random_clip(np.random.default_rng(1), SIZE, 1, Motion(Move.PAN_LEFT, Speed.FAST))
    visible = clip.motion_field(0, 36).visible
    assert not visible[:, :47].any()
    assert visible[:, 49:].all()


def test_object_prompts_leave_the_background_where_it_is():
    clip = random_clip(np.random.default_rng(2), SIZE, 1, Motion(Move.OBJECT_RIGHT))
    field = clip.motion_field(0, 36)
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    moved = np.hypot(field.origin[..., 0] - x, field.origin[..., 1] - y) > 1
    assert 0 < moved.mean() < 0.4
