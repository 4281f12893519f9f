"""Prompts: they say their move in words of the vocabulary, and say no other."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.scenes.drawings import THINGS
from training.scenes.moves import Motion, Move, Speed
from training.scenes.prompts import DROPOUT, describe, vocabulary, write_prompt
from training.scenes.scenes import PLACES

SAYS = {
    Move.PAN_LEFT: ("pan|moves|slides", "left"),
    Move.PAN_RIGHT: ("pan|moves|slides", "right"),
    Move.TILT_UP: ("tilt|looks", "up"),
    Move.TILT_DOWN: ("tilt|looks", "down"),
    Move.ZOOM_IN: ("zoom", "in"),
    Move.ZOOM_OUT: ("zoom", "out"),
    Move.ROLL_CLOCKWISE: ("roll|rotates", "clockwise"),
    Move.ROLL_COUNTERCLOCKWISE: ("roll|rotates", "counterclockwise"),
    Move.ORBIT_LEFT: ("orbit|circles", "left"),
    Move.ORBIT_RIGHT: ("orbit|circles", "right"),
}
FAST, SLOW = {"quickly", "fast", "rapidly", "quick", "rapid"}, {"slowly", "slow", "gently", "gentle", "gradually"}
seeds, motions = st.integers(0, 2**32 - 1), st.builds(Motion, st.sampled_from(Move), st.sampled_from(Speed))
things, places = st.sampled_from(list(THINGS)), st.sampled_from(PLACES)


def words(text: str) -> set[str]:
    return set(re.findall("[a-z]+", text.lower()))


@given(seeds, motions, things, places)
def test_every_word_is_known_but_the_strange_one(seed, motion, thing, place):
    assert words(describe(np.random.default_rng(seed), motion, thing, place)) <= {*vocabulary(), "qwx"}


@given(seeds, st.sampled_from(list(SAYS)), st.sampled_from(Speed), things, places)
def test_a_camera_move_is_said(seed, move, speed, thing, place):
    text = describe(np.random.default_rng(seed), Motion(move, speed), thing, place)
    verb, side = SAYS[move]
    assert re.search(verb, text)
    assert side in words(text)


@given(seeds, motions, things, places)
def test_speed_words_say_the_speed(seed, motion, thing, place):
    if motion.move is Move.STATIC:
        return
    said = words(describe(np.random.default_rng(seed), motion, thing, place))
    assert bool(said & FAST) == (motion.speed is Speed.FAST)
    assert bool(said & SLOW) == (motion.speed is Speed.SLOW)


@given(seeds, st.sampled_from(Speed), things, places)
def test_a_still_camera_names_no_move(seed, speed, thing, place):
    text = describe(np.random.default_rng(seed), Motion(Move.STATIC, speed), thing, place)
    assert text
    assert not re.search(r"pan|tilt|zoom|roll|orbit|doll|left|right|spin|grow|bounc", text)


def test_some_prompts_are_dropped():
    rng = np.random.default_rng(0)
    empty = [not write_prompt(rng, Motion(Move.ZOOM_IN), "ball", "room") for _ in range(4000)]
    assert np.mean(empty) == pytest.approx(DROPOUT, abs=0.015)
