"""What the artist can do, and the bpy side that it needs."""

from __future__ import annotations

from . import (
    adoption,
    animate,
    batches,
    chosen,
    coverage,
    draw_framings,
    drift_takes,
    early_start,
    engine,
    extend,
    finish,
    framing_overlay,
    generate,
    handlers,
    jobs,
    joins,
    loras,
    models,
    new_take,
    previs,
    prompt_dialog,
    prompt_text,
    prompts,
    remake,
    remake_sources,
    removal,
    runtime,
    section_lines,
    seeds,
    settings,
    shot_again,
    takes,
    text_strips,
    tie_board,
    translations,
    unexpected,
    view_transform,
    watch,
)

CLASSES: tuple[type, ...] = (
    *settings.CLASSES,
    *generate.CLASSES,
    *draw_framings.CLASSES,
    *joins.CLASSES,
    *extend.CLASSES,
    *animate.CLASSES,
    *previs.CLASSES,
    *batches.CLASSES,
    *shot_again.CLASSES,
    *view_transform.CLASSES,
    *jobs.CLASSES,
    *engine.CLASSES,
    *models.CLASSES,
    *loras.CLASSES,
    *prompts.CLASSES,
    *prompt_dialog.CLASSES,
    *prompt_text.CLASSES,
    *text_strips.CLASSES,
    *chosen.CLASSES,
    *removal.CLASSES,
    *seeds.CLASSES,
    *watch.CLASSES,
    *new_take.CLASSES,
    *takes.CLASSES,
    *finish.CLASSES,
    *remake.CLASSES,
    *tie_board.CLASSES,
    *coverage.CLASSES,
)

ATTACHED = (
    translations,
    settings,
    handlers,
    runtime,
    adoption,
    engine,
    early_start,
    models,
    section_lines,
    framing_overlay,
    prompt_text,
    watch,
    coverage,
    drift_takes,
    remake_sources,
)
"""Modules with `attach`, called in this order once all classes are registered, and `detach`."""


def attach() -> None:
    """Put properties, handlers and the timer in place."""
    for module in ATTACHED:
        module.attach()


def detach() -> None:
    """Take them away again, the last first."""
    for module in reversed(ATTACHED):
        try:
            module.detach()
        except Exception as fault:
            unexpected.report(fault)  # the others leave nothing behind
