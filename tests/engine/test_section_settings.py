"""Sections made by settings of their own: a seed changes its section and what is made from it, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine.events import Step
from engine.generation import job
from engine.generation.resolve import ResolvedRequest
from engine.generation.shot_folder import ShotFolder
from tests.engine.conftest import MadeShot, MakeShot

OWN = 1
"""The section, in time and in the sequence of making, that gets a seed."""


def seeded(resolved: ResolvedRequest, seed: int) -> ResolvedRequest:
    sections = list(resolved.sections)
    sections[OWN] = replace(sections[OWN], seed=seed)
    return replace(resolved, sections=tuple(sections))


def committed(shot: MadeShot) -> list[dict[str, torch.Tensor]]:
    return [load_file(path) for path in sorted((shot.folder / "checkpoint").glob("latents-*.safetensors"))]


@pytest.mark.usefixtures("latents_only")
def test_a_section_with_a_seed_of_its_own(make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(seed: int | None) -> MadeShot:
        with monkeypatch.context() as patch:
            if seed is not None:
                patch.setattr(job, "resolve", lambda *given, **more: seeded(resolve(*given, **more), seed))
            return make_shot(109, order="forward", steps=2)

    resolve = job.resolve
    plain, one, again = make(None), make(5), make(5)
    before, after = committed(plain), committed(one)
    assert before[0]["latents"].equal(after[0]["latents"])
    assert not before[OWN]["latents"].equal(after[OWN]["latents"])
    assert not before[2]["latents"].equal(after[2]["latents"]), "it is made from what the second has become"
    for was, now in zip(before, after, strict=True):
        assert was["generator"].equal(now["generator"]), "the noise of the others is what it was"
    assert one.latents.equal(again.latents)

    made = [ShotFolder(one.folder).facts(number)[0].seed for number in range(3)]
    assert made == [None, 5, None]
    assert [section.get("seed") for section in record(one.folder)] == [None, 5, None]
    assert all("seed" not in section for section in record(plain.folder)), "stored as by 0.1.0 where there is none"


@pytest.mark.usefixtures("latents_only")
def test_a_section_with_steps_of_its_own(make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = job.resolve

    def fewer(*given: Any, **more: Any) -> ResolvedRequest:
        resolved = resolve(*given, **more)
        sections = list(resolved.sections)
        sections[OWN] = replace(sections[OWN], steps=1)
        return replace(resolved, sections=tuple(sections))

    monkeypatch.setattr(job, "resolve", fewer)
    shot = make_shot(73, order="forward", steps=2)
    steps = [(event.section, event.step, event.of) for event in shot.events if isinstance(event, Step)]
    assert steps == [(0, 1, 2), (0, 2, 2), (1, 1, 1)]
    assert [section["steps"] for section in record(shot.folder)] == [2, 1]


def record(folder: Path) -> list[dict[str, Any]]:
    sections: list[dict[str, Any]] = json.loads((folder / "shot.json").read_text())["plan"]["sections"]
    return sections
