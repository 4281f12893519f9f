"""Choosing which frames of its history a section sees, where that is not the nearest: before the section is made.

Source: arXiv 2504.12626 v3, packing by similarity and hybrid packing, which leave open what a section that is not made
yet is compared by (`models/packing_use.Estimate`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import torch

from ..framepack.history import History
from ..framepack.layout import Selection
from ..framepack.plan import PlannedSection
from ..framepack.selection import choose, similarity, weighed
from ..inference.family import Denoising, Family
from ..models.packing_use import Estimate, Packing

_AT_ONCE = 32
"""Latents that are compared at once."""


class HistoryChoice:
    """Chooses for the sections of one shot, by what its model was trained for."""

    def __init__(self, family: Family, packing: Packing, seed: int, latents_a_second: float) -> None:
        """`seed` is the shot's."""
        self._family = family
        self._packing = packing
        self._seed = seed
        self._latents_a_second = latents_a_second

    def of_section(
        self, planned: PlannedSection, history: History, denoising: Denoising
    ) -> tuple[Denoising, Selection | None]:
        """`denoising`, whose context is packed by time, with the frames that were chosen, and which these are.

        None: the nearest ones. The same for the same history, settings and seed, whatever was made or chosen before.
        """
        use, layout = self._family.spec.packing, planned.layout
        keep = use.kept(self._packing)
        if self._packing is Packing.TIME or len(layout.history) <= keep:
            return denoising, None
        window = len(layout.generated)
        if use.estimate is Estimate.NEWEST:
            estimate = history.clip(layout.history[:window])
        else:
            estimate = self._look(planned.section, denoising, history.clip(layout.history[:1]).shape, window)
        likeness = torch.cat(list(self._likeness(history, layout.history, estimate)))
        scores = weighed(likeness, self._latents_a_second, use.nearness(self._packing))
        selection = choose(layout, scores, keep)
        return replace(denoising, context=history.context(planned, selection)), selection

    def _look(self, section: int, denoising: Denoising, shape: torch.Size, window: int) -> torch.Tensor:
        """What the model takes the section to be when it sees nothing of it but noise, its history packed by time.

        The noise has a seed of its own, (seed, section): the shot's own noise stays what it is without a look.
        """
        generator = torch.Generator("cpu").manual_seed(look_seed(self._seed, section))
        noise = torch.randn((*shape[:2], window, *shape[3:]), generator=generator, dtype=torch.float32)
        return next(self._family.denoise(denoising, noise, generator)).estimate.float().cpu()

    @staticmethod
    def _likeness(history: History, latents: range, estimate: torch.Tensor) -> Iterator[torch.Tensor]:
        expected = estimate[0].movedim(1, 0)
        for first in range(0, len(latents), _AT_ONCE):
            frames = history.clip(latents[first : first + _AT_ONCE])
            yield similarity(frames[0].movedim(1, 0), expected)


def look_seed(seed: int, section: int) -> int:
    """The seed of a section's look, by its place in time: a whole number of 63 bits."""
    digest = hashlib.sha256(f"look {seed} {section}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
