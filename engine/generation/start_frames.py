"""What a shot starts from, as its plan needs it: which pictures precede it, and which latents they become.

No torch. A family whose first frame has a latent apart (Helios) takes a board for a still clip that has just ended:
one history latent. A clip becomes whole windows of history, the newest ones, as in diffusers' HeliosPipeline.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..framepack.grid import Grid
from ..framepack.layout import BOARD_LEAD, NO_LEAD, LeadIn
from ..framepack.packing import Schedule
from ..models.spec import ModelSpec
from .frame_rates import Conform


def lead_pictures(
    board: str | None, clip: Sequence[str], conform: Conform, grid: Grid, schedule: Schedule
) -> tuple[str, ...]:
    """SHA-256 of the pictures that precede the shot, at the model's own rate: the start board's, a clip's, or none.

    `board` is the picture of the start board, `clip` holds those that the shot goes on from.

    Of a clip: its very first frame, then whole sections' worth of the frames that end it, as many as the history can
    hold; a clip shorter than one section begins with a still.
    """
    if not clip:
        return () if board is None else (board,)
    depth = sum(block.frames for block in schedule.past)
    most = -(-depth // grid.window) * grid.stride
    newest_first = [frame for frame in map(conform.shown_before, range(most)) if frame < len(clip)]
    windows = max(1, len(newest_first) // grid.stride)
    shown = [clip[-1 - frame] for frame in newest_first[: windows * grid.stride]][::-1]
    first = clip[0]
    return (first, *[first] * (windows * grid.stride - len(shown)), *shown)


def lead_in(spec: ModelSpec, grid: Grid, pictures: int, *, clip: bool) -> LeadIn:
    """The latents that `pictures` pictures (`lead_pictures`) become, a clip's or a board's."""
    if not pictures:
        return NO_LEAD
    if clip:
        latents = (pictures - 1) // grid.stride * grid.window
        return LeadIn(-latents, range(1 - latents, 1))
    return LeadIn(-1, range(0, 1)) if spec.separate_first_latent else BOARD_LEAD
