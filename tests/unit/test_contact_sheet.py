"""Contact sheets: every frame and number has its own place, however many seeds and whatever their shots' shape."""

from __future__ import annotations

import itertools

import pytest

from engine.client.contact_sheet import DOT, FRAMES, Sheet, frames_of, sheet_of

SIZES = [(256, 144), (640, 384), (64, 64), (480, 832), (112, 64)]
SEEDS = [2, 3, 4, 6, 7, 12, 16]


def frame_pixels(sheet: Sheet, seed: int, frame: int) -> set[tuple[int, int]]:
    left, top = sheet.frame(seed, frame)
    return {(left + x, top + y) for x in range(sheet.frame_width) for y in range(sheet.frame_height)}


def dots_of(sheet: Sheet, seed: int, text: str) -> list[tuple[int, int]]:
    """The pixels that write a text."""
    dots = sheet.dots(seed, text)
    return [(left + x, top + y) for left, top in dots for x in range(DOT) for y in range(DOT)]


@pytest.mark.parametrize("size", [(64, 36), (40, 64)])
@pytest.mark.parametrize("seeds", SEEDS)
def test_nothing_lies_over_anything_else_or_outside(seeds: int, size: tuple[int, int]) -> None:
    sheet = sheet_of(seeds, *size)
    taken: set[tuple[int, int]] = set()
    for seed in range(seeds):
        pieces = [frame_pixels(sheet, seed, frame) for frame in range(FRAMES)]
        dots = dots_of(sheet, seed, "16: 2147483647")
        assert len(set(dots)) == len(dots) > 0
        for piece in (*pieces, set(dots)):
            assert taken.isdisjoint(piece)
            taken |= piece
    assert all(0 <= x < sheet.width and 0 <= y < sheet.height for x, y in taken)


@pytest.mark.parametrize(("seeds", "size"), [*itertools.product(SEEDS, SIZES)])
def test_a_sheet_fits_a_screen_and_keeps_the_shape_of_frames(seeds: int, size: tuple[int, int]) -> None:
    sheet = sheet_of(seeds, *size)
    assert sheet.frame_width <= size[0]
    assert abs(sheet.frame_height - sheet.frame_width * size[1] / size[0]) <= 0.5
    assert sheet.columns * sheet.rows >= seeds > (sheet.columns - 1) * sheet.rows
    assert 0.5 <= sheet.width / sheet.height <= 3.2
    assert sheet.width * sheet.height <= 3_000_000  # pixels that Blender is handed within a tick


def test_seeds_are_read_down_the_columns() -> None:
    sheet = sheet_of(4, 256, 144)
    places = [sheet.frame(seed, 0) for seed in range(4)]
    assert places == sorted(places)
    assert [place[0] for place in places] == [places[0][0]] * 4  # four fit below each other
    assert sheet.frame(0, 0)[0] < sheet.frame(0, 1)[0] < sheet.frame(0, 2)[0]


def test_every_digit_can_be_told_from_every_other() -> None:
    sheet = sheet_of(2, 256, 144)
    written = {digit: frozenset(sheet.dots(0, digit)) for digit in "0123456789:"}
    assert len(set(written.values())) == 11
    zero = [".###.", "#...#", "#..##", "#.#.#", "##..#", "#...#", ".###."]
    left = min(x for x, _ in written["0"])
    top = min(y for _, y in written["0"])
    drawn = [
        "".join("#" if (left + DOT * x, top + DOT * y) in written["0"] else "." for x in range(5)) for y in range(7)
    ]
    assert drawn == zero
    assert list(sheet.dots(0, " ")) == []
    # What has no room is cut rather than written into the next seed's place.
    assert set(sheet.dots(0, "8" * 400)) == set(sheet.dots(0, "8" * 500))


def test_first_middle_and_last_stand_for_a_section() -> None:
    assert frames_of(range(38, 74)) == (38, 55, 73)
    assert frames_of(range(1, 2)) == (1, 1, 1)
    assert frames_of(range(5, 7)) == (5, 5, 6)
