"""The latents a shot has made so far, as far as they still matter, and the packed context built from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

import torch

from .codebook import discretised
from .layout import PackedBlock, SectionLayout, Selection, TailFrames
from .packing import Kernel, Tail
from .plan import PlannedSection, ShotPlan
from .tails import TailReader
from .token_counts import FULL


@dataclass(frozen=True)
class PackedFrames:
    """One block of context: `latents` (B, C, T, H, W) float32 and their RoPE time `indices` (T,), or (B, T).

    B is 1 but in training; there the samples of a batch may hold other frames, each at its own index. Indices are
    whole, int64; but for a compressed tail's, the mean of its frames', float32.
    """

    kernel: Kernel
    latents: torch.Tensor
    indices: torch.Tensor
    filled: torch.Tensor
    """(T,) bool: which of them are latents of the shot; the others are zeros."""


@dataclass(frozen=True)
class PackedContext:
    """What the model sees besides the noise: blocks in time order, and the section's own time indices (window,) int64.

    Source: arXiv 2504.12626 v3, packing; time indices that no frame bears are simply left out (random-access RoPE).
    """

    blocks: tuple[PackedFrames, ...]
    generated: torch.Tensor

    def of_kernel(self, kernel: tuple[int, int, int]) -> PackedFrames:
        """All frames packed with `kernel` (frames, rows, columns), joined in time order; there must be some."""
        chosen = [block for block in self.blocks if astuple(block.kernel) == kernel]
        return PackedFrames(
            Kernel(*kernel),
            torch.cat([block.latents for block in chosen], dim=2),
            torch.cat([block.indices for block in chosen], dim=-1),
            torch.cat([block.filled for block in chosen]),
        )

    def beside(self, pictures: torch.Tensor) -> PackedContext:
        """The same and, at full size and the section's own time indices, `pictures` of it (1, C, window, H, W).

        Not in the paper: so a model sees what is known of the section that it makes (arXiv 2605.15182 does it so).
        """
        filled = torch.ones(len(self.generated), dtype=torch.bool)
        return PackedContext((*self.blocks, PackedFrames(FULL, pictures, self.generated, filled)), self.generated)


class History:
    """Latents of one shot by their number in time, each (1, C, 1, H, W) float32 on the CPU.

    Memory stays constant: once a latent is of no use to any section still to be made it is dropped (it lives on in the
    section's checkpoint). Boards stay, there are few. Where frames of the history are chosen, all may be, and all stay.
    """

    def __init__(
        self,
        plan: ShotPlan,
        boards: Mapping[int, torch.Tensor],
        blank: torch.Tensor,
        codebook: torch.Tensor | None = None,
        *,
        clean_boards: bool = True,
    ) -> None:
        """`boards` gives a latent for every number in `plan.boards` and `plan.lead`; `blank` is one of zeros.

        With a `codebook` (K, C) sections see their history, and its tail, as its entries (`codebook.discretised`);
        boards as they are, unless not `clean_boards`.
        """
        self._plan = plan
        self._boards = dict(boards)
        self._blank = blank
        self._made: dict[int, torch.Tensor] = {}
        self._codebook = codebook
        self._clean_boards = clean_boards
        self._tails = TailReader(self._seen)

    def add(self, planned: PlannedSection, latents: torch.Tensor) -> None:
        """Take in a sampled section (1, C, window, H, W) float32."""
        frames = torch.split(latents, 1, dim=2)
        self._made.update(zip(self._plan.own_latents(planned), frames, strict=True))

    def forget(self, planned: PlannedSection) -> None:
        """Drop the latents that only sections up to `planned` look at; call it once that section is decoded."""
        if (tail := planned.layout.tail) is not None:
            self._tails.frames(tail.option, tail.kernel, tail.latents)  # what it keeps of them
        last_use = self._plan.last_use
        self._made = {n: frame.clone() for n, frame in self._made.items() if last_use.get(n, -1) > planned.number}

    def context(self, planned: PlannedSection, selection: Selection | None = None) -> PackedContext:
        """Pack the context of `planned`; slots with nothing in them are zeros, unmasked, as in the released recipe.

        A `selection` says what the history's slots hold; None: the nearest frames.
        """
        layout = planned.layout if selection is None else planned.layout.selected(selection)
        generated = torch.tensor(list(layout.generated), dtype=torch.int64)
        before, after = (tuple(self._packed(block) for block in blocks) for blocks in (layout.before, layout.after))
        tail = () if layout.tail is None else (self._tail(layout.tail, layout),)
        kept = sum(not block.history for block in layout.before)
        if layout.looks_back:
            return PackedContext((*before[:kept], *tail, *before[kept:], *after), generated)
        return PackedContext((*before, *after, *tail), generated)

    def clip(self, latents: range) -> torch.Tensor:
        """The latents `latents` as one clip to decode: (1, C, T, H, W) float32. KeyError where one was dropped."""
        return torch.cat([self._latent(number) for number in latents], dim=2)

    def __len__(self) -> int:
        """How many made latents are held in memory."""
        return len(self._made)

    def _packed(self, block: PackedBlock) -> PackedFrames:
        frames = [self._blank if slot.latent is None else self._seen(slot.latent) for slot in block.slots]
        indices = torch.tensor([slot.index for slot in block.slots], dtype=torch.int64)
        filled = torch.tensor([slot.latent is not None for slot in block.slots])
        return PackedFrames(block.kernel, torch.cat(frames, dim=2), indices, filled)

    def _tail(self, tail: TailFrames, layout: SectionLayout) -> PackedFrames:
        """Frames at their true time indices, which may be below 0; all at the mean one where the tail is compressed."""
        frames = self._tails.frames(tail.option, tail.kernel, tail.latents)
        times = torch.tensor(sorted(layout.index(latent) for latent in tail.latents))
        if tail.option is Tail.COMPRESS:
            times = times.float().mean().expand(frames.shape[2])
        return PackedFrames(tail.kernel, frames, times, torch.ones(frames.shape[2], dtype=torch.bool))

    def _seen(self, number: int) -> torch.Tensor:
        """A latent as sections see it."""
        latent = self._latent(number)
        if self._codebook is None or (self._clean_boards and number in self._boards):
            return latent
        return discretised(latent, self._codebook)

    def _latent(self, number: int) -> torch.Tensor:
        made = self._made.get(number)
        return self._boards[number] if made is None else made
