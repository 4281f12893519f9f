"""What packed frames cost, in tokens and in units of L_f: blocks, tails, schedules, and how to reach a given cost.

Integers and fractions only, no tensor. L_f is the length in tokens of one latent frame at full resolution, kernel
(1, 2, 2), so on a grid of H x W latent pixels (both even) L_f = H W / 4. Paper: arXiv 2504.12626 v3, packing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

from ..errors import Code, EngineError
from .packing import Block, Kernel, Schedule, Tail, at_least

FULL: Final = Kernel(1, 2, 2)
"""The kernel of full resolution; the generated section always goes through it."""
TAIL_POOL: Final = 32
"""Rows and columns that `ta` pools into one latent pixel (arXiv 2504.12626 v3, tail options)."""


def blocks_cost(blocks: Iterable[Block]) -> Fraction:
    """Exact length of `blocks` in units of L_f, padding left out: the sum of frames * 4 / kernel volume; never raises.

    Paper: arXiv 2504.12626 v3, packing; f16k4f2k2f1k1 costs 16/64 + 2/8 + 1 = 3/2.
    """
    return sum((Fraction(block.frames * FULL.volume, block.kernel.volume) for block in blocks), Fraction(0))


def block_tokens(block: Block, rows: int, columns: int) -> int:
    """Length in tokens of `block` on a grid of `rows` x `columns` latent pixels (>= 1, else NUMBER_INVALID).

    Each axis is replicate-padded up to a multiple of the kernel, as in the released recipe
    (diffusers_helper/models/hunyuan_video_packed.py): ceil(M/A) * ceil(H/B) * ceil(W/C). Paper: arXiv 2504.12626 v3,
    packing, compression by the patchify kernel alone.
    """
    at_least("rows", rows, 1)
    at_least("columns", columns, 1)
    kernel = block.kernel
    return _ceil(block.frames, kernel.frames) * _ceil(rows, kernel.rows) * _ceil(columns, kernel.columns)


def section_tokens(schedule: Schedule, rows: int, columns: int) -> int:
    """Tokens of the generated section, S * L_f, on `rows` x `columns` latent pixels (>= 1, else NUMBER_INVALID).

    0 for a bare history, which generates nothing. Paper: arXiv 2504.12626 v3, packing, the first term of L.
    """
    return block_tokens(Block(schedule.window, FULL), rows, columns)


def context_tokens(schedule: Schedule, rows: int, columns: int, tail_frames: int = 0) -> int:
    """Tokens of everything but the section on a grid of `rows` x `columns` latent pixels (>= 1).

    `tail_frames` (>= 0) latent frames lie beyond the history; `tail_tokens` says what each option makes of them, with
    the history's most compressing kernel, the farther one of equals. NUMBER_INVALID outside these ranges. Paper:
    arXiv 2504.12626 v3, packing and tail options.
    """
    blocks = sum(block_tokens(block, rows, columns) for block in schedule.before + schedule.after)
    far_first = schedule.past or schedule.future[::-1] or (Block(1, FULL),)
    last = max(far_first, key=lambda block: block.kernel.volume).kernel
    return blocks + tail_tokens(schedule.tail, last, tail_frames, rows, columns)


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
        return 1
    return block_tokens(Block(frames, kernel), _ceil(rows, TAIL_POOL), _ceil(columns, TAIL_POOL))


def packed_length(frames: int, section: int, rate: Fraction | int, frame_tokens: int) -> Fraction:
    """L = S L_f + L_f (1 - lambda^-T) / (1 - 1/lambda), exact (arXiv 2504.12626 v3, packing, the equation for L).

    In tokens. Frame i of the history, newest first, costs L_f / lambda^i. `frames` (T >= 0) and `section` (S >= 0) are
    latent frames, `rate` is lambda > 1, `frame_tokens` L_f >= 1; NUMBER_INVALID outside these ranges.
    """
    at_least("frames", frames, 0)
    full = packed_limit(section, rate, frame_tokens)
    return full - frame_tokens * Fraction(rate) ** -frames / (1 - 1 / Fraction(rate))


def packed_limit(section: int, rate: Fraction | int, frame_tokens: int) -> Fraction:
    """(S + lambda / (lambda - 1)) L_f, the bound in tokens of `packed_length` as T grows; same ranges and errors.

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


def schedule_of(levels: Sequence[int], window: int = 9, tail: Tail | None = Tail.DELETE) -> Schedule:
    """The forward schedule that keeps `levels[i]` latent frames at compression 2^-i, such as `powers_for` gives.

    Level 0 is newest, so (1, 0, 0, 2, 0, 0, 16) is `td_f16k4f2k2f1k1_g9`. A level's frames form one block, through the
    kernel of `kernel_at`, so the context costs exactly the sum of levels[i] / 2^i in units of L_f. NUMBER_INVALID
    unless `window` >= 1 latent frames, every level >= 0 and at least one frame is kept. Paper: arXiv 2504.12626 v3,
    packing.
    """
    at_least("window", window, 1)
    for count in levels:
        at_least("frames at a level", count, 0)
    at_least("kept frames", sum(levels), 1)
    near_first = [Block(count, kernel_at(level, count)) for level, count in enumerate(levels) if count]
    return Schedule(window=window, past=tuple(reversed(near_first)), tail=tail)


def _ceil(amount: int, size: int) -> int:
    return -(-amount // size)
