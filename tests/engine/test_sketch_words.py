"""Sketch's words: told apart before anything is drawn, corrected where misread, kept in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import HunyuanVideoFramepackPipeline
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video_framepack import DEFAULT_PROMPT_TEMPLATE

from training import train_text
from training.networks.architecture import new_pipeline, new_transformer, new_vae
from training.train_text import RATE_UNIT, correct_words, read_rightly, read_words, sentences, teach_words, write_words

CPU = torch.device("cpu")
BATCH = 16
"""As many sentences a step as a test can wait for."""
WORDS = 24
"""Tokens of a sentence, with room to spare."""
OPPOSITES = ["the camera pans left", "the camera pans right"]


@dataclass(frozen=True)
class Taught:
    """Where the words of a taught pipeline lie, the share of moves it names, and how alike opposites were before."""

    words: Path
    named: float
    alike_before: float


def small_pipeline(seed: int) -> HunyuanVideoFramepackPipeline:
    torch.manual_seed(seed)
    return new_pipeline(new_vae((8, 16, 16, 32)), new_transformer(single=1))


@pytest.fixture(scope="module")
def _short_lessons() -> Iterator[None]:
    """Few sentences a batch, and they alone: of 135 tokens read else 95 are the template's, most others padding."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_text, "_BATCH", BATCH)
        patch.setattr(train_text, "_WORDS", WORDS)
        patch.setitem(DEFAULT_PROMPT_TEMPLATE, "template", "{}")
        patch.setitem(DEFAULT_PROMPT_TEMPLATE, "crop_start", 0)
        yield


def taught_pipeline(seed: int) -> HunyuanVideoFramepackPipeline:
    pipeline = small_pipeline(seed)
    pipeline.tokenizer_2.model_max_length = WORDS
    return pipeline


def pipeline_with(file: Path) -> HunyuanVideoFramepackPipeline:
    pipeline = taught_pipeline(6)
    read_words(pipeline, file)
    return pipeline


@torch.no_grad()
def said(pipeline: HunyuanVideoFramepackPipeline, prompts: list[str]) -> torch.Tensor:
    """The pooled vectors (N, 64) of the prompts."""
    pooled: torch.Tensor = pipeline.encode_prompt(prompts, max_sequence_length=WORDS)[1]
    return pooled


def likeness(pipeline: HunyuanVideoFramepackPipeline) -> float:
    left, right = said(pipeline, OPPOSITES)
    return float(torch.nn.functional.cosine_similarity(left, right, dim=0))


@pytest.fixture(scope="module")
def taught(_short_lessons: None, tmp_path_factory: pytest.TempPathFactory) -> Taught:
    """A few hundred steps of lessons in words."""
    pipeline = taught_pipeline(6)
    before = likeness(pipeline)
    named = teach_words(pipeline, steps=250, seed=1, device=CPU)
    file = tmp_path_factory.mktemp("words") / "words.safetensors"
    write_words(pipeline, file)
    return Taught(file, named, before)


def test_the_released_template_has_its_released_length() -> None:
    pipeline = small_pipeline(6)
    before = DEFAULT_PROMPT_TEMPLATE["template"].split("{}")[0]
    assert len(pipeline.tokenizer(before).input_ids) == DEFAULT_PROMPT_TEMPLATE["crop_start"]
    embeds, pooled, mask = pipeline.encode_prompt(["the camera pans left", "zzz"], max_sequence_length=12)
    assert embeds.shape == (2, 12, 64)
    assert pooled.shape == (2, 64)
    assert mask.sum(1).tolist() == [5, 2]


def test_words_for_moves_are_told_apart_before_training(taught: Taught) -> None:
    assert taught.alike_before > 0.8  # what made training stand still
    assert taught.named > 0.5  # one in 22 by chance
    pipeline = pipeline_with(taught.words)
    assert likeness(pipeline) < taught.alike_before - 0.2
    across = said(pipeline, OPPOSITES)[:, 0] / RATE_UNIT  # the camera going left takes the content right
    assert across[0] > 0.5
    assert across[1] < -0.5
    assert said(pipeline, OPPOSITES)[:, 1].abs().max() / RATE_UNIT < 0.3


def test_what_is_misread_is_corrected_and_the_rest_stays(taught: Taught) -> None:
    pipeline = pipeline_with(taught.words)
    prompts, motions = sentences(np.random.default_rng(900_001), 256)
    right, before = read_rightly(pipeline, prompts, motions), said(pipeline, prompts)
    assert 0.05 < right.mean() < 0.95
    torch.manual_seed(1)
    correct_words(pipeline, steps=120, seed=2, device=CPU)
    assert read_rightly(pipeline, prompts, motions).mean() > right.mean() + 0.1
    moved = (said(pipeline, prompts) - before).square().mean(1)
    assert moved[right].mean() < 0.5 * moved[~right].mean()


def test_words_come_back_from_their_file(tmp_path: Path) -> None:
    one, other = (small_pipeline(seed) for seed in (7, 8))
    assert not torch.equal(said(one, ["pan left"]), said(other, ["pan left"]))
    write_words(one, tmp_path / "words.safetensors")
    read_words(other, tmp_path / "words.safetensors")
    with torch.no_grad():
        for ours, theirs in zip(
            *(each.encode_prompt(["pan left"], max_sequence_length=8) for each in (one, other)), strict=True
        ):
            assert torch.equal(ours, theirs)
