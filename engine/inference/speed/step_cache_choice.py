"""Which step cache a request names: `none`, or a kind with an optional threshold, such as `teacache:0.15`. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from ...errors import Code, EngineError
from ...models.spec import ModelSpec


class CacheKind(StrEnum):
    """The step caches there are: each skips most of the model where a step changes little. None is lossless."""

    NONE = "none"
    TEACACHE = "teacache"
    FIRST_BLOCK = "first-block"
    MAG = "mag"


# TeaCache: released default (0.10 about 1.6x, 0.15 about 2.1x); the others: diffusers' defaults.
_THRESHOLDS = {CacheKind.TEACACHE: 0.15, CacheKind.FIRST_BLOCK: 0.05, CacheKind.MAG: 0.06}


@dataclass(frozen=True)
class CacheChoice:
    """A step cache and the change per step, relative, below which it skips."""

    kind: CacheKind
    threshold: float


def parse_cache(text: str, spec: ModelSpec) -> CacheChoice | None:
    """The cache that `text` names; None for `none`.

    Raises EngineError `choice_invalid` for an unknown kind, `number_invalid` for a threshold outside 0 .. 10, and
    `cache_unsupported` for a model without step caches, and for `mag` on one without measured ratios.
    """
    kind_text, _, threshold_text = text.partition(":")
    try:
        kind = CacheKind(kind_text)
    except ValueError as fault:
        raise EngineError(Code.CHOICE_INVALID, name="cache", value=kind_text, allowed=", ".join(CacheKind)) from fault
    if kind is CacheKind.NONE:
        return None
    if not spec.caches:
        raise EngineError(
            Code.CACHE_UNSUPPORTED,
            cache=kind,
            detail="nobody measured what skipped steps cost this model",
            advice="leave it out; fewer steps save time too",
        )
    if kind is CacheKind.MAG and not spec.mag_ratios:
        raise EngineError(
            Code.CACHE_UNSUPPORTED,
            cache=kind,
            detail="nobody measured this model's ratios for it",
            advice="use teacache or first-block, or put mag_ratios into the model's shotpack.json",
        )
    threshold = _THRESHOLDS[kind]
    if threshold_text:
        try:
            threshold = float(threshold_text)
        except ValueError:
            threshold = math.nan
        if not 0 < threshold <= 10:
            raise EngineError(
                Code.NUMBER_INVALID, name="the cache's threshold", value=threshold_text, allowed="a number from 0 to 10"
            )
    return CacheChoice(kind, threshold)
