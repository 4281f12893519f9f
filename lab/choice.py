"""Which frames of its history a variant sees, where these are not the nearest: chosen by each sample of a batch.

Scores and assignment are the engine's (`framepack/selection.py`), and what it does with them for one shot
(`generation/history_choice.py`) is done here for many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from engine.framepack.history import History, PackedContext, PackedFrames
from engine.framepack.layout import SectionLayout, Selection
from engine.framepack.plan import PlannedSection
from engine.framepack.selection import choose, similarity, weighed
from engine.models.packing_use import Packing, PackingUse


@dataclass(frozen=True)
class Choice:
    """How frames are chosen."""

    packing: Packing
    use: PackingUse
    latents_a_second: float

    def is_free(self, planned: PlannedSection) -> bool:
        """Whether more lies before a section than the frames that stay where they are."""
        return len(planned.layout.history) > self.use.kept(self.packing)

    def context(self, history: History, planned: PlannedSection, estimate: torch.Tensor) -> PackedContext:
        """`planned`'s context with the frames that are like `estimate` (B, C, S, h, w), what it is taken to become.

        Every sample has frames of its own, at indices (B, T) of their own. By time where nothing is free.
        """
        if not self.is_free(planned):
            return history.context(planned)
        layout = planned.layout
        past = history.clip(layout.history)
        selections = [self._selection(layout, *both) for both in zip(past, estimate, strict=True)]
        return _joined([history.context(planned, selection) for selection in selections])

    def _selection(self, layout: SectionLayout, past: torch.Tensor, estimate: torch.Tensor) -> Selection:
        """Of one sample's `past` (C, N, h, w), nearest first."""
        likeness = similarity(past.movedim(1, 0), estimate.movedim(1, 0))
        scores = weighed(likeness, self.latents_a_second, self.use.nearness(self.packing))
        return choose(layout, scores, self.use.kept(self.packing))


def newest(history: History, planned: PlannedSection) -> torch.Tensor:
    """The section's worth of frames (B, C, S, h, w) that lie nearest to it, as an estimate; fewer where there are."""
    return history.clip(planned.layout.history[: len(planned.layout.generated)])


def of_samples(context: PackedContext, samples: slice) -> PackedContext:
    """What these samples of a batch see, which sees alike places of its own clips."""
    blocks = (replace(block, latents=block.latents[samples]) for block in context.blocks)
    return PackedContext(tuple(blocks), context.generated)


def _joined(contexts: Sequence[PackedContext]) -> PackedContext:
    """One context in which sample n sees what it does in the n-th of `contexts`, which differ in what they chose."""
    blocks = []
    for alike in zip(*(context.blocks for context in contexts), strict=True):
        latents = torch.cat([block.latents[number : number + 1] for number, block in enumerate(alike)])
        indices = torch.stack([block.indices for block in alike])
        blocks.append(PackedFrames(alike[0].kernel, latents, indices, alike[0].filled))
    return PackedContext(tuple(blocks), contexts[0].generated)
