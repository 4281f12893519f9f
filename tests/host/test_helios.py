"""A family whose shots may start from words or go on from frames, end to end: a tiny random Helios."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.studio import ENGINE_PYTHON, ROOT, bpy, part, step_until
from tests.host.test_operators import finished
from tests.host.test_starts import add_movie, generate, record

_MAKE = """
import sys
from pathlib import Path
from tests.engine.helios_checkpoints import make_helios
make_helios(Path(sys.argv[1]), seed=0, kind="base")
"""


@pytest.fixture(scope="module")
def installed(extension) -> Iterator[None]:
    folder = Path(os.environ["SHOTPACK_HOME"]) / "models" / "helios"
    subprocess.run([ENGINE_PYTHON, "-c", _MAKE, str(folder)], cwd=ROOT, check=True)
    facts = {"sizes": [[64, 64], [96, 64]], "steps": 2}
    (folder / "shotpack.json").write_text(json.dumps(facts), encoding="utf-8")
    yield
    shutil.rmtree(folder)


@pytest.fixture
def helios(installed, saved):
    """The engine has said what the model can."""
    runtime = part("operators.runtime")
    runtime.wake()
    step_until(lambda: runtime.client.state == "ready")
    runtime.client.ask()
    step_until(lambda: "helios" in runtime.client.about.get("starts", ()))
    saved.shotpack.model = "helios"
    return saved


@pytest.mark.parametrize(("source", "first"), [("TEXT", 200), ("CLIP", 31)])
def test_a_shot_that_starts_without_a_board(helios, movie, source, first):
    add_movie(helios, movie)
    helios.frame_current = 200
    meta = generate(helios, source, seconds=50 / 30)
    meta = finished(meta.shotpack.shot)
    assert (meta.frame_final_start, meta.frame_final_end) == (first, first + 50)
    (strip,) = meta.strips
    assert strip.shotpack.role == "final"
    assert len(strip.elements) == 50
    assert bool(json.loads(record(meta).request).get("clip")) == (source == "CLIP")
    assert all(path.is_file() for path in part("operators.shot_strips").pictures(meta))


def test_a_model_that_can_is_named(helios):
    helios.shotpack.model, helios.shotpack.prompt, helios.shotpack.source = "", "w5 w2", "TEXT"
    assert "choose one that needs none: helios." in part("operators.generate").intent(bpy.context)
