"""What a place's error counts in training, and what guidance is taught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.inference.hunyuan.spec import RELEASED
from tests.engine.test_sketch_training import CPU, SETTINGS, small_run
from training.loss_weights import emphasis
from training.train_transformer import train


def board_and_shots() -> tuple[torch.Tensor, torch.Tensor]:
    """A chequered left half beside blank paper, thrice: still, a small square of the paper changed, all changed."""
    board = torch.zeros(3, 16, 1, 16, 16)
    board[..., :8] = (torch.arange(16)[:, None] + torch.arange(8)) % 2 * 2.0
    shots = board.expand(3, 16, 2, 16, 16).clone()
    shots[1, :, :, 4:7, 12:15] += 1
    shots[2] += 1
    return board, shots


def test_a_small_thing_that_moves_counts_more_than_the_paper_round_it() -> None:
    counts = emphasis(*board_and_shots())
    assert counts.shape == (3, 1, 2, 16, 16)
    square, paper = counts[1, ..., 4:7, 12:15], counts[1, ..., 9:, 12:]
    assert float(square.min()) > 2.5 * float(paper.max())
    drawn, blank = float(counts[1, ..., :8].sum()), float(counts[1, ..., 8:].sum() - square.sum())
    assert drawn == pytest.approx(blank, rel=0.15)
    assert float(square.sum()) > 0.2 * drawn  # 7 % of its places


def test_the_mean_is_one_and_what_moves_little_counts_more() -> None:
    counts = emphasis(*board_and_shots())
    assert float(counts.mean()) == pytest.approx(1, abs=1e-5)
    still, little, all_of_it = counts.mean((1, 2, 3, 4)).tolist()
    assert still > little > 2 * all_of_it
    assert float(counts[2].std()) < 0.03 * all_of_it  # nothing to tell its places apart by


def test_what_changes_counts_by_place_and_frame() -> None:
    board, shots = board_and_shots()
    shots[1, :, 0] = board[1, :, 0]  # the square stands still in the first frame
    counts = emphasis(board, shots)
    assert counts[1, 0, 1, 5, 13] > 2 * counts[1, 0, 0, 5, 13]


def test_guidance_is_taught_from_looks_without_any(tmp_path: Path) -> None:
    """The model is asked at guidance 1 with words and without them, then taught at another."""
    pipeline, clips = small_run()
    asked: list[tuple[bool, set[float]]] = []

    def note(_: object, __: object, inputs: dict[str, torch.Tensor]) -> None:
        asked.append((torch.is_grad_enabled(), set((inputs["guidance"] / 1000).tolist())))

    pipeline.transformer.register_forward_pre_hook(note, with_kwargs=True)
    train(pipeline, RELEASED, clips, tmp_path, replace(SETTINGS, steps=2, own_history=0.0, guided=1.0), CPU)
    assert [learning for learning, _ in asked] == [False, False, True] * 2
    assert all(levels == {1.0} for learning, levels in asked if not learning)
    assert all(1 < level <= 20 for learning, levels in asked if learning for level in levels)


def test_a_lora_keeps_the_guidance_of_its_model(tmp_path: Path) -> None:
    pipeline, clips = small_run()
    levels: list[float] = []
    pipeline.transformer.register_forward_pre_hook(
        lambda _, __, inputs: levels.extend(inputs["guidance"].tolist()), with_kwargs=True
    )
    train(pipeline, RELEASED, clips, tmp_path, replace(SETTINGS, steps=3, own_history=0.0, guided=1.0, rank=2), CPU)
    assert set(levels) == {1000.0}
