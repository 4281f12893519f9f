"""The VAE's twin for single pictures: its causal 3-D convolutions as the 2-D ones they are on one frame.

On one frame a causal convolution that repeats the first frame into the past sees the same frame in every time tap, so
it is a 2-D convolution. Training that twin costs a third and fits larger batches; afterwards its weights go into the
last time tap, which looks at the present frame only.
"""

from __future__ import annotations

import copy

import torch
from diffusers import AutoencoderKLHunyuanVideo
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import HunyuanVideoCausalConv3d
from torch import nn
from torch.nn import functional


class FlatConv(nn.Module):
    """A 2-D convolution on (B, C, 1, H, W), with the parameter names of the 3-D one that it stands for."""

    def __init__(self, solid: HunyuanVideoCausalConv3d) -> None:
        super().__init__()
        conv = solid.conv
        self.conv = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size[1:], conv.stride[1:])
        self._reach = conv.kernel_size[1] // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve, repeating the picture's edge outward as the 3-D convolution does."""
        x = x.squeeze(2)
        if self._reach:
            x = functional.pad(x, (self._reach,) * 4, mode="replicate")
        convolved: torch.Tensor = self.conv(x)
        return convolved.unsqueeze(2)


def flatten(vae: AutoencoderKLHunyuanVideo) -> None:
    """Replace every causal convolution of `vae` by its fresh 2-D twin; it then takes single frames only."""
    for module in list(vae.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, HunyuanVideoCausalConv3d):
                setattr(module, name, FlatConv(child))


def inflate(flat: dict[str, torch.Tensor], solid: AutoencoderKLHunyuanVideo) -> None:
    """Load the twin's weights `flat` into `solid`, each kernel into the last time tap, the past taps zero."""
    state = {}
    for name, into in solid.state_dict().items():
        weight = flat[name]
        if weight.dim() == into.dim() - 1:
            tapped = torch.zeros_like(into)
            tapped[:, :, -1] = weight.to(into)
            weight = tapped
        state[name] = weight
    solid.load_state_dict(state)


def twin_of(vae: AutoencoderKLHunyuanVideo) -> AutoencoderKLHunyuanVideo:
    """The 2-D twin of `vae`, whose kernels are the sums of its time taps: the same on one frame, but for rounding."""
    twin = copy.deepcopy(vae).cpu()
    flatten(twin)
    weights = {}
    solid = vae.state_dict()
    for name, into in twin.state_dict().items():
        weights[name] = solid[name].sum(2) if solid[name].dim() == into.dim() + 1 else solid[name]
    twin.load_state_dict(weights)
    return twin.to(vae.device, vae.dtype).eval()


def looks_at_present_only(vae: AutoencoderKLHunyuanVideo) -> bool:
    """Whether the encoder's kernels are zero for the past, so that each latent comes from one frame alone.

    True of inflated twins up to what their norms share between frames.
    """
    solid = [module for module in vae.encoder.modules() if isinstance(module, HunyuanVideoCausalConv3d)]
    return all(not bool(each.conv.weight[:, :, :-1].any()) for each in solid)
