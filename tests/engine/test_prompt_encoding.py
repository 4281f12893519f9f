"""Prompts come out of HunyuanVideo's two text encoders as out of diffusers' own pipeline, to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import HunyuanVideoFramepackPipeline
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video_framepack import DEFAULT_PROMPT_TEMPLATE
from transformers import AutoTokenizer, CLIPTextModel, LlamaModel

from engine.inference.hunyuan.family import HunyuanFramePack
from engine.inference.hunyuan.spec import RELEASED
from engine.inference.registry import spec_of
from engine.models.catalog import find_model
from engine.models.folder import open_folder
from tests.engine.checkpoints import TINY

PROMPTS = ("", "w5 w2", "w1 " * 400, "{} braces {0} w7", "Ein Zeichen: 猫 é\n\ttabs ", "w5 w2")


def test_the_template_is_diffusers_own() -> None:
    assert RELEASED.prompt_template == DEFAULT_PROMPT_TEMPLATE["template"]
    assert RELEASED.prompt_crop == DEFAULT_PROMPT_TEMPLATE["crop_start"]


@pytest.mark.parametrize("name", ["tiny", "sketch"])
def test_as_diffusers_pipeline_encodes_them(name: str) -> None:
    model = open_folder(TINY) if name == "tiny" else find_model("sketch")
    parts: dict[str, Path] = dict(model.components)
    pipeline = HunyuanVideoFramepackPipeline(
        text_encoder=LlamaModel.from_pretrained(parts["text_encoder"], dtype=torch.float32),
        tokenizer=AutoTokenizer.from_pretrained(parts["tokenizer"]),
        text_encoder_2=CLIPTextModel.from_pretrained(parts["text_encoder_2"], dtype=torch.float32),
        tokenizer_2=AutoTokenizer.from_pretrained(parts["tokenizer_2"]),
        transformer=None,
        vae=None,
        scheduler=None,
        image_encoder=None,
        feature_extractor=None,
    )
    spec = spec_of(model)
    template = {"template": spec.prompt_template, "crop_start": spec.prompt_crop}
    family = HunyuanFramePack(parts, spec, torch.device("cpu"))
    for prompt, condition in zip(PROMPTS, family.encode_texts(PROMPTS), strict=True):
        with torch.inference_mode():
            embeds, pooled, mask = pipeline.encode_prompt(
                prompt, prompt_template=template, max_sequence_length=spec.prompt_tokens
            )
        assert torch.equal(condition.tensors["embeds"], embeds)
        assert torch.equal(condition.tensors["pooled"], pooled)
        if mask.any():  # where no token is the prompt's, one is taken: else the mean would be no number
            assert torch.equal(condition.tensors["mask"], mask.float())
        assert condition.tensors["mask"].sum() >= 1
