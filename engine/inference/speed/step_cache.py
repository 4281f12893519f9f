"""Step caches on a transformer: diffusers' own hooks, and TeaCache with the released polynomial as one more hook."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.hooks import FirstBlockCacheConfig, HookRegistry, MagCacheConfig, ModelHook
from diffusers.hooks.hooks import BaseState, StateManager

from .step_cache_choice import CacheChoice, CacheKind

_TEACACHE_HOOK = "shotpack_teacache"

# Released coefficients (diffusers_helper/models/hunyuan_video_packed.py), highest power first.
TEACACHE_POLYNOMIAL = (7.33226126e2, -4.01131952e2, 6.75869174e1, -3.14987800, 9.61237896e-2)


class StepCache:
    """Puts one step cache on a transformer and clears it for every section; calls run in `cache_context`s."""

    def __init__(self, choice: CacheChoice, mag_ratios: tuple[float, ...]) -> None:
        self._choice = choice
        self._mag_ratios = mag_ratios

    def begin_section(self, transformer: Any, steps: int) -> None:
        """Start afresh for a section of `steps` steps: nothing carries over from one section to the next."""
        if self._choice.kind is CacheKind.TEACACHE:
            apply_teacache(transformer, self._choice.threshold, steps)
            return
        if transformer.is_cache_enabled:
            transformer.disable_cache()
        transformer.enable_cache(self._config(steps))

    def _config(self, steps: int) -> FirstBlockCacheConfig | MagCacheConfig:
        threshold = self._choice.threshold
        if self._choice.kind is CacheKind.FIRST_BLOCK:
            return FirstBlockCacheConfig(threshold=threshold)
        return MagCacheConfig(threshold=threshold, num_inference_steps=steps, mag_ratios=list(self._mag_ratios))


def apply_teacache(transformer: Any, threshold: float, steps: int) -> None:
    """Put TeaCache (arXiv 2411.19108, as released in FramePack) on a HunyuanVideo-style transformer, or restart it.

    Before each call the first dual block's modulated input is compared with the last call's: the mean absolute change,
    relative, goes through a polynomial and adds up; below `threshold` the whole stack of blocks is skipped and the
    residual it gave last time is added instead. The first and the last of `steps` calls are always computed. State is
    kept for each cache context apart, so prompt and negative prompt do not disturb each other.
    """
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    manager = StateManager(_TeaState, (threshold, steps))
    for place, block in enumerate(blocks):
        registry = HookRegistry.check_if_exists_or_initialize(block)
        if registry.get_hook(_TEACACHE_HOOK) is not None:
            registry.remove_hook(_TEACACHE_HOOK, recurse=False)
        registry.register_hook(_TeaHook(manager, first=place == 0, last=place == len(blocks) - 1), _TEACACHE_HOOK)
    HookRegistry.check_if_exists_or_initialize(transformer).invalidate_child_registries_cache()


class _TeaState(BaseState):  # type: ignore[misc]
    """What TeaCache remembers between the calls of one section and one context."""

    def __init__(self, threshold: float, steps: int) -> None:
        self._threshold = threshold
        self._steps = steps
        self._call = 0
        self._change = 0.0
        self._signal: torch.Tensor | None = None
        self._residual: torch.Tensor | None = None
        self._before: torch.Tensor | None = None
        self.skip = False

    def reset(self, *args: Any, **kwargs: Any) -> None:
        self.__init__(self._threshold, self._steps)  # type: ignore[misc]

    def enter(self, hidden: torch.Tensor, signal: torch.Tensor) -> None:
        """Decide about this call from the blocks' input `hidden` and its modulated form `signal`."""
        self.skip = False
        if self._signal is not None and self._residual is not None and 0 < self._call < self._steps - 1:
            relative = ((signal - self._signal).abs().mean() / self._signal.abs().mean()).item()
            self._change += _polynomial(relative)
            self.skip = self._change < self._threshold
        if not self.skip:
            self._change = 0.0
        self._signal = signal
        self._before = hidden
        self._call += 1

    def leave(self, hidden: torch.Tensor) -> torch.Tensor:
        """The blocks' output: computed, and its residual kept; or skipped, and the kept residual added."""
        assert self._before is not None
        before, self._before = self._before, None
        if self.skip:
            assert self._residual is not None
            return before + self._residual
        self._residual = hidden - before
        return hidden


class _TeaHook(ModelHook):  # type: ignore[misc]
    """On each block: the first decides, the last closes, and all pass their input through while a call is skipped."""

    _is_stateful = True

    def __init__(self, manager: StateManager, *, first: bool, last: bool) -> None:
        super().__init__()
        self._manager = manager  # a plain attribute: diffusers finds StateManagers there to hand them the context
        self._first = first
        self._last = last

    def new_forward(
        self, module: torch.nn.Module, hidden: torch.Tensor, text: torch.Tensor, temb: torch.Tensor, *rest: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        state: _TeaState = self._manager.get_state()
        if self._first:
            state.enter(hidden, module.norm1(hidden, emb=temb)[0])  # type: ignore[operator]
        if not state.skip:
            hidden, text = self.fn_ref.original_forward(hidden, text, temb, *rest)
        return (state.leave(hidden) if self._last else hidden), text

    def reset_state(self, module: torch.nn.Module) -> torch.nn.Module:
        self._manager.reset()
        return module


def _polynomial(x: float) -> float:
    value = 0.0
    for coefficient in TEACACHE_POLYNOMIAL:
        value = value * x + coefficient
    return value
