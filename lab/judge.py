"""What an experiment says of the paper's claims: paired differences, bootstrapped over scenes and training seeds.

A claim is supported where every interval lies beyond nothing, the effect is of interest, and all seeds agree;
contradicted where one lies beyond nothing the other way; undecided else. The level is Holm's over all claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from .experiment import Claim, Comparison, Judging

Values = NDArray[np.float64]
"""(seeds, scenes); NaN where a scene does not tell."""
Results = Mapping[tuple[str, str, str], Values]
"""By row, set and metric."""


class Verdict(StrEnum):
    """Of a claim, or of a sentence of it."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"
    MISSING = "not run"
    UNTESTED = "not testable"


@dataclass(frozen=True)
class Found:
    """What a comparison came to: the effect and its interval, each seed's own, and how sure it is."""

    comparison: Comparison
    mean: float
    low: float
    high: float
    seeds: tuple[float, ...]
    p: float
    """Of there being no effect, two-sided; for `alike` and `no more`, of there being one that matters."""
    least: float
    verdict: Verdict


@dataclass(frozen=True)
class Judged:
    """A claim's verdict and what it rests on."""

    claim: Claim
    verdict: Verdict
    found: tuple[Found, ...]


def judge(
    claims: Sequence[Claim], results: Results, how: Judging, gates: Mapping[str, bool] | None = None
) -> list[Judged]:
    """Every claim. One of which something was not run, a gate that it needs or a row, has the verdict `not run`.

    `gates`: whether they hold. A claim that needs one that does not is `not testable`: what it speaks of is not there.
    """
    needed = [[(gates or {}).get(gate) for gate in claim.needs] for claim in claims]
    found = [_of_claim(claim, results, how) if all(needs) else [] for claim, needs in zip(claims, needed, strict=True)]
    # Holm: the smallest of m must be below level / m, the next below level / (m - 1), and so on.
    told = sorted((max([each.p for each in one]), number) for number, one in enumerate(found) if one)
    sure: set[int] = set()
    for place, (p, number) in enumerate(told):
        if p > (1 - how.level) / (len(told) - place):
            break
        sure.add(number)
    return [
        Judged(
            claim,
            Verdict.UNTESTED if False in needed[number] else _verdict(one, number in sure),
            tuple(one),
        )
        for number, (claim, one) in enumerate(zip(claims, found, strict=True))
    ]


def interval(values: Values, how: Judging, level: float | None = None) -> tuple[float, float]:
    """The interval of the mean of `values`, drawn again over seeds and over scenes."""
    means = _resampled(values, how)
    tail = (1 - (level or how.level)) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _of_claim(claim: Claim, results: Results, how: Judging) -> list[Found]:
    """Empty where something is missing."""
    found = []
    for comparison in claim.holds:
        told = _best(comparison, results, how) if comparison.kind == "best" else _found(comparison, results, how)
        if told is None:
            return []
        found.append(told)
    return found


def _verdict(found: Sequence[Found], sure: bool) -> Verdict:
    if not found:
        return Verdict.MISSING
    if any(each.verdict is Verdict.CONTRADICTED for each in found):
        return Verdict.CONTRADICTED
    supported = all(each.verdict is Verdict.SUPPORTED for each in found) and sure
    return Verdict.SUPPORTED if supported else Verdict.UNDECIDED


def _found(comparison: Comparison, results: Results, how: Judging) -> Found | None:
    differences, least = _differences(comparison, results), _least(comparison, results)
    if differences is None or least is None:
        return None
    mean = float(np.nanmean(differences))
    seeds = tuple(float(each) for each in np.nanmean(differences, axis=1))
    means = _resampled(differences, how)
    if comparison.kind in ("alike", "no more"):
        # Two one-sided tests, or one: the interval of twice the error must lie within what does not matter.
        low, high = interval(differences, how, 2 * how.level - 1)
        lowest = -least if comparison.kind == "alike" else -np.inf
        p = float(max(float(np.mean(means <= lowest)), float(np.mean(means >= least))))
        outside = low > least or high < lowest
        verdict = Verdict.SUPPORTED if lowest < low and high < least else Verdict.UNDECIDED
        return Found(comparison, mean, low, high, seeds, p, least, Verdict.CONTRADICTED if outside else verdict)
    low, high = interval(differences, how)
    sign = -1 if comparison.kind in ("less", "falls") else 1
    beside = min(float(np.mean(means <= 0)), float(np.mean(means >= 0)))
    p = min(1.0, 2 * beside + 1 / len(means))
    beyond = (low if sign > 0 else -high) > 0 and sign * mean > least and all(sign * each > 0 for each in seeds)
    against = (high if sign > 0 else -low) < 0
    verdict = Verdict.SUPPORTED if beyond else Verdict.CONTRADICTED if against else Verdict.UNDECIDED
    return Found(comparison, mean, low, high, seeds, p, least, verdict)


def _differences(comparison: Comparison, results: Results) -> Values | None:
    """One less the other, scene by scene; or the slope over the rows."""
    if comparison.kind in ("falls", "rises"):
        rows = [results.get((row, comparison.on, comparison.metric)) for row in comparison.rows]
        if any(each is None for each in rows):
            return None
        over = np.array(comparison.over) - np.mean(comparison.over)
        slopes: Values = np.einsum("r,rsn->sn", over, np.stack([each for each in rows if each is not None]))
        slopes /= float((over**2).sum())
        return slopes
    one, other = (results.get((row, comparison.on, comparison.metric)) for row in (comparison.one, comparison.other))
    return None if one is None or other is None else one - other


def _least(comparison: Comparison, results: Results) -> float | None:
    if not comparison.of:
        return comparison.least
    means = [results.get((row, comparison.on, comparison.metric)) for row in comparison.of]
    if any(each is None for each in means):
        return None
    told = [float(np.nanmean(each)) for each in means if each is not None]
    return comparison.least * abs(told[0] - (told[1] if len(told) > 1 else 0.0))


def _best(comparison: Comparison, results: Results, how: Judging) -> Found | None:
    """Whether the best of the rows is among those that are named, in how many of the resamples."""
    less = [results.get((row, comparison.on, comparison.metric)) for row in comparison.rows]
    more = [results.get((row, comparison.against_on, comparison.against)) for row in comparison.rows]
    if any(each is None for each in (*less, *more)):
        return None
    seeds = len(less[0])  # type: ignore[arg-type]
    drift = np.stack([_resampled(each, how) for each in less if each is not None], 1)
    memory = np.stack([_resampled(each, how) for each in more if each is not None], 1)
    among = [comparison.rows.index(row) for row in comparison.among]
    share = float(np.isin(_least_of(drift, memory), among).mean())
    own = [
        float(
            np.isin(
                _least_of(
                    np.array([[np.nanmean(each[seed]) for each in less if each is not None]]),
                    np.array([[np.nanmean(each[seed]) for each in more if each is not None]]),
                ),
                among,
            )[0]
        )
        for seed in range(seeds)
    ]
    verdict = Verdict.UNDECIDED
    if share >= how.level and all(own):
        verdict = Verdict.SUPPORTED
    elif share <= 1 - how.level and not any(own):
        verdict = Verdict.CONTRADICTED
    return Found(comparison, share, share, share, tuple(own), 1 - share, 0.0, verdict)


def _least_of(drift: Values, memory: Values) -> NDArray[np.intp]:
    """The row (resamples,) that has the least drift and the most memory, in standard deviations over the rows."""
    scores = _standard(drift) - _standard(memory)
    best: NDArray[np.intp] = scores.argmin(1)
    return best


def _standard(values: Values) -> Values:
    centred: Values = values - values.mean(1, keepdims=True)
    centred /= np.maximum(values.std(1, keepdims=True), 1e-9)
    return centred


def _resampled(values: Values, how: Judging) -> NDArray[np.float64]:
    """Means of `values` drawn again, seeds and scenes both: (resamples,). The same draws for all comparisons."""
    rng = np.random.default_rng(how.seed)
    seeds, scenes = values.shape
    # A scene counts as often as it is drawn, and so does a seed: a mean is then a product of counts.
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), how.resamples).astype(float)
    of_scenes = rng.multinomial(scenes, np.full(scenes, 1 / scenes), how.resamples).astype(float)
    told = ~np.isnan(values)
    sums = np.einsum("rs,sn,rn->r", of_seeds, np.where(told, values, 0.0), of_scenes, optimize=True)
    counts = np.einsum("rs,sn,rn->r", of_seeds, told.astype(float), of_scenes, optimize=True)
    means: NDArray[np.float64] = sums / np.maximum(counts, 1.0)
    return means
