"""The panel of seeds that were tried: each with its picture, and a press that goes on with it."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators import batches, previews, problems, runtime, seed_groups, sequencer
from .shot import Sidebar
from .text import draw_text

_SCALE = 3.5


class _Seeds(Sidebar):
    bl_label = "Seeds"
    bl_order = 2

    @classmethod
    def poll(cls, context: Any) -> bool:
        return bool(_groups(context))

    def draw(self, context: Any) -> None:
        for batch, metas in reversed(_groups(context)):
            _draw_group(self.layout.box(), batch, metas)


def _groups(context: Any) -> list[tuple[str, list[Any]]]:
    scene = sequencer.scene_of(context)
    return [(batch, metas) for batch, metas in seed_groups.groups().items() if metas[0].id_data == scene]


def _draw_group(layout: Any, batch: str, metas: list[Any]) -> None:
    stamp = metas[0].shotpack
    row = layout.row(align=True)
    row.label(text=stamp.board or stamp.name, icon="SEQUENCE", translate=False)
    row.operator("shotpack.show_seeds", icon="IMAGE_DATA").batch = batch
    part = row.row(align=True)
    part.enabled = any(batches.under_way(meta.shotpack) for meta in metas if meta.shotpack.trying)
    part.operator("shotpack.cancel_batch", text="", icon="X").batch = batch
    if shown := next(filter(None, map(seed_groups.tried, metas)), None):
        words = bpy.app.translations.pgettext_iface("Frames {first} to {last}")
        layout.label(text=words.format(first=shown.start, last=shown.stop - 1), translate=False)
    for meta in metas:
        _draw_seed(layout, meta)
    chosen = any(not meta.shotpack.trying for meta in metas)
    text = "Remove the Others" if chosen else "Remove All Seeds"
    layout.operator("shotpack.remove_seeds", text=text, icon="TRASH").batch = batch


def _draw_seed(layout: Any, meta: Any) -> None:
    stamp, shown = meta.shotpack, seed_groups.pictures(meta)
    row = layout.row()
    if shown:
        row.template_icon(previews.of_file(shown[len(shown) // 2]), scale=_SCALE)
    column = row.column()
    name = f"{stamp.seed_row}: {seed_groups.seed_of(stamp)}"
    column.operator("shotpack.select", text=name, emboss=False, translate=False).shot = stamp.shot
    if not stamp.trying:
        column.label(text="Gone on with", icon="CHECKMARK")
        return
    state = batches.state_of(stamp)
    if shown or state in ("failed", "cancelled"):
        column.operator("shotpack.go_on_with_seed", icon="PLAY").shot = stamp.shot
    if not shown or state in ("failed", "cancelled"):
        _draw_state(column, stamp, state)


def _draw_state(column: Any, stamp: Any, state: str) -> None:
    """Why there is nothing to see yet."""
    shot = runtime.shot_of(stamp.shot)
    job = runtime.client.job(shot) if runtime.client is not None and shot is not None else None
    problem = problems.of_shot(shot, job) if shot is not None else None
    if state == "running" and job is not None and job.step is not None and not job.sections:
        column.progress(factor=job.step.step / job.step.of, text=_steps(job.step))
    elif problem is not None:
        draw_text(column, problem.sentence, "ERROR")
    else:
        words = {
            "unsent": "Never sent.",
            "queued": "Waiting for its turn.",
            "cancelled": "Stopped.",
            "sending": "Waiting for the engine …",
        }
        column.label(text=words.get(state, "Being made."))


def _steps(step: Any) -> str:
    words = bpy.app.translations.pgettext_iface("Step {step} of {of}")
    return str(words.format(step=step.step, of=step.of))


class SHOTPACK_PT_sequencer_seeds(_Seeds, bpy.types.Panel):  # noqa: N801
    """Seeds that were tried for a shot of this timeline."""

    bl_space_type = "SEQUENCE_EDITOR"


class SHOTPACK_PT_viewport_seeds(_Seeds, bpy.types.Panel):  # noqa: N801
    """The same where the artist draws."""

    bl_space_type = "VIEW_3D"


CLASSES = (SHOTPACK_PT_sequencer_seeds, SHOTPACK_PT_viewport_seeds)
