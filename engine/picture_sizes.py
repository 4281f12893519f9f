"""Which size a shot gets by the shape of its board: the same sum where it is made and where it is shown beforehand."""

from __future__ import annotations

from collections.abc import Sequence

_CUT = 0.08
"""Share of a side that a board may lose to the nearest trained size."""


def nearest_size(width: int, height: int, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Of `sizes` (width, height), the one whose aspect is nearest to the picture's; ties go to the later one.

    Source: released recipe (`bucket_tools.py`): the smallest |h * bucket_w - w * bucket_h|.
    """
    return min(reversed(sizes), key=lambda size: abs(height * size[0] - width * size[1]))


def fitting_size(
    width: int, height: int, sizes: Sequence[tuple[int, int]], *, multiple: int, limits: tuple[int, int]
) -> tuple[int, int]:
    """The size for a picture's shot: the nearest of `sizes`, or one of its area where that would cut off too much.

    A picture is cut to its shot's shape, and 8 % of a side is what a storyboard's safe margin bears: beyond it the
    picture's own shape is worth more than a trained size. Sides are multiples of `multiple` within `limits`.
    """
    nearest = nearest_size(width, height, sizes)
    shape = width / height
    if max(shape * nearest[1] / nearest[0], nearest[0] / nearest[1] / shape) <= 1 + _CUT:
        return nearest
    area = nearest[0] * nearest[1]

    def side(length: float) -> int:
        return max(limits[0], min(limits[1], round(length / multiple) * multiple))

    return side((area * shape) ** 0.5), side((area / shape) ** 0.5)


def covering_size(shape: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The smallest (width, height) of the board's shape that covers a shot of `size`: both sides 8 or more."""
    scale = max(size[0] / shape[0], size[1] / shape[1])
    return max(8, round(shape[0] * scale)), max(8, round(shape[1] * scale))


def opening_size(board: tuple[int, int], width: float, covering: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) of the part of a board that is `width` of its width, as large as the board has it.

    At least as large as `covering`, so that rounding moves nothing, and no larger than the board itself unless that is
    smaller.
    """
    scale = max(min(1.0, width), covering[0] / board[0])
    return round(board[0] * scale), round(board[1] * scale)
