"""Shots whose sections see chosen frames, a tail or a codebook's entries: what is recorded, and going on to the bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine.events import Finished, Section
from engine.generation.history_choice import look_seed
from engine.generation.job import prepare, run
from engine.generation.open_family import extent_of
from engine.inference.hunyuan import packed_transformer
from engine.inference.hunyuan.packed_transformer import PackedTransformer
from engine.media.boards import open_board
from engine.models.folder import open_folder
from engine.protocol import Board, ShotRequest, Take
from tests.engine.checkpoints import BOARD, make_packed

FRAMES, SECTIONS, STEPS = 145, 4, 2
SCHEDULES = {"forward": "f1k1_td_f8k1h4w4f2k2f1k1_g9", "inverted": "f1k1_x_g9_f1k1f2k2f8k1h4w4_td"}

pytestmark = pytest.mark.usefixtures("latents_only")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained for everything."""
    return make_packed(
        tmp_path_factory.mktemp("models") / "all",
        seed=3,
        codes=12,
        order="forward",
        schedules=SCHEDULES,
        packing={"trained": ["time", "similarity", "hybrid"]},
        tails=["td", "ta", "tc"],
    )


def request_for(model: Path, **settings: Any) -> ShotRequest:
    board = Board(1, open_board(BOARD).sha256)
    return ShotRequest(str(model), "w5 w2", (board,), frames=FRAMES, width=64, height=64, steps=STEPS, **settings)


def made(request: ShotRequest, model: Path, out: Path, *, sections: int = SECTIONS) -> Mapping[str, torch.Tensor]:
    """The latents of each section once `sections` of them were told of and whoever reads went; else of all."""
    pictures = {picture.sha256: picture for picture in (open_board(BOARD),)}
    events = run(prepare(request, pictures, open_folder(model), "cpu", out), pictures, resume=True)
    told = 0
    for event in events:
        told += isinstance(event, Section)
        if told == sections < SECTIONS:
            break
    else:
        assert isinstance(event, Finished)
    events.close()
    return {path.name: load_file(path)["latents"] for path in sorted((out / "checkpoint").glob("latents-*"))}


def selections(out: Path) -> list[list[list[int | None]] | None]:
    return [section.get("selection") for section in json.loads((out / "shot.json").read_text())["plan"]["sections"]]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "similarity": ({"packing": "similarity"}, {}),
    "hybrid, inverted": ({"packing": "hybrid", "order": "inverted"}, {"order": "inverted"}),
    "similarity, discrete": (
        {"packing": "similarity", "schedule": "td_f8k1h4w4f2k2f1k1_g9+D"},
        {"packing": "similarity", "schedule": "td_f8k1h4w4f2k2f1k1_g9"},
    ),
    "compressed tail, discrete": ({"schedule": "f1k1_tc_f2k2f1k1_g9+D"}, {"schedule": "f1k1_td_f2k2f1k1_g9+D"}),
    "compressed tail, inverted": ({"schedule": "f1k1_x_g9_f1k1f2k2_tc"}, {"schedule": "f1k1_x_g9_f1k1f2k2_td"}),
    "appended tail": ({"schedule": "ta_f2k2f1k1_g9"}, {"schedule": "td_f2k2f1k1_g9"}),
}
"""What is asked for, and the same without it."""


@pytest.mark.parametrize("case", CASES)
def test_a_shot_goes_on_to_the_bit(case: str, model: Path, tmp_path: Path) -> None:
    asked, without = CASES[case]
    request = request_for(model, **asked)
    whole = made(request, model, tmp_path / "whole")
    plain = made(request_for(model, **without), model, tmp_path / "plain")
    assert len(whole) == SECTIONS
    assert not all(whole[name].equal(plain[name]) for name in whole), "else nothing was tried"
    made(request, model, tmp_path / "stopped", sections=2)
    again = made(request, model, tmp_path / "stopped")
    assert all(again[name].equal(whole[name]) for name in whole)
    assert selections(tmp_path / "stopped") == selections(tmp_path / "whole")


def test_what_was_chosen_is_in_the_shots_record(model: Path, tmp_path: Path) -> None:
    made(request_for(model, packing="hybrid"), model, tmp_path / "shot")
    first, *later = selections(tmp_path / "shot")
    assert first is None, "with nothing made there is nothing to choose"
    for number, (far, middle, near) in enumerate(later, 1):
        assert near == [number * 9]
        assert middle == [number * 9 - 2, number * 9 - 1], "the newest three stay"
        assert far == sorted(far, key=lambda latent: -1 if latent is None else latent)
        held = [latent for latent in (*far, *middle, *near) if latent is not None]
        assert len(set(held)) == len(held)
        assert set(held) <= set(range(number * 9 + 1))
    record = json.loads((tmp_path / "shot" / "shot.json").read_text())
    assert record["request"]["packing"] == "hybrid"
    assert record["seconds"]["choice"] > 0
    made(request_for(model), model, tmp_path / "by time")
    assert selections(tmp_path / "by time") == [None] * SECTIONS


@pytest.mark.parametrize(("estimate", "calls"), [("look", SECTIONS - 1), ("newest", 0)])
def test_a_look_is_one_more_call_a_section(
    estimate: str, calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_packed(
        tmp_path / "model", seed=3, schedules=SCHEDULES, packing={"trained": ["hybrid"], "estimate": estimate}
    )
    count = 0
    forward = PackedTransformer.forward

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return forward(*args, **options)

    monkeypatch.setattr(PackedTransformer, "forward", counted)
    made(request_for(model), model, tmp_path / "shot")
    assert count == SECTIONS * STEPS + calls


def test_a_looks_noise_is_the_sections_own() -> None:
    seeds = {look_seed(seed, section) for seed in range(20) for section in range(20)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_take_keeps_what_was_made_from_the_same(model: Path, tmp_path: Path) -> None:
    request = request_for(model, packing="similarity")
    made(request, model, tmp_path / "shot")
    again = Take(2, again=(3,))
    made(replace(request, take=again), model, tmp_path / "shot")
    record = json.loads((tmp_path / "shot" / "takes" / "02.json").read_text())
    # A section of which any frame may be seen by the next ones: these are made again with it.
    assert record["remade"] == [3, 4]
    was, now = selections(tmp_path / "shot"), [part.get("selection") for part in record["plan"]["sections"]]
    assert now[:3] == was[:3]


@pytest.mark.parametrize("case", ["similarity", "compressed tail, inverted", "appended tail"])
def test_memory_is_counted_for_as_many_tokens_as_there_are(
    case: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0
    joined = packed_transformer._joined

    def counted(rotations: Any) -> Any:
        nonlocal most
        rotation = joined(rotations)
        most = max(most, rotation[0].shape[1])
        return rotation

    monkeypatch.setattr(packed_transformer, "_joined", counted)
    asked, _ = CASES[case]
    request = request_for(model, **asked)
    made(request, model, tmp_path / "shot")
    pictures = {picture.sha256: picture for picture in (open_board(BOARD),)}
    job = prepare(request, pictures, open_folder(model), "cpu", tmp_path / "other")
    assert extent_of(job.resolved.plan.made, job.spec, 9, (64, 64)).tokens == most


@pytest.mark.parametrize("cache", ["teacache:0.9", "first-block:0.9"])
def test_step_caches_know_the_packed_transformer(cache: str, model: Path, tmp_path: Path) -> None:
    request = replace(request_for(model, packing="hybrid", cache=cache), steps=4, frames=73)
    latents = made(request, model, tmp_path / "shot", sections=SECTIONS)
    assert all(each.isfinite().all() for each in latents.values())
    plain = made(replace(request, cache=None), model, tmp_path / "plain", sections=SECTIONS)
    assert latents.keys() == plain.keys()
    assert not all(latents[name].equal(plain[name]) for name in latents), "steps are left out"
