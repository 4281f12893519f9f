"""Curves over the frames of a shot as one PNG, a row each, with the limits that they are to keep; drawn by Pillow."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_WIDTH, _ROW, _LEFT, _RIGHT, _TOP, _BOTTOM = 960, 110, 60, 20, 26, 24
_PAPER, _INK, _FAINT, _LINE = (250, 250, 248), (40, 40, 44), (208, 208, 206), (30, 96, 170)
_FAINT_INK = (120, 120, 124)
_LEAST_APART = 24
"""Pixels between the numbers of two sections."""
_LIMIT, _OVER = (196, 60, 40), (250, 222, 214)
_TEXT = 13
_NICE = (1, 2, 5, 10)


@dataclass(frozen=True)
class Curve:
    """One row: what it is, its points by frame, and what it may be (None: no such limit)."""

    title: str
    points: Sequence[tuple[int, float]]
    least: float | None = None
    most: float | None = None
    over: Sequence[range] = ()
    """Runs of frames, counted from 1, in which it is beyond a limit: shaded."""


def curves_png(curves: Sequence[Curve], frames: int, borders: Sequence[int]) -> bytes:
    """The curves of a shot of so many frames, one below the other, with lines where its sections begin (from 1)."""
    height = _TOP + len(curves) * _ROW + _BOTTOM
    picture = Image.new("RGB", (_WIDTH, height), _PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(_TEXT)
    for number, curve in enumerate(curves):
        _draw_row(draw, font, curve, _TOP + number * _ROW, frames, borders)
    apart = _across(2, len(borders) + 1) - _across(1, len(borders) + 1)
    every = math.ceil(_LEAST_APART / max(apart, 1))
    for number, frame in enumerate(borders, 1):
        if number % every == 0 or every == 1:
            draw.text((_across(frame, frames) + 3, _TOP - 6), str(number), _FAINT_INK, font, anchor="lb")
    draw.text((_LEFT - 8, _TOP - 6), "section", _FAINT_INK, font, anchor="rb")
    bottom = height - _BOTTOM + 4
    for tick in _ticks(1, frames, 8):
        draw.text((_across(tick, frames), bottom), f"{tick:g}", _INK, font, anchor="mt")
    draw.text((_LEFT - 8, bottom), "frame", _INK, font, anchor="rt")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _across(frame: float, frames: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (frame - 1) / max(1, frames - 1)


def _draw_row(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    curve: Curve,
    top: int,
    frames: int,
    borders: Sequence[int],
) -> None:
    upper, lower = top + 18, top + _ROW - 14
    limits = [limit for limit in (curve.least, curve.most) if limit is not None]
    values = [value for _, value in curve.points] + limits
    low, high = min([0.0, *values]), max([*values, 1e-6]) * 1.05

    def down(value: float) -> float:
        return lower - (lower - upper) * (value - low) / (high - low)

    for run in curve.over:
        draw.rectangle((_across(run.start, frames), upper, _across(min(run.stop, frames), frames), lower), _OVER)
    for border in borders:
        draw.line((_across(border, frames), upper, _across(border, frames), lower), _FAINT)
    draw.line((_LEFT, lower, _WIDTH - _RIGHT, lower), _INK)
    for value in _ticks(low, high, 3):
        draw.text((_LEFT - 8, down(value)), f"{value:g}", _INK, font, anchor="rm")
    for limit in limits:
        for left in range(_LEFT, _WIDTH - _RIGHT, 9):
            draw.line((left, down(limit), left + 4, down(limit)), _LIMIT, 2)
    places = [(_across(frame, frames), down(value)) for frame, value in curve.points]
    if len(places) > 1:
        draw.line(places, _LINE, 2, joint="curve")
    elif places:
        (across, at), *_ = places
        draw.ellipse((across - 2, at - 2, across + 2, at + 2), _LINE)
    draw.text((_LEFT, top + 14), curve.title, _INK, font, anchor="lb")


def _ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many round numbers from `low` to `high`, evenly apart."""
    span = max(high - low, 1e-9) / most
    size = 10.0 ** math.floor(math.log10(span))
    step = next(factor * size for factor in _NICE if factor * size >= span)
    return [round(step * number, 9) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
