"""Frames between two frames: by optical flow both ways, by the motion that FFmpeg estimates, or the nearest. No torch.

What lies between two shots is never mixed: there the nearer frame is held.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from ..media.measures import Picture
from .cuts import is_cut
from .optical_flow import Floats, SourceFrame, at_size, is_installed, moved, require_flow

FLOW, MOTION, NEAREST = "flow", "motion", "nearest"
_DOUBT = 0.5
"""By how much a pixel between counts less, a pixel that the two flows disagree by: exp(-0.5 pixels)."""
_LEAST = 1e-6
_TICKS = 1000
_MOTION = "fps=1:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:scd=none"
"""Its scene detection would repeat frames where it likes; cuts are found here."""
_BLOCK = 16
"""Pixels of the squares whose motion it estimates: of what is no whole one, as at an edge, it makes garbage."""


def choose_between(name: str) -> str:
    """What makes frames between two: `name`, or the best that is here where it is empty.

    Raises EngineError `extra_missing` where flow is asked for and OpenCV is not installed.
    """
    if not name:
        return FLOW if is_installed() else MOTION
    if name == FLOW:
        require_flow("Making frames between two by optical flow")
    return name


class InBetween:
    """What is shown between two frames that follow each other in a sequence."""

    def __init__(self, before: SourceFrame, after: SourceFrame, between: str) -> None:
        """The frames as they came, by which motion and cuts are found; `between` as `choose_between` has it."""
        self._before, self._after = before, after
        self.is_cut = between != NEAREST and is_cut(before.picture, after.picture)
        self.holds = self.is_cut or between == NEAREST
        """Whether nothing is made: the nearer of the two is shown."""
        self._between = between

    def frame(self, before: Picture, after: Picture, moment: Fraction) -> Picture:
        """The frame at `moment`, 0 at `before` and 1 at `after`, which are the two frames as they are shown: enlarged,
        or not. Halves go to `after` where the nearest is shown.
        """
        if self.holds or not 0 < moment < 1:
            return before if 2 * moment < 1 else after
        if self._between == MOTION:
            return by_motion(before, after, moment)
        size = (before.shape[1], before.shape[0])
        forward, backward = self._before.flow_to(self._after), self._after.flow_to(self._before)
        return by_flow(before, after, moment, at_size(forward, size), at_size(backward, size))


def by_flow(before: Picture, after: Picture, moment: Fraction, forward: Floats, backward: Floats) -> Picture:
    """The frame at `moment` out of both, each moved along a flow that is made of the two and mixed by how they agree.

    `forward` leads from `before` to `after`. Source: Jiang et al. 2018, "Super SloMo", equation 4, for the flow at a
    moment between; what weighs is how near the moment is, and how well one flow leads back where the other came from.
    """
    time = float(moment)
    to_before = time * time * backward - (1 - time) * time * forward
    to_after = (1 - time) ** 2 * forward - time * (1 - time) * backward
    doubts = (_disagreement(forward, backward), _disagreement(backward, forward))
    weights = [
        near * np.exp(-_DOUBT * np.abs(moved(doubt, field))) + _LEAST
        for near, doubt, field in zip((1 - time, time), doubts, (to_before, to_after), strict=True)
    ]
    shares = [(weight / (weights[0] + weights[1]))[..., None] for weight in weights]
    mixed = shares[0] * moved(before, to_before) + shares[1] * moved(after, to_after)
    return np.asarray(np.rint(mixed).clip(0, 255), np.uint8)


def by_motion(before: Picture, after: Picture, moment: Fraction) -> Picture:
    """The frame at `moment` as FFmpeg's filter `minterpolate` makes it, which PyAV brings.

    It makes frames at whole seconds, and needs one more frame on both sides; so the two come at such times that the
    moment is a whole second, each twice. Its last frames it keeps to itself, and they are not wanted.
    """
    own = (slice(_BLOCK, _BLOCK + before.shape[0]), slice(_BLOCK, _BLOCK + before.shape[1]))
    before, after = _in_blocks(before), _in_blocks(after)
    height, width = before.shape[:2]
    early = round((1 - moment) * _TICKS)
    graph = av.filter.Graph()
    kind = av.VideoFormat("rgb24", width, height)
    source = graph.add_buffer(width=width, height=height, format=kind, time_base=Fraction(1, _TICKS))
    filters = [source, graph.add("minterpolate", _MOTION), graph.add("buffersink")]
    graph.link_nodes(*filters).configure()
    for second, picture in enumerate((before, before, after, after)):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = second * _TICKS + early, Fraction(1, _TICKS)
        source.push(frame)
    source.push(None)
    while True:
        made = filters[-1].pull()
        assert isinstance(made, av.VideoFrame)
        if made.pts is not None and made.pts * (made.time_base or 1) == 2:
            return np.ascontiguousarray(made.to_ndarray(format="rgb24")[own], np.uint8)


def motion_size(width: int, height: int) -> tuple[int, int]:
    """The size of what `by_motion` gives FFmpeg for pictures of a size: in whole blocks, with one more on each side."""
    wide, high = (-(-side // _BLOCK) * _BLOCK + 2 * _BLOCK for side in (width, height))
    return wide, high


def _in_blocks(picture: Picture) -> Picture:
    """A picture in the middle of one of `motion_size`, its edges drawn out: what leaves it has somewhere to go."""
    height, width = picture.shape[:2]
    right, below = (side - _BLOCK - own for side, own in zip(motion_size(width, height), (width, height), strict=True))
    return np.pad(picture, ((_BLOCK, below), (_BLOCK, right), (0, 0)), mode="edge")


def _disagreement(there: Floats, back: Floats) -> Floats:
    """(H, W) pixels by which `back` misses where `there` came from."""
    return np.asarray(np.abs(there + moved(back, there)).sum(-1))
