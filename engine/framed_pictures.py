"""A board as a framing shows it: resampled pixels, and where they are the board's. numpy alone, which Blender has, too.

Pixels lie in the middle of their square. Lanczos of three lobes, wider where the board is made smaller, so that lines
neither alias nor soften; colours are mixed as they are coded, as boards are scaled everywhere else in the engine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

from .framings import Framing

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Name = TypeVar("Name")

_LOBES = 3


def pictures_of(
    board: Array, framings: Mapping[Name, Framing], size: tuple[int, int]
) -> Iterator[tuple[Name, Array, Array]]:
    """The pictures (height, width, C) that lead a shot over `board` (H, W, C), each with its name in `framings`, and
    which of its pixels (height, width) the board shows."""
    for name, framing in framings.items():
        yield name, framed(board, framing, size), seen(framing, size, (board.shape[1], board.shape[0]))


def framed(board: Array, framing: Framing, size: tuple[int, int]) -> Array:
    """What a framing shows of `board` (H, W, C) floats, in a picture of `size` (width, height): (height, width, C).

    Outside of the board are its nearest colours. Edges may swing over by a few hundredths, as Lanczos does.
    """
    height, width = board.shape[:2]
    if framing.roll % 360:
        return _turned(board, framing, size)
    pitch = framing.width * width / size[0]
    rows = _weights(framing.y * height, pitch, size[1], height)
    columns = _weights(framing.x * width, pitch, size[0], width)
    return _applied(board, rows, columns)


def seen(framing: Framing, size: tuple[int, int], board: tuple[int, int]) -> Array:
    """Which pixels (height, width) of a picture of `size` show a place of a board of that (width, height)."""
    across, down = _places(framing, size, board)
    return (across >= 0) & (across <= board[0]) & (down >= 0) & (down <= board[1])


def _places(framing: Framing, size: tuple[int, int], board: tuple[int, int]) -> tuple[Array, Array]:
    """Where the middle of each pixel lies on a board of that size, in its pixels: x and y, (height, width) each.

    A board whose two sides were rounded differently is one of pixels that are not quite square: shares count.
    """
    step = framing.width / size[0]  # in widths of the board
    aspect = board[0] / board[1]
    right = (np.arange(size[0]) + 0.5 - size[0] / 2)[None, :] * step
    below = (np.arange(size[1]) + 0.5 - size[1] / 2)[:, None] * step
    cosine, sine = math.cos(math.radians(framing.roll)), math.sin(math.radians(framing.roll))
    across = (framing.x + right * cosine + below * sine) * board[0]
    down = (framing.y + (below * cosine - right * sine) * aspect) * board[1]
    return across, down


def _turned(board: Array, framing: Framing, size: tuple[int, int]) -> Array:
    """First the board as large as the picture shows it, where that is smaller, then its pixels along turned rows."""
    height, width = board.shape[:2]
    pitch = framing.width * width / size[0]
    if pitch > 1:
        smaller = max(1, round(width / pitch)), max(1, round(height / pitch))
        rows = _weights(height / 2, height / smaller[1], smaller[1], height)
        columns = _weights(width / 2, width / smaller[0], smaller[0], width)
        board = _applied(board, rows, columns)
    across, down = _places(framing, size, (width, height))
    across, down = across * board.shape[1] / width, down * board.shape[0] / height
    flat = np.ascontiguousarray(board, np.float32).reshape(-1, board.shape[2])
    picture = np.zeros((size[1], size[0], board.shape[2]), np.float32)
    of_columns, of_rows = _taps(across, 1.0, board.shape[1]), _taps(down, 1.0, board.shape[0])
    for row, row_weight in zip(*of_rows, strict=True):
        for column, column_weight in zip(*of_columns, strict=True):
            picture += (row_weight * column_weight)[..., None] * flat.take(row * board.shape[1] + column, axis=0)
    return picture


def _applied(board: Array, rows: tuple[int, Array], columns: tuple[int, Array]) -> Array:
    """Weights of rows and of columns, each with the place of its first, applied to a picture (H, W, C)."""
    (top, of_rows), (left, of_columns) = rows, columns
    part = board[top : top + of_rows.shape[1], left : left + of_columns.shape[1]].astype(np.float32)
    channels = part.shape[2]
    rowed = (of_rows @ part.reshape(part.shape[0], -1)).reshape(len(of_rows), -1, channels)
    picture: Array = np.matmul(of_columns, rowed)
    return picture


def _weights(centre: float, pitch: float, count: int, length: int) -> tuple[int, Array]:
    """The weights (count, n) by which `count` pixels, `pitch` apart about `centre`, come of n from the first on."""
    places, weights = _taps(centre + (np.arange(count) + 0.5 - count / 2) * pitch, max(1.0, pitch), length)
    first = int(places.min())
    matrix = np.zeros((count, int(places.max()) - first + 1), np.float32)
    np.add.at(matrix, (np.broadcast_to(np.arange(count), places.shape), places - first), weights)
    return first, matrix


def _taps(at: Array, scale: float, length: int) -> tuple[Array, Array]:
    """For places `at` in a row of `length` pixels: the pixels that count there, and their weights, taps first.

    Beyond the ends are the last pixels.
    """
    reach = _LOBES * scale
    first = np.floor(at - 0.5 - reach).astype(np.int64) + 1
    taps = np.arange(math.ceil(2 * reach)).reshape(-1, *([1] * at.ndim))
    places = first + taps
    away = (places + 0.5 - at) / scale
    weights = np.where(np.abs(away) < _LOBES, np.sinc(away) * np.sinc(away / _LOBES), 0.0)
    weights /= weights.sum(0)
    return places.clip(0, length - 1), weights.astype(np.float32)
