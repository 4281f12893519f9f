"""Every text that is translated is still said somewhere, and to the same end as in English."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLES = sorted((ROOT / "operators").glob("german_*.py"))


def texts(path: Path) -> set[str]:
    """Every string constant of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def translated() -> dict[str, str]:
    """English to German, as written in the tables."""
    found: dict[str, str] = {}
    for node in (node for table in TABLES for node in ast.walk(ast.parse(table.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            found |= ast.literal_eval(node.value)
    return found


SAID = {
    text
    for path in [
        *(ROOT / "engine" / "drift.py",),
        *(
            path
            for folder in ("operators", "panels", "engine/client", "engine/models")
            for path in (ROOT / folder).glob("*.py")
        ),
    ]
    if path not in TABLES
    for text in texts(path)
}


def test_there_is_a_table() -> None:
    assert len(translated()) > 40


@pytest.mark.parametrize("english", sorted(translated()))
def test_it_is_said_somewhere(english: str) -> None:
    assert english in SAID
    german = translated()[english]
    assert german.endswith(".") == english.endswith(".")
    assert german != english or len(english) < 4
