"""The packed transformer against diffusers' class, a pooled reference and itself, on tiny networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel, HunyuanVideoTransformer3DModel
from torch.nn import functional

from engine.errors import EngineError
from engine.framepack.packing import Block, Kernel
from engine.framepack.token_counts import block_tokens
from engine.inference.hunyuan.packed_embed import RELEASED_KERNELS, PackedEmbed, layer_name, spread
from engine.inference.hunyuan.packed_transformer import PackedFrames, PackedTransformer
from tests.engine.checkpoints import TINY

K1, K2, K4 = RELEASED_KERNELS
ALL = (*RELEASED_KERNELS, (1, 4, 4), (2, 8, 4), (8, 16, 16))
CONFIG: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "num_layers": 1,
    "num_single_layers": 2,
    "num_refiner_layers": 1,
    "text_embed_dim": 8,
    "pooled_projection_dim": 8,
    "rope_axes_dim": (4, 4, 4),
    "has_image_proj": True,
    "image_proj_dim": 6,
    "has_clean_x_embedder": True,
}


def network(seed: int = 0, **config: Any) -> PackedTransformer:
    torch.manual_seed(seed)
    made = PackedTransformer(**CONFIG, **config).eval()
    for parameter in made.parameters():  # biases as well: zeros would hide faults
        torch.nn.init.normal_(parameter, std=0.2)
    return made


def told(transformer: torch.nn.Module, batch: int = 1, *, vision: int = 3, frames: int = 3) -> dict[str, Any]:
    """Inputs that any transformer of `transformer`'s sizes takes besides the history."""
    config, draw = transformer.config, torch.Generator().manual_seed(5)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw)

    mask = torch.ones(batch, 5)
    mask[0, 3:] = 0
    return {
        "hidden_states": normal(batch, config.in_channels, frames, 6, 10),
        "timestep": 1000 * torch.rand(batch, generator=draw),
        "encoder_hidden_states": normal(batch, 5, config.text_embed_dim),
        "encoder_attention_mask": mask,
        "pooled_projections": normal(batch, config.pooled_projection_dim),
        "image_embeds": normal(batch, vision, config.image_proj_dim),
        "indices_latents": torch.arange(7, 7 + frames),
        "guidance": torch.full((batch,), 6000.0),
        "return_dict": False,
    }


def block(kernel: tuple[int, int, int], times: Sequence[int], seed: int, channels: int = 4) -> PackedFrames:
    draw = torch.Generator().manual_seed(seed)
    return PackedFrames(kernel, torch.randn(1, channels, len(times), 6, 10, generator=draw), torch.tensor(times))


@pytest.mark.parametrize(
    "times", [((0, 20), (21, 22), range(23, 39)), ((0, 6), (4, 5), range(16))], ids=["inverted", "forward"]
)
@torch.inference_mode()
def test_on_the_released_schedule_it_is_diffusers_class_to_the_bit(times: Any) -> None:
    theirs = HunyuanVideoFramepackTransformer3DModel.from_pretrained(TINY / "transformer")
    ours = PackedTransformer.from_pretrained(TINY / "transformer")
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    channels = theirs.config.in_channels
    blocks = [
        block(kernel, list(where), seed, channels)
        for seed, (kernel, where) in enumerate(zip(RELEASED_KERNELS, times, strict=True))
    ]
    names = dict(zip(("clean", "history_2x", "history_4x"), blocks, strict=True))
    history = {f"latents_{name}": each.latents for name, each in names.items()}
    history |= {f"indices_latents_{name}": each.indices for name, each in names.items()}
    inputs = told(theirs)
    anchor, near = (
        PackedFrames(K1, blocks[0].latents[:, :, at : at + 1], blocks[0].indices[at : at + 1]) for at in (0, 1)
    )
    [expected], [made] = theirs(**inputs, **history), ours(**inputs, blocks=[anchor, blocks[2], blocks[1], near])
    assert torch.equal(made, expected)


@pytest.mark.parametrize("kernel", ALL, ids=layer_name)
@pytest.mark.parametrize("sides", [(1, 5, 7), (4, 16, 16), (9, 6, 10)])
def test_a_block_is_as_many_tokens_as_counted(kernel: tuple[int, int, int], sides: tuple[int, int, int]) -> None:
    embed = PackedEmbed(4, 6, ALL)
    tokens = embed(kernel, torch.zeros(1, 4, *sides))
    assert tokens.shape == (1, block_tokens(Block(sides[0], Kernel(*kernel)), sides[1], sides[2]), 6)


@pytest.mark.parametrize("kernel", ALL, ids=layer_name)
def test_a_spread_kernel_sees_the_average(kernel: tuple[int, int, int]) -> None:
    embed = PackedEmbed(4, 6, (K1, kernel)).double()
    fine, coarse = embed[layer_name(K1)], embed[layer_name(kernel)]
    coarse.load_state_dict({"weight": spread(fine.weight, kernel), "bias": fine.bias})
    frames = torch.randn(2, 4, 8, 16, 16, dtype=torch.float64)
    averaged = functional.avg_pool3d(frames, (kernel[0], kernel[1] // 2, kernel[2] // 2))
    torch.testing.assert_close(embed(kernel, frames), embed(K1, averaged))
    # A constant history is the same token through every kernel.
    constant = torch.ones(1, 4, 8, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(embed(kernel, constant)[0, 0], embed(K1, constant)[0, 0])


def test_the_largest_kernel_goes_through_half_of_it() -> None:
    embed = PackedEmbed(4, 6, [(16, 32, 32)])
    assert list(embed) == ["k8h16w16"]
    frames = torch.randn(1, 4, 16, 32, 32)
    torch.testing.assert_close(embed((16, 32, 32), frames), embed((8, 16, 16), functional.avg_pool3d(frames, 2)))


def test_a_kernel_that_halves_no_side_is_refused() -> None:
    with pytest.raises(EngineError, match="multiples of 2"):
        PackedEmbed(4, 6, [(1, 3, 4)])


@torch.inference_mode()
def test_a_batch_of_two_layouts_is_two_batches_of_one() -> None:
    ours, inputs = network(kernels=ALL), told(network(), 2)
    times = torch.tensor([[0, 1, 2, 3], [9, 11, 30, 31]])
    latents = torch.randn(2, 4, 4, 6, 10)
    near = block(K1, [6], 3)  # the same time in both
    two_near = near._replace(latents=near.latents.expand(2, -1, -1, -1, -1))
    own = torch.stack([torch.arange(7, 10), torch.arange(40, 43)])
    [both] = ours(**{**inputs, "indices_latents": own}, blocks=[PackedFrames((2, 8, 4), latents, times), two_near])
    for at in (0, 1):
        one = {name: value[at : at + 1] if torch.is_tensor(value) else value for name, value in inputs.items()}
        one["indices_latents"] = own[at]
        far = PackedFrames((2, 8, 4), latents[at : at + 1], times[at])
        [alone] = ours(**one, blocks=[far, near])
        torch.testing.assert_close(both[at : at + 1], alone, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(both[0], both[1], atol=1e-2)


@torch.inference_mode()
def test_without_history_and_vision_it_is_hunyuan_video() -> None:
    ours = network()
    config = {name: value for name, value in CONFIG.items() if not name.startswith(("has_", "image_"))}
    video = HunyuanVideoTransformer3DModel(**config).eval()
    missing, more = video.load_state_dict(ours.state_dict(), strict=False)
    assert not missing
    assert {name.split(".")[0] for name in more} == {"clean_x_embedder", "image_projection"}
    for batch in (1, 2):
        inputs = told(ours, batch, vision=0)
        inputs["indices_latents"] = torch.arange(3)
        [made] = ours(**inputs)
        for name in ("image_embeds", "indices_latents"):
            del inputs[name]
        [expected] = video(**inputs)
        if batch == 2:
            assert torch.equal(made, expected)
        else:  # one text is cut off where diffusers' masks it
            torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_blocks_count_wherever_they_are_given() -> None:
    ours, inputs = network(kernels=ALL), told(network())
    far, near = block((1, 4, 4), [0, 3], 1), block(K1, [6], 2)
    [plain] = ours(**inputs)
    [one] = ours(**inputs, blocks=[near])
    [two] = ours(**inputs, blocks=[far, near])
    [turned] = ours(**inputs, blocks=[near, far])
    assert torch.equal(two, turned)
    differences = [(a - b).abs().max() for a, b in ((plain, one), (one, two))]
    assert min(differences) > 1e-3


def test_it_is_saved_and_loaded_with_its_kernels(tmp_path: Any) -> None:
    ours = network(kernels=ALL)
    ours.save_pretrained(tmp_path)
    again = PackedTransformer.from_pretrained(tmp_path)
    assert list(again.clean_x_embedder) == ["proj", "proj_2x", "proj_4x", "k1h4w4", "k2h8w4", "k8h16w16"]
    for name, value in ours.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_gradients_reach_every_kernel() -> None:
    ours, inputs = network(kernels=ALL), told(network())
    ours.enable_gradient_checkpointing()
    ours.train()
    [made] = ours(**inputs, blocks=[block(kernel, range(8), 1) for kernel in ALL])
    made.square().mean().backward()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in ours.clean_x_embedder.values())
