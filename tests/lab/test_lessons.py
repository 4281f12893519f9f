"""What the lab practises: that clips which turn round show again what a lesson's history shows, in every order."""

from __future__ import annotations

from pathlib import Path as FilePath

import numpy as np
import pytest
import torch

from engine.framepack.grid import Grid, Seam
from engine.framepack.packing import Order
from lab.bank import Bank, Shelf
from lab.lessons import draw_return
from lab.world import MOTIONS, draw_path

SECTIONS, CLIPS = 6, 40
GRID = Grid(9, 4, Seam.CUT)


@pytest.fixture
def bank() -> Bank:
    """Of clips whose latents are the place of the camera, (across, down)."""
    paths = [draw_path(np.random.default_rng(seed), SECTIONS) for seed in range(CLIPS)]
    places = torch.tensor(np.stack([path.camera + path.disc for path in paths]))
    motions = torch.tensor([[MOTIONS.index(motion) for motion in path.motions] for path in paths])
    drawn = Bank(FilePath())
    drawn.__dict__["shelves"] = (Shelf(places[..., None, None], torch.zeros(CLIPS, SECTIONS + 1, 1, 1), motions),)
    return drawn


def test_after_a_turn_a_section_shows_what_its_neighbour_showed(bank: Bank) -> None:
    orders = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        lesson, turn = draw_return(rng, GRID, SECTIONS, 3)
        orders.add(lesson.plan.order)
        shots = bank.draw(rng, lesson.plan.sections, 8, turn).shots
        section = lesson.planned.section
        own = shots[:, :, 1 + 9 * section : 10 + 9 * section]
        before = [each.section for each in lesson.plan.made[: lesson.planned.number]]
        shown = 2 * turn - 1 - section
        assert shown in before
        neighbour = shots[:, :, 9 * shown : 9 * shown + 10]
        assert ((own[:, :, :, None] - neighbour[:, :, None]).abs() < 1e-6).all(1).any(2).all()
        assert (own[:, :, 0] != own[:, :, -1]).any(1).all()
    assert orders == {Order.FORWARD, Order.INVERTED, Order.ENDPOINT}


def test_without_a_turn_any_clips_are_drawn(bank: Bank) -> None:
    drawn = bank.draw(np.random.default_rng(1), 2, 64)
    steps = np.array([motion.components for motion in MOTIONS])[drawn.motions.numpy()]
    assert not (steps[:, 0] == -steps[:, 1]).all(-1).all()
    assert len(drawn.shots) == 64
