"""Decoding a long clip in short pieces, where a decoder looks back only, and not far."""

from __future__ import annotations

from collections.abc import Callable

import torch


def decode_causally(
    decode: Callable[[torch.Tensor], torch.Tensor],
    latents: torch.Tensor,
    *,
    overlap: int,
    together: int,
    compression: int,
) -> torch.Tensor:
    """Pixels (1, 3, rT - r + 1, H, W) of `latents` (1, C, T, h, w), where `decode` gives as many of any clip.

    Each piece has at most `together` latents, more than `overlap`, and begins with the last `overlap` of the one
    before, whose frames are thrown away; r is `compression`. diffusers decodes behind one latent as well, but then
    fades a whole latent's frames into each other (`AutoencoderKLHunyuanVideo._temporal_tiled_decode`): 5 for 3.
    """
    pieces = [decode(latents[:, :, :together])]
    for first in range(together, latents.shape[2], together - overlap):
        pixels = decode(latents[:, :, first - overlap : first - overlap + together])
        pieces.append(pixels[:, :, compression * (overlap - 1) + 1 :])
    return torch.cat(pieces, dim=2)
