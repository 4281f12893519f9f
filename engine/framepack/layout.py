"""Where everything sits in a section's packed context: which latent goes into which slot, at which time index.

Integers only. A layout is a table, so that what a model will see can be read, tested and recorded without a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .packing import Block, Kernel, Tail

Selection = tuple[tuple[int | None, ...], ...]
"""For each block of the history, in time order, the latents in its slots; None is a slot that stays empty."""


@dataclass(frozen=True)
class Slot:
    """One latent frame of context: its RoPE time `index`, and the shot's `latent` in it (None: zeros, nothing yet)."""

    index: int
    latent: int | None


@dataclass(frozen=True)
class LeadIn:
    """What precedes a shot, as latents numbered up to 0, which lies just before the first section.

    Where there is nothing `first` is None and `history` empty: the shot's own first latent is kept for good then, as
    soon as it is made.
    """

    first: int | None = 0
    """The first frame, which is kept for good whatever its distance."""
    history: range = range(0, 1)

    @property
    def latents(self) -> range:
        """All of them, in time order."""
        return range(self.history.start if self.first is None else min(self.first, self.history.start), 1)

    def kept(self, section: int) -> int | None:
        """The latent that `section` (by its place in time) keeps for good; None where there is none yet."""
        return self.first if self.first is not None or section == 0 else 1


BOARD_LEAD = LeadIn()
"""One board that is first frame and history at once (released FramePack)."""
NO_LEAD = LeadIn(None, range(1, 1))
"""Nothing: a shot out of words alone."""


@dataclass(frozen=True)
class PackedBlock:
    """Neighbouring slots that one patchify kernel encodes, in time order."""

    kernel: Kernel
    slots: tuple[Slot, ...]
    history: bool = False
    """Whether other latents may be chosen for its slots; boards that are kept for good stay."""

    def moved(self, latents: int) -> PackedBlock:
        """The same slots, holding what lies `latents` latents later."""
        slots = (slot if slot.latent is None else Slot(slot.index, slot.latent + latents) for slot in self.slots)
        return PackedBlock(self.kernel, tuple(slots), self.history)


@dataclass(frozen=True)
class TailFrames:
    """Latents that lie beyond the history's blocks, and what becomes of them (arXiv 2504.12626 v3, tail options)."""

    option: Tail
    """Appended or compressed; of a deleted tail there is nothing to say."""
    kernel: Kernel
    """The history's most compressing one."""
    latents: range
    """From the far end on, so that a later section's begin with those of an earlier one."""

    def moved(self, latents: int) -> TailFrames:
        """The same `latents` latents later."""
        return replace(self, latents=_later(self.latents, latents))


@dataclass(frozen=True)
class SectionLayout:
    """The packed context of one section: blocks before and after it in time, and its own time indices between."""

    before: tuple[PackedBlock, ...]
    generated: range
    after: tuple[PackedBlock, ...]
    own: int = 1
    """The latent at the first of its own time indices."""
    history: range = range(0)
    """The latents that may be chosen for the history's slots, nearest first; none where they are packed by time."""
    tail: TailFrames | None = None

    @property
    def blocks(self) -> tuple[PackedBlock, ...]:
        """All context blocks in time order; without the tail's."""
        return self.before + self.after

    @property
    def looks_back(self) -> bool:
        """Whether its history precedes it; else it was made before what lies before it."""
        return any(block.history for block in self.before)

    def packed(self) -> set[int]:
        """The shot's latents that its slots hold, or may hold."""
        slots = (slot for block in self.blocks for slot in block.slots)
        return {slot.latent for slot in slots if slot.latent is not None}.union(self.history)

    def latents(self) -> set[int]:
        """The shot's latents that this context is made of."""
        return self.packed().union(() if self.tail is None else self.tail.latents)

    def index(self, latent: int) -> int:
        """The time index at which a latent of the shot truly lies."""
        return self.generated.start + latent - self.own

    def selected(self, selection: Selection) -> SectionLayout:
        """The same with other latents in the history's slots, each at its true time index, but none below 0.

        Slots that stay empty keep their index.
        """
        chosen = iter(selection)

        def filled(block: PackedBlock) -> PackedBlock:
            if not block.history:
                return block
            slots = (
                Slot(slot.index if latent is None else max(0, self.index(latent)), latent)
                for slot, latent in zip(block.slots, next(chosen), strict=True)
            )
            return replace(block, slots=tuple(slots))

        before, after = (tuple(filled(block) for block in blocks) for blocks in (self.before, self.after))
        return replace(self, before=before, after=after)

    def moved(self, latents: int) -> SectionLayout:
        """The same layout of a section `latents` latents later; time indices stay."""
        return SectionLayout(
            tuple(block.moved(latents) for block in self.before),
            self.generated,
            tuple(block.moved(latents) for block in self.after),
            self.own + latents,
            _later(self.history, latents),
            None if self.tail is None else self.tail.moved(latents),
        )


def padding(distance: int, window: int, sections: int, first: bool) -> int:
    """Blank latent frames between a section and its anchor that truly lie `distance` latent frames apart.

    The released rule (inverted padding schedule): up to four sections the true gap; beyond, the first section made
    keeps at most three windows and the others at most two, because a gap that grows further looked worse.
    """
    if sections <= 4:
        return distance
    return min(distance, (3 if first else 2) * window)


def toward_anchor(
    *,
    anchor_blocks: Sequence[Block],
    future_blocks: Sequence[Block],
    window: int,
    anchor: int,
    gap: int,
    future: range,
    own: int,
    selects: bool = False,
    tail: TailFrames | None = None,
) -> SectionLayout:
    """A section made toward a picture that lies before it: anchor, `gap` blanks, the section, then its future.

    `anchor` is a latent of the shot, `future` the latents already made after the section, nearest first; slots without
    one stay empty. `own` is the first latent that is made, `selects` says that others of the future may be chosen for
    those slots, and `tail` is what of it lies beyond them. This is `f1k1_x_g9_f1k1f2k2f16k4_td`, the inverted
    anti-drifting layout (arXiv 2504.12626 v3, sampling (c)) with the released recipe's indices: anchor 0,
    blanks, section, then 1, 2 and 16 frames.
    """
    before, index = _fill(anchor_blocks, 0, [anchor])
    index += gap
    generated = range(index, index + window)
    after, _ = _fill(future_blocks, generated.stop, future, history=True)
    return SectionLayout(before, generated, after, own, future if selects else range(0), tail)


def from_past(
    *,
    anchor_blocks: Sequence[Block],
    past_blocks: Sequence[Block],
    endpoint_blocks: Sequence[Block],
    window: int,
    anchor: int | None,
    past: range,
    endpoint: int | None,
    gap: int,
    own: int,
    selects: bool = False,
    tail: TailFrames | None = None,
) -> SectionLayout:
    """A section made from what precedes it: anchor, past far to near, the section, and perhaps an endpoint beyond.

    `past` holds the latents before the section, nearest first; `own`, `selects` and `tail` as in `toward_anchor`.
    Without endpoint blocks this is the released F1 layout (anchor 0, then 16, 2 and 1 frames, then the section: the
    anchor stays next to the history whatever its true distance); without anchor blocks and with an endpoint `gap`
    blanks after the section it is `td_f16k4f2k2f1k1_g9_x_f1k1`, endpoint planning (arXiv 2504.12626 v3, sampling (b)).
    """
    before, index = _fill(anchor_blocks, 0, [] if anchor is None else [anchor])
    depth = sum(block.frames for block in past_blocks)
    far_to_near = [None] * max(0, depth - len(past)) + list(past[:depth])[::-1]
    history, index = _fill(past_blocks, index, far_to_near, history=True)
    generated = range(index, index + window)
    after, _ = _fill(endpoint_blocks, generated.stop + gap, [] if endpoint is None else [endpoint])
    return SectionLayout(before + history, generated, after, own, past if selects else range(0), tail)


def _fill(
    blocks: Sequence[Block], index: int, latents: Sequence[int | None], *, history: bool = False
) -> tuple[tuple[PackedBlock, ...], int]:
    """Lay `latents` into the slots of `blocks` from time `index` on; slots that are left over stay empty."""
    packed = []
    waiting = iter(latents)
    for block in blocks:
        slots = tuple(Slot(index + n, next(waiting, None)) for n in range(block.frames))
        packed.append(PackedBlock(block.kernel, slots, history))
        index += block.frames
    return tuple(packed), index


def _later(latents: range, by: int) -> range:
    return range(latents.start + by, latents.stop + by, latents.step)
