"""Released FramePack on HunyuanVideo: the first family. With `decoder.py` the only file that names its networks.

Everything runs through diffusers' and transformers' own classes, in the dtypes of github.com/lllyasviel/FramePack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackTransformer3DModel
from transformers import AutoImageProcessor, AutoTokenizer, CLIPTextModel, LlamaModel, SiglipVisionModel

from ...framepack.grid import Seam
from ...framepack.sigmas import FlowShift, shift_mu, shifted_sigmas
from ...framepack.solvers.base import Denoised, Solver, Velocity
from ...framepack.solvers.guide import sight, steered
from ...framepack.solvers.pins import pinned
from ...framepack.solvers.registry import solver_named
from ...models.spec import ModelSpec
from ..base import NetworkFamily
from ..family import Denoising, TextCondition
from ..loading import load_part
from ..memory.placement import Demand, Extent, Stay
from ..prompt_length import TextReader
from ..speed.attention import AttentionWork
from ..speed.convolution import convolve_by_onednn
from ..speed.kernels import WINOGRAD
from .decoder import decode_by_fewer_products
from .faded_clips import faded_clips
from .memory import hunyuan_attention, hunyuan_demand
from .packed_inputs import context_inputs
from .packed_transformer import PackedTransformer
from .prompt_encoding import CLIP_TOKENS, clip_vector, llama_states

if TYPE_CHECKING:
    from ...framepack.history import PackedContext


class HunyuanFramePack(NetworkFamily):
    """A released-layout FramePack checkpoint as a `Family`."""

    @staticmethod
    def demand(components: Mapping[str, Path], spec: ModelSpec, extent: Extent, device: torch.device) -> Demand:
        """What a section of `extent` asks of the memory on `device`."""
        widths = [dtype.itemsize for dtype in _dtypes(device)]
        return hunyuan_demand(components, spec, extent, device.type, transformer_bytes=widths[0], other_bytes=widths[1])

    @staticmethod
    def attention(
        components: Mapping[str, Path], spec: ModelSpec, extent: Extent, device: torch.device
    ) -> AttentionWork:
        """What one attention of a block has to do in a section of `extent` on `device`."""
        return AttentionWork(*hunyuan_attention(components, spec, extent), _dtypes(device)[0], device)

    def load(self) -> Iterator[None]:
        """As `Family.load`, in the sequence in which a shot needs them."""
        if self._placement.encoders is Stay.KEPT:
            self._text_encoders()
            yield
            self._image_encoder()
            yield
        if self._placement.vae is Stay.KEPT:
            self._vae()
            yield
        if self._placement.transformer is Stay.KEPT:
            self._transformer()
            yield

    @torch.inference_mode()
    def encode_texts(self, prompts: Sequence[str]) -> list[TextCondition]:
        """Llama hidden state [-3] behind the template and CLIP's pooled vector, as diffusers' pipeline computes them.

        Tensors: `embeds` (1, L, D), `mask` (1, L) float with at least one 1, `pooled` (1, D).
        """
        llama, clip = self._text_encoders()
        tokenizers, spec = (self._tokenizer("tokenizer"), self._tokenizer("tokenizer_2")), self.spec
        conditions = []
        for prompt in prompts:
            embeds, mask = llama_states(
                tokenizers[0],
                llama,
                spec.prompt_template.format(prompt),
                self.device,
                crop=spec.prompt_crop,
                tokens=spec.prompt_tokens,
            )
            pooled = clip_vector(tokenizers[1], clip, prompt, self.device)
            mask = mask.float()
            mask[:, 0] = torch.where(mask.sum(dim=1) == 0, 1.0, mask[:, 0])  # no token at all would average to NaN
            tensors = {"embeds": embeds, "pooled": pooled, "mask": mask}
            conditions.append(TextCondition({name: tensor.cpu() for name, tensor in tensors.items()}))
        return conditions

    def unread(self, prompt: str) -> tuple[str, ...]:
        """What Llama leaves unread behind the template, and what CLIP does, which sums a prompt up."""
        before = self.spec.prompt_template.partition("{}")[0]
        readers = (
            TextReader(partial(self._tokenizer, "tokenizer"), self.spec.prompt_tokens, before, self.spec.prompt_crop),
            TextReader(partial(self._tokenizer, "tokenizer_2"), CLIP_TOKENS),
        )
        return tuple(reader.unread(prompt) for reader in readers)

    @torch.inference_mode()
    def encode_visions(self, pictures: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """SigLIP's last hidden state of pictures (1, 3, H, W) in [-1, 1], each (1, tokens, features) float32."""
        processor = load_part(AutoImageProcessor, self._components["feature_extractor"], backend="pil")
        encoder = self._image_encoder()
        visions = []
        for picture in pictures:
            inputs = processor(images=(picture + 1) / 2, return_tensors="pt", do_rescale=False)
            pixels = inputs["pixel_values"].to(self.device, self._other_dtype)
            visions.append(encoder(pixel_values=pixels).last_hidden_state.float().cpu())
        return visions

    def encode_latent(self, picture: torch.Tensor) -> torch.Tensor:
        """Posterior mean of a picture (1, 3, H, W) in [-1, 1], scaled: (1, 16, 1, H/8, W/8) float32."""
        return self.encode_video([picture])

    @torch.inference_mode()
    def encode_video(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        """The same of 1 + 4T pictures as one clip, whose latents hold four frames but for the first one's one."""
        vae = self._vae()
        pixels = torch.stack(list(pictures), dim=2).to(self.device, self._other_dtype)
        latent: torch.Tensor = vae.encode(pixels).latent_dist.mode() * vae.config.scaling_factor
        return latent.float().cpu()

    def encode_start(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        """The start board's latent, which is first frame and history at once: (1, 16, 1, H/8, W/8) float32."""
        return self.encode_latent(pictures[0])

    def prepare_start(self, start: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """The start as it is: released FramePack sees its history clean."""
        return start

    def denoise(self, denoising: Denoising, noise: torch.Tensor, generator: torch.Generator) -> Iterator[Denoised]:
        """One section along the flow's velocity, by the solver that was asked for."""
        velocity = self.begin(denoising)
        pins = {place: latent.to(self.device) for place, latent in denoising.pins.items()}
        sigmas = self.sigmas(denoising, self.spec.tokens(noise.shape))
        led = steered(velocity, [guide.to(self.device) for guide in denoising.guides], sigmas)
        return solver_named(denoising.solver)(pinned(led, pins), noise.to(self.device), sigmas)

    def sigmas(self, denoising: Denoising, tokens: int) -> list[float]:
        """The noise levels of a section of `tokens` noisy tokens: `steps` + 1 numbers from 1 down to 0.

        UniPC takes the released dynamic shift, or those that the model folder fixes; Euler what the checkpoint's own
        scheduler says, as diffusers does.
        """
        steps = denoising.steps
        shift = self.spec.shift_of(beside_board=denoising.beside_board)
        if denoising.guides and self.spec.guide.shift is not None:
            shift = FlowShift.fixed(self.spec.guide.shift)
        mu = shift_mu(tokens, shift)
        if denoising.solver is Solver.UNIPC or "scheduler" not in self._components:
            return shifted_sigmas(steps, mu)
        from diffusers import FlowMatchEulerDiscreteScheduler  # scipy comes with it

        scheduler = load_part(FlowMatchEulerDiscreteScheduler, self._components["scheduler"])
        scheduler.set_timesteps(steps, sigmas=[1 - step / steps for step in range(steps)], mu=mu)
        sigmas: list[float] = scheduler.sigmas.tolist()
        return sigmas

    def begin(self, denoising: Denoising) -> Velocity:
        """Bind one section: everything that stays the same through its steps is put on the device once.

        The returned velocity is called once for each of its steps.
        """
        if denoising.vision is None:
            raise ValueError("this family looks at the board a section is made from")
        transformer = self._transformer()
        if self._cache is not None:
            self._cache.begin_section(transformer, denoising.steps)
        seen = denoising.context
        if denoising.guides and self.spec.guide.context is not None:
            seen = seen.beside(sight(denoising.guides, self.spec.guide.context))
        context = self._context_inputs(seen)
        guidance = torch.tensor([denoising.guidance * 1000.0], dtype=self._transformer_dtype, device=self.device)
        vision = denoising.vision.to(self.device, self._transformer_dtype)
        shared = {**context, "image_embeds": vision, "guidance": guidance, "return_dict": False}
        with_prompt = self._branch(transformer, "prompt", denoising.text, shared)
        if denoising.negative is None or denoising.cfg <= 1:
            return with_prompt
        without = self._branch(transformer, "negative", denoising.negative, shared)
        cfg = denoising.cfg

        def guided(x: torch.Tensor, sigma: float) -> torch.Tensor:
            base = without(x, sigma)
            return base + cfg * (with_prompt(x, sigma) - base)

        return guided

    @torch.inference_mode()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode (1, 16, T, H, W) scaled latents to (1, 3, 4T - 3, 8H, 8W) pixels, about [-1, 1], float32, CPU."""
        pieces = list(self.decode_in_time(latents))
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=2)

    @torch.inference_mode()
    def decode_in_time(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """As `decode`: where seams are blended, as diffusers does it, in clips of five latents that fade."""
        vae = self._vae()
        scaled = latents.to(self.device, self._other_dtype) / vae.config.scaling_factor
        clips = faded_clips(vae, scaled) if self.spec.seam is Seam.BLEND else [vae.decode(scaled, return_dict=False)[0]]
        for pixels in clips:
            yield pixels.cpu().float()

    def _branch(
        self,
        transformer: HunyuanVideoFramepackTransformer3DModel,
        name: str,
        text: TextCondition,
        shared: dict[str, Any],
    ) -> Velocity:
        """The transformer under one prompt; `name` keeps the step cache's state of prompt and negative apart."""
        dtype, device = self._transformer_dtype, self.device
        inputs = {
            "encoder_hidden_states": text.tensors["embeds"].to(device, dtype),
            "encoder_attention_mask": text.tensors["mask"].to(device, dtype),
            "pooled_projections": text.tensors["pooled"].to(device, dtype),
            **shared,
        }
        context: Callable[[], Any] = (lambda: transformer.cache_context(name)) if self._cache else nullcontext

        def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
            timestep = torch.tensor([sigma], dtype=torch.float32, device=device) * 1000
            with context():
                v: torch.Tensor = transformer(hidden_states=x.to(dtype), timestep=timestep, **inputs)[0]
            return v.to(x.dtype)

        return velocity

    def _context_inputs(self, context: PackedContext) -> dict[str, Any]:
        """The packed context as the transformer takes it."""
        return context_inputs(context, self.spec, self.device, self._transformer_dtype)

    def _tokenizer(self, name: str) -> Any:
        if name not in self._tokenizers:
            self._tokenizers[name] = load_part(AutoTokenizer, self._components[name])
        return self._tokenizers[name]

    def _text_encoders(self) -> tuple[Any, Any]:
        llama = self._networks.encoder("text_encoder", LlamaModel, self._other_dtype)
        return llama, self._networks.encoder("text_encoder_2", CLIPTextModel, self._other_dtype)

    def _image_encoder(self) -> Any:
        return self._networks.encoder("image_encoder", SiglipVisionModel, self._other_dtype)

    def _vae(self) -> AutoencoderKLHunyuanVideo:
        return self._networks.network("vae", AutoencoderKLHunyuanVideo, self._other_dtype, self._prepare_vae)

    def _prepare_vae(self, vae: AutoencoderKLHunyuanVideo) -> None:
        super()._prepare_vae(vae)
        vae.use_framewise_decoding = False  # `decode_in_time` does that, where clips fade
        if self.kernels.convolution == WINOGRAD and self.device.type == "cpu":
            convolve_by_onednn(vae.post_quant_conv)
            decode_by_fewer_products(vae.decoder)

    def _transformer(self) -> HunyuanVideoFramepackTransformer3DModel:
        kind = PackedTransformer if self.spec.packed else HunyuanVideoFramepackTransformer3DModel
        return self._networks.network("transformer", kind, self._transformer_dtype, self._prepare)

    def _prepare(self, transformer: HunyuanVideoFramepackTransformer3DModel) -> None:
        if self._loras:
            from diffusers import HunyuanVideoFramepackPipeline  # and with it all that diffusers loads pipelines by

            self._merge(transformer, HunyuanVideoFramepackPipeline)
        _project_in_float32(transformer)
        self._speed_up(transformer, (*transformer.transformer_blocks, *transformer.single_transformer_blocks))

    @cached_property
    def _tokenizers(self) -> dict[str, Any]:
        """By their component's name, each loaded once."""
        return {}

    @property
    def _transformer_dtype(self) -> torch.dtype:
        return _dtypes(self.device, self._placement.half_precision)[0]

    @property
    def _other_dtype(self) -> torch.dtype:
        return _dtypes(self.device, self._placement.half_precision)[1]


def _dtypes(device: torch.device, half_precision: bool = False) -> tuple[torch.dtype, torch.dtype]:
    """The transformer's and the other networks' numbers: as released on a GPU, float32 or `half_precision` on a CPU.

    Released: transformer bf16, encoders and VAE fp16, output projection fp32.
    """
    if device.type == "cpu":
        return (torch.bfloat16, torch.bfloat16) if half_precision else (torch.float32, torch.float32)
    return torch.bfloat16, torch.float16


def _project_in_float32(transformer: HunyuanVideoFramepackTransformer3DModel) -> None:
    """Run the output projection in float32, as released (`high_quality_fp32_output_for_inference`)."""
    projection = transformer.proj_out.float()
    projection.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
