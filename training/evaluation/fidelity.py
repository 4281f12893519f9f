"""How true a shot stays to what its start still shows of the scene, frame by frame and section by section."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.media.measures import Picture, psnr, sharpness

from ..scenes.clips import Clip
from ..scenes.moves import FRAMES_PER_SECTION

_EVERY = 4
_LEAST_VISIBLE = 0.1


def still_visible(clip: Clip, section: int = 0) -> Iterator[tuple[int, Picture, NDArray[np.bool_]]]:
    """Every fourth frame of a section (from 0): its number, the truth, and what of it the start still shows, if any."""
    first = section * FRAMES_PER_SECTION
    for number in range(first + _EVERY, first + FRAMES_PER_SECTION + 1, _EVERY):
        where = clip.motion_field(0, number).visible
        if where.any():
            yield number, clip.frame(number), where


def by_section(clip: Clip, frames: Sequence[Picture]) -> list[tuple[float, float]]:
    """Mean PSNR (dB) of what the start still shows, and sharpness over the truth's, for every section of `clip`'s shot.

    Frames that show less than a tenth of the start do not count toward the dB; a section of only such frames has nan.
    """
    found = []
    for section in range(round(clip.sections)):
        decibels, crisp, true = [], [], []
        for number, truth, where in still_visible(clip, section):
            if where.mean() >= _LEAST_VISIBLE:
                decibels.append(psnr(frames[number], truth, where))
            crisp.append(sharpness(frames[number]))
            true.append(sharpness(truth))
        found.append((float(np.mean(decibels or [np.nan])), float(np.sum(crisp) / np.sum(true)) if true else np.nan))
    return found
