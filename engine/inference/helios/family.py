"""Helios on Wan 2.1: the second family. The only file that names its networks.

Everything runs through diffusers' and transformers' own classes, in the dtypes of diffusers' documentation: transformer
and text encoder in bfloat16, VAE in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLWan,
    HeliosDMDScheduler,
    HeliosPipeline,
    HeliosScheduler,
    HeliosTransformer3DModel,
)
from diffusers.pipelines.helios.pipeline_helios import prompt_clean
from transformers import AutoTokenizer, UMT5EncoderModel

from ...framepack.solvers.base import Denoised
from ...models.released import HISTORY_NOISE
from ...models.spec import ModelSpec
from ..base import NetworkFamily
from ..family import Denoising, TextCondition
from ..loading import load_part
from ..memory.placement import Demand, Extent
from ..prompt_length import TextReader
from ..speed.attention import AttentionWork
from .guided import GuidedHistory, guided_history, history_inputs, without_tokens
from .memory import helios_attention, helios_demand
from .sampling import ZERO_STEPS, Guided, Pyramid, at_full_size, noised, zero_star
from .spec import CFG_ZERO_STAR, DISTILLED


class Helios(NetworkFamily):
    """A released-layout Helios checkpoint as a `Family`: Base, Mid and Distilled, as the spec says."""

    @staticmethod
    def demand(components: Mapping[str, Path], spec: ModelSpec, extent: Extent, device: torch.device) -> Demand:
        """What a section of `extent` asks of the memory on `device`."""
        transformer, encoder, vae = (dtype.itemsize for dtype in _dtypes(device))
        return helios_demand(
            components, spec, extent, transformer_bytes=transformer, encoder_bytes=encoder, vae_bytes=vae
        )

    @staticmethod
    def attention(
        components: Mapping[str, Path], spec: ModelSpec, extent: Extent, device: torch.device
    ) -> AttentionWork:
        """What one attention of a block has to do in a section of `extent` on `device`."""
        return AttentionWork(*helios_attention(components, spec, extent), _dtypes(device)[0], device)

    @torch.inference_mode()
    def encode_texts(self, prompts: Sequence[str]) -> list[TextCondition]:
        """UMT5's last hidden state as diffusers' pipeline computes it: `embeds` (1, prompt_tokens, D), zeros behind."""
        _, dtype, _ = self._dtypes()
        pipeline = HeliosPipeline(
            tokenizer=load_part(AutoTokenizer, self._components["tokenizer"]),
            text_encoder=self._networks.encoder("text_encoder", UMT5EncoderModel, dtype),
            vae=None,
            scheduler=None,
            transformer=None,
        )
        conditions = []
        for prompt in prompts:
            embeds, _ = pipeline.encode_prompt(
                prompt,
                do_classifier_free_guidance=False,
                max_sequence_length=self.spec.prompt_tokens,
                device=self.device,
            )
            conditions.append(TextCondition({"embeds": embeds.cpu()}))
        return conditions

    def unread(self, prompt: str) -> tuple[str, ...]:
        """What UMT5 leaves unread of a prompt, which diffusers' pipeline mends and joins into one line first."""
        reader = TextReader(lambda: load_part(AutoTokenizer, self._components["tokenizer"]), self.spec.prompt_tokens)
        return (reader.unread(prompt_clean(prompt)),)

    def encode_visions(self, pictures: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Nothing looks at a board here but the VAE. Raises ValueError."""
        raise ValueError("Helios has no image encoder")

    @torch.inference_mode()
    def encode_latent(self, picture: torch.Tensor) -> torch.Tensor:
        """Posterior mean of a picture (1, 3, H, W) in [-1, 1], normalised: (1, 16, 1, H/8, W/8) float32."""
        return self._encode(picture.unsqueeze(2))

    @torch.inference_mode()
    def encode_video(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        """Posterior means of 1 + 4T pictures as one clip."""
        return self._encode(torch.stack(list(pictures), dim=2))

    @torch.inference_mode()
    def encode_start(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        """The first frame's latent and the history's: (1, 16, T, H/8, W/8) float32, posterior means.

        A board is the end of a clip that stands still: the last latent of as many frames as a section has. A clip is
        its first frame, then whole sections (`lead_pictures`). Source: diffusers' HeliosPipeline.
        """
        first = self.encode_latent(pictures[0])
        frames = self.spec.temporal_compression * (self.spec.window - 1) + 1
        if len(pictures) == 1:
            still = pictures[0].unsqueeze(2).expand(-1, -1, frames, -1, -1)
            return torch.cat([first, self._encode(still)[:, :, -1:]], dim=2)
        parts = [pictures[start : start + frames] for start in range(1, len(pictures), frames)]
        return torch.cat([first, *(self._encode(torch.stack(list(part), dim=2)) for part in parts)], dim=2)

    def prepare_start(self, start: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """`start` with the noise that the weights expect: one level for the first frame, and one for each other."""
        window = self.spec.window
        parts = [noised(start[:, :, :1], 1, HISTORY_NOISE, generator)]
        for begin in range(1, start.shape[2], window):
            part = start[:, :, begin : begin + window]
            parts.append(noised(part, part.shape[2], HISTORY_NOISE, generator))
        return torch.cat(parts, dim=2)

    def denoise(self, denoising: Denoising, noise: torch.Tensor, generator: torch.Generator) -> Iterator[Denoised]:
        """One section, by the checkpoint's own scheduler: at full size, or up the pyramid that the weights know.

        What more is drawn comes in this sequence: a guide's noise (`guided_history`), then that of each finer stage.
        """
        spec = self.spec
        steps = spec.steps_of(denoising.number, denoising.steps)
        guided = guided_history(denoising.context, denoising.guides, spec.guide, spec.kernels, steps, generator)
        velocity = self._velocity(denoising, guided)
        noise = noise.to(self.device)
        if spec.pyramid_stages == 1:
            scheduler = load_part(
                HeliosScheduler, self._components["scheduler"], scheduler_type=str(denoising.solver), stages=1
            )
            return at_full_size(velocity, noise, scheduler, denoising.steps, spec.tokens(noise.shape), spec.shift)
        distilled = DISTILLED in spec.variant
        scheduler = load_part(HeliosDMDScheduler if distilled else HeliosScheduler, self._components["scheduler"])
        made = Pyramid(scheduler, spec.pyramid_stages, spec.patch, spec.shift).denoise(
            velocity,
            noise,
            denoising.steps,
            generator,
            distilled=distilled,
            twice=steps > denoising.steps,
            noise_dtype=self._dtypes()[0],
        )
        return made if guided is None else guided.with_board(made)

    @torch.inference_mode()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode (1, 16, T, H, W) latents to (1, 3, 4T - 3, 8H, 8W) pixels, about [-1, 1], float32, CPU."""
        vae = self._vae()
        mean, deviation = _statistics(vae)
        scaled = latents * deviation + mean
        pixels: torch.Tensor = vae.decode(scaled.to(self.device, vae.dtype), return_dict=False)[0]
        return pixels.cpu().float()

    def _velocity(self, denoising: Denoising, guided: GuidedHistory | None) -> Guided:
        """The transformer with one section's conditions, which are put on the device once."""
        dtype = self._dtypes()[0]
        transformer = self._transformer()
        usual = [denoising.context.of_kernel(kernel) for kernel in self.spec.kernels]
        plain = history_inputs(usual, self.device, dtype)
        led = history_inputs(guided.blocks, self.device, dtype) if guided else {}
        times = denoising.context.generated.unsqueeze(0)
        prompt = denoising.text.tensors["embeds"].to(self.device, dtype)
        negative = denoising.negative.tensors["embeds"].to(self.device, dtype) if denoising.negative else None
        star, guidance = CFG_ZERO_STAR in self.spec.variant, denoising.guidance

        def velocity(x: torch.Tensor, time: torch.Tensor, stage: int, step: int) -> torch.Tensor:
            inputs = {"hidden_states": x.to(dtype), "timestep": time, "return_dict": False}
            inputs["indices_hidden_states"] = times
            if guided is None or not guided.leads(stage, step):
                return of(inputs | plain, stage, step)
            with without_tokens(transformer.blocks, guided.kept):
                return of(inputs | led, stage, step)

        def of(inputs: dict[str, Any], stage: int, step: int) -> torch.Tensor:
            v: torch.Tensor = transformer(encoder_hidden_states=prompt, **inputs)[0]
            if negative is None:
                return v
            if star and stage == 0 and step < ZERO_STEPS:
                return torch.zeros_like(v)
            without = transformer(encoder_hidden_states=negative, **inputs)[0]
            return zero_star(v, without, guidance) if star else without + guidance * (v - without)

        return velocity

    def _encode(self, clip: torch.Tensor) -> torch.Tensor:
        """Posterior mean of a clip (1, 3, F, H, W), normalised."""
        vae = self._vae()
        mean, deviation = _statistics(vae)
        latent = vae.encode(clip.to(self.device, vae.dtype)).latent_dist.mode()
        normalised: torch.Tensor = (latent.float().cpu() - mean) / deviation
        return normalised

    def _transformer(self) -> HeliosTransformer3DModel:
        kind = HeliosTransformer3DModel
        return self._networks.network("transformer", kind, self._dtypes()[0], self._prepare)

    def _vae(self) -> AutoencoderKLWan:
        return self._networks.network("vae", AutoencoderKLWan, self._dtypes()[2], self._prepare_vae)

    def _prepare(self, transformer: HeliosTransformer3DModel) -> None:
        self._merge(transformer, HeliosPipeline)
        self._speed_up(transformer, transformer.blocks)

    def _dtypes(self) -> tuple[torch.dtype, torch.dtype, torch.dtype]:
        return _dtypes(self.device, self._placement.half_precision)


def _dtypes(device: torch.device, half_precision: bool = False) -> tuple[torch.dtype, torch.dtype, torch.dtype]:
    """Numbers of transformer, text encoder and VAE: as released on a GPU, float32 or `half_precision` on a CPU."""
    if device.type == "cpu":
        return (torch.bfloat16,) * 3 if half_precision else (torch.float32,) * 3
    return torch.bfloat16, torch.bfloat16, torch.float32


def _statistics(vae: AutoencoderKLWan) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each latent channel, (1, C, 1, 1, 1)."""
    shape = (1, -1, 1, 1, 1)
    return torch.tensor(vae.config.latents_mean).view(shape), torch.tensor(vae.config.latents_std).view(shape)
