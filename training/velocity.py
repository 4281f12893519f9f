"""What a FramePack transformer says of a lesson, and the history that it makes for itself while it is trained.

Kept apart from the trainer: `foresight` asks the same without training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import HunyuanVideoFramepackPipeline

from engine.framepack.history import PackedContext
from engine.inference.hunyuan.packed_inputs import context_inputs
from engine.models.spec import ModelSpec

from .lessons import Lesson

_WORDS = 40


@dataclass(frozen=True)
class Batch:
    """A step's clips."""

    shots: torch.Tensor
    """(B, C, T, h, w) float32."""
    boards: torch.Tensor
    """(B, 3, S, S) in [-1, 1]: what the image encoder sees."""
    prompts: list[str]


@dataclass(frozen=True)
class Told:
    """What the transformer is told of a batch: words as both text encoders read them, and boards as the image encoder
    sees them. Read once for all the sections of a step: one of the text encoders may be an 8B Llama."""

    embeds: torch.Tensor
    """(B, L, D): each token as the Llama reads it."""
    pooled: torch.Tensor
    """(B, P): each prompt as CLIP reads it."""
    mask: torch.Tensor
    """(B, L): 1 for tokens of the prompt, 0 for padding."""
    boards: torch.Tensor
    """(B, N, E): each patch of the board."""


def seen_by_encoder(board: torch.Tensor) -> torch.Tensor:
    """A board (S, S, 3) uint8 as the image encoder takes it: (3, S, S) in [-1, 1]."""
    return board.permute(2, 0, 1).float() / 127.5 - 1


def read(pipeline: HunyuanVideoFramepackPipeline, spec: ModelSpec, batch: Batch, device: torch.device) -> Told:
    """`batch`'s words and boards through the encoders, in bfloat16 where autocast knows it.

    With gradients for the image encoder and none for the text encoders.
    """
    words = _words(pipeline, spec, batch.prompts, device)
    with torch.autocast(device.type, torch.bfloat16):
        boards = pipeline.image_encoder(pixel_values=batch.boards.to(device)).last_hidden_state
    return Told(*words, boards)


@torch.no_grad()
def _words(
    pipeline: HunyuanVideoFramepackPipeline, spec: ModelSpec, prompts: list[str], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`Told`'s embeds, pooled and mask of `prompts`."""
    template = {"template": spec.prompt_template, "crop_start": spec.prompt_crop}
    with torch.autocast(device.type, torch.bfloat16):
        embeds, pooled, mask = pipeline.encode_prompt(
            prompts, prompt_template=template, device=device, max_sequence_length=_WORDS
        )
    return embeds, pooled, mask


def velocity(
    pipeline: HunyuanVideoFramepackPipeline,
    spec: ModelSpec,
    told: Told,
    noised: torch.Tensor,
    sigma: torch.Tensor,
    guidance: torch.Tensor,
    context: PackedContext,
) -> torch.Tensor:
    """What `pipeline` says of the latents `noised` (B, C, T, h, w), float32: where noise lies from what it hides.

    `sigma` and `guidance` are (B,); in bfloat16 where autocast knows it, with gradients.
    """
    with torch.autocast(noised.device.type, torch.bfloat16):
        said: torch.Tensor = pipeline.transformer(
            hidden_states=noised,
            timestep=sigma * 1000,
            encoder_hidden_states=told.embeds,
            encoder_attention_mask=told.mask.float(),
            pooled_projections=told.pooled,
            image_embeds=told.boards,
            guidance=guidance * 1000,
            **context_inputs(context, spec, noised.device, torch.float32),
            return_dict=False,
        )[0]
    return said.float()


@torch.no_grad()
def what_words_change(
    pipeline: HunyuanVideoFramepackPipeline,
    spec: ModelSpec,
    told: Told,
    noised: torch.Tensor,
    sigma: torch.Tensor,
    context: PackedContext,
) -> torch.Tensor:
    """The velocity with words less that without, both at guidance 1: the way classifier-free guidance goes further.

    Shapes as in `velocity`; no gradients.
    """
    embeds, pooled, mask = (
        each.expand(len(sigma), *each.shape[1:]) for each in _words(pipeline, spec, [""], noised.device)
    )
    plain = torch.ones_like(sigma)
    wordless = Told(embeds, pooled, mask, told.boards)
    said, unsaid = (velocity(pipeline, spec, each, noised, sigma, plain, context) for each in (told, wordless))
    return said - unsaid


@torch.no_grad()
def with_own_history(
    pipeline: HunyuanVideoFramepackPipeline,
    spec: ModelSpec,
    told: Told,
    shots: torch.Tensor,
    lesson: Lesson,
    guidance: torch.Tensor,
) -> torch.Tensor:
    """`shots` (B, C, T, h, w) with every section before the lesson's as the model makes it, in one look each.

    In use a section never sees the truth beside it, but what the model left of it: paler lines, forms between two
    places. Trained on the truth alone it copies its history's sharpness, and every section is softer than the one
    before; so it learns to fetch from the board what its history has lost. One look gives the average of what may
    follow, which is where sampling at a large shift ends too.

    Returns (B, C, T, h, w) float32; boards, and sections that are not made yet, are unchanged.
    """
    shots = shots.clone()
    window = tuple(range(spec.window))
    level = torch.ones_like(guidance)
    for made in lesson.plan.made[: lesson.planned.number]:
        before = Lesson(lesson.plan, made, window)
        noise = torch.randn_like(before.target(shots))
        looked = noise - velocity(pipeline, spec, told, noise, level, guidance, before.context(shots))
        for place, latent in enumerate(lesson.plan.own_latents(made)):
            if latent not in lesson.plan.boards:
                shots[:, :, latent] = looked[:, :, place]
    return shots
