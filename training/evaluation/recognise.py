"""Which move a clip shows, by warp search: its frames against the scene's start under every move and rate.

The truth is not asked: every move the camera knows is tried at several rates, and the one whose warp of the start comes
nearest to the frames, where the start is still visible, is the one the clip shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from engine.media.measures import Picture

from ..scenes.clips import Clip
from ..scenes.moves import CAMERA_MOVES, Depth, Motion, Move
from ..scenes.pen import OVERSAMPLING
from ..scenes.scenes import Layer, Scene

RATES = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
"""Multiples of the normal rate that are tried."""
_DOMINANT: Mapping[Move, Move] = {Move.DOLLY_IN: Move.ZOOM_IN, Move.DOLLY_OUT: Move.ZOOM_OUT}
_LEAST_VISIBLE = 0.15
_PAPER = 0.002
"""Variance (0 to 1) below which pictures are as good as blank."""
_TELLING_VISIBLE = 1 / 3
_TELLING_PARTS = (0.3, 0.6, 0.95)
_FINALISTS = 10


@dataclass(frozen=True)
class Recognised:
    """The move, its rate as a multiple of normal (0 for static), and its error as `_error` counts it, 0 for none."""

    move: Move
    rate: float
    error: float


def telling_frames(clip: Clip) -> list[int]:
    """The frames (from 0) to know a shot of `clip` by: early, halfway and late, while a third of its start is in sight.

    A fast tilt has left its start within three sections: there nothing is left to compare, not even in the truth.
    """
    frames = clip.frames
    while frames > 1 and clip.motion_field(0, frames - 1).visible.mean() < _TELLING_VISIBLE:
        frames -= 1
    return [round(frames * part) for part in _TELLING_PARTS]


def recognise(clip: Clip, frames: Mapping[int, Picture], moves: Sequence[Move] = CAMERA_MOVES) -> Recognised:
    """The move among `moves` and static that `frames` (by number, from 0) of a shot of `clip`'s scene show best."""
    tries = [(Move.STATIC, 0.0), *((move, rate) for move in moves for rate in RATES)]
    # One frame rules most tries out; only the best of them are worth looking at in all frames.
    middle = sorted(frames)[len(frames) // 2]
    ranked = sorted(tries, key=lambda each: _error(clip, each[0], each[1], {middle: frames[middle]}))
    judged = [Recognised(move, rate, _error(clip, move, rate, frames)) for move, rate in ranked[:_FINALISTS]]
    return min(judged, key=lambda each: each.error)


def dominant(move: Move) -> Move:
    """The move whose motion is the most of what is seen: a dolly differs from a zoom only by what is near."""
    return _DOMINANT.get(move, move)


def flat_clip(picture: Picture, motion: Motion, sections: float) -> Clip:
    """`picture` (H, W, 3) under `motion` as one flat sheet: for boards that nobody knows the layers of."""
    height, width = picture.shape[:2]
    sheet = Image.fromarray(picture).resize((width * OVERSAMPLING, height * OVERSAMPLING), Image.Resampling.BICUBIC)
    return Clip(Scene((Layer(sheet, (0, 0), Depth.BACKGROUND),), "picture", "paper"), motion, (width, height), sections)


def _error(clip: Clip, move: Move, rate: float, frames: Mapping[int, Picture]) -> float:
    """Mean square error of `frames` against the start under `move` at `rate`, over what is still visible of it.

    It is counted as a share of how much there is to see in both: else a move that leaves nothing but blank paper in
    sight would be the nearest to most drawings.
    """
    tried = replace(clip, motion=Motion(move))
    errors = []
    for number, frame in frames.items():
        place = number * rate
        field = tried.motion_field(0, place)
        if field.visible.mean() < _LEAST_VISIBLE:
            return float("inf")
        seen, expected = (each[field.visible].astype(np.float32) / 255 for each in (frame, tried.frame(place)))
        there = float(seen.var(0).mean() + expected.var(0).mean())
        errors.append(float(((seen - expected) ** 2).mean()) / (there + _PAPER))
    return float(np.mean(errors))
