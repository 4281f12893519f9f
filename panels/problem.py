"""What went wrong, as a box of a panel."""

from __future__ import annotations

from typing import Any

from ..operators import problems
from .text import draw_text


def draw_problem(layout: Any, problem: problems.Problem, shot: str) -> None:
    """One sentence, one advice, one button."""
    box = layout.box()
    draw_text(box, problem.sentence, "ERROR")
    draw_text(box, problem.advice)
    if problem.fix is not None:
        button = box.operator(problem.fix.operator, text=problem.fix.label)
        if problem.fix.of_shot:
            button.shot = shot
