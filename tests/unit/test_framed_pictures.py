"""A board as a framing shows it, against waves whose values everywhere are known, and against Pillow's Lanczos."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from PIL import Image

from engine.framed_pictures import framed, seen
from engine.framings import Framing

BOARD = (320, 180)
SIZE = (128, 72)


def wave(across, down):
    """Three channels at places in the board's pixels; no wave is shorter than fifteen of them."""
    across, down = np.broadcast_arrays(across, down)
    return np.stack(
        [0.5 + 0.4 * np.sin(across / 5 + down / 4), 0.5 + 0.4 * np.cos(across / 3), 0.5 + 0.4 * np.sin(down / 2.5)], -1
    )


def board(width=BOARD[0], height=BOARD[1]):
    return wave(np.arange(width)[None, :] + 0.5, np.arange(height)[:, None] + 0.5)


def places(framing):
    """Where each pixel's middle lies in the board's pixels, by complex numbers: up is positive."""
    turn = cmath.exp(1j * math.radians(framing.roll)) * framing.width * BOARD[0] / SIZE[0]
    right = np.arange(SIZE[0])[None, :] + 0.5 - SIZE[0] / 2
    up = SIZE[1] / 2 - np.arange(SIZE[1])[:, None] - 0.5
    at = complex(framing.x * BOARD[0], -framing.y * BOARD[1]) + turn * (right + 1j * up)
    return at.real, -at.imag


@pytest.mark.parametrize(
    "framing",
    [
        Framing(0.5, 0.5, 0.4),
        Framing(0.613, 0.482, 0.27),
        Framing(0.5, 0.5, 0.33, 90),
        Framing(0.45, 0.55, 0.21, -33.3),
        Framing(0.5, 0.5, 0.3, 0.01),
    ],
)
def test_pixels_lie_where_the_framing_says(framing):
    across, down = places(framing)
    wanted = wave(across, down)
    made = framed(board(), framing, SIZE)
    assert made.shape == (SIZE[1], SIZE[0], 3)
    assert np.abs(made - wanted).max() < 0.02
    assert np.sqrt(np.mean((made - wanted) ** 2)) < 0.006
    # A twentieth of a pixel to the side is farther from it: places are right, and not only colours near.
    beside = framed(board(), Framing(framing.x + 0.5 / BOARD[0], framing.y, framing.width, framing.roll), SIZE)
    assert np.sqrt(np.mean((beside - wanted) ** 2)) > 0.03


@pytest.mark.parametrize("framing", [Framing(), Framing(0.55, 0.45, 0.7), Framing(0.5, 0.5, 0.2)])
def test_upright_framings_are_cut_and_scaled_as_pillow_does(framing):
    noise = np.random.default_rng(1).random((BOARD[1], BOARD[0], 1)).astype(np.float32)
    width = framing.width * BOARD[0]
    left, upper = framing.x * BOARD[0] - width / 2, framing.y * BOARD[1] - width * SIZE[1] / SIZE[0] / 2
    box = (left, upper, left + width, upper + width * SIZE[1] / SIZE[0])
    wanted = np.asarray(Image.fromarray(noise[..., 0]).resize(SIZE, Image.Resampling.LANCZOS, box=box))
    made = framed(noise, framing, SIZE)[..., 0]
    assert np.abs(made - wanted)[4:-4, 4:-4].max() < 1e-5, "at a board's edge Pillow leaves out what ours repeats"


@pytest.mark.parametrize("roll", [0.0, 30.0])
def test_a_board_that_shrinks_does_not_alias(roll):
    """Lines one pixel apart become their mean, and neither moire nor one of the two colours."""
    lines = np.zeros((720, 1280, 1), np.float32)
    lines[:, ::2] = 1.0
    made = framed(lines, Framing(0.5, 0.5, 0.5 if roll else 1.0, roll), (160, 90))
    assert np.abs(made - 0.5)[4:-4, 4:-4].max() < 0.02


def test_the_whole_board_at_its_own_size_is_untouched():
    picture = np.random.default_rng(2).random((*BOARD[::-1], 3)).astype(np.float32)
    assert np.abs(framed(picture, Framing(), BOARD) - picture).max() < 1e-6


@pytest.mark.parametrize("roll", [0.0, 45.0])
def test_outside_are_the_nearest_colours_and_they_do_not_count(roll):
    picture = np.zeros((180, 320, 1), np.float32)
    picture[:, :160] = 1.0
    framing = Framing(0.5, 0.5, 2.5, roll)
    made, counts = framed(picture, framing, SIZE)[..., 0], seen(framing, SIZE, BOARD)
    across, down = places(framing)
    assert np.array_equal(counts, (across >= 0) & (across <= 320) & (down >= 0) & (down <= 180))
    far = ~counts & (np.abs(across - 160) > 25)
    assert np.abs(made - (across < 160))[far].max() < 0.02
    assert counts.mean() == pytest.approx(framing.shown(BOARD[0] / BOARD[1]), abs=0.01)


def test_all_of_a_framing_on_the_board_counts():
    assert seen(Framing(0.3, 0.3, 0.6), SIZE, BOARD).all()
    assert not seen(Framing(2.0, 0.5, 0.1), SIZE, BOARD).any()
