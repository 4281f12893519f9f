"""HunyuanVideo's VAE decoder on a processor: the layers that diffusers runs, by `speed/winograd.py`'s convolutions."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import prepare_causal_attention_mask
from torch.nn import GroupNorm, SiLU
from torch.nn.functional import silu

from ..speed.winograd import (
    CausalConvolution,
    Clip,
    DoublingConvolution,
    LastConvolution,
    Prepare,
    copied,
    frame_blocks,
)


def decode_by_fewer_products(decoder: Any) -> None:
    """Let diffusers' `HunyuanVideoDecoder3D` decode this way in main memory, in float32 or bfloat16.

    To be called when its weights are there; they must not be changed afterwards. Pixels are float32 in any case. A
    decoder with other layers than HunyuanVideo's is left as it is.
    """
    known = all(
        isinstance(resnet.nonlinearity, SiLU)
        for block in (decoder.mid_block, *decoder.up_blocks)
        for resnet in block.resnets
    ) and all(
        tuple(upsampler.upsample_factor) in ((1, 2, 2), (2, 2, 2))
        for block in decoder.up_blocks
        for upsampler in block.upsamplers or ()
    )
    taken = decoder.conv_in.conv.weight.dtype in (torch.float32, torch.bfloat16)
    if not known or not taken or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    plain = decoder.forward
    quick = _Decoder(decoder)

    def forward(self: Any, latents: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() or latents.device.type != "cpu":
            left: torch.Tensor = plain(latents)
            return left
        return torch.cat([quick(clip) for clip in torch.split(latents, 1)])

    decoder.forward = MethodType(forward, decoder)


class _Decoder:
    """The whole decoder; weights are mixed once."""

    def __init__(self, decoder: Any) -> None:
        self._enter = CausalConvolution(decoder.conv_in.conv)
        self._layers: list[Callable[[Clip], Clip]] = []
        middle = decoder.mid_block
        self._layers.append(_Residual(middle.resnets[0]))
        for attention, resnet in zip(middle.attentions, middle.resnets[1:], strict=True):
            if attention is not None:
                self._layers.append(_Attention(attention))
            self._layers.append(_Residual(resnet))
        for block in decoder.up_blocks:
            self._layers += [_Residual(resnet) for resnet in block.resnets]
            for upsampler in block.upsamplers or ():
                self._layers.append(DoublingConvolution(upsampler.conv.conv, upsampler.upsample_factor[0]))
        self._norm = _Norm(decoder.conv_norm_out)
        self._leave = LastConvolution(decoder.conv_out.conv)

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents (1, C, T, h, w) to pixels (1, 3, T', H, W), both float32."""
        frames = latents[0].permute(1, 2, 3, 0)
        clip = [each.contiguous() for each in torch.split(frames, frame_blocks(len(frames)))]
        clip = self._enter(clip, copied)
        for layer in self._layers:
            clip = layer(clip)
        return self._leave(clip, self._norm.of(clip))


class _Residual:
    """diffusers' `HunyuanVideoResnetBlockCausal3D`; the clip it is given is its own afterwards."""

    def __init__(self, resnet: Any) -> None:
        self._norms = _Norm(resnet.norm1), _Norm(resnet.norm2)
        self._convolutions = CausalConvolution(resnet.conv1.conv), CausalConvolution(resnet.conv2.conv)
        self._shortcut = None
        if resnet.conv_shortcut is not None:
            shortcut = resnet.conv_shortcut.conv
            self._shortcut = shortcut.weight.detach().flatten(1).t().contiguous(), shortcut.bias.detach()

    def __call__(self, clip: Clip) -> Clip:
        hidden = self._convolutions[0](clip, self._norms[0].of(clip))
        if self._shortcut is not None:
            weight, bias = self._shortcut
            for number, block in enumerate(clip):
                clip[number] = torch.addmm(bias, block.flatten(0, 2), weight).view(*block.shape[:3], -1)
        return self._convolutions[1](hidden, self._norms[1].of(hidden), onto=clip)


class _Attention:
    """The middle's attention, as diffusers runs it."""

    def __init__(self, attention: Any) -> None:
        self._attention = attention

    def __call__(self, clip: Clip) -> Clip:
        frames = torch.cat(clip)
        count, height, width, channels = frames.shape
        mask = prepare_causal_attention_mask(count, height * width, frames.dtype, frames.device, batch_size=1)
        attended = self._attention(frames.view(1, -1, channels), attention_mask=mask)
        return list(torch.split(attended.view(count, height, width, channels), frame_blocks(count)))


class _Norm:
    """A GroupNorm over a whole clip with the SiLU behind it."""

    def __init__(self, norm: GroupNorm) -> None:
        assert norm.weight is not None
        assert norm.bias is not None
        self._groups, self._eps = norm.num_groups, norm.eps
        self._weight, self._bias = norm.weight.detach().double(), norm.bias.detach().double()

    def of(self, clip: Clip) -> Prepare:
        """What norms and activates one of `clip`'s frames (H, W, C) into another place of that shape."""
        channels = clip[0].shape[3]
        counts, means, variances = [], [], []
        for block in clip:
            mean, variance = torch.batch_norm_update_stats(block.permute(0, 3, 1, 2), None, None, 0.0)
            counts.append(len(block))
            means.append(mean.double())
            variances.append(variance.double())
        share = torch.tensor(counts, dtype=torch.float64).div_(sum(counts)).unsqueeze(1)
        mean, square = torch.stack(means), torch.stack(variances)
        grouped = (share * mean).sum(0).view(self._groups, -1).mean(1, keepdim=True)
        center = grouped.expand(-1, channels // self._groups).flatten()
        spread = (share * (square + (mean - center).square())).sum(0).view(self._groups, -1).mean(1, keepdim=True)
        scale = self._weight * (spread + self._eps).rsqrt().expand(-1, channels // self._groups).flatten()
        width = clip[0].shape[2]
        # One row long, so that the loop inside is long, too.
        row_scale = scale.float().repeat(width)
        row_shift = (self._bias - center * scale).float().repeat(width)

        def normed(frame: torch.Tensor, into: torch.Tensor) -> None:
            place = into.flatten(1)
            rows = place if place.dtype == torch.float32 else torch.empty_like(place, dtype=torch.float32)
            torch.addcmul(row_shift, frame.flatten(1).float(), row_scale, out=rows)
            silu(rows, inplace=True)
            if rows is not place:
                place.copy_(rows)

        return normed
