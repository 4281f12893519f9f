"""What a finish leaves open: taken over from one that was begun, and no reason to take it for another."""

from __future__ import annotations

import pytest

from engine.finishing.open_choices import as_begun, changes_nothing, is_begun_so
from engine.protocol import Finish

BEGUN = Finish(upscale="2", upscaler="waifu2x", fps=48.0, between="motion", steady=False)


def test_what_is_left_open_is_as_it_was_begun() -> None:
    assert as_begun(Finish(upscale="2", fps=48.0), BEGUN) == BEGUN
    asked = Finish(upscale="4", upscaler="realesrgan", between="flow", steady=True)
    assert as_begun(asked, BEGUN) == asked


@pytest.mark.parametrize(
    ("asked", "same"),
    [
        (Finish(upscale="2", fps=48.0), True),
        (Finish(upscale="2", fps=48.0, between="motion"), True),
        (Finish(upscale="2", fps=48.0, between="flow"), False),
        (Finish(upscale="2", fps=48.0, steady=True), False),
        (Finish(upscale="2", fps=50.0), False),
    ],
)
def test_what_was_begun_is_known_again(asked: Finish, same: bool) -> None:
    assert is_begun_so(asked, BEGUN) is same


def test_what_one_that_was_begun_has_no_use_for_does_not_make_it_another() -> None:
    assert is_begun_so(Finish(fps=48.0, upscaler="waifu2x", between="flow"), Finish(fps=48.0, between="flow"))


def test_how_without_what_changes_nothing() -> None:
    assert changes_nothing(Finish(upscaler="waifu2x", between="flow", steady=True))
    assert not changes_nothing(Finish(slow=2.0))
