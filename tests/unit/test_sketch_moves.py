"""Camera words mean the camera: where the content goes under each move, against what the words say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.scenes.moves import CAMERA_MOVES, COMPONENTS, OBJECT_MOVES, Depth, Motion, Move, Speed

TOP, RIGHT = np.array([0.0, -50.0, 1.0]), np.array([50.0, 0.0, 1.0])
CENTRE = np.array([0.0, 0.0, 1.0])
motions = st.builds(Motion, st.sampled_from([*CAMERA_MOVES, *OBJECT_MOVES]), st.sampled_from(Speed))
times = st.floats(0.1, 5)


def moved(move: Move, point: np.ndarray, depth: Depth = Depth.BACKGROUND) -> np.ndarray:
    return (Motion(move).of_camera(1.0, depth) @ point)[:2] - point[:2]


@pytest.mark.parametrize(
    ("move", "x", "y"),
    [
        (Move.PAN_LEFT, 1, 0),  # the content goes right
        (Move.PAN_RIGHT, -1, 0),
        (Move.TILT_UP, 0, 1),  # the content goes down
        (Move.TILT_DOWN, 0, -1),
        (Move.STATIC, 0, 0),
    ],
)
def test_a_pan_or_tilt_moves_the_content_the_other_way(move, x, y):
    assert np.sign(moved(move, CENTRE)).tolist() == [x, y]
    assert moved(move, CENTRE).tolist() == moved(move, RIGHT).tolist()


def test_zooming_in_enlarges_and_out_reduces():
    assert moved(Move.ZOOM_IN, RIGHT)[0] > 0 > moved(Move.ZOOM_OUT, RIGHT)[0]
    assert not moved(Move.ZOOM_IN, CENTRE).any()


def test_rolling_clockwise_turns_the_content_counterclockwise():
    assert moved(Move.ROLL_CLOCKWISE, TOP)[0] < 0 < moved(Move.ROLL_COUNTERCLOCKWISE, TOP)[0]
    assert np.linalg.norm(Motion(Move.ROLL_CLOCKWISE).of_camera(2, Depth.SUBJECT) @ TOP) == pytest.approx(
        np.linalg.norm(TOP)
    )


def test_orbiting_keeps_the_subject_and_shifts_what_is_behind_against_what_is_before():
    assert not moved(Move.ORBIT_RIGHT, CENTRE, Depth.SUBJECT).any()
    assert (
        moved(Move.ORBIT_RIGHT, CENTRE, Depth.BACKGROUND)[0] > 0 > moved(Move.ORBIT_RIGHT, CENTRE, Depth.FOREGROUND)[0]
    )


def test_a_dolly_enlarges_what_is_near_more():
    growth = [moved(Move.DOLLY_IN, RIGHT, depth)[0] for depth in Depth]
    assert 0 < growth[0] < growth[1] < growth[2]


@pytest.mark.parametrize(
    ("move", "x", "y"),
    [(Move.OBJECT_LEFT, -1, 0), (Move.OBJECT_RIGHT, 1, 0), (Move.OBJECT_UP, 0, -1), (Move.OBJECT_DOWN, 0, 1)],
)
def test_objects_go_where_the_words_say(move, x, y):
    assert np.sign((Motion(move).of_object(1.0) @ CENTRE)[:2]).tolist() == [x, y]
    assert (Motion(move).of_camera(1.0, Depth.BACKGROUND) == np.eye(3)).all()


@given(motions, times, st.sampled_from(Depth))
def test_backwards_undoes_a_move(motion, time, depth):
    if motion.move is Move.OBJECT_BOUNCES:
        return
    camera = motion.of_camera(time, depth) @ motion.backwards.of_camera(time, depth)
    thing = motion.of_object(time) @ motion.backwards.of_object(time)
    assert np.allclose(camera, np.eye(3))
    assert np.allclose(thing, np.eye(3))


@given(motions, st.sampled_from(Depth))
def test_moves_begin_at_rest_and_repeat_after_their_period(motion, depth):
    assert np.allclose(motion.of_camera(0, depth), np.eye(3))
    assert np.allclose(motion.of_object(0), np.eye(3))
    if motion.period > 1:
        assert np.allclose(motion.of_object(motion.period / 9), np.eye(3), atol=1e-9)


@given(st.sampled_from(CAMERA_MOVES), times)
def test_speeds_are_one_move_at_another_rate(move, time):
    slow, fast = Motion(move, Speed.SLOW), Motion(move, Speed.FAST)
    assert np.allclose(slow.of_camera(4 * time, Depth.SUBJECT), fast.of_camera(time, Depth.SUBJECT))


@pytest.mark.parametrize("move", list(Move))
def test_opposite_moves_are_opposite_numbers(move):
    rates = np.array(Motion(move).components)
    assert rates.shape == (COMPONENTS,)
    assert np.array_equal(Motion(move, Speed.FAST).components, 2 * rates)
    assert (rates == 0).all() == (move is Move.STATIC)
    if move is not Move.OBJECT_BOUNCES:
        assert np.array_equal(Motion(move).backwards.components, -rates)


def test_no_two_motions_have_the_same_numbers():
    motions = [Motion(move, speed) for move in Move for speed in Speed if move is not Move.STATIC]
    assert len({motion.components for motion in motions}) == len(motions)
