"""What is chosen for the next shots beside words and pictures: model, size, steps, LoRAs; and what a model offers."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from ..engine.client import estimate, finishes
from ..engine.client.longer_shots import FORWARD
from ..engine.client.stored_request import asked_for
from ..engine.protocol import ShotRequest
from ..engine.serialization import to_json
from . import loras, runtime, sequencer, settings
from .drift_words import asked_at_limit
from .shot_options import ORDERS

SEEDS = 2**31 - 1
"""The highest seed that Blender's numbers hold."""
_SIZE = re.compile(r"([0-9]{2,4})x([0-9]{2,4})")
BETWEENS = {"NEAREST": "", "FLOW": "flow", "MOTION": "motion"}
"""What makes frames in between, as a request says it."""
NO_FLOW = "Flow is not installed yet: the nearest frames are shown."
NO_ENDPOINTS = "The chosen model plans no endpoints; they were left out."
_SAME_RATE = 0.005
EARLIER = "The engine is of an earlier release, which cannot do this; update it."
"""What greys a button that such an engine would refuse."""


def about() -> Mapping[str, Any]:
    """What the engine said of itself last; empty before it was heard."""
    return runtime.client.about if runtime.client is not None else {}


def is_earlier() -> bool:
    """Whether the engine is of 0.1.0, which refuses takes, stops, and boards beyond a shot's end."""
    return bool(about()) and not about().get("details")


def details_of(model: str) -> Mapping[str, Any] | None:
    """What a model can, as the engine says; None where it does not."""
    found: Mapping[str, Any] | None = about().get("details", {}).get(model)
    return found


def best_model() -> str:
    """The engine's best, with which shots are made that name none; empty before the engine was heard."""
    return str(next(iter(about().get("models", ())), ""))


def model_in_use(wanted: Any) -> str:
    """The model that a scene's shots are made with, by its whole name; empty before the engine was heard."""
    return settings.model_of(wanted) or best_model()


def shape_of(scene: Any) -> tuple[int, int] | None:
    """The (width, height) of the next shot's board, None for a shot without: boards are taken at the scene's size."""
    if scene.shotpack.source == "TEXT":
        return None
    return scene.render.resolution_x, scene.render.resolution_y


def own_size(scene: Any) -> tuple[int, int] | None:
    """The (width, height) that the model gives to the next shot; None before the engine was heard."""
    details = details_of(model_in_use(scene.shotpack))
    return None if details is None else estimate.size_for(details, shape_of(scene))


def chosen_size(wanted: Any) -> tuple[int, int] | None:
    """The (width, height) that is chosen; None: the model's own. One that this model does not have is not used."""
    found = _SIZE.fullmatch(wanted.size)
    details = details_of(model_in_use(wanted))
    if found is None or details is None:
        return None
    size = int(found[1]), int(found[2])
    return size if list(size) in details["sizes"] else None


def estimate_of(scene: Any, frames: int, fps: float) -> estimate.Estimate | None:
    """What the next shot will take; None where the engine says nothing of its model."""
    wanted, size = scene.shotpack, chosen_size(scene.shotpack) or own_size(scene)
    if size is None:
        return None
    how: dict[str, Any] = {"steps": wanted.steps, "speed": wanted.speed, "conform": wanted.rate == "CONFORM"}
    return estimate.estimate(about(), model_in_use(wanted), size, frames=frames, fps=fps, **how)


def film_second(model: str) -> tuple[float, str] | None:
    """Seconds that a second of a model's film took on this device, and at which size; None: never measured."""
    details, said = details_of(model), about()
    if details is None:
        return None
    return estimate.film_second(model, details, said.get("speeds", ()), estimate.devices_of(said))


def asked(wanted: Any) -> dict[str, Any]:
    """The fields of a `ShotRequest` that a scene's settings name; what the model does not have is left out."""
    details = details_of(model_in_use(wanted))
    order = None if wanted.order == "AUTO" else wanted.order
    if details is not None and order not in details["orders"]:
        order = None
    width, height = chosen_size(wanted) or (None, None)
    takes_negative = details is not None and details["negative"]
    return {
        "model": settings.model_of(wanted),
        "steps": wanted.steps or None,
        "seed": wanted.seed,
        "order": order,
        "packing": wanted.packing if wanted.packing in packings_of(details) else None,
        "guidance": wanted.guidance or None,
        "speed": wanted.speed,
        "width": width,
        "height": height,
        "negative": wanted.negative.strip() if takes_negative else "",
        "on_drift": "" if is_earlier() else asked_at_limit(wanted.at_limit),
        "loras": tuple(loras.asked(wanted)),
        "between": "" if why_no_between(wanted) else BETWEENS[wanted.between],
    }


def packings_of(details: Mapping[str, Any] | None) -> Sequence[str]:
    """By what shots of a model may be packed, its own first, where there is a choice."""
    packings = [] if details is None else details.get("trained", {}).get("packings", [])
    return packings if len(packings) > 1 else []


def why_no_between(wanted: Any) -> str | None:
    """The sentence that says why a scene's shots get no frames in between; None where they do, or are to get none."""
    details = details_of(model_in_use(wanted))
    if wanted.rate != "CONFORM":
        return "Frame for Frame shows the model's own frames alone."
    if details is not None:
        render = wanted.id_data.render
        if abs(render.fps / render.fps_base - details["native_fps"]) < _SAME_RATE:
            return "The model's frame rate is the scene's: there is nothing in between."
    if about() and "finishing" not in about():
        return EARLIER
    if about() and wanted.between == "FLOW" and BETWEENS["FLOW"] not in finishes.betweens(about()):
        return NO_FLOW
    return None


def order_toward_end(wanted: Any, order: str | None) -> str | None:
    """The order of a shot that arrives at a picture, where `order` is asked for: forward no section would see it.

    None: as the model is.
    """
    if order not in (None, FORWARD):
        return order
    details = details_of(model_in_use(wanted))
    orders = details["orders"] if details is not None else ()
    return next((each for each in orders if each != FORWARD), None)


def put_into(request: str, wanted: Any) -> tuple[str, str]:
    """A shot's request, as JSON, with all that is chosen now, and the sentence for the artist where something went.

    Words, pictures, length and rate stay its own, and planned endpoints where the chosen model can fill the gaps
    between them; else they are left out, which is said. One that cannot be read stays as it is.
    """
    try:
        old = dict(json.loads(request))
    except (ValueError, TypeError, RecursionError):
        return request, ""
    usual = {each.name: each.default for each in fields(ShotRequest)}
    now, before, left_out = asked(wanted), asked_for(request), ""
    if before is not None and any(board.frame > before.frames for board in before.boards):
        now["order"] = order_toward_end(wanted, now["order"])
    if before is not None and before.endpoints:
        details = details_of(model_in_use(wanted))
        if details is None or details.get("trained", {}).get("planned_endpoints"):
            now["order"] = "endpoint"
        else:
            del old["endpoints"]
            left_out = str(bpy.app.translations.pgettext_iface(NO_ENDPOINTS))
    for name, value in now.items():
        was = old.pop(name, None)
        if value != usual[name] or (name in ("model", "seed") and was is not None):
            old[name] = [to_json(each) for each in value] if name == "loras" else value
    return json.dumps(old), left_out


class _OnSettings:
    """An operator that changes the timeline's settings."""

    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012

    def wanted(self, context: Any) -> Any:
        """The settings of the timeline that goes with the editor."""
        return sequencer.scene_of(context).shotpack


class SHOTPACK_OT_choose_model(_OnSettings, bpy.types.Operator):  # noqa: N801
    """Make this timeline's shots with this model"""

    bl_idname = "shotpack.choose_model"
    bl_label = "Choose Model"

    name: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        """What the model can, for the menu's tooltips."""
        details = details_of(properties.name)
        return described(details) if details is not None else str(cls.__doc__)

    def execute(self, context: Any) -> set[str]:
        self.wanted(context).model = self.name
        return {"FINISHED"}


def described(details: Mapping[str, Any]) -> str:
    """What a model can, in two sentences."""
    starts = {"board": "a picture", "text": "words alone", "clip": "the frames of a strip"}
    translated = bpy.app.translations.pgettext_iface
    begins = translated(" or ").join(translated(starts.get(start, start)) for start in details["starts"])
    sizes = ", ".join(f"{width}x{height}" for width, height in details["sizes"][:6])
    names = {name: title for name, title, _ in ORDERS}
    orders = ", ".join(translated(names.get(order, order)) for order in details["orders"])
    words = translated("Starts from {starts}; sections in {orders} order; {sizes}")
    return f"{translated(details['good_for'])} {words.format(starts=begins, orders=orders, sizes=sizes)}".strip()


class SHOTPACK_OT_choose_size(_OnSettings, bpy.types.Operator):  # noqa: N801
    """Make shots of this size; a board of another shape is cut at its longer sides"""

    bl_idname = "shotpack.choose_size"
    bl_label = "Choose Size"

    size: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[str]:
        self.wanted(context).size = self.size
        return {"FINISHED"}


class SHOTPACK_OT_roll_seed(_OnSettings, bpy.types.Operator):  # noqa: N801
    """Another seed, by the die: the same shot happens otherwise"""

    bl_idname = "shotpack.roll_seed"
    bl_label = "Roll Seed"

    def execute(self, context: Any) -> set[str]:
        self.wanted(context).seed = random.SystemRandom().randint(1, SEEDS)
        return {"FINISHED"}


class SHOTPACK_OT_own_value(_OnSettings, bpy.types.Operator):  # noqa: N801
    """Leave this number to the model, or set one of your own"""

    bl_idname = "shotpack.own_value"
    bl_label = "Model's Own Number"

    name: EnumProperty(items=(("steps", "Steps", ""), ("guidance", "Guidance", "")), options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[str]:
        wanted = self.wanted(context)
        details = details_of(model_in_use(wanted)) or {"steps": 25, "guidance": 10.0}
        setattr(wanted, self.name, 0 if getattr(wanted, self.name) else details[self.name])
        return {"FINISHED"}


CLASSES = (
    SHOTPACK_OT_choose_model,
    SHOTPACK_OT_choose_size,
    SHOTPACK_OT_roll_seed,
    SHOTPACK_OT_own_value,
)
