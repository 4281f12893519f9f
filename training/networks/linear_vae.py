"""Where the VAE's training starts: as a linear code, principal components in and block colours out.

With every residual branch silent, and the two norms before the outputs made near-linear, the fresh twin already encodes
a picture by the principal components of its 8 x 8 blocks and decodes their mean colours; training only has to add what
a linear code cannot do. On the storyboard pictures that is worth many minutes of training.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLHunyuanVideo
from torch import nn
from torch.nn import functional

_STEADY = 3.0
"""Constant channels are this many standard deviations large, so that a norm divides by nearly the same everywhere."""
_WHITENING = 0.6
"""Components are divided by their standard deviation to this power: the weak ones get a larger share of the latent."""
_QUIET = -6.0
"""Logarithm of the latent's noise variance at the start."""


@torch.no_grad()
def start_linear(twin: AutoencoderKLHunyuanVideo, pictures: torch.Tensor) -> None:
    """Set the weights of the fresh 2-D `twin` from `pictures` (N, 3, 1, H, W) in [-1, 1]; N x H x W of a million do."""
    for name, parameter in twin.named_parameters():
        if ".conv2." in name:
            nn.init.zeros_(parameter)
    components = _start_encoder(twin, pictures)
    deviations = components.std((0, 2, 3))
    _start_decoder(twin, pictures, components / deviations[None, :, None, None], deviations)


def _start_encoder(twin: AutoencoderKLHunyuanVideo, pictures: torch.Tensor) -> torch.Tensor:
    """Make the encoder the principal components of blocks; returns them (N, 16, H/8, W/8) for `pictures`."""
    encoder = twin.encoder
    _copy(encoder.conv_in.conv, 3)
    signal = pictures.squeeze(2)
    for block in encoder.down_blocks[:3]:
        if block.resnets[0].conv_shortcut is not None:
            _copy(block.resnets[0].conv_shortcut.conv, signal.shape[1])
        signal = _to_components(block.downsamplers[0].conv.conv, signal)
    count = twin.config["latent_channels"]
    signal = signal[:, :count]
    scale = 1 / signal.std((0, 2, 3))
    groups = encoder.conv_norm_out.num_groups
    _opposed(encoder.down_blocks[3].resnets[0].conv_shortcut.conv, torch.diag(scale), groups)
    _joined(encoder.conv_out.conv, torch.diag(scale ** (_WHITENING - 1)), groups)
    for conv in (twin.quant_conv, twin.post_quant_conv):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
        conv.weight[:count, :count] = torch.eye(count)[:, :, None, None, None]
    twin.quant_conv.bias[count:] = _QUIET
    return signal


def _start_decoder(
    twin: AutoencoderKLHunyuanVideo, pictures: torch.Tensor, components: torch.Tensor, deviations: torch.Tensor
) -> None:
    """Make the decoder paint each block's mean colour, by least squares from its components."""
    decoder = twin.decoder
    count = components.shape[1]
    _blank(decoder.conv_in.conv)
    decoder.conv_in.conv.weight[:count, :, 1, 1] = torch.diag(deviations ** (_WHITENING - 1))
    for block in decoder.up_blocks[:3]:
        if block.resnets[0].conv_shortcut is not None:
            _copy(block.resnets[0].conv_shortcut.conv, count)
        _copy(block.upsamplers[0].conv.conv, count)
    colours = functional.avg_pool2d(pictures.squeeze(2), 8).permute(0, 2, 3, 1).reshape(-1, 3)
    known = components.permute(0, 2, 3, 1).reshape(-1, count)
    known = torch.cat([known, torch.ones(len(known), 1)], 1)
    solved = torch.linalg.lstsq(known, colours).solution
    groups = decoder.conv_norm_out.num_groups
    _opposed(decoder.up_blocks[3].resnets[0].conv_shortcut.conv, solved[:-1].T, groups)
    _joined(decoder.conv_out.conv, torch.eye(3), groups)
    decoder.conv_out.conv.bias += solved[-1]


def _to_components(conv: nn.Conv2d, signal: torch.Tensor) -> torch.Tensor:
    """Make the stride-2 `conv` the leading principal components of 2 x 2 blocks of `signal`; returns its output."""
    blocks = functional.pixel_unshuffle(signal, 2)
    rows = blocks.permute(0, 2, 3, 1).reshape(-1, blocks.shape[1])
    mean = rows.mean(0)
    _, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    kept = vectors.flip(1)[:, : conv.out_channels]
    bias = _blank(conv)
    taps = kept.T.reshape(kept.shape[1], signal.shape[1], 2, 2)
    conv.weight[: kept.shape[1], : signal.shape[1], 1:, 1:] = taps  # padded by one, so taps 1 and 2 are the block
    bias[: kept.shape[1]] = -mean @ kept
    return functional.conv2d(blocks, kept.T[:, :, None, None], -mean @ kept)


def _opposed(conv: nn.Conv2d, matrix: torch.Tensor, groups: int) -> None:
    """Make `conv` (1 x 1) put out `matrix` @ input twice with opposite signs, spread over `groups` with constants."""
    bias = _blank(conv)
    places, constants = _places(conv.out_channels, len(matrix), groups)
    for row, place in zip(matrix, places, strict=True):
        conv.weight[place, : len(row), 0, 0] = row
        conv.weight[place + 1, : len(row), 0, 0] = -row
    for place in constants:
        bias[place], bias[place + 1] = _STEADY, -_STEADY


def _joined(conv: nn.Conv2d, matrix: torch.Tensor, groups: int) -> None:
    """Make `conv` (3 x 3) undo `_opposed` behind norm and SiLU, silu(u) - silu(-u) = u, and apply `matrix`."""
    _blank(conv)
    places, constants = _places(conv.in_channels, matrix.shape[1], groups)
    size = conv.in_channels // groups
    for column, place in enumerate(places):
        group = place // size
        steady = sum(2 for constant in constants if constant // size == group)
        signal = sum(2 for other in places if other // size == group)
        norm = ((signal + steady * _STEADY**2) / size) ** 0.5
        conv.weight[: len(matrix), place, 1, 1] = matrix[:, column] * norm
        conv.weight[: len(matrix), place + 1, 1, 1] = -matrix[:, column] * norm


def _places(channels: int, signals: int, groups: int) -> tuple[list[int], list[int]]:
    """First channel of each signal's pair, and of each pair of constants: signals first in every group."""
    size = channels // groups
    each = -(-signals // groups)
    places = [(n // each) * size + 2 * (n % each) for n in range(signals)]
    pairs = size // 2 - each
    constants = [group * size + 2 * (each + n) for group in range(groups) for n in range(min(each, pairs))]
    return places, constants


def _copy(conv: nn.Conv2d, channels: int) -> None:
    """Make `conv` pass its first `channels` channels on unchanged and nothing else."""
    _blank(conv)
    centre = conv.kernel_size[0] // 2
    for channel in range(channels):
        conv.weight[channel, channel, centre, centre] = 1.0


def _blank(conv: nn.Conv2d) -> torch.Tensor:
    """Make `conv` all but silent, its random rest telling channels apart; returns its bias, zeroed."""
    conv.weight.mul_(0.05)
    assert conv.bias is not None
    return nn.init.zeros_(conv.bias)
