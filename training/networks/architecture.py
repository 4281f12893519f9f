"""Sketch's networks before any training: small ones of exactly the classes that the 13B model has, as a model folder.

The tokenizers are word-level and split as Llama 3 does, so that the released prompt template has its released length
and the folder runs in diffusers' own pipeline as it is.
"""

from __future__ import annotations

import re

from diffusers import (
    AutoencoderKLHunyuanVideo,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideoFramepackPipeline,
    HunyuanVideoFramepackTransformer3DModel,
)
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video_framepack import DEFAULT_PROMPT_TEMPLATE
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from ..scenes.prompts import vocabulary

VISION_SIDE = 48
"""Side in pixels of the square picture that the image encoder sees."""
SHIFT, FAR_SHIFT = 20.0, 7.0
"""The noise schedule's shifts, of sections beside a board and of others. With less than 20 lines fray more in the first
section; with more than 7 later ones, whose place in a pan is uncertain, get pale (NOTEBOOK.md)."""
_WIDTH = 64
_VISION_WIDTH = 48
_SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
# Llama 3 splits so: headers, words, line ends, single digits here, marks; a blank before a digit is a token of its own.
_SPLIT = r"<\|[a-z_]+\|>|\n+|[A-Za-z]+| (?=[0-9])|[0-9]|[^\sA-Za-z0-9]"


def new_vae(channels: tuple[int, int, int, int] = (16, 32, 64, 128)) -> AutoencoderKLHunyuanVideo:
    """A fresh VAE, 8x in space and 4x in time to 16 channels; no attention, so any size costs by its area."""
    return AutoencoderKLHunyuanVideo(
        latent_channels=16,
        block_out_channels=channels,
        layers_per_block=1,
        norm_num_groups=4,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )


def new_transformer(heads: int = 6, double: int = 1, single: int = 6) -> HunyuanVideoFramepackTransformer3DModel:
    """A fresh transformer of `heads` x 32 features, with `double` and `single` stream blocks.

    Many narrow heads: moving a picture takes several neighbours of each token at once.
    """
    return HunyuanVideoFramepackTransformer3DModel(
        num_attention_heads=heads,
        attention_head_dim=32,
        num_layers=double,
        num_single_layers=single,
        num_refiner_layers=1,
        text_embed_dim=_WIDTH,
        pooled_projection_dim=_WIDTH,
        rope_axes_dim=(8, 12, 12),
        has_image_proj=True,
        image_proj_dim=_VISION_WIDTH,
        has_clean_x_embedder=True,
    )


def new_pipeline(
    vae: AutoencoderKLHunyuanVideo, transformer: HunyuanVideoFramepackTransformer3DModel
) -> HunyuanVideoFramepackPipeline:
    """diffusers' pipeline around these two, with fresh encoders; `save_pretrained` makes it a model folder."""
    words = _words()
    tokenizer = _tokenizer(words, closed=False)
    text: dict[str, int] = {
        "vocab_size": len(tokenizer),
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_attention_heads": 4,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    # Llama's last two layers are never read: the pipeline takes the state before them.
    llama = LlamaConfig(**text, num_hidden_layers=4, num_key_value_heads=4, max_position_embeddings=512)
    clip = CLIPTextConfig(**text, num_hidden_layers=2, projection_dim=_WIDTH, max_position_embeddings=77)
    vision = SiglipVisionConfig(
        hidden_size=_VISION_WIDTH,
        intermediate_size=2 * _VISION_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=3,
        image_size=VISION_SIDE,
        patch_size=16,
        vision_use_head=False,
    )
    return HunyuanVideoFramepackPipeline(
        text_encoder=LlamaModel(llama),
        tokenizer=tokenizer,
        text_encoder_2=CLIPTextModel(clip),
        tokenizer_2=_tokenizer(words, closed=True),
        transformer=transformer,
        vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT),
        image_encoder=SiglipVisionModel(vision),
        feature_extractor=SiglipImageProcessor(size={"height": VISION_SIDE, "width": VISION_SIDE}),
    )


def _words() -> list[str]:
    """The vocabulary: special tokens, the released template's words and marks, and the prompts' words."""
    template = re.findall(_SPLIT, DEFAULT_PROMPT_TEMPLATE["template"].replace("{}", "").lower())
    marks = [".", ",", ":", ";", "!", "?", "-", "'", '"', " ", "\n\n", *"0123456789"]
    return list(dict.fromkeys([*_SPECIAL, *marks, *template, *vocabulary()]))


def _tokenizer(words: list[str], *, closed: bool) -> PreTrainedTokenizerFast:
    """A word-level tokenizer; with `closed` a text ends with the end token, as CLIP's do."""
    numbers = {word: number for number, word in enumerate(words)}
    backend = Tokenizer(WordLevel(numbers, unk_token="<unk>"))
    backend.normalizer = normalizers.Lowercase()
    split = pre_tokenizers.Split(Regex(_SPLIT), "removed", invert=True)
    backend.pre_tokenizer = split
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if closed else "<s> $A",
        special_tokens=[("<s>", numbers["<s>"]), ("</s>", numbers["</s>"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        additional_special_tokens=list(_SPECIAL[4:]),
        model_max_length=77 if closed else 512,
        padding_side="right",
    )
