"""The noise schedule: the dynamic flow shift and the sigmas a section is denoised along. Plain floats, no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class FlowShift:
    """The dynamic shift of the noise schedule (recipe section 7.4).

    mu runs linearly through (`base_tokens`, `base_mu`) and (`max_tokens`, `max_mu`) and is capped at ln `cap`.
    """

    base_tokens: int = 256
    max_tokens: int = 4096
    base_mu: float = 0.5
    max_mu: float = 1.15
    cap: float = 7.0

    @classmethod
    def fixed(cls, shift: float) -> FlowShift:
        """The same `shift`, above 0, for sections of any number of tokens."""
        return cls(base_mu=math.log(shift), max_mu=math.log(shift), cap=shift)


def shift_mu(tokens: int, shift: FlowShift) -> float:
    """The schedule's shift mu for a section of `tokens` noisy tokens (context tokens do not count).

    A line through (`base_tokens`, `base_mu`) and (`max_tokens`, `max_mu`), capped at ln `cap`; it goes on below
    `base_tokens`. Released recipe (`k_diffusion_hunyuan`): (256, 0.5), (4096, 1.15), cap ln 7.
    """
    slope = (shift.max_mu - shift.base_mu) / (shift.max_tokens - shift.base_tokens)
    return min(shift.base_mu + slope * (tokens - shift.base_tokens), math.log(shift.cap))


def shifted(time: float, mu: float) -> float:
    """The noise level e^mu / (e^mu + 1/t - 1) at `time` t, above 0 to 1 (released recipe); mu = 0 leaves t as it is."""
    scale = math.exp(mu)
    return scale / (scale + 1 / time - 1)


def shifted_sigmas(steps: int, mu: float) -> list[float]:
    """`steps` + 1 noise levels from exactly 1 down to exactly 0, shifted by mu; `steps` is at least 1.

    They are `shifted` over times evenly from 1 to 0.
    """
    times = [1 - step / steps for step in range(1, steps)]
    return [1.0, *(shifted(time, mu) for time in times), 0.0]
