"""The lab's judge on results that are made up, so that the verdict is known; and what an experiment's file may say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import EngineError
from lab.commands.options import FIRST
from lab.experiment import Claim, Comparison, Judging, read_experiment
from lab.gates import Gate, read_gates, write_gates
from lab.judge import Results, Values, Verdict, interval, judge
from lab.results import read_results
from lab.runs import tables_folder
from lab.table import write_table

HOW = Judging(resamples=2000)


def values(mean: float, seed: int, spread: float = 1.0, scenes: int = 32) -> Values:
    """Three seeds' numbers of a row; scenes differ alike for all rows."""
    rng = np.random.default_rng(seed)
    of_scene = np.random.default_rng(99).normal(0, 5, scenes)
    return mean + of_scene + rng.normal(0, spread, (3, scenes))


def verdict(results: Results, *holds: Comparison, how: Judging = HOW) -> Verdict:
    (told,) = judge([Claim("1", "", "", holds)], results, how)
    return told.verdict


def less(one: str, other: str, **more: object) -> Comparison:
    return replace(Comparison("drift", "H", "less", one, other), **more)  # type: ignore[arg-type]


RESULTS: Results = {
    ("A", "H", "drift"): values(10, 1),
    ("B", "H", "drift"): values(12, 2),
    ("C", "H", "drift"): values(10.02, 3),
}


def test_a_difference_beyond_chance_is_supported_and_its_reverse_contradicted() -> None:
    assert verdict(RESULTS, less("A", "B")) is Verdict.SUPPORTED
    assert verdict(RESULTS, less("B", "A")) is Verdict.CONTRADICTED
    assert verdict(RESULTS, replace(less("B", "A"), kind="more")) is Verdict.SUPPORTED


def test_none_is_undecided_and_so_is_one_of_no_interest() -> None:
    assert verdict(RESULTS, less("A", "C")) is Verdict.UNDECIDED
    assert verdict(RESULTS, less("A", "B", least=0.5, of=("B",))) is Verdict.UNDECIDED
    assert verdict(RESULTS, less("A", "B", least=0.1, of=("B",))) is Verdict.SUPPORTED


def test_seeds_must_agree() -> None:
    one = RESULTS["A", "H", "drift"].copy()
    one[2] += 2.6
    assert verdict({**RESULTS, ("A", "H", "drift"): one}, less("A", "B")) is Verdict.UNDECIDED


def test_one_sentence_that_is_contradicted_decides() -> None:
    assert verdict(RESULTS, less("A", "B"), less("B", "C")) is Verdict.CONTRADICTED
    assert verdict(RESULTS, less("A", "B"), less("A", "C")) is Verdict.UNDECIDED


def test_alike_needs_the_interval_within_what_matters() -> None:
    alike = replace(less("A", "C"), kind="alike", least=0.5, of=("A", "B"))
    assert verdict(RESULTS, alike) is Verdict.SUPPORTED
    assert verdict(RESULTS, replace(alike, other="B")) is Verdict.CONTRADICTED
    assert verdict(RESULTS, replace(alike, least=0.01)) is Verdict.UNDECIDED


def test_no_more_bears_less_and_little_more() -> None:
    no_more = replace(less("A", "C"), kind="no more", least=0.5, of=("A", "B"))
    assert verdict(RESULTS, no_more) is Verdict.SUPPORTED
    assert verdict(RESULTS, replace(no_more, other="B")) is Verdict.SUPPORTED, "much less is no more either"
    assert verdict(RESULTS, replace(no_more, one="B", other="A")) is Verdict.CONTRADICTED
    assert verdict(RESULTS, replace(no_more, least=0.01)) is Verdict.UNDECIDED


def test_a_slope_is_that_of_the_rows_over_their_numbers() -> None:
    rows = {
        (f"n{noise}", "H", "drift"): values(10 - 4 * noise, 10 + place) for place, noise in enumerate((0.0, 0.5, 1.0))
    }
    falls = Comparison("drift", "H", "falls", rows=("n0.0", "n0.5", "n1.0"), over=(0.0, 0.5, 1.0))
    (told,) = judge([Claim("1", "", "", (falls,))], rows, HOW)
    assert told.verdict is Verdict.SUPPORTED
    assert told.found[0].mean == pytest.approx(-4, abs=0.5)
    assert verdict(rows, replace(falls, kind="rises")) is Verdict.CONTRADICTED


def test_the_best_of_both_is_found() -> None:
    rows: dict[tuple[str, str, str], Values] = {}
    for place, (drift, memory) in enumerate(((9.0, 20.0), (5.0, 19.0), (4.5, 12.0))):
        rows[f"n{place}", "H", "drift"] = values(drift, 20 + place)
        rows[f"n{place}", "R", "memory"] = values(memory, 30 + place, scenes=48)
    best = Comparison("drift", "H", "best", rows=("n0", "n1", "n2"), against="memory", against_on="R", among=("n1",))
    assert verdict(rows, best) is Verdict.SUPPORTED
    assert verdict(rows, replace(best, among=("n0",))) is Verdict.CONTRADICTED


def test_scenes_that_do_not_tell_are_left_out() -> None:
    holed = RESULTS["A", "H", "drift"].copy()
    holed[:, ::2] = np.nan
    assert verdict({**RESULTS, ("A", "H", "drift"): holed}, less("A", "B")) is Verdict.SUPPORTED


def test_what_has_not_run_is_not_judged() -> None:
    assert verdict(RESULTS, less("A", "nobody")) is Verdict.MISSING


def test_a_claim_whose_gate_has_failed_is_not_testable_and_costs_the_others_nothing() -> None:
    claims = [Claim("1", "", "", (less("A", "B"),)), Claim("2", "", "", (less("A", "B"),), needs=("G1",))]
    assert [each.verdict for each in judge(claims, RESULTS, HOW, {"G1": True})] == [Verdict.SUPPORTED] * 2
    unmeasured = judge(claims, RESULTS, HOW, {"G4": True})
    assert [each.verdict for each in unmeasured] == [Verdict.SUPPORTED, Verdict.MISSING]
    first, second = judge(claims, RESULTS, HOW, {"G1": False, "G4": True})
    assert (first.verdict, second.verdict) == (Verdict.SUPPORTED, Verdict.UNTESTED)
    assert not second.found


def test_the_table_says_which_gates_held(tmp_path: Path) -> None:
    experiment = read_experiment(FIRST)
    gates = [Gate("G1 fine", "reads", 0.02, least=0.01, of={"0: f1k1": 0.02}), Gate("G1", "reads", 0.002, least=0.01)]
    (tmp_path / "base").mkdir()
    write_gates(tmp_path / "base" / "gates.json", gates)
    assert read_gates(tmp_path / "base" / "gates.json") == gates
    judged = write_table(tmp_path, experiment, read_results(tmp_path, experiment))
    assert {each.claim.id for each in judged if each.verdict is Verdict.UNTESTED} == {"7"}
    told = (tables_folder(tmp_path, experiment) / "table.md").read_text()
    assert "| G1 fine | reads; 0: f1k1: 0.02 | 0.02 | at least 0.01 | yes |" in told
    assert "| G1 | reads | 0.002 | at least 0.01 | **no** |" in told


@pytest.mark.parametrize(("value", "holds"), [(0.2, True), (0.5, True), (0.51, False), (float("nan"), False)])
def test_a_gate_holds_within_its_bounds(value: float, holds: bool) -> None:
    assert Gate("G2", "", value, most=0.5).holds is holds


def test_many_claims_need_more_than_one_does() -> None:
    """Holm: a claim that is just sure by itself is not among a hundred."""
    rng = np.random.default_rng(5)
    results = {("X", "H", "drift"): rng.normal(-0.25, 1, (3, 32)), ("Y", "H", "drift"): np.zeros((3, 32))}
    claim = Claim("1", "", "", (less("X", "Y"),))
    (alone,) = judge([claim], results, HOW)
    among = judge([claim, *(Claim(str(each), "", "", (less("Y", "X"),)) for each in range(2, 100))], results, HOW)
    assert alone.verdict is Verdict.SUPPORTED
    assert among[0].verdict is Verdict.UNDECIDED


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Seeds that do not differ, so that scenes are all that is drawn."""
    hits = 0
    for trial in range(200):
        drawn = np.repeat(np.random.default_rng(trial).normal(3, 1, (1, 40)), 3, axis=0)
        low, high = interval(drawn, Judging(resamples=400))
        hits += low < 3 < high
    assert 180 <= hits <= 198


def test_the_first_experiment_is_read_and_a_table_of_nothing_is_written(tmp_path: Path) -> None:
    experiment = read_experiment(FIRST)
    assert len({row.id for row in experiment.rows}) == len(experiment.rows)
    judged = write_table(tmp_path, experiment, read_results(tmp_path, experiment))
    assert {each.verdict for each in judged} == {Verdict.MISSING}
    assert "not run" in (tables_folder(tmp_path, experiment) / "claims.md").read_text()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("title =", "titel ="), "titel"),
        (('id = "V"\n', 'id = "V"\nwight = 3\n'), "wight"),
        (('sets = ["H", "R", "D"]', 'sets = ["Z"]'), "Z"),
        (("codebook = 128", "codebook = 128\ntested = [0.1]"), "noise"),
        (('other = "V+D"', 'other = "W"'), "W"),
        (('kind = "falls"', 'kind = "drops"'), "kind"),
        (('boards = "newest"', 'boards = "oldest"'), "boards"),
        (('id = "E"', 'id = "V"'), "two rows"),
        (("td_f1k1_g9", "td_f0k1_g9"), "zero"),
        (('needs = ["G1"', 'needs = ["G9"'), "G9"),
    ],
)
def test_an_experiment_that_makes_no_sense_is_refused_by_name(
    change: tuple[str, str], says: str, tmp_path: Path
) -> None:
    text = FIRST.read_text()
    assert change[0] in text
    (tmp_path / "e.toml").write_text(text.replace(*change, 1))
    with pytest.raises(EngineError, match=says):
        read_experiment(tmp_path / "e.toml")
