"""What each part of a clip's error counts in training: as much for what moves as for what stands, and for blank paper.

Without it a pan, which changes the whole picture, drowns a small ball that rises: the network paints the average of all
that the ball might do, and stays there. And a background that turns, large and hard to draw, drowns the figure before
it that an orbit leaves where it is: the network turns both.
"""

from __future__ import annotations

import torch
from torch.nn import functional

_HALF = 0.05
"""The mean square change of a latent, or its variance in its neighbourhood, that makes it half moving, or half content;
latents have variance one, a line that comes or goes changes them by 0.2 to 4."""
_LEAST_SHARE = 0.04
"""Added to a part's share of the clip before it counts by its inverse: a few pixels must not count without end."""
_STILL = 0.2
"""Added to how much a clip moves before its error is divided by that: a still clip must not count without end."""


def emphasis(board: torch.Tensor, x0: torch.Tensor) -> torch.Tensor:
    """What each place's error counts (B, 1, F, h, w), from `x0` (B, C, F, h, w) and its board (B, C, 1, h, w); mean 1.

    A clip is parted softly into what differs from the board, what stands still and has content, and blank paper. Each
    part counts nearly the same in all, and clips that move little count more than others.
    """
    change = (x0 - board).pow(2).mean(1, keepdim=True)
    moving = change / (change + _HALF)
    detail = _local_variance(board)
    content = detail / (detail + _HALF)
    parts = (moving, (1 - moving) * content, (1 - moving) * (1 - content))
    places = sum((part / (_mean(part) + _LEAST_SHARE) for part in parts), torch.zeros_like(moving))
    places = places / _mean(places)
    clips = 1 / (_mean(places * change) + _STILL)
    return places * clips / clips.mean()


def _local_variance(latent: torch.Tensor) -> torch.Tensor:
    """Variance in the 3 x 3 neighbourhood, mean over channels: (B, C, 1, h, w) to (B, 1, 1, h, w)."""
    flat = latent.squeeze(2)
    mean = functional.avg_pool2d(flat, 3, 1, 1, count_include_pad=False)
    spread = functional.avg_pool2d(flat.pow(2), 3, 1, 1, count_include_pad=False) - mean.pow(2)
    return spread.clamp_min(0).mean(1, keepdim=True).unsqueeze(2)


def _mean(places: torch.Tensor) -> torch.Tensor:
    """Each clip's mean, (B, 1, 1, 1, 1)."""
    return places.mean((1, 2, 3, 4), keepdim=True)
