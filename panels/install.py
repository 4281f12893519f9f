"""The engine's installation, in the preferences and, while there is none, in the sidebar."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import engine, problems
from .text import draw_text


def draw_install(layout: Any) -> None:
    """The engine's installation: its button, or how far it is, or what went wrong."""
    if engine.installing():
        _draw_progress(layout)
        return
    fault = engine.install_fault()
    if fault is not None:
        _draw_fault(layout, fault)
    elif engine.missing():
        draw_text(layout, engine.MISSING, "INFO")
        if not bpy.app.online_access:
            layout.operator("shotpack.allow_online", icon="INTERNET")
    layout.operator("shotpack.install_engine", icon="IMPORT")


def draw_addition(layout: Any) -> None:
    """How far the installation of an addition to the engine is, or what went wrong with it; nothing where none was."""
    job = engine.addition()
    if job is None:
        return
    if job.result is None:
        _draw_progress(layout)
    elif job.result.error is not None:
        _draw_fault(layout, job.result.error)


def _draw_fault(layout: Any, fault: Any) -> None:
    problem = problems.of_error(fault)
    draw_text(layout, problem.sentence, "ERROR")
    draw_text(layout, problem.advice)
    if problem.fix is not None:
        layout.operator(problem.fix.operator, text=problem.fix.label, icon="INTERNET")
    else:
        layout.operator("shotpack.copy_report", icon="COPYDOWN")


def _draw_progress(layout: Any) -> None:
    told = engine.installation.progress if engine.installation is not None else None
    if told is not None:
        layout.progress(factor=told.fraction or 0.0, text=f"{told.stage}: {told.detail}" if told.detail else told.stage)
        layout.operator("shotpack.cancel_install", icon="X")
