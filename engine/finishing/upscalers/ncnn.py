"""Networks in ncnn's files, NAME.param and NAME.bin, run by torch: the layers that upscalers are made of, and no more.

A .param file is text: a magic number, two counts, then a layer a line: its kind, its name, how many blobs go in and
come out, their names, and numbers by their places. A .bin file is the weights in the sequence of the layers: each array
has four bytes in front that say whether it is in half precision, biases and slopes are plain float32. Source: ncnn's
own documentation of `param` and `model binary`, and its layers' `load_param`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

_MAGIC = "7767517"
_HALF, _SINGLE = 0x01306B47, 0
_LEAKY = "2"
"""ncnn's number of the activation that lets a share of what is negative through."""
_RESIZING = {"1": "nearest", "2": "bilinear", "3": "bicubic"}


@dataclass(frozen=True)
class Layer:
    """One line of a .param file; `numbers` are texts by their places, of which -23300 - n hold several."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[int, str]

    def whole(self, place: int, usual: int = 0) -> int:
        """The whole number at a place."""
        return int(self.numbers.get(place, usual))


def read_layers(text: str) -> list[Layer]:
    """The layers of a .param file. Raises ValueError for another one."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != _MAGIC:
        raise ValueError("it is no network in ncnn's format")
    return [_layer(line.split()) for line in lines[2:] if line.strip()]


class NcnnNetwork(nn.Module):
    """A network of one input and one output, (1, C, H, W) each; what is no longer needed is let go of at once."""

    def __init__(self, layers: Sequence[Layer], weights: bytes) -> None:
        """Raises ValueError where the weights are not those of the layers, or a layer is of a kind not known here."""
        super().__init__()
        reader = _Weights(weights)
        self._steps = [(layer, self._operation(number, layer, reader)) for number, layer in enumerate(layers)]
        reader.require_end()
        self._input, self._output = layers[0].outputs[0], layers[-1].outputs[0]
        self._last_use = {name: number for number, layer in enumerate(layers) for name in layer.inputs}
        self.eval()

    @classmethod
    def read(cls, stem: Path) -> NcnnNetwork:
        """The network of STEM.param and STEM.bin. Raises OSError and ValueError."""
        layers = read_layers(stem.with_suffix(".param").read_text(encoding="utf-8"))
        return cls(layers, stem.with_suffix(".bin").read_bytes())

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the network makes of `pixels`."""
        blobs = {self._input: pixels}
        del pixels
        for number, (layer, operation) in enumerate(self._steps):
            if operation is None:
                continue
            taken = [blobs[name] for name in layer.inputs]
            for name in layer.inputs:
                if self._last_use[name] == number:
                    blobs.pop(name, None)
            # What is handed over here alone is freed as soon as the layer has used it.
            made = operation(taken)
            blobs.update(dict.fromkeys(layer.outputs, made))
            del taken, made
        return blobs[self._output]

    def _operation(
        self, number: int, layer: Layer, weights: _Weights
    ) -> Callable[[list[torch.Tensor]], torch.Tensor] | None:
        """What a layer does with its inputs, which it takes out of the list; None for the input itself."""
        if layer.kind in {"Convolution", "Deconvolution"}:
            return self._convolution(number, layer, weights)
        if layer.kind == "PReLU":
            slopes = self._kept(f"slopes{number}", weights.plain(layer.whole(0)))
            return lambda inputs: functional.prelu(inputs.pop(), slopes())
        if layer.kind == "PixelShuffle":
            return lambda inputs: functional.pixel_shuffle(inputs.pop(), layer.whole(0))
        if layer.kind == "Interp":
            scale = (float(layer.numbers[2]), float(layer.numbers[1]))  # its places: width first
            mode = _RESIZING[layer.numbers[0]]
            aligned = None if mode == "nearest" else False
            return lambda inputs: functional.interpolate(
                inputs.pop(), scale_factor=scale, mode=mode, align_corners=aligned
            )
        if layer.kind == "BinaryOp" and layer.whole(0) == 0:
            return lambda inputs: inputs.pop() + inputs.pop()
        if layer.kind == "Split":
            return lambda inputs: inputs.pop()
        if layer.kind == "Input":
            return None
        raise ValueError(f"it has a layer of the kind {layer.kind}, which is not known here")

    def _convolution(
        self, number: int, layer: Layer, weights: _Weights
    ) -> Callable[[list[torch.Tensor]], torch.Tensor]:
        out, side, stride, padding = layer.whole(0), layer.whole(1), layer.whole(3, 1), layer.whole(4)
        channels = layer.whole(6) // (out * side * side)
        kernel = weights.array(layer.whole(6)).view(out, channels, side, side)
        forwards = layer.kind == "Convolution"
        matrix = self._kept(f"kernel{number}", kernel if forwards else kernel.transpose(0, 1).contiguous())
        bias = self._kept(f"bias{number}", weights.plain(out) if layer.whole(5) else torch.zeros(out))
        activation = layer.numbers.get(9, "0")
        if activation not in {"0", _LEAKY}:
            raise ValueError(f"it has an activation of the kind {activation}, which is not known here")
        slope = float(layer.numbers[-23310].split(",")[1]) if activation == _LEAKY else 1.0
        convolve = functional.conv2d if forwards else functional.conv_transpose2d

        def convolved(inputs: list[torch.Tensor]) -> torch.Tensor:
            made: torch.Tensor = convolve(inputs.pop(), matrix(), bias(), stride=stride, padding=padding)
            return functional.leaky_relu_(made, slope) if slope != 1 else made

        return convolved

    def _kept(self, name: str, values: torch.Tensor) -> Callable[[], torch.Tensor]:
        """Keep weights as the network's own, which move with it from device to device."""
        self.register_buffer(name, values)
        return lambda: cast(torch.Tensor, getattr(self, name))


class _Weights:
    """A .bin file, read from front to back. Raises ValueError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def array(self, count: int) -> torch.Tensor:
        """The next array that says in which precision it is; float32, and in whole words of four bytes in the file."""
        flag = int.from_bytes(self._take(4), "little")
        if flag == _SINGLE:
            return self.plain(count)
        if flag != _HALF:
            raise ValueError("its weights are in a form that is not known here")
        values = np.frombuffer(self._take(2 * count), "<f2").astype(np.float32)
        self._take(-2 * count % 4)
        return torch.from_numpy(values)

    def plain(self, count: int) -> torch.Tensor:
        """The next `count` numbers, float32."""
        return torch.from_numpy(np.frombuffer(self._take(4 * count), "<f4").astype(np.float32))

    def require_end(self) -> None:
        """Raise ValueError where something is left: then these are another network's weights."""
        if self._at != len(self._data):
            raise ValueError("its weights are not those of its layers")

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("its weights end too early")
        self._at += count
        return taken


def _layer(parts: Sequence[str]) -> Layer:
    kind, name, ins, outs = parts[0], parts[1], int(parts[2]), int(parts[3])
    numbers = dict(part.split("=", 1) for part in parts[4 + ins + outs :])
    return Layer(
        kind,
        name,
        tuple(parts[4 : 4 + ins]),
        tuple(parts[4 + ins : 4 + ins + outs]),
        {int(place): value for place, value in numbers.items()},
    )
