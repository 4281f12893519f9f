"""HunyuanVideo's VAE decodes a clip in pieces that fade into each other, as diffusers does it: here piece by piece.

Source: diffusers' `AutoencoderKLHunyuanVideo._temporal_tiled_decode`, which gives the same bits once all is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch


def faded_clips(vae: Any, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """What `vae` shows of scaled latents (1, C, T, h, w), in time order: pixels (1, 3, F, H, W), 12 frames or so each.

    Five latents are decoded for every three, so that the last four frames of each piece fade into the next one's first.
    `vae.use_framewise_decoding` must be off.
    """
    together = vae.tile_sample_min_num_frames // vae.temporal_compression_ratio
    stride = vae.tile_sample_stride_num_frames // vae.temporal_compression_ratio
    count = latents.shape[2]
    if count <= together:
        yield vae.decode(latents, return_dict=False)[0]
        return
    fade = vae.tile_sample_min_num_frames - vae.tile_sample_stride_num_frames
    before = None
    # A piece of one latent behind others would show nothing.
    for first in range(0, count - 1, stride):
        pixels = vae.decode(latents[:, :, first : first + together + 1], return_dict=False)[0]
        if before is not None:
            pixels = vae.blend_t(before, pixels[:, :, 1:], fade)
        before = pixels
        yield pixels[:, :, : vae.tile_sample_stride_num_frames + (first == 0)]
