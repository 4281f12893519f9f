"""Shared by the lab's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lab import bank, runs
from lab.base import Settings, train_base
from lab.network import new_network, write_weights
from lab.runs import Lab
from tests.model_home import a_home, own_home

__all__ = ["a_home", "own_home"]

CLIPS = 4
"""Of each length, in the little lab's bank."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def little_lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab with a bank of a few clips and a base of a few steps; who runs something in it takes a copy."""
    folder = tmp_path_factory.mktemp("lab")
    here = Lab(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bank, "CLIPS_PER_FILE", CLIPS)
        bank.extend_bank(folder / "bank", here.parts.pipeline, {3: CLIPS, 4: CLIPS}, 1)
    network = new_network(1)
    train_base(
        network, here.bank, here.parts.sentences, here.parts.grid, folder / "base", Settings(3, batch=2, returning=0.5)
    )
    write_weights(network, folder / "base" / runs.WEIGHTS)
    return folder
