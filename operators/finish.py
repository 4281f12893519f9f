"""Finish: a made shot's frames enlarged, as another take in the same strip; what the model made is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty

from ..engine.client import finishes
from ..engine.client.board_files import png_size
from ..engine.client.shot import Shot
from ..engine.errors import EngineError
from ..engine.protocol import Finish
from . import chosen, engine, new_take, runtime, shot_folders, shot_strips, take_stamps, trust
from .jobs import OnShot

_DIALOG_WIDTH = 420
_SIZES = (
    (finishes.FIT, "Fit Scene", "As large as the scene's render", 0),
    ("2", "2x", "Twice as wide and twice as high", 2),
    ("4", "4x", "Four times as wide and four times as high", 4),
)
_PIXEL_BYTES = 1.5
"""Of a PNG, where none of the shot's can be looked at."""
_LOOKED_AT = 8
"""Frames of which the bytes are counted."""
_items: list[tuple[str, str, str]] = []
"""What `_upscalers` gave last: Blender keeps no reference to the texts."""


def prevented(strip: Any | None) -> str | None:
    """The sentence that says why a shot's strip cannot be finished. Cheap: panels ask at every drawing."""
    if strip is None:
        return "Select a shot's strip."
    if engine.missing():
        return engine.MISSING
    said = new_take.source_of(strip.shotpack)
    if said is None:
        if new_take.rests(strip.shotpack):
            return "Only what is made can be finished; go on with this shot first."
        return "Only what is made can be finished; wait until this shot is made."
    if not said.job:
        return "The engine has never made this shot; use Make Again."
    if not chosen.about():
        return "The engine has not been heard yet."
    if engine.installing() and not engine.replacing():
        return engine.FINISHING_COMES
    return None if "finishing" in chosen.about() else chosen.EARLIER


def is_finish(shot: Shot) -> bool:
    """Whether what is made of a shot is no more than its frames finished."""
    return finishes.finish_of(shot.request) is not None


class Finishing:
    """What a press would make: of which take, how large, and what it takes. Looks at the disk: not for panels."""

    def __init__(self, strip: Any, said: Any, size: str, upscaler: str) -> None:
        self._strip, self._said, self._asked, self._upscaler = strip, said, size, upscaler
        self._pictures = _pictures(strip, said)
        self._size = next(filter(None, map(png_size, self._pictures[:1])), None)
        render = strip.id_data.render
        wide, high = (side * render.resolution_percentage // 100 for side in (render.resolution_x, render.resolution_y))
        self._result = finishes.result_size(self._size, size, (wide, high)) if self._size is not None else (0, 0)

    @property
    def finish(self) -> Finish:
        """What is asked for. A factor stays one, so that a shot of any size is made again to the bit."""
        width, height = self._result
        size = f"{width}x{height}" if self._asked == finishes.FIT else self._asked
        return Finish(upscale=size, upscaler=self._upscaler)

    @property
    def estimate(self) -> finishes.FinishEstimate:
        """What it will take."""
        frames, seen = self._strip.shotpack.frames, self._pictures[:: max(1, len(self._pictures) // _LOOKED_AT)]
        width, height = self._size or (0, 0)
        there = [path.stat().st_size for path in seen if path.is_file()]
        pixel_bytes = sum(there) / len(there) / (width * height) if there and width else _PIXEL_BYTES
        return finishes.estimate(chosen.about(), self._upscaler, self._result, frames, pixel_bytes)

    def why_not(self) -> str | None:
        """The sentence that says why that cannot be made."""
        if self._size is None:
            return "The shot's frames are not there any more; make it again."
        return finishes.why_not_size(self._size, self._result)

    def why_not_now(self) -> str | None:
        """The same for what only a press looks at: room on the disk, and whether there is such a take already."""
        found, stamp = self.estimate, self._strip.shotpack
        if (shortage := shot_folders.shortage(found.frames, found.bytes / found.frames)) is not None:
            return shortage
        parent = take_stamps.number_of(stamp, self._said)
        made = (take for take in stamp.takes if take.parent == parent and take.state not in ("failed", "cancelled"))
        same = next((take for take in made if finishes.finish_of(take.request) == self.finish), None)
        return f"Take {same.number} is that already." if same is not None else None

    def foretold(self) -> list[str]:
        """What will be made and about what it takes: sentences for the artist."""
        translated, found = bpy.app.translations.pgettext_iface, self.estimate
        words = translated("{frames} frames of take {take}: {was} become {width} x {height}.")
        take, was = take_stamps.number_of(self._strip.shotpack, self._said), "{} x {}".format(*(self._size or (0, 0)))
        told = [words.format(frames=found.frames, take=take, width=found.width, height=found.height, was=was)]
        if found.seconds is not None:
            time = f"{round(found.seconds)} s" if found.seconds < 90 else f"{round(found.seconds / 60)} min"
            told.append(translated("It takes about {time}.").format(time=time))
        room = max(1, round(found.bytes / 1e6))
        return [*told, translated("On the disk it takes up to {room} MB.").format(room=room)]

    def request(self, number: int, parent: int) -> str:
        """What is asked for as take `number`, of take `parent`."""
        said = self._said
        return finishes.finish_request(said.request, self.finish, number=number, job=said.job, parent_number=parent)


def _pictures(strip: Any, said: Any) -> list[Path]:
    """The files of the frames that would be finished; none where they may not be looked at."""
    folder = shot_strips.folder_of(strip)
    usable = trust.usable(folder) if folder is not None else None
    if usable is None:
        return []
    stamp = strip.shotpack
    names = take_stamps.pictures(stamp, take_stamps.number_of(stamp, said)).values() if len(stamp.takes) else ()
    return [usable / name for name in names] or [usable / path.name for path in shot_strips.pictures(strip)]


def _upscalers(_finish: Any, _context: Any) -> list[tuple[str, str, str]]:
    global _items
    _items = [(name, title, "") for name, title in finishes.upscalers(chosen.about())] or [("NONE", "None", "")]
    return _items


class SHOTPACK_OT_finish(OnShot, bpy.types.Operator):  # noqa: N801
    """Enlarge the shot's frames, as another take in the same strip; the frames that the model made are kept"""

    bl_idname = "shotpack.finish"
    bl_label = "Finish"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    size: EnumProperty(name="Size", description="How large the frames become", items=_SIZES, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    upscaler: EnumProperty(name="Upscaler", description="What enlarges them", items=_upscalers, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        named = getattr(context, "shotpack_shot", None)  # the one whose menu it is
        strip = next(iter(shot_strips.listing(named.shot)), None) if named is not None else new_take.strip_of(context)
        said = prevented(strip)
        if said is not None:
            cls.poll_message_set(said)
        return said is None

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Ask how large, and say what it takes; where nothing is there that enlarges, offer to install it."""
        strip = self.strip(context)
        if not finishes.upscalers(chosen.about()):
            if (why := engine.why_no_addition()) is not None:
                self.report({"ERROR"}, why)
            else:
                bpy.ops.shotpack.install_finishing("INVOKE_DEFAULT")
            return {"CANCELLED"}
        title = {"title": f"{bpy.app.translations.pgettext_iface('Finish')}: {strip.shotpack.name}"}
        return set(context.window_manager.invoke_props_dialog(self, width=_DIALOG_WIDTH, confirm_text="Make", **title))

    def draw(self, context: Any) -> None:
        layout, strip = self.layout, self.strip(context)
        said = new_take.source_of(strip.shotpack) if strip is not None else None
        if strip is None or said is None:
            return
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.row().prop(self, "size", expand=True)
        layout.prop(self, "upscaler")
        wanted = Finishing(strip, said, self.size, self.upscaler)
        if (why := wanted.why_not()) is not None:
            layout.label(text=why, icon="ERROR")
            return
        for words in wanted.foretold():
            layout.label(text=words, icon="INFO", translate=False)

    def execute(self, context: Any) -> set[str]:
        strip = self.strip(context)
        said = new_take.source_of(strip.shotpack) if strip is not None else None
        why = prevented(strip)
        if strip is None or said is None or why is not None:
            self.report({"ERROR"}, why or "Select a shot's strip.")
            return {"CANCELLED"}
        if not finishes.upscalers(chosen.about()):
            self.report({"ERROR"}, engine.FINISHING_MISSING)
            return {"CANCELLED"}
        wanted = Finishing(strip, said, self.size, self.upscaler)
        if (why := wanted.why_not() or wanted.why_not_now()) is not None:
            self.report({"ERROR"}, why)
            return {"CANCELLED"}
        record = new_take.record_of(strip, said)
        if isinstance(record, str):
            self.report({"ERROR"}, record)
            return {"CANCELLED"}
        try:
            shot = new_take.begin_take(strip, said, record, wanted.request)
        except (OSError, EngineError) as fault:
            self.report({"ERROR"}, new_take.not_kept(fault))
            return {"CANCELLED"}
        runtime.send(shot)
        return {"FINISHED"}


CLASSES = (SHOTPACK_OT_finish,)
