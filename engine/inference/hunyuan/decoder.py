"""HunyuanVideo's VAE decoder on a processor: the same layers as diffusers runs, with fewer products and less memory.

PyTorch's kernels reach what the processor can do on these layers, so time is saved by asking for less:

- A convolution's three taps in time are Winograd's F(4,3) (arXiv 1509.09308): six products give four frames instead of
  twelve. The first frame, whose past is itself, is one product with the sum of the taps.
- Doubling by nearest neighbour and the convolution behind it are one transposed convolution: 64 products for eight
  pixels instead of 216.
- The last convolution makes three numbers, which cost as much as sixteen; its taps in time are made together.

Channels lie last, and norm, activation and padding write straight into what is convolved next, four frames at a time:
what is alive is two clips and a few frames. Frames are those of diffusers to rounding (1e-5 of the largest), and the
same bits every time, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import torch
from torch.nn import Conv3d, GroupNorm
from torch.nn.functional import conv_transpose3d, silu

Clip = list[torch.Tensor]
"""Frames (n, H, W, C), contiguous, in blocks: the first frame alone, then four by four and what is left."""
_BLOCK = 4
_BAND_BYTES = 4 * 2**20
"""What is convolved at a time of a block's six mixed frames: so much stays in the cache until it is mixed back."""

# arXiv 1509.09308, F(4,3): of frames, of taps, of products.
_FRAMES = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
_TAPS = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
_PRODUCTS = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)
_BIASED = 1
"""The product that all four frames hold once: the bias goes there."""
# Three taps on doubled pixels are these four of a transposed convolution, which writes two pixels for each.
_DOUBLED = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def decode_by_fewer_products(decoder: Any) -> None:
    """Let diffusers' `HunyuanVideoDecoder3D` decode this way where its input is float32 in main memory.

    To be called when its weights are there; they must not be changed afterwards.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    plain = decoder.forward
    quick = _Decoder(decoder)

    def forward(self: Any, latents: torch.Tensor) -> torch.Tensor:
        one = latents.shape[0] == 1 and latents.device.type == "cpu" and latents.dtype == torch.float32
        if torch.is_grad_enabled() or not one:
            left: torch.Tensor = plain(latents)
            return left
        return quick(latents)

    decoder.forward = MethodType(forward, decoder)


class _Decoder:
    """The whole decoder; weights are mixed once."""

    def __init__(self, decoder: Any) -> None:
        self._enter = _Convolution(decoder.conv_in.conv)
        self._layers: list[Callable[[Clip], Clip]] = []
        middle = decoder.mid_block
        self._layers.append(_Residual(middle.resnets[0]))
        for attention, resnet in zip(middle.attentions, middle.resnets[1:], strict=True):
            if attention is not None:
                self._layers.append(_Attention(attention))
            self._layers.append(_Residual(resnet))
        for block in decoder.up_blocks:
            self._layers += [_Residual(resnet) for resnet in block.resnets]
            self._layers += [_Doubling(upsampler) for upsampler in block.upsamplers or ()]
        self._norm = _Norm(decoder.conv_norm_out)
        self._leave = _LastConvolution(decoder.conv_out.conv)

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents (1, C, T, h, w) to pixels (1, 3, T', H, W), both float32."""
        frames = latents[0].permute(1, 2, 3, 0)
        clip = [each.contiguous() for each in frames.split(_lengths(len(frames)))]
        clip = self._enter(clip, _copied)
        for layer in self._layers:
            clip = layer(clip)
        return self._leave(clip, self._norm.of(clip))


class _Residual:
    """diffusers' `HunyuanVideoResnetBlockCausal3D`; the clip it is given is its own afterwards."""

    def __init__(self, resnet: Any) -> None:
        self._norms = _Norm(resnet.norm1), _Norm(resnet.norm2)
        self._convolutions = _Convolution(resnet.conv1.conv), _Convolution(resnet.conv2.conv)
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
        # Imported from where diffusers' own decoder has it: each frame sees itself and those before.
        from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import prepare_causal_attention_mask

        frames = torch.cat(clip)
        count, height, width, channels = frames.shape
        mask = prepare_causal_attention_mask(count, height * width, frames.dtype, frames.device, batch_size=1)
        attended = self._attention(frames.view(1, -1, channels), attention_mask=mask)
        return list(attended.view(count, height, width, channels).split(_lengths(count)))


class _Norm:
    """A GroupNorm over a whole clip with the SiLU behind it."""

    def __init__(self, norm: GroupNorm) -> None:
        assert norm.weight is not None
        assert norm.bias is not None
        self._groups, self._eps = norm.num_groups, norm.eps
        self._weight, self._bias = norm.weight.detach().double(), norm.bias.detach().double()

    def of(self, clip: Clip) -> Callable[[torch.Tensor, torch.Tensor], None]:
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
            rows = into.flatten(1)
            torch.addcmul(row_shift, frame.flatten(1), row_scale, out=rows)
            silu(rows, inplace=True)

        return normed


def _copied(frame: torch.Tensor, into: torch.Tensor) -> None:
    into.copy_(frame)


class _Padded:
    """A few frames (H + 2, W + 2, C) with their edges repeated: those just before, then a block."""

    def __init__(self, clip: Clip, before: int, block: int = _BLOCK) -> None:
        _, height, width, channels = clip[0].shape
        self.frames = clip[0].new_empty(before + block, height + 2, width + 2, channels)
        self._before = before

    def begin(self, frame: torch.Tensor, prepare: Callable[[torch.Tensor, torch.Tensor], None]) -> None:
        """The clip's first frame, and its past."""
        self._put(0, frame, prepare)
        self.frames[1 : self._before] = self.frames[0]

    def next(self, block: torch.Tensor, prepare: Callable[[torch.Tensor, torch.Tensor], None]) -> torch.Tensor:
        """The frames before `block` and the block."""
        for number, frame in enumerate(block):
            self._put(self._before + number, frame, prepare)
        return self.frames[: self._before + len(block)]

    def move_on(self, count: int) -> None:
        """Keep the last of a block of `count` frames as the past of the next one."""
        for number in range(self._before):
            self.frames[number] = self.frames[count + number]

    def _put(self, place: int, frame: torch.Tensor, prepare: Callable[[torch.Tensor, torch.Tensor], None]) -> None:
        padded = self.frames[place]
        prepare(frame, padded[1:-1, 1:-1])
        padded[1:-1, 0] = padded[1:-1, 1]
        padded[1:-1, -1] = padded[1:-1, -2]
        padded[0] = padded[1]
        padded[-1] = padded[-2]


class _Convolution:
    """A causal 3x3x3 convolution with all edges repeated."""

    def __init__(self, convolution: Conv3d) -> None:
        weight = convolution.weight.detach()
        exact = weight.double()
        assert convolution.bias is not None
        self._bias = convolution.bias.detach()
        self._still = _channels_last(exact.sum(2), weight.dtype)
        mixed = torch.einsum("mt,oithw->moihw", torch.tensor(_TAPS, dtype=torch.float64), exact)
        self._mixed = [_channels_last(each, weight.dtype) for each in mixed]
        self._plain = weight.contiguous(memory_format=torch.channels_last_3d)
        self._frames = torch.tensor(_FRAMES, dtype=weight.dtype)
        self._products = torch.tensor(_PRODUCTS, dtype=weight.dtype)

    def __call__(
        self, clip: Clip, prepare: Callable[[torch.Tensor, torch.Tensor], None], onto: Clip | None = None
    ) -> Clip:
        """Convolve the `clip` that `prepare` makes of each frame; added to `onto`, in place, where that is given."""
        padded = _Padded(clip, 2)
        padded.begin(clip[0][0], prepare)
        first = _convolve(padded.frames[:1], self._still, self._bias)
        made = [first if onto is None else onto[0].add_(first)]
        for number, block in enumerate(clip[1:], 1):
            seen = padded.next(block, prepare)
            made.append(self._block(seen, None if onto is None else onto[number]))
            padded.move_on(len(block))
        return made

    def _block(self, seen: torch.Tensor, onto: torch.Tensor | None) -> torch.Tensor:
        """The frames (n + 2, H + 2, W + 2, C) to (n, H, W, C')."""
        count, height, width = seen.shape[0] - 2, seen.shape[1] - 2, seen.shape[2] - 2
        if count < _BLOCK - 1:
            plain = _convolve_3d(seen, self._plain, self._bias)
            return plain if onto is None else onto.add_(plain)
        products = count + 2
        frames = self._frames[:products, :products]
        back = self._products[:count, :products]
        made = seen.new_empty(count, height, width, len(self._bias)) if onto is None else onto
        for rows in _bands(height, products * seen[0, 0].numel() * seen.element_size()):
            window = seen[:, rows.start : rows.stop + 2]
            mixed = torch.mm(frames, window.flatten(1)).view(window.shape)
            convolved = torch.cat(
                [
                    _convolve(mixed[n : n + 1], self._mixed[n], self._bias if n == _BIASED else None).flatten(1)
                    for n in range(products)
                ]
            )
            into = made[:, rows].flatten(1)
            if onto is None:
                torch.mm(back, convolved, out=into)
            else:
                into.addmm_(back, convolved)
        return made


class _Doubling:
    """diffusers' `HunyuanVideoUpsampleCausal3D`: in height and width, and in time but for the first frame."""

    def __init__(self, upsampler: Any) -> None:
        convolution = upsampler.conv.conv
        weight = convolution.weight.detach()
        self._bias = convolution.bias.detach()
        self._times = int(upsampler.upsample_factor[0])
        doubled = torch.tensor(_DOUBLED, dtype=torch.float64)
        wide = torch.einsum("yh,xw,oithw->iotyx", doubled, doubled, weight.double())
        in_time = torch.einsum("st,iotyx->iosyx", doubled, wide) if self._times == 2 else wide.flip(2)
        self._still = wide.sum(2, keepdim=True).to(weight.dtype)
        self._weight = in_time.to(weight.dtype)

    def __call__(self, clip: Clip) -> Clip:
        padded = _Padded(clip, 3 - self._times)
        padded.begin(clip[0][0], _copied)
        made = [self._transposed(padded.frames[:1], self._still, 1, 0)]
        for block in clip[1:]:
            for part in block.split(_BLOCK // self._times):
                seen = padded.next(part, _copied)
                made.append(self._transposed(seen, self._weight, self._times, 2))
                padded.move_on(len(part))
        return made

    def _transposed(self, frames: torch.Tensor, weight: torch.Tensor, times: int, cut: int) -> torch.Tensor:
        clip = frames.permute(3, 0, 1, 2).unsqueeze(0)
        made = conv_transpose3d(clip, weight, self._bias, (times, 2, 2), (cut, 3, 3))
        return made[0].permute(1, 2, 3, 0).contiguous()


class _LastConvolution:
    """A causal 3x3x3 convolution to so few channels that what each frame gives to the next two is made with its own."""

    def __init__(self, convolution: Conv3d) -> None:
        weight = convolution.weight.detach()
        assert convolution.bias is not None
        self._bias = convolution.bias.detach().view(-1, 1, 1)
        self._weight = _channels_last(weight.permute(2, 0, 1, 3, 4).flatten(0, 1), weight.dtype)

    def __call__(self, clip: Clip, prepare: Callable[[torch.Tensor, torch.Tensor], None]) -> torch.Tensor:
        """(1, C', T, H, W), contiguous."""
        _, height, width, _ = clip[0].shape
        made = clip[0].new_empty(1, len(self._bias), sum(map(len, clip)), height, width)
        padded = _Padded(clip, 1, 0)
        given: Sequence[torch.Tensor] = ()
        for place, frame in enumerate(frame for block in clip for frame in block):
            padded.begin(frame, prepare)
            convolved = _convolve(padded.frames, self._weight, None)[0].permute(2, 0, 1).contiguous()
            oldest, older, own = convolved.split(len(self._bias))
            before, earlier = given if given else ((older, oldest), oldest)  # the first frame's past is itself
            pixels = made[0, :, place]
            torch.add(own, self._bias, out=pixels)
            pixels.add_(before[0]).add_(earlier)
            given = ((older, oldest), before[1])
        return made


def _lengths(frames: int) -> list[int]:
    """The lengths of a `Clip`'s blocks."""
    whole, rest = divmod(frames - 1, _BLOCK)
    return [1, *[_BLOCK] * whole, *[rest] * (rest > 0)]


def _bands(height: int, row_bytes: int) -> list[slice]:
    """`height` rows in even bands that stay in the cache."""
    count = max(1, min(height, round(height * row_bytes / _BAND_BYTES)))
    edges = [height * n // count for n in range(count + 1)]
    return [slice(*pair) for pair in zip(edges, edges[1:], strict=False)]


def _channels_last(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return weight.to(dtype).contiguous(memory_format=torch.channels_last)


def _convolve(frames: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Frames (n, H + 2, W + 2, C) to (n, H, W, C'), each on its own."""
    made = torch.mkldnn_convolution(frames.permute(0, 3, 1, 2), weight, bias, (0, 0), (1, 1), (1, 1), 1)
    return made.permute(0, 2, 3, 1).contiguous()


def _convolve_3d(frames: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Frames (n + 2, H + 2, W + 2, C) to (n, H, W, C')."""
    clip = frames.permute(3, 0, 1, 2).unsqueeze(0)
    made = torch.mkldnn_convolution(clip, weight, bias, (0, 0, 0), (1, 1, 1), (1, 1, 1), 1)
    return made[0].permute(1, 2, 3, 0).contiguous()
