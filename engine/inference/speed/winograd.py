"""Causal 3-D convolutions of a clip on a processor with fewer products than they have taps, four frames at a time.

PyTorch's kernels reach what the processor can do on a decoder's layers, so time is saved by asking for less:

- A convolution's three taps in time are Winograd's F(4,3) (arXiv 1509.09308): six products give four frames instead of
  twelve. The first frame, whose past is itself, is one product with the sum of the taps.
- Doubling by nearest neighbour and the convolution behind it are one transposed convolution: 64 products for eight
  pixels instead of 216.
- A convolution to three numbers costs as much as one to sixteen, so its taps in time are made together.

Channels lie last, and whoever prepares a frame (norm, activation) writes straight into what is convolved: little more
than the clip itself is alive. All edges are repeated, as in HunyuanVideo's VAE. Results are the plain ones to rounding,
and the same bits in every run with as many threads. bfloat16 has no digits to spare for Winograd; its products are
plain.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch.nn import Conv3d
from torch.nn.functional import conv_transpose3d

Clip = list[torch.Tensor]
"""Frames (n, H, W, C), contiguous, in blocks: the first frame alone, then four by four and what is left."""
Prepare = Callable[[torch.Tensor, torch.Tensor], None]
"""Puts what is to be convolved of a frame (H, W, C) into another place of that shape, whose rows lie apart."""
_BLOCK = 4
_BAND_BYTES = 8 * 2**20
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


def frame_blocks(frames: int) -> list[int]:
    """The lengths of a `Clip`'s blocks."""
    whole, rest = divmod(frames - 1, _BLOCK)
    return [1, *[_BLOCK] * whole, *[rest] * (rest > 0)]


def copied(frame: torch.Tensor, into: torch.Tensor) -> None:
    """A `Prepare` that changes nothing."""
    into.copy_(frame)


class CausalConvolution:
    """A 3x3x3 convolution whose frames see themselves and the two before, with all edges repeated."""

    def __init__(self, convolution: Conv3d) -> None:
        weight = convolution.weight.detach()
        exact = weight.double()
        assert convolution.bias is not None
        self._bias = convolution.bias.detach()
        self._still = _channels_last(exact.sum(2), weight.dtype)
        self._mixed = None
        if weight.dtype == torch.float32:  # bfloat16 has no digits to spare for the mixing
            mixed = torch.einsum("mt,oithw->moihw", torch.tensor(_TAPS, dtype=torch.float64), exact)
            self._mixed = [_channels_last(each, weight.dtype) for each in mixed]
        self._plain = weight
        self._frames = torch.tensor(_FRAMES, dtype=weight.dtype)
        self._products = torch.tensor(_PRODUCTS, dtype=weight.dtype)

    def __call__(self, clip: Clip, prepare: Prepare, onto: Clip | None = None) -> Clip:
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
        if count < _BLOCK - 1 or self._mixed is None:
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


class DoublingConvolution:
    """Doubling by nearest neighbour in height and width, and a `CausalConvolution` behind it.

    With `times` 2 also in time, but for the first frame.
    """

    def __init__(self, convolution: Conv3d, times: int) -> None:
        weight = convolution.weight.detach()
        assert convolution.bias is not None
        self._bias = convolution.bias.detach()
        self._times = times
        doubled = torch.tensor(_DOUBLED, dtype=torch.float64)
        wide = torch.einsum("yh,xw,oithw->iotyx", doubled, doubled, weight.double())
        in_time = torch.einsum("st,iotyx->iosyx", doubled, wide) if times == 2 else wide.flip(2)
        self._still = _channels_last(wide.sum(2, keepdim=True), weight.dtype)
        self._weight = _channels_last(in_time, weight.dtype)

    def __call__(self, clip: Clip) -> Clip:
        padded = _Padded(clip, 3 - self._times)
        padded.begin(clip[0][0], copied)
        made = [self._transposed(padded.frames[:1], self._still, 1, 0)]
        for block in clip[1:]:
            for part in torch.split(block, _BLOCK // self._times):
                seen = padded.next(part, copied)
                made.append(self._transposed(seen, self._weight, self._times, 2))
                padded.move_on(len(part))
        return made

    def _transposed(self, frames: torch.Tensor, weight: torch.Tensor, times: int, cut: int) -> torch.Tensor:
        clip = frames.permute(3, 0, 1, 2).unsqueeze(0)
        made = conv_transpose3d(clip, weight, self._bias, (times, 2, 2), (cut, 3, 3))
        return made[0].permute(1, 2, 3, 0).contiguous()


class LastConvolution:
    """A `CausalConvolution` to few channels: what a frame gives to the next two is made together with its own."""

    def __init__(self, convolution: Conv3d) -> None:
        weight = convolution.weight.detach()
        assert convolution.bias is not None
        self._bias = convolution.bias.detach().float().view(-1, 1, 1)
        self._weight = _channels_last(weight.permute(2, 0, 1, 3, 4).flatten(0, 1), weight.dtype)

    def __call__(self, clip: Clip, prepare: Prepare) -> torch.Tensor:
        """Convolve the `clip` that `prepare` makes to (1, C', T, H, W), contiguous, float32."""
        _, height, width, _ = clip[0].shape
        made = clip[0].new_empty(1, len(self._bias), sum(map(len, clip)), height, width, dtype=torch.float32)
        padded = _Padded(clip, 1, 0)
        for place, frame in enumerate(frame for block in clip for frame in block):
            padded.begin(frame, prepare)
            convolved = _convolve(padded.frames, self._weight, None)[0].permute(2, 0, 1).contiguous().float()
            to_second, to_next, own = torch.split(convolved, len(self._bias))
            if place == 0:  # its past is itself
                from_last, from_before = to_next, to_second
                second = to_second
            pixels = torch.add(own, self._bias, out=made[0, :, place])
            pixels.add_(from_last).add_(from_before)
            from_last, from_before, second = to_next, second, to_second
        return made


class _Padded:
    """A few frames (H + 2, W + 2, C) with their edges repeated: those just before, then a block."""

    def __init__(self, clip: Clip, before: int, block: int = _BLOCK) -> None:
        _, height, width, channels = clip[0].shape
        self.frames = clip[0].new_empty(before + block, height + 2, width + 2, channels)
        self._before = before

    def begin(self, frame: torch.Tensor, prepare: Prepare) -> None:
        """The clip's first frame, and its past."""
        self._put(0, frame, prepare)
        self.frames[1 : self._before] = self.frames[0]

    def next(self, block: torch.Tensor, prepare: Prepare) -> torch.Tensor:
        """The frames before `block` and the block."""
        for number, frame in enumerate(block):
            self._put(self._before + number, frame, prepare)
        return self.frames[: self._before + len(block)]

    def move_on(self, count: int) -> None:
        """Keep the last of a block of `count` frames as the past of the next one."""
        for number in range(self._before):
            self.frames[number] = self.frames[count + number]

    def _put(self, place: int, frame: torch.Tensor, prepare: Prepare) -> None:
        padded = self.frames[place]
        prepare(frame, padded[1:-1, 1:-1])
        padded[1:-1, 0] = padded[1:-1, 1]
        padded[1:-1, -1] = padded[1:-1, -2]
        padded[0] = padded[1]
        padded[-1] = padded[-2]


def _bands(height: int, row_bytes: int) -> list[slice]:
    """`height` rows in even bands that stay in the cache."""
    count = max(1, min(height, round(height * row_bytes / _BAND_BYTES)))
    edges = [height * n // count for n in range(count + 1)]
    return [slice(*pair) for pair in pairwise(edges)]


def _channels_last(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    kind = torch.channels_last if weight.dim() == 4 else torch.channels_last_3d
    return weight.to(dtype).contiguous(memory_format=kind)


def _convolve(frames: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Frames (n, H + 2, W + 2, C) to (n, H, W, C'), each on its own."""
    made = torch.mkldnn_convolution(frames.permute(0, 3, 1, 2), weight, bias, (0, 0), (1, 1), (1, 1), 1)
    return made.permute(0, 2, 3, 1).contiguous()


def _convolve_3d(frames: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Frames (n + 2, H + 2, W + 2, C) to (n, H, W, C')."""
    clip = frames.permute(3, 0, 1, 2).unsqueeze(0)
    made = torch.mkldnn_convolution(clip, weight, bias, (0, 0, 0), (1, 1, 1), (1, 1, 1), 1)
    return made[0].permute(1, 2, 3, 0).contiguous()
