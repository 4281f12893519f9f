"""Shared by the lab's tests."""

from __future__ import annotations

import pytest
import torch

from tests.model_home import a_home, own_home

__all__ = ["a_home", "own_home"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
