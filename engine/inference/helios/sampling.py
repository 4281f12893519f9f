"""How Helios makes one section: with its own scheduler at full size, or up a pyramid of sizes.

Both are written as generators like the other solvers: the caller gets every step. The numbers are those of diffusers'
`HeliosPipeline` and `HeliosPyramidPipeline`; the schedulers are its own classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn.functional import interpolate

from ...framepack.sigmas import FlowShift, shift_mu
from ...framepack.solvers.base import Denoised

Guided = Callable[[torch.Tensor, torch.Tensor, int, int], torch.Tensor]
"""(x, time, stage, step in it) to flow velocity, both from 0; x and velocity (1, C, T, H, W)."""

ZERO_STEPS = 2
"""CFG-Zero*: so many first steps do not move at all (`zero_steps=1` counts from 0)."""
_FIRST_SIGMA = 0.999


def at_full_size(
    velocity: Guided, noise: torch.Tensor, scheduler: Any, steps: int, tokens: int, shift: FlowShift
) -> Iterator[Denoised]:
    """Denoise `noise` (1, C, T, H, W) in `steps` steps of a `HeliosScheduler` of one stage."""
    sigmas = torch.linspace(_FIRST_SIGMA, 0, steps + 1, dtype=torch.float64)[:-1].numpy()
    scheduler.set_timesteps(steps, device=noise.device, sigmas=sigmas, mu=shift_mu(tokens, shift))
    latents = noise
    for number, time in enumerate(scheduler.timesteps):
        v = velocity(latents, time.expand(1), 0, number)
        estimate = latents - scheduler.sigmas[number].to(latents.dtype) * v
        latents = scheduler.step(v, time, latents, return_dict=False)[0]
        yield Denoised(number + 1, latents.float(), estimate.float())


class Pyramid:
    """Sections from coarse to fine: each stage denoises at twice the size of the one before.

    Source: arXiv 2603.04379, pyramidal flow; `HeliosPyramidPipeline`. Between two stages the section is doubled by
    nearest neighbour, and noise that is correlated within a patch breaks the blocks up again.
    """

    def __init__(self, scheduler: Any, stages: int, patch: tuple[int, int, int], shift: FlowShift) -> None:
        self._scheduler = scheduler
        self._stages = stages
        self._patch = patch
        self._shift = shift

    def denoise(
        self,
        velocity: Guided,
        noise: torch.Tensor,
        steps: int,
        generator: torch.Generator,
        *,
        distilled: bool,
        twice: bool,
        noise_dtype: torch.dtype,
    ) -> Iterator[Denoised]:
        """Denoise `noise` (1, C, T, H, W) in `steps` steps over all stages, twice as many where `twice`.

        `distilled` weights take each stage's beginning for the noise they were distilled from. `generator` gives the
        noise between stages, which goes through `noise_dtype`, the transformer's.
        """
        scheduler = self._scheduler
        latents = _shrunk(noise, self._stages - 1)
        done = 0
        for stage in range(self._stages):
            # As released: of the size that the stage comes from, not the one it works at.
            mu = shift_mu(math.prod(latents.shape[2:]) // math.prod(self._patch), self._shift)
            scheduler.set_timesteps(
                steps // self._stages, stage, device=latents.device, mu=mu, is_amplify_first_chunk=twice
            )
            if stage:
                latents = self._doubled(latents, stage, generator, noise_dtype)
            begun, times = latents, scheduler.timesteps
            for number, time in enumerate(times):
                v = velocity(latents, time.expand(1).to(torch.int64), stage, number)
                estimate = latents - scheduler.sigmas[number].to(latents.dtype) * v
                more = {}
                if distilled:
                    more = {
                        "cur_sampling_step": number,
                        "dmd_noisy_tensor": begun,
                        "dmd_sigmas": scheduler.sigmas,
                        "dmd_timesteps": times,
                        "all_timesteps": times,
                    }
                latents = scheduler.step(v, time, latents, return_dict=False, **more)[0]
                done += 1
                yield Denoised(done, latents.float(), estimate.float())

    def _doubled(
        self, latents: torch.Tensor, stage: int, generator: torch.Generator, noise_dtype: torch.dtype
    ) -> torch.Tensor:
        """The section at twice the size, with the noise that belongs to the beginning of `stage`."""
        large = _resized(latents, 2, "nearest")
        gamma = self._scheduler.config.gamma
        signal = 1 - self._scheduler.ori_start_sigmas[stage]
        alpha = 1 / (math.sqrt(1 + 1 / gamma) * (1 - signal) + signal)
        beta = alpha * (1 - signal) / math.sqrt(gamma)
        noise = patch_noise(tuple(large.shape), self._patch[1:], gamma, generator)
        begun: torch.Tensor = alpha * large + beta * noise.to(large.device, noise_dtype)
        return begun


def patch_noise(
    shape: tuple[int, ...], patch: tuple[int, ...], gamma: float, generator: torch.Generator
) -> torch.Tensor:
    """Noise of `shape` (B, C, T, H, W), float32, whose pixels correlate by -`gamma` within a patch (rows, columns)."""
    batch, channels, frames, height, width = shape
    rows, columns = patch
    size = rows * columns
    factor = _patch_factor(size, gamma)
    count = batch * channels * frames * (height // rows) * (width // columns)
    noise: torch.Tensor = torch.randn(count, size, generator=generator) @ factor.T
    noise = noise.view(batch, channels, frames, height // rows, width // columns, rows, columns)
    # As released: right for square patches, which all of its are.
    noise = noise.permute(0, 1, 2, 3, 5, 4, 6)
    return noise.reshape(shape)


def _patch_factor(size: int, gamma: float) -> torch.Tensor:
    """The Cholesky factor (size, size), float32, of a patch's covariance: 1 on the diagonal, -`gamma` elsewhere."""

    def covariance(dtype: torch.dtype) -> torch.Tensor:
        one = torch.eye(size, dtype=dtype)
        return one * (1 + gamma) - torch.ones(size, size, dtype=dtype) * gamma + one * 1e-8

    factor, failed = torch.linalg.cholesky_ex(covariance(torch.float32))
    if failed:
        # Released gamma makes it singular but for the 1e-8, which float32 can't hold: whether it factors there is up to
        # the processor's rounding, and on some it does not.
        factor = torch.linalg.cholesky(covariance(torch.float64)).float()
    return torch.as_tensor(factor)


def noised(latents: torch.Tensor, levels: int, noise: tuple[float, float], generator: torch.Generator) -> torch.Tensor:
    """`latents` (1, C, T, H, W) toward noise, by one random level of `noise` (sigmas), or one for each of T frames."""
    least, most = noise
    sigmas = (torch.rand(levels, generator=generator) * (most - least) + least).view(1, 1, -1, 1, 1)
    return sigmas * torch.randn(latents.shape, generator=generator) + (1 - sigmas) * latents


def zero_star(prompt: torch.Tensor, negative: torch.Tensor, guidance: float) -> torch.Tensor:
    """CFG-Zero*: guidance away from `negative` as far as it points along `prompt`; all (1, C, T, H, W)."""
    along = (prompt.float() * negative.float()).sum() / ((negative.float() ** 2).sum() + 1e-8)
    base: torch.Tensor = negative * along.to(prompt.dtype)
    guided: torch.Tensor = base + guidance * (prompt - base)
    return guided


def _shrunk(noise: torch.Tensor, times: int) -> torch.Tensor:
    """Noise halved `times` times; twice the mean of four is noise of the same strength again."""
    for _ in range(times):
        noise = _resized(noise, 0.5, "bilinear") * 2
    return noise


def _resized(latents: torch.Tensor, factor: float, mode: str) -> torch.Tensor:
    """Each frame of a section (1, C, T, H, W) at `factor` times the size."""
    size = tuple(int(side * factor) for side in latents.shape[3:])
    return interpolate(latents[0].transpose(0, 1), size=size, mode=mode).transpose(0, 1).unsqueeze(0)
