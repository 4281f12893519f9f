"""Lines around the forms of drawn boards: where they are in later frames, against the same forms drawn there anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from PIL import Image

from tests.host.outlined_scenes import DARK, LAST, PAPER, SCENES, SIZE, Form, empty, goes_round, painted
from tests.host.test_render_guide import render_guide

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def carried(forms: list[Form], boards: tuple[int, ...], frame: int, folder: Path, **how: float) -> Any:
    """What the guide shows at a frame of drawings of some frames: colours, and where they are true."""
    for board in boards:
        Image.fromarray((255 * painted(forms, board, **how)[0]).round().astype(np.uint8)).save(folder / f"{board}.png")
    pictures = tuple((f"{board}.png", float(board)) for board in boards)
    wanted = render_guide.Wanted(SIZE, pictures, {}, drawn=frozenset(range(len(boards))))
    return render_guide.Guide(bpy.context.scene, wanted, folder, folder).picture(frame)


def near(mask: np.ndarray, reach: int) -> np.ndarray:
    padded, (height, width) = np.pad(mask, reach), mask.shape
    side = range(2 * reach + 1)
    return np.any([padded[row : row + height, column : column + width] for row in side for column in side], axis=0)


def told(found: Any, forms: list[Form], frame: int) -> tuple[float, float]:
    """The share of the true lines that are there, and of the lines there that are true."""
    colours, _ = found
    _, lines = painted(forms, frame)
    dark = colours.max(2) < DARK
    inside = np.zeros_like(lines)
    inside[2:-2, 2:-2] = True
    return float(near(dark, 1)[lines & inside].mean()), float(near(lines, 1)[dark].mean())


@pytest.mark.parametrize("name", SCENES)
def test_outlines_go_with_their_forms(name: str, tmp_path: Path) -> None:
    """Whole, and nowhere else: no double, and no line or trace of one left where a form was."""
    forms = SCENES[name]()
    for frame in (9, LAST):
        colours, seen = found = carried(forms, (1,), frame, tmp_path)
        there, true = told(found, forms, frame)
        assert there > 0.95, f"{there:.3f} at {frame}"
        assert true > 0.97, f"{true:.3f} at {frame}"
        anew, lines = painted(forms, frame)
        wrong = (abs(colours - anew).max(2) > 0.06)[seen & ~near(lines, 3)].mean()
        assert wrong < 0.001, f"{wrong:.5f} at {frame}"


def test_a_part_that_turns_keeps_the_breadth_of_its_lines(tmp_path: Path) -> None:
    """They are looked for as that part has turned, whatever the rest of the mesh does."""
    forms = SCENES["waves"]()
    colours, _ = carried(forms, (1,), LAST, tmp_path)
    broad = (colours.max(2) < DARK).sum() / (painted(forms, LAST)[0].max(2) < DARK).sum()
    assert 0.85 < broad < 1.15


def test_a_round_form_keeps_its_outline_where_other_sides_become_its_edges(tmp_path: Path) -> None:
    """No board shows these as an edge: the line comes from where the form's was, if that is not far. It is thinner."""
    forms = goes_round()
    for frame in (9, LAST):
        there, true = told(carried(forms, (1,), frame, tmp_path), forms, frame)
        assert there > 0.85, f"{there:.3f} at {frame}"
        assert true > 0.9, f"{true:.3f} at {frame}"


def test_at_its_own_frame_a_board_is_itself(tmp_path: Path) -> None:
    forms = SCENES["stands"]()
    colours, seen = carried(forms, (1,), 1, tmp_path)
    board = np.round(255 * painted(forms, 1)[0]) / 255
    assert seen.mean() > 0.97
    assert abs(colours - board)[seen].max() < 0.01
    assert told((colours, seen), forms, 1) == (1.0, 1.0)


def test_a_render_s_edges_are_given_up_as_ever(tmp_path: Path) -> None:
    """The same picture, not said to be drawn: what lies beside a silhouette is mixed, and is seen nowhere."""
    forms = SCENES["slides"]()
    found = carried(forms, (1,), 9, tmp_path)
    wanted = render_guide.Wanted(SIZE, (("1.png", 1.0),), {})
    as_render = render_guide.Guide(bpy.context.scene, wanted, tmp_path, tmp_path).picture(9)
    _, lines = painted(forms, 9)
    assert (as_render[0].max(2) < DARK)[lines].mean() < 0.2
    assert as_render[1][lines].mean() < 0.4
    assert found[1][lines].mean() > 0.9


def test_what_one_board_hides_another_one_draws_once(tmp_path: Path) -> None:
    """Lines of both boards, one picture: none twice, though a hand would miss each by other pixels."""
    forms = SCENES["parallax"]()
    forms[0].outlined = True
    for frame, board in ((5, 1), (21, LAST)):
        one, both = (told(carried(forms, boards, frame, tmp_path), forms, frame) for boards in ((board,), (1, LAST)))
        assert both[0] > 0.97, (frame, both)
        assert both[0] >= one[0] - 0.01
        assert both[1] > 0.97, (frame, both)


def test_fine_lines_of_a_large_board_stay_whole(tmp_path: Path) -> None:
    """Four times the guide's size, lines thinner than one of its pixels: grey, and nowhere gone."""
    forms = SCENES["slides"]()
    colours, _ = carried(forms, (1,), LAST, tmp_path, times=4, line=0.75)
    _, lines = painted(forms, LAST, line=1)
    darkest = np.min(
        [np.roll(colours.mean(2), (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)], 0
    )
    inside = np.median(colours[near(lines, 6) & ~near(lines, 4)].mean(1))
    assert lines.sum() > 100
    assert np.percentile(darkest[lines], 2) < inside - 0.1
    assert np.percentile(darkest[lines], 98) < inside - 0.05


def test_nothing_but_sky_is_no_fault(tmp_path: Path) -> None:
    empty()
    bpy.data.objects.remove(bpy.data.objects["wall"])
    colours, seen = carried([], (1,), 9, tmp_path)
    assert seen.all()
    assert abs(colours - np.array(PAPER) / 255).max() < 0.01


def test_a_film_says_which_boards_are_drawn() -> None:
    said = {"size": [96, 54], "boards": [["a.png", 1], ["b.png", 9]], "frames": {"0005.00": 5}}
    assert render_guide.wanted_of({render_guide.WANTED: json.dumps(said)}).drawn == frozenset()
    said["drawn"] = [1]
    assert render_guide.wanted_of({render_guide.WANTED: json.dumps(said)}).drawn == {1}
