"""The VAE decoder of a processor: diffusers' numbers to rounding, fewer products, less memory, the same bits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from engine.inference.hunyuan.decoder import decode_by_fewer_products
from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.registry import spec_of
from engine.inference.speed.convolution import convolve_by_onednn
from engine.inference.speed.kernels import ONEDNN, WINOGRAD, Kernels
from engine.models.catalog import find_model
from engine.models.folder import open_folder
from tests.engine.checkpoints import TINY
from tests.engine.live_memory import LiveBytes

LENGTHS = range(1, 8)
"""Latents; in the levels above they are every length of a last block, 1 to 4 frames."""


def decoder_of(channels: tuple[int, ...] = (8, 12, 16, 20), *, attention: bool = False) -> Any:
    torch.manual_seed(3)
    vae = AutoencoderKLHunyuanVideo(
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=6,
        norm_num_groups=4,
        mid_block_add_attention=attention,
    )
    return vae.decoder.eval().requires_grad_(False)


def quick(decoder: Any) -> Any:
    decoder = copy.deepcopy(decoder)
    decode_by_fewer_products(decoder)
    return decoder


def off(decoded: torch.Tensor, exact: torch.Tensor) -> float:
    return float((decoded.double() - exact).abs().max() / exact.abs().max())


@pytest.mark.parametrize("attention", [False, True])
@torch.inference_mode()
def test_the_same_to_rounding_against_float64(attention: bool) -> None:
    plain = decoder_of(attention=attention)
    decoder, oracle = quick(plain), copy.deepcopy(plain).double()
    for length in LENGTHS:
        latents = torch.randn(1, 6, length, 3, 5)
        exact, decoded = oracle(latents.double()), decoder(latents)
        assert decoded.shape == (1, 3, 4 * length - 3, 24, 40)
        assert decoded.is_contiguous()
        assert off(decoded, exact) < 3e-5
        assert not decoded.equal(plain(latents)), "this is diffusers' own"


@torch.inference_mode()
def test_in_bfloat16_it_is_as_near_as_diffusers() -> None:
    plain = decoder_of()
    halved = copy.deepcopy(plain).bfloat16()
    decoder = quick(halved)
    latents = torch.randn(1, 6, 5, 6, 6).bfloat16()
    exact = copy.deepcopy(halved).double()(latents.double())
    decoded = decoder(latents)
    assert decoded.dtype is torch.float32
    assert off(decoded, exact) < 1.2 * off(halved(latents), exact)


@torch.inference_mode()
def test_bands_and_runs_have_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, latents = quick(decoder_of()), torch.randn(1, 6, 5, 6, 6)
    decoded = decoder(latents)
    assert decoder(latents).equal(decoded)
    assert quick(decoder_of())(latents).equal(decoded)
    exact = decoder_of().double()(latents.double())
    monkeypatch.setattr("engine.inference.speed.winograd._BAND_BYTES", 2000)
    assert off(decoder(latents), exact) < 3e-5


class _Products(TorchDispatchMode):
    """Counts the products of all convolutions inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        name = operation.overloadpacket.__name__
        if name in ("convolution", "mkldnn_convolution"):
            transposed = name == "convolution" and args[6]
            self.count += (args[0] if transposed else result).numel() * args[1][0].numel()
        return result


def test_half_the_products() -> None:
    counted = []
    plain = decoder_of((16, 32, 64, 128))
    convolve_by_onednn(plain)
    for decoder in (plain, quick(plain)):
        with torch.inference_mode(), _Products() as products:
            decoder(torch.randn(1, 6, 5, 8, 8))
        counted.append(products.count)
    assert counted[0]
    assert counted[1] < 0.5 * counted[0]


def test_less_memory() -> None:
    peaks = []
    plain = decoder_of((16, 32, 64, 128))
    for decoder in (plain, quick(plain)):
        with torch.inference_mode(), LiveBytes() as live:
            decoder(torch.randn(1, 6, 5, 8, 8))
        peaks.append(live.peak)
    assert peaks[1] < 0.65 * peaks[0]


def operators(run: Callable[[], object]) -> set[str]:
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as seen:
        run()
    return {event.key for event in seen.key_averages()}


def opened(convolution: str) -> HunyuanFramePack:
    folder = open_folder(TINY)
    kernels = Kernels(convolution=convolution)
    return HunyuanFramePack(folder.components, spec_of(folder), torch.device("cpu"), kernels=kernels)


def test_nothing_is_unfolded_in_the_engine() -> None:
    """And a shot that was begun with other kernels keeps them."""
    names = {}
    for convolution in (WINOGRAD, ONEDNN):
        family = opened(convolution)
        latents = torch.zeros(family.spec.latent_shape(5, 64, 64))
        names[convolution] = operators(lambda: family.decode(latents))  # noqa: B023
    assert not [name for name in names[WINOGRAD] if "slow_conv" in name or name == "aten::replication_pad3d"]
    assert "aten::replication_pad3d" in names[ONEDNN]


def test_training_is_left_to_diffusers() -> None:
    plain = decoder_of()
    decoder, latents = quick(plain), torch.randn(2, 6, 2, 3, 3)
    assert decoder(latents).equal(plain(latents))


def test_several_clips_are_each_what_it_is_alone() -> None:
    """Frames that a guide shows are decoded so, a few at once."""
    decoder, latents = quick(decoder_of()), torch.randn(3, 6, 2, 3, 3)
    with torch.inference_mode():
        assert decoder(latents).equal(torch.cat([decoder(clip) for clip in latents.split(1)]))
        decoder.conv_in = None  # diffusers' own way is not taken
        assert len(decoder(latents)) == 3


def test_sketch_decodes_so() -> None:
    vae = AutoencoderKLHunyuanVideo.from_pretrained(find_model("sketch").components["vae"]).eval()
    decode_by_fewer_products(vae.decoder)
    assert "aten::replication_pad3d" not in operators(lambda: vae.decode(torch.zeros(1, 16, 1, 8, 8)))
