"""What a section's decode shows, clip by clip and piece by piece in time."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..framepack.decoding import DecodePlan
from ..inference.family import Family


def decode_clips(family: Family, decode: DecodePlan, latents: torch.Tensor, compression: int) -> Iterator[torch.Tensor]:
    """The pixels (1, 3, F, H, W) of `decode`'s `latents` (1, C, T, H, W), whichever clips they are decoded as.

    Each clip shows what those before it do not.
    """
    shown = decode.latents.start
    for clip in decode.clips:
        # A clip's first latent shows one frame, every other one `compression`.
        behind = (shown - clip.start) * compression - (compression - 1) if shown > clip.start else 0
        own = latents[:, :, clip.start - decode.latents.start : clip.stop - decode.latents.start]
        for pixels in family.decode_in_time(own):
            if (frames := pixels[:, :, behind:]).shape[2]:
                yield frames
            behind = max(0, behind - pixels.shape[2])
        shown = clip.stop
