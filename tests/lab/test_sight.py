"""How a variant sees its history: codes, noise it is told of, and frames that look back only."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.framepack.grid import Grid, Seam
from engine.framepack.history import PackedContext
from engine.framepack.packing import parse
from engine.inference.hunyuan.packed_embed import spread
from engine.inference.hunyuan.packed_transformer import PackedTransformer
from lab.causal import CausalTransformer, token_times
from lab.experiment import Variant
from lab.lessons import draw_lesson, draw_schedule, planned_shot
from lab.network import begun, kernels_of, new_network, velocity
from lab.sight import HistoryNoise, Sight, learn_codebook
from training.lessons import VANILLA, Lesson

GRID = Grid(9, 4, Seam.CAUSAL, 2)


@pytest.fixture(scope="module")
def network() -> PackedTransformer:
    made = new_network(1).eval()
    for parameter in made.parameters():
        parameter.requires_grad_(False)
    return made


@pytest.fixture(scope="module")
def shots() -> torch.Tensor:
    return torch.randn(2, 16, 28, 8, 8, generator=torch.Generator().manual_seed(3))


def lesson_of(schedule: str = VANILLA) -> Lesson:
    plan = planned_shot(schedule, 3, GRID)
    return Lesson(plan, plan.by_section[2], (0, 4, 8))


def context_of(shots: torch.Tensor, schedule: str = VANILLA) -> PackedContext:
    return lesson_of(schedule).context(shots)


def discrete_context(shots: torch.Tensor, codebook: torch.Tensor) -> PackedContext:
    lesson = lesson_of()
    return lesson.of_frames(lesson.history(shots, codebook).context(lesson.planned))


def words(count: int = 2) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(4)
    return {
        "encoder_hidden_states": torch.randn(count, 8, 64, generator=draw),
        "encoder_attention_mask": torch.tensor([[1.0] * 6 + [0.0] * 2] * count),
        "pooled_projections": torch.randn(count, 64, generator=draw),
        "image_embeds": torch.randn(count, 9, 48, generator=draw),
    }


def said(network: PackedTransformer, context: PackedContext, count: int = 2) -> torch.Tensor:
    noised = torch.randn(count, 16, 3, 8, 8, generator=torch.Generator().manual_seed(6))
    return velocity(network, noised, torch.full((count,), 0.7), context, words(count))


def test_no_noise_is_vanilla_while_the_level_is_told_nothing(network: PackedTransformer, shots: torch.Tensor) -> None:
    plain = said(network, context_of(shots))
    wrapped = HistoryNoise(new_network(1).eval())
    seen = Sight(noise=wrapped).seen(context_of(shots), torch.full((2,), 0.7), torch.zeros(2))
    assert torch.equal(said(wrapped.network, seen), plain)


def test_the_level_reaches_the_network_once_it_has_learned(network: PackedTransformer, shots: torch.Tensor) -> None:
    wrapped = HistoryNoise(new_network(1).eval())
    torch.nn.init.normal_(wrapped.told.weight)
    context = context_of(shots)
    wrapped.level = torch.tensor([0.1, 0.1])
    one = said(wrapped.network, context)
    wrapped.level = torch.tensor([0.4, 0.1])
    other = said(wrapped.network, context)
    assert not torch.allclose(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_noise_has_the_share_of_the_sections_level_and_spares_empty_slots(shots: torch.Tensor) -> None:
    wrapped = HistoryNoise(new_network(1))
    context = context_of(shots, "td_f16k4f16k2f1k1_g9")  # deeper than what is made
    generator = torch.Generator().manual_seed(9)
    seen = Sight(noise=wrapped).seen(context, torch.tensor([0.5, 1.0]), torch.tensor([0.4, 1.0]), generator)
    for was, now in zip(context.blocks, seen.blocks, strict=True):
        empty = ~was.filled
        assert torch.equal(now.latents[:, :, empty], was.latents[:, :, empty])
        clean, noisy = was.latents[0, :, was.filled], now.latents[0, :, was.filled]
        if noisy.numel() > 1000:
            assert (noisy - 0.8 * clean).std() == pytest.approx(0.2, rel=0.1)
    full = [now.latents[1, :, now.filled] for now in seen.blocks]
    assert torch.equal(wrapped.level, torch.tensor([0.2, 1.0]))
    assert not any(
        torch.allclose(now, was.latents[1, :, was.filled]) for now, was in zip(full, context.blocks, strict=True)
    )


def test_one_code_makes_all_histories_equal(network: PackedTransformer, shots: torch.Tensor) -> None:
    codebook = shots.movedim(1, -1).reshape(-1, 16)[:1]
    one, other = (said(network, discrete_context(each, codebook)) for each in (shots, shots.flip(2)))
    assert torch.equal(one, other)


def test_a_code_for_every_pixel_changes_nothing(network: PackedTransformer, shots: torch.Tensor) -> None:
    seen = discrete_context(shots, shots.movedim(1, -1).reshape(-1, 16).unique(dim=0))
    assert torch.equal(said(network, seen), said(network, context_of(shots)))


def test_a_codebook_finds_clusters() -> None:
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [-10.0, -10.0]])
    draw = torch.Generator().manual_seed(1)
    pixels = (centres[:, None] + 0.1 * torch.randn(4, 200, 2, generator=draw)).flatten(0, 1)
    found = learn_codebook(pixels, 4, seed=2)
    assert torch.cdist(centres, found).amin(1).max() < 0.05
    assert torch.equal(found, learn_codebook(pixels, 4, seed=2))


def test_a_later_frame_changes_nothing_earlier_where_attention_is_causal(
    network: PackedTransformer, shots: torch.Tensor
) -> None:
    causal = begun(network.state_dict(), kernels_of(variant(VANILLA)), kind=CausalTransformer).eval()
    context = context_of(shots)
    noised = torch.randn(2, 16, 3, 8, 8, generator=torch.Generator().manual_seed(6))
    changed = noised.clone()
    changed[:, :, 2] += 1
    sigma = torch.full((2,), 0.7)
    for made, earlier_stays in ((causal, True), (network, False)):
        one, other = (velocity(made, each, sigma, context, words()) for each in (noised, changed))
        assert torch.equal(one[:, :, :2], other[:, :, :2]) is earlier_stays
        assert not torch.equal(one[:, :, 2], other[:, :, 2])


def test_a_coarse_token_is_seen_only_by_what_comes_after_all_of_it() -> None:
    first, last = token_times(torch.arange(6), (4, 8, 8), (8, 16))
    assert first.tolist() == [[0, 0, 4, 4]]
    assert last.tolist() == [[3, 3, 5, 5]]


def test_new_kernels_begin_as_they_are_told(network: PackedTransformer) -> None:
    kernels = kernels_of(variant("td_f8k2h8w8f1k1_g9"))
    assert (2, 8, 8) in kernels
    weights = network.state_dict()
    finest = weights["clean_x_embedder.proj.weight"]
    one, other = (begun(weights, kernels, fresh, seed=5) for fresh in ("spread", "random"))
    assert torch.equal(one.clean_x_embedder["k2h8w8"].weight, spread(finest, (2, 8, 8)))  # type: ignore[index]
    assert not torch.equal(other.clean_x_embedder["k2h8w8"].weight, spread(finest, (2, 8, 8)))  # type: ignore[index]
    same = {name for name in weights if torch.equal(one.state_dict()[name], other.state_dict()[name])}
    assert same == set(weights)


def test_lessons_of_the_base_are_any_layout_and_the_same_for_a_seed() -> None:
    drawn = [draw_schedule(np.random.default_rng(seed)) for seed in range(200)]
    assert {parse(name).order().value for name in drawn} == {"forward", "inverted", "endpoint"}
    assert drawn == [draw_schedule(np.random.default_rng(seed)) for seed in range(200)]
    assert len(set(drawn)) > 40
    for seed, name in enumerate(drawn):
        lesson = draw_lesson(np.random.default_rng(seed), GRID, name, 21, 3)
        assert lesson.latents <= 21 * 9 + 1


def variant(schedule: str) -> Variant:
    return Variant("v", "", schedule, ("H",))
