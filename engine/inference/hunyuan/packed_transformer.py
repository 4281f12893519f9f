"""HunyuanVideo's FramePack transformer with any patchify kernels, any number of packed blocks, and batches of layouts.

diffusers' class has three kernels, needs frames for each of them and one set of time indices for a whole batch. This
one is the same network on the released schedules, to the bit, and knows neither limit (arXiv 2504.12626 v3, packing:
an input layer of its own for every kernel).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import torch
from diffusers import HunyuanVideoFramepackTransformer3DModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.transformers.transformer_hunyuan_video import HunyuanVideoAttnProcessor2_0
from torch.nn import functional

from .packed_embed import RELEASED_KERNELS, PackedEmbed, Size, padded

Rotation = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines of positions, (B, tokens, D) each; B is 1 where all samples have the same."""


class PackedFrames(NamedTuple):
    """Frames that go through one kernel as one tensor."""

    kernel: Size
    latents: torch.Tensor
    """(B, C, T, H, W)."""
    indices: torch.Tensor
    """Their time, (T,), or (B, T) where samples differ."""


class PackedTransformer(HunyuanVideoFramepackTransformer3DModel):  # type: ignore[misc]
    """diffusers' transformer whose history comes as `blocks`; its weights of released checkpoints load unchanged."""

    clean_x_embedder: PackedEmbed | None

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        in_channels: int = 16,
        out_channels: int = 16,
        num_attention_heads: int = 24,
        attention_head_dim: int = 128,
        num_layers: int = 20,
        num_single_layers: int = 40,
        num_refiner_layers: int = 2,
        mlp_ratio: float = 4.0,
        patch_size: int = 2,
        patch_size_t: int = 1,
        qk_norm: str = "rms_norm",
        guidance_embeds: bool = True,
        text_embed_dim: int = 4096,
        pooled_projection_dim: int = 768,
        rope_theta: float = 256.0,
        rope_axes_dim: tuple[int, ...] = (16, 56, 56),
        image_condition_type: str | None = None,
        has_image_proj: int = False,
        image_proj_dim: int = 1152,
        has_clean_x_embedder: int = False,
        kernels: Sequence[Sequence[int]] = RELEASED_KERNELS,
    ) -> None:
        """diffusers' own configuration, and `kernels`, which have an input layer each."""
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            num_attention_heads=num_attention_heads,
            attention_head_dim=attention_head_dim,
            num_layers=num_layers,
            num_single_layers=num_single_layers,
            num_refiner_layers=num_refiner_layers,
            mlp_ratio=mlp_ratio,
            patch_size=patch_size,
            patch_size_t=patch_size_t,
            qk_norm=qk_norm,
            guidance_embeds=guidance_embeds,
            text_embed_dim=text_embed_dim,
            pooled_projection_dim=pooled_projection_dim,
            rope_theta=rope_theta,
            rope_axes_dim=rope_axes_dim,
            image_condition_type=image_condition_type,
            has_image_proj=has_image_proj,
            image_proj_dim=image_proj_dim,
            has_clean_x_embedder=has_clean_x_embedder,
        )
        if self.clean_x_embedder is not None:
            sizes = [(frames, rows, columns) for frames, rows, columns in kernels]
            self.clean_x_embedder = PackedEmbed(self.config.in_channels, self._width, sizes)
        processor = PackedAttnProcessor()
        for block in (*self.transformer_blocks, *self.single_transformer_blocks):
            block.attn.set_processor(processor)

    @property
    def _width(self) -> int:
        return int(self.config.num_attention_heads * self.config.attention_head_dim)

    def forward(
        self,
        hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        encoder_attention_mask: torch.Tensor,
        pooled_projections: torch.Tensor,
        image_embeds: torch.Tensor | None,
        indices_latents: torch.Tensor,
        guidance: torch.Tensor | None = None,
        blocks: Sequence[PackedFrames] = (),
        return_dict: bool = True,
    ) -> tuple[torch.Tensor] | Transformer2DModelOutput:
        """As diffusers' `forward`, with the history's `blocks` in time order in place of its three inputs.

        `indices_latents` is (T,), or (B, T) where samples differ. In the sequence of tokens coarse blocks come first
        and the noisy frames last, as released. Without blocks and with zero vision tokens it is HunyuanVideo's
        text-to-video transformer.
        """
        batch, _, frames, height, width = hidden_states.shape
        size = self.config.patch_size
        states = self.x_embedder(hidden_states)
        own_length = states.shape[1]
        parts, rotations = [states], [self._rotation(indices_latents, height, width, (1, size, size))]
        for block in reversed(coarse_first(blocks)):
            assert self.clean_x_embedder is not None, "a network without input layers for history has none"
            parts.insert(0, self.clean_x_embedder(block.kernel, block.latents))
            rows, columns = block.latents.shape[-2:]
            rotations.insert(0, self._rotation(block.indices, rows, columns, block.kernel))
        states = torch.cat(parts, dim=1)
        rotation = _joined(rotations)

        temb, _ = self.time_text_embed(timestep, pooled_projections, guidance)
        text = self.context_embedder(encoder_hidden_states, timestep, encoder_attention_mask)
        if image_embeds is not None:
            vision = self.image_projection(image_embeds)
            # Before the text: a mask cuts off ends.
            text = torch.cat([vision, text], dim=1)
            seen = encoder_attention_mask.new_ones(batch, vision.shape[1])
            encoder_attention_mask = torch.cat([seen, encoder_attention_mask], dim=1)
        text, mask = _masked(states, text, encoder_attention_mask)
        mask = self.narrowed(mask, indices_latents, blocks, (height, width), text.shape[1])

        for block in (*self.transformer_blocks, *self.single_transformer_blocks):
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                states, text = self._gradient_checkpointing_func(block, states, text, temb, mask, rotation)
            else:
                states, text = block(states, text, temb, mask, rotation)

        made = self.proj_out(self.norm_out(states[:, -own_length:], temb))
        made = made.reshape(batch, frames, height // size, width // size, -1, 1, size, size)
        made = made.permute(0, 4, 1, 5, 2, 6, 3, 7).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        return Transformer2DModelOutput(sample=made) if return_dict else (made,)

    def narrowed(
        self,
        mask: torch.Tensor | None,
        indices: torch.Tensor,
        blocks: Sequence[PackedFrames],
        size: tuple[int, int],
        words: int,
    ) -> torch.Tensor | None:
        """What may be looked at, (B, 1, 1 or N, N) bool or None for all, out of `mask`: here that, unchanged.

        For networks that see less of their frames; those have the noisy `indices`, their `size` (rows, columns) and
        their `blocks`, and as many text tokens as `words`.
        """
        return mask

    def _rotation(self, indices: torch.Tensor, height: int, width: int, kernel: Size) -> Rotation:
        """Of tokens of `kernel` over frames of height x width: the mean over the fine tokens that each covers."""
        size = self.config.patch_size
        times = indices if indices.dim() == 2 else indices[None]
        count, frames = times.shape
        device = self.x_embedder.proj.weight.device
        fine = self.rope(frame_indices=times.reshape(-1), height=height, width=width, device=device)
        grid = (count, frames, height // size, width // size)
        return _pooled(fine[0], grid, kernel, size), _pooled(fine[1], grid, kernel, size)


class PackedAttnProcessor(HunyuanVideoAttnProcessor2_0):  # type: ignore[misc]
    """diffusers' attention of HunyuanVideo's blocks with positions (B, S, D), which may differ within a batch."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Rotation | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As diffusers' has it: frames are rotated, words are not."""
        count = hidden_states.shape[1]
        two_streams = attn.add_q_proj is not None
        joined = hidden_states if two_streams else torch.cat([hidden_states, encoder_hidden_states], dim=1)
        query, key, value = (
            layer(joined).unflatten(2, (attn.heads, -1)) for layer in (attn.to_q, attn.to_k, attn.to_v)
        )
        query, key = _normed(attn.norm_q, query), _normed(attn.norm_k, key)
        if image_rotary_emb is not None:
            query, key = (_rotated(each, count, image_rotary_emb) for each in (query, key))
        if two_streams:
            layers = attn.add_q_proj, attn.add_k_proj, attn.add_v_proj
            words = [layer(encoder_hidden_states).unflatten(2, (attn.heads, -1)) for layer in layers]
            words[:2] = _normed(attn.norm_added_q, words[0]), _normed(attn.norm_added_k, words[1])
            query, key, value = (torch.cat(pair, dim=1) for pair in zip((query, key, value), words, strict=True))
        attended = dispatch_attention_fn(
            query,
            key,
            value,
            attn_mask=attention_mask,
            dropout_p=0.0,
            is_causal=False,
            backend=self._attention_backend,
            parallel_config=self._parallel_config,
        )
        attended = attended.flatten(2, 3).to(query.dtype)
        states, text = attended[:, :count], attended[:, count:]
        if getattr(attn, "to_out", None) is not None:
            states = attn.to_out[1](attn.to_out[0](states))
        if getattr(attn, "to_add_out", None) is not None:
            text = attn.to_add_out(text)
        return states, text


def coarse_first(blocks: Sequence[PackedFrames]) -> list[PackedFrames]:
    """The blocks as they are in the sequence of tokens; single frames of one kernel are joined, as released.

    An appended tail's are smaller than others of their kernel, and stay apart.
    """

    def place(block: PackedFrames) -> tuple[int, int]:
        rows, columns = block.latents.shape[-2:]
        return -block.kernel[0] * block.kernel[1] * block.kernel[2], rows * columns

    ordered = sorted(blocks, key=place)
    joined = []
    for (kernel, _), same in groupby(ordered, key=lambda block: (block.kernel, block.latents.shape[-2:])):
        alike = list(same)
        if kernel[0] > 1 or len(alike) == 1:
            joined += alike
            continue
        batch = max(block.indices.shape[0] if block.indices.dim() == 2 else 1 for block in alike)
        indices = [
            block.indices if block.indices.dim() == 2 or batch == 1 else block.indices.expand(batch, -1)
            for block in alike
        ]
        latents = torch.cat([block.latents for block in alike], dim=2)
        joined.append(PackedFrames(kernel, latents, torch.cat(indices, dim=-1)))
    return joined


def _pooled(fine: torch.Tensor, grid: tuple[int, int, int, int], kernel: Size, size: int) -> torch.Tensor:
    """Numbers (B * tokens, D) of a `grid` (B, frames, rows, columns) of fine tokens, as those of `kernel`."""
    numbers = fine.reshape(*grid, -1).permute(0, 4, 1, 2, 3)
    window = kernel[0], kernel[1] // size, kernel[2] // size
    if window != (1, 1, 1):
        numbers = functional.avg_pool3d(padded(numbers, window), window)
    return numbers.flatten(2).transpose(1, 2)


def _joined(rotations: Sequence[Rotation]) -> Rotation:
    """All in one, of as many samples as the largest has."""
    batch = max(len(cosines) for cosines, _ in rotations)
    cosines, sines = (
        torch.cat([each.expand(batch, -1, -1) for each in numbers], dim=1) for numbers in zip(*rotations, strict=True)
    )
    return cosines, sines


def _masked(states: torch.Tensor, text: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The text and the mask (B, 1, 1, N) of what may be looked at; one sample's text is cut off in place of that."""
    lengths = mask.sum(dim=1, dtype=torch.int)
    if len(states) == 1:
        return text[:, : lengths[0]], None
    places = torch.arange(states.shape[1] + text.shape[1], device=states.device)
    return text, (places < states.shape[1] + lengths[:, None])[:, None, None]


def _normed(norm: Any, numbers: torch.Tensor) -> torch.Tensor:
    normed: torch.Tensor = numbers if norm is None else norm(numbers)
    return normed


def _rotated(numbers: torch.Tensor, count: int, rotation: Rotation) -> torch.Tensor:
    """The first `count` of (B, S, heads, D) turned to their places, as diffusers' `apply_rotary_emb` does it."""
    turned, rest = numbers[:, :count], numbers[:, count:]
    cosines, sines = (each[:, :, None].to(numbers.device) for each in rotation)
    real, imaginary = turned.reshape(*turned.shape[:-1], -1, 2).unbind(-1)
    quarter = torch.stack([-imaginary, real], dim=-1).flatten(3)
    turned = (turned.float() * cosines + quarter.float() * sines).to(numbers.dtype)
    return torch.cat([turned, rest], dim=1)
