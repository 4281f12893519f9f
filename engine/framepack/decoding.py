"""What is decoded once a section is made, and which pixel frames that settles. Integers only."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .grid import Grid, Seam

WAITING_BYTES = 3 * 4
"""Of each pixel of a frame that waits for a neighbour (`Seams`): three float32."""


@dataclass(frozen=True)
class DecodePlan:
    """What is decoded once a section is made, how it meets its neighbours, and what that settles (frames from 0).

    Source: released recipe (`demo_gradio.py`): after the first section each decode covers two windows and the 33
    frames they share are blended. Endpoint order closes its gap with three windows and two blends at once.
    """

    latents: range
    """The section, with the neighbours that are already made (and the start), or with the `Grid.overlap` of them."""
    blend_before: range | None
    """Where the earlier section fades into this decode."""
    blend_after: range | None
    """Where this decode fades into the later section."""
    final: tuple[range, ...]
    """Frames that will never change again from now on, and were not final before; ascending."""
    provisional: tuple[range, ...]
    """Frames this decode set that a later section may still blend; ascending."""
    parts: tuple[range, ...] = ()
    """The clips that `latents` are decoded as where they are more than one: each shows what those before it do not."""

    @property
    def clips(self) -> tuple[range, ...]:
        """The latents of each clip that is decoded, in time order."""
        return self.parts or (self.latents,)

    def toward(self, board: int, frames: range) -> DecodePlan:
        """The same decoded on as far as the latent `board` that follows: it settles the `frames` before that, too."""
        clips = [*self.clips[:-1], range(self.clips[-1].start, board + 1)]
        return replace(
            self,
            latents=range(self.latents.start, board + 1),
            final=(*self.final, frames),
            parts=tuple(clips) if self.parts else (),
        )

    def moved(self, latents: int, frames: int) -> DecodePlan:
        """The same, so many latents and pixel frames later: as one clip, as a shot's first frames are there by then."""
        if not latents:
            return self
        before, after = self.blend_before, self.blend_after
        return DecodePlan(
            _later(self.latents, latents),
            None if before is None else _later(before, frames),
            None if after is None else _later(after, frames),
            tuple(_later(block, frames) for block in self.final),
            tuple(_later(block, frames) for block in self.provisional),
        )


def waiting_frames(decodes: Iterable[DecodePlan]) -> list[int]:
    """How many pixel frames wait for a neighbour after each of a shot's `decodes`, in the sequence of making."""
    waiting: dict[int, int] = {}
    counts: list[int] = []
    for decode in decodes:
        for block in decode.final:
            waiting.pop(block.start, None)
        waiting |= {block.start: len(block) for block in decode.provisional}
        counts.append(sum(waiting.values()))
    return counts


@dataclass(frozen=True)
class Done:
    """Which sections are made: gaps between them close from their ends inward, so they are few runs of neighbours.

    Runs instead of a set, which would be looked through anew for every section of a shot of thousands.
    """

    runs: tuple[range, ...] = ()
    """Ascending, and something is missing between any two."""

    def __contains__(self, section: int) -> bool:
        return self.run_with(section) is not None

    def run_with(self, section: int) -> range | None:
        """The run that `section` lies in; None where it is not made."""
        place = self._place(section)
        return self.runs[place - 1] if place and section in self.runs[place - 1] else None

    def before(self, section: int) -> int | None:
        """The nearest made section before one that is not made."""
        place = self._place(section)
        return self.runs[place - 1][-1] if place else None

    def after(self, section: int) -> int | None:
        """The nearest made section after one that is not made."""
        place = self._place(section)
        return self.runs[place].start if place < len(self.runs) else None

    def with_section(self, section: int) -> Done:
        """The same with one more made."""
        place = self._place(section)
        earlier, later = self.runs[:place], self.runs[place:]
        run = range(section, section + 1)
        if earlier and earlier[-1].stop == section:
            run, earlier = range(earlier[-1].start, run.stop), earlier[:-1]
        if later and later[0].start == run.stop:
            run, later = range(run.start, later[0].stop), later[1:]
        return Done((*earlier, run, *later))

    def _place(self, section: int) -> int:
        """How many runs begin at or before `section`."""
        return bisect_right(self.runs, section, key=lambda run: run.start)


def decode_plan(section: int, grid: Grid, sections: int, done: Done, held: int = 0) -> DecodePlan:
    """What decoding `section` covers, blends and settles when the sections in `done` are made.

    Of the first section the `held` latents that its start board fixes, fewer than a window, are left out: the last of
    them, or the start, is the first latent of the clip.
    """
    window = grid.window
    if grid.seam is Seam.CAUSAL:
        return _causal(section, grid, done, held)
    if grid.seam is Seam.CUT:
        own = range(section * window + 1, (section + 1) * window + 1)
        return DecodePlan(own, None, None, final=(grid.block(section),), provisional=())

    def block(s: int) -> range:
        whole = grid.block(s)
        return whole if s else range(whole.start + held * grid.compression, whole.stop)

    left, right = section - 1 in done, section + 1 in done
    settled = done.with_section(section)
    start = held * grid.compression
    final: list[range] = [range(start, start + grid.compression)] if section == 0 else []
    provisional: list[range] = []
    for s in range(section - left, section + right + 1):
        if s > section - left:
            final.append(range(block(s - 1).stop, block(s).start))
        closed = (s == 0 or s - 1 in settled) and (s == sections - 1 or s + 1 in settled)
        (final if closed else provisional).append(block(s))
    earliest = section - left
    first = held if section == 0 else earliest * window + 1 + (held if earliest == 0 else 0)
    return DecodePlan(
        latents=range(first, (section + 1 + right) * window + 1),
        blend_before=block(section - 1) if left else None,
        blend_after=block(section + 1) if right else None,
        final=tuple(final),
        provisional=tuple(provisional),
    )


def _causal(section: int, grid: Grid, done: Done, held: int) -> DecodePlan:
    """Each latent decoded once, behind `grid.overlap` that show nothing: of the section before, or the section's first.

    Those that had nothing before them are decoded again behind the section before, once that is made.
    """
    window, compression, overlap = grid.window, grid.compression, grid.overlap
    before, after = section - 1 in done, section + 1 in done
    start, stop = section * window + 1, (section + 1) * window + 1

    def frames(first: int, behind: int) -> range:
        """Of the latents from `first` on, those before `behind`: all but the first one's surplus over one frame."""
        return range(compression * first, compression * (behind - 1) + 1)

    def between(latent: int) -> range:
        """The frames that `latent` shows before its last one, which it does behind another latent only."""
        return range(compression * (latent - 1) + 1, compression * latent)

    final: list[range] = []
    provisional: list[range] = []
    if section == 0:
        first = held
        final.append(range(compression * held, compression * (stop - 1) + 1))
    else:
        first = max(start - overlap, held) if before else start
        if before:
            final += [between(start), frames(start, start + overlap)]
        else:
            provisional.append(frames(start, start + overlap))
        if overlap < window:
            final.append(range(compression * (start + overlap - 1) + 1, compression * (stop - 1) + 1))
    if after:
        final += [between(stop), frames(stop, stop + overlap)]
    decode = DecodePlan(range(first, stop + overlap if after else stop), None, None, tuple(final), tuple(provisional))
    cut = first + grid.head
    if section or not grid.head or done.runs or cut >= stop:
        return decode
    return replace(decode, parts=(range(first, cut), range(max(first, cut - overlap), stop)))


def _later(numbers: range, by: int) -> range:
    return range(numbers.start + by, numbers.stop + by)
