"""How latents, sections and pixel frames relate for one model. Integers only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Seam(StrEnum):
    """How the pixels of neighbouring sections meet.

    `BLEND`: neighbours are decoded together and blended linearly over a whole section (released FramePack); a section's
    frames stay provisional until its neighbours are made. `CUT`: each section is decoded alone and is final at once.
    `CAUSAL`: each latent is decoded once, behind some of those before it that show nothing; for decoders that look
    back only, and not far.
    """

    BLEND = "blend"
    CUT = "cut"
    CAUSAL = "causal"


@dataclass(frozen=True)
class Grid:
    """How latents, sections and pixel frames relate for one model.

    `window` latent frames in a section and `compression` pixel frames in a latent, both at least 1. Source: released
    recipe (`demo_gradio.py`, decoding): 9 and 4; 4T - 3 pixel frames from T latents, 33 of them blended.
    """

    window: int
    compression: int
    seam: Seam
    overlap: int = 0
    """Latents that are decoded once more so that those after them are decoded behind something: 1 .. `window` where
    seams are causal."""
    head: int = 0
    """Latents of a shot's first section that are decoded by themselves, and so can be seen before the others are; where
    seams are causal. 0: none."""

    @property
    def lead(self) -> int:
        """Pixel frames before the first section: the start board's own, but where sections are cut."""
        return 0 if self.seam is Seam.CUT else 1

    @property
    def stride(self) -> int:
        """Pixel frames that one more section adds: 36 for the released model; 33 where the same sections are cut."""
        return self.compression * (self.window - 1) + (1 if self.seam is Seam.CUT else self.compression)

    def sections(self, frames: int) -> int:
        """The fewest sections that reach `frames` pixel frames; both at least 1."""
        return max(1, -(-(frames - self.lead) // self.stride))

    def frames(self, sections: int) -> int:
        """Pixel frames that `sections` sections give: 36n + 1 for the released model."""
        return sections * self.stride + self.lead

    def own_frames(self, section: int) -> range:
        """The pixel frames that section `section` adds to a shot; the first section's include the start board's."""
        return range(0 if section == 0 else self.frames(section), self.frames(section + 1))

    def latent_of(self, frame: int) -> int:
        """The latent that a board at pixel frame `frame` (from 0) lies at; frame 0 is the start board's latent 0."""
        return self.made_by(frame) if frame else 0

    def made_by(self, frame: int) -> int:
        """The latent that pixel frame `frame` (from 0) is decoded from: 1 makes frame 0 where sections are cut."""
        if self.seam is not Seam.CUT:
            return -(-frame // self.compression)
        section, rest = divmod(frame, self.stride)
        return section * self.window + 1 - (-rest // self.compression)

    def frames_of(self, latent: int) -> range:
        """The pixel frames (from 0) that latent `latent` is decoded to: one where it begins a clip, else r."""
        section, place = divmod(latent - 1, self.window)
        cut = self.seam is Seam.CUT
        last = section * self.stride + place * self.compression if cut else latent * self.compression
        begins = place == 0 if cut else latent == 0
        return range(last if begins else last - self.compression + 1, last + 1)

    def block(self, section: int) -> range:
        """The pixel frames of section `section` that its neighbours blend, or all of them where sections are cut.

        Blended: frames r(s*window + 1) .. r(s+1)window, 33 for the released model; the r - 1 frames between two blocks,
        and those before the first, come from one decode only and are never blended.
        """
        if self.seam is Seam.CUT:
            return range(section * self.stride, (section + 1) * self.stride)
        first = self.compression * (section * self.window + 1)
        return range(first, self.compression * (section + 1) * self.window + 1)
