"""The instruments themselves: closed forms for the numbers, and a recogniser that knows the truth when it sees it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.media.measures import (
    BoardSearch,
    change,
    colour,
    histogram,
    histogram_distance,
    likeness,
    likeness_anywhere,
    psnr,
    sharpness,
    start_end_contrast,
)
from engine.media.warp_error import available, warp_error
from training.evaluation.drift import MEASURES, drift
from training.evaluation.fidelity import by_section
from training.evaluation.recognise import dominant, flat_clip, recognise, telling_frames
from training.scenes.clips import random_clip
from training.scenes.moves import CAMERA_MOVES, OBJECT_MOVES, Motion, Move, Speed

SIZE = (128, 80)


@given(st.integers(0, 255), st.integers(0, 255))
def test_psnr_of_even_pictures_has_a_closed_form(one, other):
    pictures = [np.full((8, 9, 3), value, np.uint8) for value in (one, other)]
    wanted = float("inf") if one == other else 20 * np.log10(255 / abs(one - other))
    assert psnr(*pictures) == pytest.approx(wanted)


def test_psnr_looks_only_where_it_is_told():
    picture, truth = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    picture[0] = 255
    below = np.arange(4)[:, None].repeat(4, 1) > 0
    assert psnr(picture, truth, below) == float("inf")
    assert psnr(picture, truth, ~below) == 0


def test_sharpness_of_a_line_and_of_nothing():
    assert sharpness(np.full((10, 10, 3), 77, np.uint8)) == 0
    line = np.full((10, 10, 3), 255, np.uint8)
    line[5] = 0
    assert sharpness(line) == pytest.approx(255 * (2 + 1 + 1) * 8 / 64)


def test_colour_is_mean_and_deviation_a_channel():
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, :, 0] = 100
    assert colour(picture).tolist() == [50, 0, 0, 50, 0, 0]


@given(st.integers(0, 255), st.integers(0, 255))
def test_the_distance_of_two_even_colours_is_how_far_they_are_apart(one, other):
    pictures = [np.full((5, 7, 3), value, np.uint8) for value in (one, other)]
    assert histogram_distance(*map(histogram, pictures)) == pytest.approx(abs(one - other) / 255)
    assert change(*pictures) == abs(one - other)


def test_colours_are_the_same_wherever_they_are_in_the_picture():
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (9, 16, 3), np.uint8)
    moved = rng.permutation(picture.reshape(-1, 3)).reshape(picture.shape)
    assert histogram_distance(histogram(picture), histogram(moved)) == 0
    half = picture.copy()
    half[..., 0] = 255 - np.sort(picture[..., 0].ravel())[::-1].reshape(9, 16)  # channels count alike
    by_ranks = np.abs(np.sort(half[..., 0].ravel()).astype(int) - np.sort(picture[..., 0].ravel())).mean()
    assert histogram_distance(histogram(picture), histogram(half)) == pytest.approx(by_ranks / 255 / 3)


def test_contrast_is_between_the_first_and_the_last_fifteen_percent():
    values = np.concatenate([np.full(15, 2.0), np.random.default_rng(0).normal(size=70), np.full(15, 5.0)])
    assert start_end_contrast(values) == pytest.approx(3)
    assert start_end_contrast(values[::-1]) == pytest.approx(3)
    assert start_end_contrast(np.array([1.0])) == 0


def correlations(picture, board):
    """The best correlation of two glances by the definition, place by place: an oracle for the transforms."""
    seen = np.asarray(Image.fromarray(picture).resize((32, 18), Image.Resampling.BOX), np.float64)
    best = []
    for nearer in (0.75, 0.87, 1.0, 1.15, 1.35, 1.6, 2.0):
        size = (round(32 * nearer), round(18 * nearer))
        sheet = np.asarray(Image.fromarray(board).resize(size, Image.Resampling.BOX), np.float64)
        for top in range(-17, size[1]):
            for left in range(-31, size[0]):
                mine = seen[max(0, -top) : size[1] - top, max(0, -left) : size[0] - left]
                if mine.shape[0] * mine.shape[1] * 2 < 18 * 32:
                    continue
                its = sheet[max(0, top) :, max(0, left) :][: mine.shape[0], : mine.shape[1]]
                best.append(np.corrcoef(mine.ravel(), its.ravel())[0, 1])
    return max(best)


@pytest.mark.parametrize("seeds", [(8, 9), (10, 10)])
def test_a_search_finds_the_best_place_of_all(seeds):
    picture, board = (random_clip(np.random.default_rng(seed), (96, 54), 1).first for seed in seeds)
    picture = np.roll(picture, 11, 1)
    assert BoardSearch(board).likeness(picture) == pytest.approx(correlations(picture, board), abs=1e-9)


@pytest.mark.skipif(not available(), reason="needs OpenCV")
def test_motion_explains_a_pan_and_not_another_picture():
    clip = flat_clip(random_clip(np.random.default_rng(8), (256, 144), 1).first, Motion(Move.PAN_LEFT, Speed.FAST), 1)
    before, after = clip.frame(10), clip.frame(12)
    strange = random_clip(np.random.default_rng(9), (256, 144), 1).first
    assert warp_error(before, before) == pytest.approx(0, abs=0.1)
    assert warp_error(before, after) < change(before, after) / 2
    assert warp_error(before, strange) > 5 * warp_error(before, after)


def test_likeness_to_itself_to_its_negative_and_to_paper():
    picture = random_clip(np.random.default_rng(0), SIZE, 1).first
    assert likeness(picture, picture) == pytest.approx(1)
    assert likeness(255 - picture, picture) == pytest.approx(-1, abs=1e-2)
    assert likeness(np.full_like(picture, 255), picture) == 0


@pytest.mark.parametrize("move", [Move.PAN_LEFT, Move.PAN_RIGHT, Move.TILT_UP, Move.ZOOM_IN, Move.ZOOM_OUT])
def test_a_board_is_found_wherever_the_camera_has_gone(move):
    clip = flat_clip(random_clip(np.random.default_rng(8), (256, 144), 1).first, Motion(move, Speed.FAST), 1)
    moved = clip.frame(34)
    assert likeness_anywhere(moved, clip.first) > max(0.9, likeness(moved, clip.first) + 0.1)


def test_a_strange_picture_is_not_found_anywhere():
    one, other = (random_clip(np.random.default_rng(seed), (256, 144), 1).first for seed in (8, 9))
    assert likeness_anywhere(one, one) == pytest.approx(1)
    assert likeness_anywhere(255 - one, one) < likeness_anywhere(other, one) + 0.3 < 1
    assert likeness_anywhere(np.full_like(one, 255), one) == 0


def test_drift_is_none_where_nothing_changes_and_tells_a_pan_from_another_picture():
    clip = flat_clip(random_clip(np.random.default_rng(8), (256, 144), 1).first, Motion(Move.PAN_LEFT, Speed.FAST), 1)
    board = clip.first
    other = random_clip(np.random.default_rng(9), (256, 144), 1).first
    assert drift([board] * 20, board) == (0, 0, 0, 0)
    panned = dict(zip(MEASURES, drift([board] * 10 + [clip.frame(34)] * 10, board), strict=True))
    strange = dict(zip(MEASURES, drift([board] * 10 + [other] * 10, board), strict=True))
    in_place, anywhere = MEASURES[2:]
    assert panned[anywhere] < 0.1 < panned[in_place]
    assert strange[anywhere] > 0.3
    paler = (255 - (255 - board.astype(np.float64)) / 2).astype(np.uint8)
    crisp, tint, *_ = drift([board] * 10 + [paler] * 10, board)
    assert crisp == pytest.approx(sharpness(board) / 2, rel=0.1)
    assert tint == pytest.approx(np.abs(colour(board) - colour(paler)).mean())


@pytest.mark.parametrize("move", [Move.STATIC, *CAMERA_MOVES])
@pytest.mark.parametrize("speed", [Speed.NORMAL, Speed.FAST])
def test_the_recogniser_knows_the_truth(move, speed):
    clip = random_clip(np.random.default_rng(4), SIZE, 1, Motion(move, speed))
    seen = recognise(clip, {number: clip.frame(number) for number in (12, 34)})
    assert seen.move is move
    if move is not Move.STATIC:
        assert seen.rate == speed.factor


@pytest.mark.parametrize("move", CAMERA_MOVES)
def test_the_recogniser_knows_the_truth_of_long_fast_shots(move):
    clip = random_clip(np.random.default_rng(4), SIZE, 3, Motion(move, Speed.FAST))
    seen = recognise(clip, {number: clip.frame(number) for number in telling_frames(clip)})
    assert dominant(seen.move) is dominant(move)
    assert seen.rate == 2


@pytest.mark.parametrize("seed", [24, 25, 26])
def test_blank_paper_is_no_sign_of_a_move(seed):
    clip = random_clip(np.random.default_rng(seed), (256, 144), 3, Motion(Move.TILT_DOWN, Speed.FAST))
    frames = {number: clip.frame(number * 0.92) for number in telling_frames(clip)}  # a little late, as models are
    assert recognise(clip, frames).move is Move.TILT_DOWN


def test_frames_to_know_a_shot_by_are_spread_over_it_unless_its_start_is_gone():
    slow, gone = (
        random_clip(np.random.default_rng(4), SIZE, 3, Motion(Move.TILT_DOWN, speed))
        for speed in (Speed.SLOW, Speed.FAST)
    )
    assert telling_frames(slow) == [33, 65, 104]
    assert max(telling_frames(gone)) < 72
    assert gone.motion_field(0, max(telling_frames(gone))).visible.mean() >= 0.3


def test_the_recogniser_sees_what_is_shown_and_not_what_was_asked():
    clip = random_clip(np.random.default_rng(5), SIZE, 1, Motion(Move.PAN_LEFT))
    shown = replace(clip, motion=Motion(Move.TILT_DOWN))
    frames = {number: shown.frame(number * 0.3) for number in (20, 30)}  # slow enough to stay on the sheet
    assert recognise(clip, frames).move is not Move.PAN_LEFT


def test_objects_are_told_from_the_camera():
    clip = random_clip(np.random.default_rng(6), SIZE, 1, Motion(Move.OBJECT_RIGHT))
    frames = {number: clip.frame(number) for number in (20, 34)}
    assert recognise(clip, frames, OBJECT_MOVES + CAMERA_MOVES).move is Move.OBJECT_RIGHT


def test_a_flat_board_can_be_tried_too():
    rng = np.random.default_rng(7)
    board = random_clip(rng, SIZE, 1).first
    clip = flat_clip(board, Motion(Move.ZOOM_IN), 1)
    assert np.abs(clip.frame(0).astype(int) - board).mean() < 4
    assert recognise(clip, {20: clip.frame(20), 34: clip.frame(34)}).move in (Move.ZOOM_IN, Move.DOLLY_IN)


def test_the_truth_is_true_in_every_section_and_grey_is_not():
    clip = random_clip(np.random.default_rng(5), SIZE, 2, Motion(Move.PAN_LEFT))
    truth = [clip.frame(number) for number in range(clip.frames)]
    assert by_section(clip, truth) == [(float("inf"), 1.0)] * 2
    then_grey = truth[:37] + [np.full_like(clip.first, 128)] * 36
    (near, sharp), (far, even) = by_section(clip, then_grey)
    assert (near, sharp, even) == (float("inf"), 1.0, 0.0)
    assert far < 20


def test_a_section_that_shows_nothing_of_the_start_has_no_decibels():
    clip = random_clip(np.random.default_rng(6), (64, 48), 3, Motion(Move.PAN_LEFT, Speed.FAST))
    frames = [clip.frame(number) for number in range(clip.frames)]
    near, _, far = by_section(clip, frames)
    assert near == (float("inf"), 1.0)
    assert np.isnan(far).all()
