"""What packed frames cost, in tokens and in units of L_f: kernels, blocks, tails and the geometric series behind them.

Knows no names of schedules beyond a block's own; integers and fractions only. L_f is the length in tokens of one latent
frame at full resolution, kernel (1, 2, 2). Paper: arXiv 2504.12626 v3, packing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from ..errors import Code, EngineError

TAIL_POOL: Final = 32
"""Rows and columns that `ta` pools into one latent pixel (arXiv 2504.12626 v3, tail options)."""


class Tail(StrEnum):
    """What becomes of the frames beyond the history (arXiv 2504.12626 v3, tail options)."""

    DELETE = "td"
    APPEND = "ta"
    COMPRESS = "tc"


@dataclass(frozen=True)
class Kernel:
    """A patchify kernel: the latent frames, rows and columns (each >= 1) that one token covers."""

    frames: int
    rows: int
    columns: int

    @property
    def volume(self) -> int:
        """Latent pixels in one token."""
        return self.frames * self.rows * self.columns

    @property
    def name(self) -> str:
        """`kN` for N times (1, 2, 2), else `kAhBwC`."""
        if self.rows == self.columns == 2 * self.frames:
            return f"k{self.frames}"
        return f"k{self.frames}h{self.rows}w{self.columns}"


FULL: Final = Kernel(1, 2, 2)
"""The kernel of full resolution; the generated section always goes through it."""


@dataclass(frozen=True)
class Block:
    """Contiguous latent frames (>= 1) that go through one kernel as one tensor."""

    frames: int
    kernel: Kernel

    @property
    def name(self) -> str:
        """The block in the paper's grammar, such as `f16k4`."""
        return f"f{self.frames}{self.kernel.name}"

    @property
    def cost(self) -> Fraction:
        """Exact length in units of L_f, padding left out: frames * 4 / volume (arXiv 2504.12626 v3, packing)."""
        return Fraction(self.frames * FULL.volume, self.kernel.volume)

    def tokens(self, rows: int, columns: int) -> int:
        """Length in tokens on a grid of `rows` x `columns` latent pixels (>= 1, else NUMBER_INVALID).

        Each axis is replicate-padded up to a multiple of the kernel, as in the released recipe
        (diffusers_helper/models/hunyuan_video_packed.py): ceil(M/A) * ceil(H/B) * ceil(W/C).
        """
        at_least("rows", rows, 1)
        at_least("columns", columns, 1)
        kernel = self.kernel
        return _ceil(self.frames, kernel.frames) * _ceil(rows, kernel.rows) * _ceil(columns, kernel.columns)


def tail_tokens(tail: Tail | None, kernel: Kernel, frames: int, rows: int, columns: int) -> int:
    """Tokens of `frames` (>= 0) tail frames of `rows` x `columns` latent pixels (>= 1), else NUMBER_INVALID.

    arXiv 2504.12626 v3, tail options; `kernel` (A, B, C) is the history's most compressing one, which is how the
    paper's "nearest kernel" is read here.

    - `td`, or no option: 0.
    - `ta`: every frame is pooled by (1, 32, 32), and the pooled frames are encoded as one tensor:
      ceil(n/A) * ceil(ceil(H/32)/B) * ceil(ceil(W/32)/C), which grows slowly and without bound.
    - `tc`: "global average pool" is read as the mean over all tail frames, rows and columns at once: one latent pixel,
      padded to the kernel, so 1 token however long the tail is (0 where there is none).
    """
    at_least("tail frames", frames, 0)
    at_least("rows", rows, 1)
    at_least("columns", columns, 1)
    if frames == 0 or tail in (None, Tail.DELETE):
        return 0
    if tail is Tail.COMPRESS:
        return Block(1, kernel).tokens(1, 1)
    return Block(frames, kernel).tokens(_ceil(rows, TAIL_POOL), _ceil(columns, TAIL_POOL))


def packed_length(frames: int, section: int, rate: Fraction | int, frame_tokens: int) -> Fraction:
    """L = S L_f + L_f (1 - lambda^-T) / (1 - 1/lambda), exact (arXiv 2504.12626 v3, packing, the equation for L).

    Frame i of the history, newest first, costs L_f / lambda^i. `frames` (T >= 0) and `section`
    (S >= 0) are latent frames, `rate` is lambda > 1, `frame_tokens` L_f >= 1; NUMBER_INVALID outside these ranges.
    """
    at_least("frames", frames, 0)
    full = packed_limit(section, rate, frame_tokens)
    return full - frame_tokens * Fraction(rate) ** -frames / (1 - 1 / Fraction(rate))


def packed_limit(section: int, rate: Fraction | int, frame_tokens: int) -> Fraction:
    """(S + lambda / (lambda - 1)) L_f, the bound of `packed_length` as T grows; same ranges, same errors.

    Paper: arXiv 2504.12626 v3, packing, the limit of L; its print leaves out the factor L_f.
    """
    at_least("section", section, 0)
    at_least("frame tokens", frame_tokens, 1)
    if rate <= 1:
        raise EngineError(Code.NUMBER_INVALID, name="rate", value=str(rate), allowed="a rate above 1")
    return (section + Fraction(rate) / (Fraction(rate) - 1)) * frame_tokens


def powers_for(rate: Fraction | int, depth: int) -> tuple[int, ...]:
    """How many frames to keep at each of `depth` (>= 1) levels, level i costing 2^-i L_f, to cost `rate` (> 0) L_f.

    Paper: arXiv 2504.12626 v3, packing: any rate by duplicating or dropping terms of the series 1 + 1/2 + 1/4 + ...
    = 2, as the rate's binary digits say; 2 + 1/2 + 1/8 = 2.625 gives (1, 2, 1, 2, 1, ...). From 2 upward every level
    has one frame and the digits of `rate` - 2 are duplicates, whole numbers going to level 0; below 2 the digits of
    `rate` are the frames. Where `rate` is not met exactly the cost stays below it: by less than 2^(2 - depth) from 2
    upward (the cut series alone lacks 2^(1 - depth)), by less than 2^(1 - depth) below 2. NUMBER_INVALID outside the
    ranges.
    """
    at_least("depth", depth, 1)
    if rate <= 0:
        raise EngineError(Code.NUMBER_INVALID, name="rate", value=str(rate), allowed="a rate above 0")
    series = int(rate >= 2)
    left = Fraction(rate) - 2 * series
    counts = []
    for _ in range(depth):
        digit = int(left)
        counts.append(series + digit)
        left = 2 * (left - digit)
    return tuple(counts)


def kernel_at(level: int, frames: int) -> Kernel:
    """The kernel of exactly 4 * 2^level latent pixels for a block of `frames` latent frames.

    The axes double in turn, columns, rows, then frames, from (1, 2, 2): (1, 2, 4), (1, 4, 4), (2, 4, 4), and so on;
    every third level is one of the paper's k1, k2, k4. The kernel's frames grow only while they divide the block's
    (else padding would cost more than the level says); the doublings they leave undone go to columns and rows in turn.
    Ranges: `level` >= 0, `frames` >= 1, else NUMBER_INVALID. The rule is ours: the paper (arXiv 2504.12626 v3, packing)
    leaves the kernel open, and its example counts volumes from one latent pixel, where this counts from (1, 2, 2), by
    which L_f is defined.
    """
    at_least("level", level, 0)
    at_least("frames", frames, 1)
    depth = min(2 ** (level // 3), frames & -frames)  # n & -n: the largest power of two that divides n
    spatial = level - (depth.bit_length() - 1)
    return Kernel(depth, 2 * 2 ** (spatial // 2), 2 * 2 ** ((spatial + 1) // 2))


def geometric_blocks(counts: Sequence[int]) -> tuple[Block, ...]:
    """Past history, far to near, with `counts[i]` (>= 0, else NUMBER_INVALID) latent frames at level i.

    Kernels by `kernel_at`, so the cost is exactly the sum of counts[i] / 2^i in units of L_f.
    """
    for count in counts:
        at_least("frames at a level", count, 0)
    blocks = [Block(count, kernel_at(level, count)) for level, count in enumerate(counts) if count]
    return tuple(reversed(blocks))


def at_least(name: str, value: int, minimum: int) -> None:
    """Raise NUMBER_INVALID, naming the number, where `value` is below `minimum`."""
    if value < minimum:
        raise EngineError(Code.NUMBER_INVALID, name=name, value=value, allowed=f"a whole number from {minimum}")


def _ceil(amount: int, size: int) -> int:
    return -(-amount // size)
