"""Frames of a guided shot that are shown by themselves, for models that encode pictures alone (`GuideUse.alone`).

Such a model's decoder never saw what lies between two latents: where things move far it fades from one picture to the
next. But a guide knows these frames. So where it has a picture for one, that picture's own latent shows what is seen of
it, the straight line between the two latents that were made the rest, and the frame is decoded alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch

from ..framepack.plan import ShotPlan
from ..inference.family import Family
from ..models.guide_use import GuidePictures
from ..protocol import GUIDE, Condition, ConditionFrame
from .encode_guides import GuideEncoder
from .frame_rates import ShownFrames
from .guides import nearest_pictures

_TOGETHER = 4
"""Frames that are decoded at once; a clip takes far more."""


@dataclass(frozen=True)
class LedFrame:
    """A guide's picture for one native frame."""

    held: ConditionFrame
    strength: float


def led_frames(
    conditions: tuple[Condition, ...], plan: ShotPlan, shown: ShownFrames
) -> Mapping[int, tuple[LedFrame, ...]]:
    """The pictures of the guides that hold to the end, by native frame: each guide's nearest in time, the later of two.

    Frames that a board shows have none.
    """
    led: dict[int, tuple[LedFrame, ...]] = {}
    boards = {board * plan.grid.compression for board in plan.boards}
    for guide in conditions:
        if guide.kind != GUIDE or guide.until < 1:
            continue
        for frame, held in nearest_pictures(guide, plan, shown, GuidePictures.EVERY).items():
            if frame not in boards:
                led[frame] = (*led.get(frame, ()), LedFrame(held, guide.strength))
    return led


class GuidedFrames:
    """Shows the frames that guides have pictures for."""

    def __init__(
        self, frames: Mapping[int, tuple[LedFrame, ...]], compression: int, family: Family, encoder: GuideEncoder
    ) -> None:
        """`frames` are the pictures by native frame (`led_frames`); none where the model shows no frame alone."""
        self._frames = frames
        self._compression = compression
        self._family = family
        self._encoder = encoder
        self._shown: dict[int, torch.Tensor] = {}
        """What was shown of the last clip, by native frame: the next one, which overlaps it, shows the same."""

    def show(self, numbers: range, latents: torch.Tensor, pieces: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """The `pieces` in time of a clip's pixels (1, 3, F, H, W), decoded from `latents` (1, C, T, H, W) number
        `numbers`, with what is shown alone: then they come as one.

        A clip's first frame is that of its first latent.
        """
        first = numbers.start * self._compression
        led = [frame for frame in range(first + 1, (numbers.stop - 1) * self._compression + 1) if frame in self._frames]
        if not led:
            yield from pieces
            return
        pixels = torch.cat(list(pieces), dim=2)
        self._shown = {frame: self._shown[frame] for frame in led if frame in self._shown}
        missing = [frame for frame in led if frame not in self._shown]
        for start in range(0, len(missing), _TOGETHER):
            some = missing[start : start + _TOGETHER]
            alone = torch.cat([self._latent(frame, numbers, latents) for frame in some])
            self._shown.update(zip(some, torch.split(self._family.decode(alone), 1), strict=True))
        for frame in led:
            pixels[:, :, frame - first] = self._shown[frame][:, :, 0]
        yield pixels

    def _latent(self, frame: int, numbers: range, latents: torch.Tensor) -> torch.Tensor:
        """What shows native frame `frame`: (1, C, 1, H, W)."""
        after = -(-frame // self._compression)
        at = after - numbers.start
        if frame == after * self._compression:
            return latents[:, :, at : at + 1]  # steered to its picture already
        share = frame / self._compression - (after - 1)
        line = torch.lerp(latents[:, :, at - 1 : at], latents[:, :, at : at + 1], share)
        for led in self._frames[frame]:
            own, seen = self._encoder.alone(led.held)
            line = torch.lerp(line, own, (seen * led.strength).expand_as(line))
        return line
