"""Ratings of rows from votes between pairs of their shots: of people, or of what is measured (the metric vote)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .judge import Results, Values

K, START, SEQUENCES = 32.0, 1000.0, 200
"""Of Elo's rating, as in the paper's section 4.2; a rating is the mean over so many random orders of the votes."""
VOTED_BY = ("fidelity last", "sharp", "obey", "jump")
"""What the metric vote is made of: closeness to the truth at the end, how far from as sharp as it, motion, borders."""


@dataclass(frozen=True)
class Vote:
    """Between two rows' shots of one scene: which was the better one, or 0.5 for neither."""

    one: str
    other: str
    for_one: float


def ratings(votes: Sequence[Vote], seed: int = 0) -> dict[str, float]:
    """Elo's of every row that was voted on, best first."""
    if not votes:
        return {}
    rows = sorted({row for vote in votes for row in (vote.one, vote.other)})
    places = np.array([[rows.index(vote.one), rows.index(vote.other)] for vote in votes])
    won = np.array([vote.for_one for vote in votes])
    rng = np.random.default_rng(seed)
    orders = np.argsort(rng.random((SEQUENCES, len(votes))), axis=1)
    told = np.full((SEQUENCES, len(rows)), START)
    sequences = np.arange(SEQUENCES)
    for turn in orders.T:  # a vote of each sequence at once
        one, other = places[turn].T
        expected = 1 / (1 + 10 ** ((told[sequences, other] - told[sequences, one]) / 400))
        gain = K * (won[turn] - expected)
        told[sequences, one] += gain
        told[sequences, other] -= gain
    found = dict(zip(rows, told.mean(0).tolist(), strict=True))
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def metric_votes(results: Results, rows: Iterable[str], on: str, truth_sharp: Values) -> list[Vote]:
    """A vote for each pair of rows, seed and scene of the set `on`: the higher mean of standardised measures wins.

    `truth_sharp` (scenes,): the sharpness that a shot of each scene ought to have. Rows that lack a measure are left
    out; a measure that says nothing of a scene does not count there.
    """
    measured = {
        row: np.stack([results[row, on, name] for name in VOTED_BY])
        for row in rows
        if all((row, on, name) in results for name in VOTED_BY)
    }
    if len(measured) < 2:
        return []
    scores = dict(zip(measured, _scores(np.stack(list(measured.values())), truth_sharp), strict=True))
    return [
        Vote(one, other, float(_won(mine, theirs)))
        for one, other in combinations(scores, 2)
        for mine, theirs in zip(scores[one].flat, scores[other].flat, strict=True)
    ]


def _scores(told: NDArray[np.float64], truth_sharp: Values) -> NDArray[np.float64]:
    """(rows, seeds, scenes) of measures (rows, VOTED_BY, seeds, scenes), each better the higher it is."""
    fidelity, sharp, obeyed, jump = np.moveaxis(told, 1, 0)
    better = np.stack([fidelity, -np.abs(sharp - truth_sharp), -np.abs(obeyed - 1), -np.abs(jump - 1)])
    flat = better.reshape(len(VOTED_BY), -1)
    centred = better - np.nanmean(flat, 1)[:, None, None, None]
    spread = np.maximum(np.nanstd(flat, 1), 1e-9)  # a measure that is the same everywhere prefers nothing
    scores: NDArray[np.float64] = np.nanmean(centred / spread[:, None, None, None], 0)
    return scores


def _won(mine: float, theirs: float) -> float:
    return 0.5 if mine == theirs else float(mine > theirs)


def counted(votes: Mapping[str, str], key: Mapping[str, tuple[str, str]]) -> list[Vote]:
    """What a person said on the page, `left`, `right` or `same` by a pair's number; `key` has its rows, left first.

    Raises ValueError for a pair or an answer that is not there.
    """
    worth = {"left": 1.0, "right": 0.0, "same": 0.5}
    if strange := set(votes) - set(key):
        raise ValueError(f"no pair of this page is numbered {min(strange)}")
    if strange := set(votes.values()) - set(worth):
        raise ValueError(f"'{min(strange)}' is none of {', '.join(worth)}")
    return [Vote(*key[number], worth[said]) for number, said in votes.items()]
