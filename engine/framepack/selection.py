"""Which frames of the history a section sees: the nearest in time, those most like what comes, or both weighed.

Source: arXiv 2504.12626 v3, packing by similarity and hybrid packing. The paper leaves open how frames are assigned to
kernels of several frames; what is ours is said where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from .layout import SectionLayout, Selection
from .packing import Block


def similarity(history: torch.Tensor, estimate: torch.Tensor) -> torch.Tensor:
    """How like what comes each frame of the history is, (N,) float32 in [-1, 1].

    `history` is (N, C, H, W), `estimate` (S, C, H, W), what the section is taken to become: the mean over its frames
    and all places of the cosine between the channels there. The paper sums over places: the sequence is the same.
    """
    unit = functional.normalize(history.float(), dim=1)
    mean = functional.normalize(estimate.float(), dim=1).mean(0)  # of cosines with one and the same vector
    return (unit * mean).sum(1).mean((1, 2))


def nearness(seconds: torch.Tensor) -> torch.Tensor:
    """exp(-t^2) for frames so many seconds (N,) from the section's first one (arXiv 2504.12626 v3, hybrid packing)."""
    return torch.exp(-(seconds.float() ** 2))


def weighed(likeness: torch.Tensor, latents_a_second: float, weight: float) -> list[float]:
    """`likeness` (N,) of the frames of a history, nearest first, plus `weight` times their `nearness`.

    The nearest one lies one latent from the section.
    """
    seconds = torch.arange(1, len(likeness) + 1) / latents_a_second
    scores: list[float] = (likeness + weight * nearness(seconds)).tolist()
    return scores


def choose(layout: SectionLayout, scores: Sequence[float], keep: int) -> Selection:
    """What the slots of a section's history hold, of the latents in `layout.history`, which have a score each.

    `keep` and the assignment are those of `select`; it lies mirrored where the history is what follows.
    """
    blocks = [Block(len(block.slots), block.kernel) for block in layout.blocks if block.history]
    chosen = select(scores, blocks if layout.looks_back else blocks[::-1], keep)
    latents = tuple(tuple(None if frame is None else layout.history[frame] for frame in block) for block in chosen)
    return latents if layout.looks_back else tuple(block[::-1] for block in reversed(latents))


def select(scores: Sequence[float], blocks: Sequence[Block], keep: int) -> tuple[tuple[int | None, ...], ...]:
    """For each of the `blocks`, in time order from far to near as `Schedule.past` has them, the frames it holds.

    Frames are counted from 0, the nearest; `scores` has one for each. Blocks are filled from near to far, which is from
    fine to coarse in every usual schedule. The `keep` nearest frames stay where they are when packed by time. A kernel
    of several frames is given runs, scored by their mean: of frames far apart the slow rotations of their places would
    cancel out. Runs are of what nearer blocks have left, counted from the section on, so that equal scores and scores
    by time alone give the packing by time. Ties go to the nearer. Within a block frames are in time order, and None is
    a slot that stays empty. The assignment is ours.
    """
    left = list(range(len(scores)))
    chosen: dict[int, list[int]] = {}
    for index in reversed(range(len(blocks))):
        size, count = blocks[index].kernel.frames, blocks[index].frames
        runs = [left[start : start + size] for start in range(0, len(left), size)]
        held = [run for run in runs if run[0] < keep]
        others = sorted(runs[len(held) :], key=lambda run: (-sum(scores[frame] for frame in run) / len(run), run[0]))
        taken: list[int] = []
        for run in (*held, *others):
            taken += run[: count - len(taken)]
        chosen[index] = taken
        left = [frame for frame in left if frame not in set(taken)]
    return tuple(
        (*[None] * (block.frames - len(chosen[index])), *sorted(chosen[index], reverse=True))
        for index, block in enumerate(blocks)
    )
