"""Likeness after every shift, against moving the picture and comparing."""

from __future__ import annotations

import numpy as np
import pytest

from engine.media.measures import psnr
from lab.shifts import MOST, decibels_by_shift
from lab.world import SIDE, Scene

REACH = 8


def _seen(shift: int) -> np.ndarray:
    return (np.arange(SIDE) + shift >= 0) & (np.arange(SIDE) + shift < SIDE)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.15])
def test_every_shift_is_told_as_if_it_were_tried(share: float) -> None:
    rng = np.random.default_rng(5)
    scene = Scene(21)
    known, picture = (scene.view(np.array([float(across), 90.0])) for across in (40, 43))
    picture = np.clip(picture.astype(int) + rng.integers(-2, 3, picture.shape), 0, 255).astype(np.uint8)
    where = rng.random((SIDE, SIDE)) < share
    where[:, : SIDE // 3] = False
    told = decibels_by_shift(picture, known, where, REACH)
    for down in range(-REACH, REACH + 1):
        for across in range(-REACH, REACH + 1):
            shown = where & _seen(down)[:, None] & _seen(across)[None]
            tried = 0.0
            if shown.sum() > where.sum() / 2:
                tried = min(MOST, psnr(np.roll(picture, (-down, -across), (0, 1)), known, shown))
            assert told[down + REACH, across + REACH] == pytest.approx(tried, abs=1e-9)
    assert np.unravel_index(told.argmax(), told.shape) == (REACH, REACH - 3)


def test_where_little_is_left_to_compare_nothing_is_like() -> None:
    picture = Scene(21).view(np.array([40.0, 90.0]))
    where = np.zeros((SIDE, SIDE), bool)
    where[:, :4] = True
    told = decibels_by_shift(picture, picture, where, REACH)
    assert told[REACH, REACH] == MOST
    assert (told[:, : REACH - 1] == 0).all(), "its known pixels lie outside what the moved picture shows"
