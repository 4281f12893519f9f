"""oneDNN's convolutions are the same ones to rounding, in every kind of layer that decoders have."""

from __future__ import annotations

import json

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import HunyuanVideoCausalConv3d
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d

from engine.generation.shot_folder import ShotFolder
from engine.inference.registry import Families
from engine.inference.speed.convolution import convolve_by_onednn
from engine.inference.speed.kernels import WINOGRAD

LAYERS = [
    lambda: torch.nn.Conv3d(4, 6, 3, padding=1),
    lambda: torch.nn.Conv3d(4, 4, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0), groups=2),
    lambda: torch.nn.Conv3d(4, 6, 3, dilation=2, bias=False),
    lambda: HunyuanVideoCausalConv3d(4, 6),
    lambda: WanCausalConv3d(4, 6, 3, padding=1),
]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_same_to_rounding_against_float64(layer):
    torch.manual_seed(1)
    network, clip = torch.nn.Sequential(layer()), torch.randn(1, 4, 7, 10, 12)
    with torch.inference_mode():
        exact = network.double()(clip.double())
        network.float()
        before = network(clip)
        convolve_by_onednn(network)
        after = network(clip)
    scale = exact.abs().max()
    assert (before - exact).abs().max() / scale < 2e-6
    assert (after - exact).abs().max() / scale < 2e-6


def test_it_is_onednn_that_convolves():
    network, clip = torch.nn.Conv3d(4, 4, 3), torch.randn(1, 4, 5, 8, 8)
    convolve_by_onednn(network)
    with torch.inference_mode(), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        network(clip)
    names = {event.key for event in seen.key_averages()}
    assert "aten::mkldnn_convolution" in names
    assert "aten::slow_conv3d_forward" not in names


def test_other_numbers_and_training_are_left_to_torch():
    network, clip = torch.nn.Conv3d(4, 4, 3), torch.randn(1, 4, 5, 8, 8)
    convolve_by_onednn(network)
    with torch.inference_mode():
        assert network.double()(clip.double()).dtype is torch.float64
    network.float()(clip).sum().backward()
    assert network.weight.grad is not None


def test_a_shot_goes_on_with_what_it_was_begun_with(make_shot, monkeypatch):
    """A shot that 0.1.0 began says nothing of it: `tests/engine/test_stored.py`."""
    chosen = []
    open_family = Families.open

    def opened(self, *given):
        chosen.append(given[-1].convolution)
        return open_family(self, *given)

    monkeypatch.setattr(Families, "open", opened)
    shot = make_shot(1, steps=2)
    assert chosen == [WINOGRAD]
    assert ShotFolder(shot.folder).stored_request()[1]["convolution"] == WINOGRAD
    assert json.loads((shot.folder / "shot.json").read_text())["kernels"]["convolution"] == WINOGRAD
