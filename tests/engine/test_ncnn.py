"""Networks in ncnn's files: the same as ncnn's own library makes of them, and damaged ones are told."""

from __future__ import annotations

from pathlib import Path

import ncnn
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from engine.finishing.upscalers import PACKAGED
from engine.finishing.upscalers.ncnn import NcnnNetwork, read_layers
from tests.engine.moving_clips import fixture

BLOBS = {"waifu2x": ("Input1", "Eltwise4"), "waifu2x-photo": ("Input1", "Eltwise4"), "realesrgan": ("data", "output")}


def by_ncnn(stem: Path, pixels: torch.Tensor, blobs: tuple[str, str]) -> NDArray[np.float32]:
    """What ncnn makes of (1, 3, H, W), in single precision."""
    with ncnn.Net() as net:
        net.opt.use_vulkan_compute = False
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.opt.num_threads = 1
        net.load_param(str(stem.with_suffix(".param")))
        net.load_model(str(stem.with_suffix(".bin")))
        given = np.ascontiguousarray(pixels[0].numpy())
        with net.create_extractor() as extractor:
            extractor.input(blobs[0], ncnn.Mat(given).clone())
            _, made = extractor.extract(blobs[1])
            return np.array(made)


@pytest.mark.parametrize(("name", "factor"), [(name, factor) for name in PACKAGED for factor in PACKAGED[name].files])
def test_it_makes_what_ncnn_makes(name: str, factor: int) -> None:
    package = PACKAGED[name]
    stem = package.folder / package.files[factor]
    pixels = torch.from_numpy(fixture("photo-coffee")[40:80, 60:112].copy()).permute(2, 0, 1).unsqueeze(0) / 255
    if package.unpadded:
        pixels = functional.pad(pixels, [package.margin] * 4, mode="reflect")
    with torch.inference_mode():
        ours = NcnnNetwork.read(stem)(pixels)[0].numpy()
    theirs = by_ncnn(stem, pixels, BLOBS[name])
    assert ours.shape == theirs.shape == (3, 40 * factor, 52 * factor)
    assert np.abs(ours - theirs).max() < 0.5 / 255  # ncnn sums up otherwise, by Winograd's way


def test_full_precision_and_half_are_read_alike() -> None:
    """A network of one convolution written by hand, in both."""
    head = "7767517\n2 2\nInput in 0 1 data\n"
    convolution = "Convolution c 1 1 data out 0=2 1=1 5=1 6=6 9=2 -23310=1,0.25\n"
    kernel, bias = np.array([1, 2, 3, -1, -2, -3], np.float32), np.array([0.5, -0.5], np.float32)
    single = b"\x00\x00\x00\x00" + kernel.tobytes() + bias.tobytes()
    half = (0x01306B47).to_bytes(4, "little") + kernel.astype(np.float16).tobytes() + bias.tobytes()
    pixel = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    for weights in (single, half):
        made = NcnnNetwork(read_layers(head + convolution), weights)(pixel).flatten()
        assert torch.allclose(made, torch.tensor([1.9, 0.25 * -1.9]))


@pytest.mark.parametrize(
    ("text", "weights", "told"),
    [
        ("", b"", "no network"),
        ("7767517\n1 1\nInput in 0 1 data\nSoftmax s 1 1 data out\n", b"", "of the kind Softmax"),
        ("7767517\n1 1\nInput in 0 1 data\nPReLU p 1 1 data out 0=2\n", b"1234", "end too early"),
        ("7767517\n1 1\nInput in 0 1 data\nPReLU p 1 1 data out 0=1\n", b"12345678", "not those of its layers"),
        ("7767517\n1 1\nInput in 0 1 data\nConvolution c 1 1 data out 0=1 1=1 6=1\n", b"12345678", "in a form"),
    ],
)
def test_what_is_damaged_or_strange_is_told(text: str, weights: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        NcnnNetwork(read_layers(text), weights)
