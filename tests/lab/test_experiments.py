"""The experiments' files: runs that several of them count are the same runs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from lab.commands.options import FIRST
from lab.experiment import Variant, read_experiment

OTHERS = sorted(set(FIRST.parent.glob("*.toml")) - {FIRST})


def _trained_as(variant: Variant) -> Variant:
    """But for what it is called and tried on."""
    return replace(variant, what="", paper="", sets=())


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_a_run_that_two_tables_count_is_begun_alike_in_both(path: Path) -> None:
    first, other = read_experiment(FIRST), read_experiment(path)
    assert (first.seeds, first.steps, first.rate, first.judge) == (other.seeds, other.steps, other.rate, other.judge)
    by_name = {variant.id: variant for variant in first.variants}
    shared = [variant for variant in other.variants if variant.id in by_name]
    assert shared
    for variant in shared:
        assert _trained_as(variant) == _trained_as(by_name[variant.id])
        assert set(variant.sets) <= set(by_name[variant.id].sets)


def test_codes_are_told_by_the_logarithm_of_their_number() -> None:
    experiment = read_experiment(FIRST.with_name("codes.toml"))
    codes = [variant.codebook for variant in experiment.variants]
    (claim,) = experiment.claims
    for comparison in claim.holds:
        assert comparison.rows == tuple(row.id for row in experiment.rows)
        assert comparison.over == pytest.approx([math.log(each) for each in codes], abs=1e-3)
