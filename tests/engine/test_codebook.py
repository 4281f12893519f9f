"""Discrete history against brute force and its limits."""

from __future__ import annotations

import pytest
import torch

from engine.framepack import codebook as module
from engine.framepack.codebook import discretised, nearest


def frames(*, of: int = 2) -> torch.Tensor:
    return torch.randn(of, 3, 4, 5, 6, generator=torch.Generator().manual_seed(1))


def entries(count: int) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(2))


def test_each_pixel_becomes_the_nearest_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    shown, book = frames(), entries(9)
    made = discretised(shown, book)
    for sample, time, row, column in torch.cartesian_prod(*map(torch.arange, (2, 4, 5, 6))).tolist():
        pixel = shown[sample, :, time, row, column].double()
        expected = min(range(9), key=lambda code: float(((pixel - book[code].double()) ** 2).sum()))
        assert torch.equal(made[sample, :, time, row, column], book[expected])


def test_discrete_frames_stay_as_they_are() -> None:
    made = discretised(frames(), entries(9))
    assert torch.equal(discretised(made, entries(9)), made)


def test_one_entry_makes_all_histories_the_same() -> None:
    assert torch.equal(discretised(frames(), entries(1)), discretised(-3 * frames(), entries(1)))


def test_a_codebook_of_all_pixels_changes_nothing() -> None:
    shown = frames(of=1)
    assert torch.equal(discretised(shown, shown.movedim(1, -1).reshape(-1, 3)), shown)


def test_of_equals_the_first_counts() -> None:
    book = torch.tensor([[5.0, 5.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert nearest(torch.tensor([[0.5, 0.5], [1.0, 0.0]]), book).tolist() == [1, 1]


def test_half_precision_stays_half() -> None:
    assert discretised(frames().half(), entries(4)).dtype == torch.float16


@pytest.mark.parametrize("book", [torch.zeros(4, 2), torch.zeros(0, 3), torch.zeros(3)])
def test_a_codebook_for_other_latents_is_refused(book: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="3 channels"):
        discretised(frames(), book)
