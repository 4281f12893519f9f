"""For tiers that load models: a home of models, LoRAs and caches of the tests' own. A conftest imports the fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def a_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's own models or caches are seen or touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOTPACK_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test has encoded is encoded anew by the next."""
    monkeypatch.setenv("SHOTPACK_HOME", str(tmp_path / "home"))
