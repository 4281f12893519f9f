"""Which backend of diffusers' attention dispatcher a transformer runs on: what is installed is timed, not guessed.

A FramePack transformer's blocks attend without a mask at batch 1 (diffusers cuts the prompt to its length instead), so
the trial has none either; its prompt refiner has one, and stays on torch's own attention whatever is chosen. Backends
that would fetch kernels from the network, that need a mask to be worth anything (the varlen ones) or that write out
the whole attention matrix (math, flex uncompiled) are not tried.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import attention_backend
from diffusers.models.attention_dispatch import dispatch_attention_fn

NATIVE = "native"
"""torch's scaled_dot_product_attention with torch's own choice of kernel: diffusers' default."""
_PRECISE = ("_native_flash", "_native_cudnn", "flash", "_flash_3", "xformers")
_QUANTISED = ("sage",)
# bfloat16 keeps 8 bits, so two right answers differ by well under 1 %; SageAttention's 8-bit products by a few.
_APART, _APART_QUANTISED = 0.02, 0.1
_WORTH_IT = 0.95
"""A backend's share of native's time from which on it is taken: below that it may be chance."""
_LARGEST, _STEP = 8192, 1024
"""Tokens of a trial at most, which takes a slow card a second or two, and what they are rounded up to."""
_WARM_UP, _TIMED = 2, 5

Backend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Query, key and value (1, tokens, heads, dim) to (1, tokens, heads, dim)."""

log = logging.getLogger("shotpack.attention")
_known: dict[tuple[AttentionWork, tuple[str, ...]], str] = {}


@dataclass(frozen=True)
class AttentionWork:
    """What one attention of a transformer's block has to do: `tokens` with `heads` of `dim` numbers."""

    tokens: int
    heads: int
    dim: int
    dtype: torch.dtype
    device: torch.device

    @property
    def trial(self) -> AttentionWork:
        """The work that stands for it in a trial: the next round number of tokens, and not too many."""
        return replace(self, tokens=min(_LARGEST, -(-self.tokens // _STEP) * _STEP))


def candidates(device: torch.device, *, quantised: bool) -> tuple[str, ...]:
    """The backends beside native that `device` and the installed packages may have; with `quantised` 8-bit ones too."""
    if device.type != "cuda":
        return ()
    return tuple(name for name in (*_PRECISE, *(_QUANTISED if quantised else ())) if _installed(name))


def fastest(work: AttentionWork, *, quantised: bool) -> str:
    """The backend for `work`: measured once in the life of the process, native where nothing else can be tried."""
    names = candidates(work.device, quantised=quantised)
    if not names:
        return NATIVE
    key = work.trial, names
    if key not in _known:
        try:
            seconds = measure(work.trial, {name: dispatched(name) for name in (NATIVE, *names)})
        except (torch.OutOfMemoryError, RuntimeError) as fault:  # not remembered: there may be room next time
            log.warning("attention cannot be measured (%s); torch's own is used", _line(fault))
            return NATIVE
        _known[key] = choose(seconds)
        times = ", ".join(f"{name} {1000 * each:.2f} ms" for name, each in seconds.items())
        log.info("attention on %s: %s (%s)", work.device, _known[key], times)
    return _known[key]


def choose(seconds: Mapping[str, float]) -> str:
    """The fastest backend by its `seconds`, where it saves more than 5 % of native's; else native."""
    best = min(seconds, key=lambda name: seconds[name])
    return best if seconds[best] < _WORTH_IT * seconds[NATIVE] else NATIVE


@torch.inference_mode()
def measure(
    work: AttentionWork, backends: Mapping[str, Backend], clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Seconds of each backend's quickest run on random numbers; those that fail or do not agree with native's are out.

    `backends` holds native. Raises what native raises, such as torch.OutOfMemoryError.
    """
    random = torch.Generator(work.device).manual_seed(0)  # the default one is the shot's neighbours', not ours
    shape = (1, work.tokens, work.heads, work.dim)
    query, key, value = (torch.randn(shape, generator=random, device=work.device, dtype=work.dtype) for _ in range(3))
    wanted = backends[NATIVE](query, key, value).float()
    seconds = {}
    for name, backend in backends.items():
        try:
            apart = ((backend(query, key, value).float() - wanted).norm() / wanted.norm()).item()
            if not apart <= (_APART_QUANTISED if name in _QUANTISED else _APART):  # so also where it is no number
                log.warning("attention %s is off by %.3f and is not used", name, apart)
                continue
            runs = [_seconds(lambda: backend(query, key, value), work.device, clock) for _ in range(_WARM_UP + _TIMED)]  # noqa: B023
        except Exception as fault:  # kernels of other people fail in their own ways; without them all goes on
            log.info("attention %s is not used: %s", name, _line(fault))
            continue
        seconds[name] = min(runs[_WARM_UP:])
    return seconds


def dispatched(name: str) -> Backend:
    """diffusers' backend of that name."""

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        with attention_backend(name):
            attended: torch.Tensor = dispatch_attention_fn(query, key, value)
        return attended

    return attend


def use_attention(transformer: Any, name: str) -> None:
    """Let the blocks of `transformer`, a diffusers model, attend by the backend `name`."""
    if name == NATIVE:
        return
    # diffusers changes the default of the whole process along with it, and the next job's transformer would follow.
    with attention_backend(NATIVE):
        transformer.set_attention_backend(name)


def _installed(name: str) -> bool:
    try:
        with attention_backend(name):
            return True
    except (RuntimeError, ValueError):  # its package is missing or too old; this diffusers does not know it
        return False


def _seconds(run: Callable[[], object], device: torch.device, clock: Callable[[], float]) -> float:
    _finish(device)
    began = clock()
    run()
    _finish(device)
    return clock() - began


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _line(fault: BaseException) -> str:
    return " ".join(str(fault).split())[:160]
