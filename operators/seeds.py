"""Seeds: the section of a shot that is made first, by several seeds; one is gone on with.

Each seed is a shot like any other, whose job pauses by itself after one section: chosen, it is resumed, and is the shot
that Generate would have made with that seed at once.
"""

from __future__ import annotations

import random
import shutil
from typing import Any

import bpy
from bpy.props import StringProperty

from ..engine.client.stored_request import without_stop
from . import (
    batches,
    capture,
    chosen,
    contact_sheets,
    generate,
    removal,
    runtime,
    seed_groups,
    sequencer,
    shot_intent,
    shot_strips,
)
from .jobs import OnShot


class SHOTPACK_OT_try_seeds(generate.MakesShots, bpy.types.Operator):  # noqa: N801
    """Make the section that comes first with several seeds, this one and others, and go on with the one you like"""

    bl_idname = "shotpack.try_seeds"
    bl_label = "Try Seeds"

    @staticmethod
    def found(context: Any) -> shot_intent.Intent | str:
        """The shot of the seed that is set."""
        found = shot_intent.intent(context)
        return chosen.EARLIER if not isinstance(found, str) and chosen.is_earlier() else found

    def wish(self, found: shot_intent.Intent) -> str:
        """The seed that is set comes first."""
        return f"{generate.name_of(found)} seed {found.seed}"

    def place(self, context: Any, found: shot_intent.Intent, made: generate.Prepared) -> None:
        """All of them, muted and each on a channel of its own, and their sheet."""
        prepared = _each_seed(found, made)
        batch, channel = runtime.new_id(), found.spot.channel - 1
        for row, each in enumerate(prepared, 1):
            channel = sequencer.free_channel(found.scene, each.spot.start, each.spot.length, channel)
            meta = generate.put(found.scene, each.at(channel).to_stop_after(1), batch)
            meta.mute = True
            meta.shotpack.seed_row, meta.shotpack.trying = row, True
        size = chosen.chosen_size(found.scene.shotpack) or chosen.own_size(found.scene)
        image = contact_sheets.begin(batch, size)
        area = _image_editor(context)
        if area is not None and image is not None:
            contact_sheets.show(area, image)


def _each_seed(found: shot_intent.Intent, first: generate.Prepared) -> list[generate.Prepared]:
    """The same shot by each seed, with the pictures of the first one; all or, with CaptureError, none."""
    name = generate.name_of(found)
    seeds, made = _drawn(found.seed, found.scene.shotpack.seed_count), [first]
    try:
        made += [first.with_seed(seed, f"{name} seed {seed}") for seed in seeds[1:]]
    except OSError as fault:
        for each in made:
            shutil.rmtree(each.shot.folder, ignore_errors=True)
        raise capture.CaptureError(f"The shots' folders cannot be made: {fault.strerror or fault}.") from fault
    return made


def _drawn(first: int, count: int) -> list[int]:
    """So many seeds, each another one, `first` among them."""
    seeds, die = [first], random.SystemRandom()
    while len(seeds) < count:
        if (seed := die.randint(1, chosen.SEEDS)) not in seeds:
            seeds.append(seed)
    return seeds


class SHOTPACK_OT_go_on_with_seed(OnShot, bpy.types.Operator):  # noqa: N801
    """Make the whole shot with this seed and show its strip; other seeds stay, muted, and no more is made of them"""

    bl_idname = "shotpack.go_on_with_seed"
    bl_label = "Go On"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        meta = self.strip(context)
        shot = self.record(context) if meta is not None else None
        if meta is None or shot is None:
            return {"CANCELLED"}
        state = batches.state_of(meta.shotpack)
        if state == "sending":
            self.report({"WARNING"}, "The engine has not begun with this shot; wait a moment.")
            return {"CANCELLED"}
        shot.request = without_stop(shot.request)
        shown = seed_groups.tried(meta)
        for each in seed_groups.group(meta.shotpack.batch):
            if each.shotpack.shot != shot.id:
                _lay_aside(each.shotpack)
        for each in shot_strips.find(shot.id):
            each.mute, each.shotpack.trying, each.shotpack.request = False, False, shot.request
            each.shotpack.tried = (shown.start, shown.stop - 1) if shown else (0, 0)
        _keep_seed(meta)
        if not shot.job:
            runtime.wake()
            runtime.the_client().retry(shot)
        elif state != "finished":
            runtime.wake()
            runtime.the_client().act(shot, "resume")
        runtime.redraw()
        return {"FINISHED"}


def _keep_seed(meta: Any) -> None:
    """Let the board's strip have the seed that was chosen: made of it again, the shot is that one."""
    board = meta.id_data.sequence_editor.strips_all.get(meta.shotpack.board) if meta.shotpack.board else None
    if board is not None and 0 <= (seed := seed_groups.seed_of(meta.shotpack)) <= chosen.SEEDS:
        board.shotpack_board.use_seed, board.shotpack_board.seed = True, seed


def _lay_aside(stamp: Any) -> None:
    """Let a seed that is not the chosen one be seen no more; one whose section is not made yet is not made."""
    for meta in shot_strips.find(stamp.shot):
        meta.mute = True
    if stamp.trying and batches.under_way(stamp) and (shot := runtime.shot_of(stamp.shot)) is not None:
        runtime.the_client().act(shot, "cancel")


class SHOTPACK_OT_remove_seeds(bpy.types.Operator):  # noqa: N801
    """Remove the seeds that nobody has gone on with: their strips, their frames on the disk, their jobs"""

    bl_idname = "shotpack.remove_seeds"
    bl_label = "Remove Seeds and Their Files"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    batch: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask first, once for all: files do not come back."""
        message = "Their strips, frames on the disk and what the engine has of them go. Undo does not bring them back."
        confirm = {"title": "Remove Seeds", "message": message, "confirm_text": "Remove", "icon": "WARNING"}
        return set(context.window_manager.invoke_confirm(self, event, **confirm))

    def execute(self, context: Any) -> set[str]:
        names = [meta.shotpack.shot for meta in seed_groups.group(self.batch) if meta.shotpack.trying]
        for name in names:
            if (said := removal.remove(name, next(iter(shot_strips.find(name)), None))) is not None:
                self.report({"WARNING"}, said)
        return {"FINISHED"} if names else {"CANCELLED"}


class SHOTPACK_OT_show_seeds(bpy.types.Operator):  # noqa: N801
    """Show all seeds beside each other in an Image Editor: one that is there, else one in a window of its own"""

    bl_idname = "shotpack.show_seeds"
    bl_label = "Contact Sheet"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    batch: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[str]:
        image = contact_sheets.begin(self.batch)
        if image is None:
            return {"CANCELLED"}
        area = _image_editor(context)
        if area is None and not bpy.app.background:
            bpy.ops.wm.window_new()
            area = context.window_manager.windows[-1].screen.areas[0]
            area.type = "IMAGE_EDITOR"
        if area is not None:
            contact_sheets.show(area, image)
        return {"FINISHED"}


def _image_editor(context: Any) -> Any | None:
    """An Image Editor that is on a screen, this window's before others; none where a render may come."""
    windows = list(context.window_manager.windows)
    windows.sort(key=lambda window: window != context.window)
    areas = [area for window in windows for area in window.screen.areas if area.ui_type == "IMAGE_EDITOR"]
    return next(iter(areas), None)


CLASSES = (
    SHOTPACK_OT_try_seeds,
    SHOTPACK_OT_go_on_with_seed,
    SHOTPACK_OT_remove_seeds,
    SHOTPACK_OT_show_seeds,
)
