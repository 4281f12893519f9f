"""The lab's world: what moves where, what comes back, and that a picture is what the torus shows there."""

from __future__ import annotations

import numpy as np
import pytest

from lab.held_out import SETS
from lab.world import MOTIONS, SIDE, TORUS, Kind, Path, Scene, draw_path, out_and_back, sentence
from training.scenes.moves import Motion, Move, Speed
from training.scenes.prompts import vocabulary


def test_content_moves_by_what_the_path_says() -> None:
    scene = Scene(3)
    path = Path((Motion(Move.PAN_LEFT, Speed.FAST), Motion(Move.TILT_DOWN, Speed.FAST)))
    first, later, last = scene.frames(path, range(0, 19, 9))
    # Panning left moves content right, tilting down moves it up; 48 pixels are a section's.
    assert np.abs(later[:, 48:].astype(int) - first[:, :-48]).max() <= 1
    assert np.abs(last[:-48].astype(int) - later[48:]).max() <= 1
    assert np.abs(later.astype(int) - first).mean() > 10


def test_the_torus_comes_round() -> None:
    scene = Scene(4)
    assert np.array_equal(scene.view(np.array([10.0, 250.0])), scene.view(np.array([10.0 + TORUS, 250.0 - TORUS])))
    # Five and a third fast sections are once around.
    places = scene.places(Path((Motion(Move.PAN_RIGHT, Speed.FAST),) * 8))
    assert np.allclose(places[48], places[0])
    assert not np.allclose(places[24], places[0])


def test_out_and_back_ends_where_it_began() -> None:
    path = out_and_back(Move.TILT_UP, Speed.NORMAL, 4, 8)
    assert np.allclose(path.camera[-1], 0)
    assert np.allclose(path.camera[36], (0, 96))
    scene = Scene(5)
    assert np.array_equal(*scene.frames(path, range(0, 73, 72)))


def test_a_disc_moves_and_the_ground_does_not() -> None:
    scene = Scene(6)
    path = draw_path(np.random.default_rng(1), 3, Kind.DISC)
    frames = scene.frames(path)
    assert path.with_disc
    assert np.allclose(path.camera, 0)
    still = np.all([np.all(frame == frames[0], -1) for frame in frames], 0)
    assert 0.5 < still.mean() < 0.99


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words_for_each_section(kind: Kind) -> None:
    path = draw_path(np.random.default_rng(2), 7, kind)
    assert len(path.motions) == 7
    assert path.latents == 64
    assert all(motion in MOTIONS for motion in path.motions)


def test_every_word_was_taught() -> None:
    words = {word for motion in MOTIONS for word in sentence(motion).split()}
    assert words <= set(vocabulary())
    assert len({sentence(motion) for motion in MOTIONS}) == len(MOTIONS)
    assert max(len(sentence(motion).split()) for motion in MOTIONS) <= 7  # and the end token


def test_held_out_scenes_are_the_same_each_time_and_of_one_length() -> None:
    for name, scenes in SETS.items():
        drawn, again = scenes(4), scenes(4)
        assert [each.path for each in drawn] == [each.path for each in again], name
        assert len({each.seed for each in drawn}) == 4
        assert len({len(each.path.motions) for each in drawn}) == 1
        assert np.array_equal(drawn[0].scene.view(np.zeros(2)), again[0].scene.view(np.zeros(2)))
        assert drawn[0].scene.view(np.zeros(2)).shape == (SIDE, SIDE, 3)
