"""The takes that a shot's strip lists: shown, starred, deleted; and the shot made again where none can follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import IntProperty

from ..engine.client import finishes, takes
from ..engine.client.shot import FIRST_TAKE, Shot
from ..engine.client.stored_request import read
from ..engine.errors import Code, EngineError
from ..engine.protocol import Finish
from . import (
    adoption,
    chosen,
    previews,
    problems,
    runtime,
    sequencer,
    shot_folders,
    shot_strips,
    strip_provenance,
    take_stamps,
    timeline,
    trust,
)
from .jobs import OnShot
from .shot_folders import STILL


def strip_of(context: Any) -> Any | None:
    """The active strip, where it is a shot's: what takes are about."""
    return shot_strips.active(sequencer.scene_of(context))


def gone_model(request: str) -> str | None:
    """The sentence for a shot whose model is not here any more, as far as this side knows."""
    model, there = takes.value_of(request, None, "model"), chosen.about().get("models")
    if not model or there is None or model in there:
        return None
    words = bpy.app.translations.pgettext_iface("It was made with '{model}', which is not installed any more.")
    return str(words).format(model=model)


def telling_picture(stamp: Any, take: Any) -> str:
    """The file of a frame that tells this take from others; empty before it is made."""
    return takes.telling_picture(take.files, take.number, stamp.frames)


def difference(stamp: Any, take: Any) -> list[str]:
    """What differs in a take from the one that it continues, in a line, and its words where they are others."""
    translated = bpy.app.translations.pgettext_iface
    if (finish := finishes.finish_of(take.request)) is not None:
        return _finished(finish, take.parent)
    change = takes.change_of(take.request)
    if change is None:
        seed = takes.value_of(take.request, None, "seed") or 0
        return [translated("Seed {seed}").format(seed=seed)]
    parent = take_stamps.take_of(stamp, take.parent)
    before = parent.request if parent is not None else ""
    parts = []
    if change.section is not None:
        parts.append(translated("Section {section}").format(section=change.section))
    if change.seed is not None:
        parts.append(translated("Seed {seed}").format(seed=change.seed))
    if change.guidance is not None and change.guidance != takes.value_of(before, change.section, "guidance"):
        parts.append(translated("Guidance {guidance}").format(guidance=f"{change.guidance:g}"))
    if take.parent != FIRST_TAKE:
        parts.append(translated("from take {number}").format(number=take.parent))
    lines = [", ".join(parts)]
    if change.prompt and change.prompt != takes.value_of(before, change.section, "prompt"):
        lines.append(f"“{change.prompt}”")
    if take.since_it_drifted:
        lines.append(translated("Made again: it drifted."))
    return lines


def _finished(finish: Finish, parent: int) -> list[str]:
    """What a finish has made of the take that it finishes: its size, and the rest."""
    translated = bpy.app.translations.pgettext_iface
    size = f"{finish.upscale}x" if finish.upscale in ("2", "4") else finish.upscale
    if size and finish.upscaler:
        upscaler = finishes.title_of(chosen.about(), finish.upscaler)
        size = translated("{size} by {upscaler}").format(size=size, upscaler=upscaler)
    rest = [
        *([f"{finish.fps:g} fps"] if finish.fps is not None else []),
        *([translated("{times}x slower").format(times=f"{finish.slow:g}")] if finish.slow != 1 else []),
        *([translated("from take {number}").format(number=parent)] if parent != FIRST_TAKE else []),
    ]
    return [line for line in (size, ", ".join(rest)) if line]


class _OnTake:
    """An operator on one take of the active strip's shot."""

    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012
    take: IntProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def found(self, context: Any) -> tuple[Any, Any] | tuple[None, None]:
        """The strip, and its take; None where there is none."""
        strip = strip_of(context)
        take = take_stamps.take_of(strip.shotpack, self.take) if strip is not None else None
        return (strip, take) if take is not None else (None, None)


class SHOTPACK_OT_show_take(_OnTake, bpy.types.Operator):  # noqa: N801
    """Show this take in the strip; the others are kept, and other strips of the shot go on showing theirs"""

    bl_idname = "shotpack.show_take"
    bl_label = "Show Take"

    def execute(self, context: Any) -> set[str]:
        strip, take = self.found(context)
        if strip is None:
            return {"CANCELLED"}
        folder = shot_strips.folder_of(strip)
        if folder is not None and not trust.trusted(folder):
            problem = problems.of_error(EngineError(Code.FOLDER_UNTRUSTED, path=str(folder)))
            self.report({"ERROR"}, f"{problem.sentence} {problem.advice}")
            return {"CANCELLED"}
        show(strip, take)
        return {"FINISHED"}


def show(strip: Any, take: Any) -> None:
    """Let a strip show one of its takes: the names of its pictures change, and nothing else."""
    stamp = strip.shotpack
    take_stamps.show(stamp, take)
    timeline.recolour(strip)
    shot, folder = runtime.shot_of(take.shot), shot_strips.folder_of(strip)
    if folder is not None and take.files:
        made = take_stamps.made(stamp, take, folder)
        timeline.reconcile(made, None)
        strip_provenance.keep(strip, made)
        if _are_there(folder, made):
            return
        shot = None  # its pictures come again, where the engine still has them
    if shot is None:
        shot = adoption.record(strip)
    if shot is not None:
        timeline.reconcile(shot, runtime.the_client().job(shot))
        if shot.job:
            runtime.follow(shot)


def _are_there(folder: Path, shot: Shot) -> bool:
    """Whether a take's pictures lie in its folder; of one that may not be used, not even that is asked."""
    return not trust.trusted(folder) or all((folder / name).exists() for name in shot.pictures.values())


class SHOTPACK_OT_star_take(_OnTake, bpy.types.Operator):  # noqa: N801
    """Keep this take: it is not deleted, and the engine keeps what it has of it whatever its limits say"""

    bl_idname = "shotpack.star_take"
    bl_label = "Star Take"

    def execute(self, context: Any) -> set[str]:
        strip, take = self.found(context)
        if strip is None:
            return {"CANCELLED"}
        starred = not take.starred
        for meta in shot_strips.listing(take.shot):
            take_stamps.entry(meta.shotpack, take.shot).starred = starred
        shot = runtime.shot_of(take.shot) or adoption.record(strip, take)
        if shot is not None and shot.job:
            runtime.wake()
            runtime.the_client().keeping.star(shot, starred)
        return {"FINISHED"}


def undeletable(stamp: Any, take: Any) -> str | None:
    """The sentence that says why a take stays."""
    if take.starred:
        return "A starred take is kept; take its star off first."
    if any(each.parent == take.number for each in stamp.takes):
        return "Another take goes on from this one, which therefore stays."
    return "It is the shot's only take; Remove Shot removes it." if len(stamp.takes) < 2 else None


class SHOTPACK_OT_delete_take(_OnTake, bpy.types.Operator):  # noqa: N801
    """Delete this take: its own frames on the disk, and what the engine has of it"""

    bl_idname = "shotpack.delete_take"
    bl_label = "Delete Take"

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask first: files do not come back."""
        message = "Its own frames on the disk and what the engine has of it go. Undo does not bring them back."
        confirm = {"title": "Delete Take", "message": message, "confirm_text": "Delete", "icon": "WARNING"}
        return set(context.window_manager.invoke_confirm(self, event, **confirm))

    def execute(self, context: Any) -> set[str]:
        strip, take = self.found(context)
        if strip is None:
            return {"CANCELLED"}
        if (why := undeletable(strip.shotpack, take)) is not None:
            self.report({"ERROR"}, why)
            return {"CANCELLED"}
        name, number, parent = take.shot, take.number, take.parent
        shot = runtime.shot_of(name) or adoption.record(strip, take)
        folder = shot.folder if shot is not None else shot_strips.folder_of(strip)
        for meta in shot_strips.listing(name):
            stamp = meta.shotpack
            if stamp.shot == name:
                show(meta, take_stamps.take_of(stamp, parent) or stamp.takes[0])
            take_stamps.unlist(stamp, name)
        if shot is not None:
            if shot.job:
                runtime.wake()
            runtime.the_client().remove(shot)
        faults: list[OSError] = []
        if folder is not None and trust.trusted(folder):
            faults = takes.remove_files(folder, number)
            previews.forget_folder(folder, f"{takes.mark_of(number)}.png")
        if faults:
            self.report({"WARNING"}, f"Not all of it could be removed: {faults[0].strerror or faults[0]}.")
        return {"FINISHED"}


class SHOTPACK_OT_make_again(OnShot, bpy.types.Operator):  # noqa: N801
    """Make a shot of its own above this one that is as the shown take: where its takes cannot go on from it any more"""

    bl_idname = "shotpack.make_again"
    bl_label = "Make Again"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        strip = self.strip(context)
        if strip is None:
            return {"CANCELLED"}
        return make_again(self, strip, take_stamps.said_of(strip.shotpack, self.shot or strip.shotpack.shot))


def make_again(operator: Any, strip: Any, said: Any) -> set[str]:
    """Make a shot of its own above a strip that is as one of its takes, by the model chosen now where its own is gone.

    What an operator returns; `operator` reports why it cannot be, and that it is another model, or what is left out.
    """
    old = runtime.shot_of(said.shot) or adoption.record(strip, said)
    if old is None:
        problem = problems.of_error(adoption.left_alone[said.shot])
        operator.report({"ERROR"}, f"{problem.sentence} {problem.advice}")
        return {"CANCELLED"}
    scene = strip.id_data
    try:
        read(old.request)  # a file may hold anything
        request = takes.without_take(old.request)
        gone, left_out = gone_model(request), ""
        if gone is not None or problems.of_the_choice(old, runtime.the_client().job(old)):
            request, left_out = chosen.put_into(request, scene.shotpack)
        name, folder = shot_folders.another_folder(old)
    except OSError as fault:
        operator.report({"ERROR"}, f"The shot's folder cannot be made: {fault.strerror or fault}.")
        return {"CANCELLED"}
    except EngineError as fault:
        operator.report({"ERROR"}, fault.line)
        return {"CANCELLED"}
    request = takes.without_take(request, name)
    shot = Shot(runtime.new_id(), name, folder, old.frames, request=request, key=runtime.new_id())
    shot.hidden = old.hidden
    start, length = sequencer.content_start(strip) + shot.hidden, shot.frames - shot.hidden
    channel = sequencer.free_channel(scene, start, length, strip.channel)
    meta = timeline.place(scene, shot, timeline.Spot(start, length, channel), folder / STILL)
    meta.shotpack.board, meta.shotpack.through = strip.shotpack.board, strip.shotpack.through
    runtime.send(shot)
    if warning := f"{gone or ''} {left_out}".strip():
        operator.report({"WARNING"}, warning)
    return {"FINISHED"}


CLASSES = (
    SHOTPACK_OT_show_take,
    SHOTPACK_OT_star_take,
    SHOTPACK_OT_delete_take,
    SHOTPACK_OT_make_again,
)
