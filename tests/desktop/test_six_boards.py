"""Six Grease Pencil boards on the Storyboarding template become an animatic with one press, both ways, with Sketch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.storyboard import film
from tests.desktop.window import BLENDER

pytestmark = pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender with a window")


def test_both_ways_show_each_board_at_its_time(tmp_path: Path) -> None:
    """Few frames and steps: `dev.py bench --only storyboard` measures a second a strip at the model's own."""
    animatics = film(tmp_path / "film", frames=12, steps=2, screenshots=True)
    starts = [1 + 12 * number for number in range(6)]
    assert animatics["STRIPS"].spans == [(start, start + 12) for start in starts]
    assert animatics["THROUGH"].spans == [(1, 73)]
    for animatic in animatics.values():
        assert [at + 1 for at in animatic.at] == starts
        assert len(animatic.frames) == 72
        near = animatic.near()
        print(near.diagonal().round(1))
        assert near.argmax(1).tolist() == list(range(6))
        assert near[0, 0] >= 26
        # The boards are unlike each other, or the nearest would say nothing.
        assert all(np.delete(line, place).max() < 20 for place, line in enumerate(near))
