"""New Take: what is to differ, what will be made again with it, and the take that is begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..engine.client import estimate, local_store, takes
from ..engine.client.finishes import finish_of
from ..engine.client.shot import Shot
from ..engine.client.stored_request import asked_for, read
from ..engine.client.takes import Change
from ..engine.errors import Code, EngineError
from ..engine.events import Started
from ..engine.protocol import GUIDANCE_MAXIMUM, PROMPT_MAXIMUM
from . import (
    adoption,
    chosen,
    engine,
    problems,
    runtime,
    sequencer,
    settings,
    shot_strips,
    take_stamps,
    timeline,
    trust,
)
from .takes import gone_model, strip_of

_DIALOG_WIDTH = 420


def source_of(stamp: Any) -> Any | None:
    """The take that the next one continues: the shown one, or, while that is not made, the one that it continues.

    Of a finish, which nothing can be made of, the one that was finished.
    """
    if not len(stamp.takes):
        return stamp if _is_made(stamp) else None
    take = take_stamps.take_of(stamp, stamp.take)
    for _ in range(len(stamp.takes)):  # a file may hold anything, a circle too
        if take is None or _is_made(take):
            break
        take = take_stamps.take_of(stamp, take.parent)
    return take if take is not None and _is_made(take) else None


def _is_made(said: Any) -> bool:
    """Whether a take is there, as a model has made it."""
    return said.state == "finished" and finish_of(said.request) is None


def rests(stamp: Any) -> bool:
    """Whether what a strip shows is not made and will not be by itself: somebody has to go on with it."""
    return stamp.state in ("paused", "failed", "cancelled")


def plan_of(stamp: Any, said: Any) -> Started | None:
    """Where the sections of a take lie, as far as that is known."""
    scene = stamp.id_data
    found = takes.plan_of(said.plan) if said.plan else None
    if found is not None:
        return found
    shape = scene.render.resolution_x, scene.render.resolution_y
    details = chosen.details_of(takes.value_of(said.request, None, "model") or chosen.best_model())
    size = estimate.size_for(details, shape) if details is not None else shape
    return takes.expected_plan(said.request, chosen.about(), size)


def prevented(strip: Any | None) -> str | None:
    """The sentence that says why no take can be made of a shot's strip. Cheap: panels ask at every drawing."""
    if strip is None:
        return "Select a shot's strip."
    if engine.missing():
        return engine.MISSING
    stamp = strip.shotpack
    if (said := source_of(stamp)) is None:
        if rests(stamp):
            return "A take is made of a finished shot; go on with this one first."
        return "A take is made of a finished shot; wait until this one is made."
    if not said.job:
        return "The engine has never made this shot; use Make Again."
    if chosen.is_earlier():
        return chosen.EARLIER
    return gone_model(said.request)


def section_under_playhead(strip: Any, plan: Started) -> int:
    """The section, from 1, that the playhead is in, or the nearest one."""
    frame = int(strip.id_data.frame_current) - sequencer.content_start(strip) + 1
    return takes.section_at(plan, frame)


def _refill(wanted: Any, context: Any) -> None:
    """Other words and another guidance hold for another section; what the artist has typed stays."""
    strip = strip_of(context)
    said = source_of(strip.shotpack) if strip is not None else None
    if strip is None or said is None:
        return
    section = wanted.section if wanted.of == "SECTION" else None
    plan = plan_of(strip.shotpack, said)
    planned = takes.section_of(plan, section) if plan is not None and section is not None else None
    words = planned.prompt if planned is not None else takes.value_of(said.request, section, "prompt") or ""
    details = chosen.details_of(takes.value_of(said.request, None, "model") or chosen.best_model())
    own = details["guidance"] if details is not None else 0.0
    guidance = takes.value_of(said.request, section, "guidance") or own
    if wanted.prompt == wanted.was_prompt:
        wanted.prompt = words
    if wanted.guidance == wanted.was_guidance:
        wanted.guidance = guidance
    wanted.was_prompt, wanted.was_guidance = words, guidance


class SHOTPACK_OT_new_take(bpy.types.Operator):  # noqa: N801
    """Make another take of the shot, or of one section of it, in the same strip; the takes before are kept"""

    bl_idname = "shotpack.new_take"
    bl_label = "New Take"
    bl_options = {"INTERNAL", "UNDO"}  # noqa: RUF012

    of: EnumProperty(
        name="Of",
        items=(
            ("SHOT", "Whole Shot", "All sections are made again"),
            ("SECTION", "One Section", "This section is made again, and those that were made from it"),
        ),
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    section: IntProperty(
        name="Section",
        description="Counted in time, from 1; 0: the one under the playhead",
        min=0,
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    use_seed: BoolProperty(
        name="Own Seed", description="Choose the seed; else it is another one for each take", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    seed: IntProperty(
        name="Seed", description="Another seed, another take", min=0, max=chosen.SEEDS, options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    prompt: StringProperty(name="Prompt", description="What happens", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    guidance: FloatProperty(
        name="Guidance",
        description="How strictly the prompt is followed; 0: as in the take before",
        min=0,
        max=GUIDANCE_MAXIMUM,
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    was_prompt: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    was_guidance: FloatProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        said = prevented(strip_of(context))
        if said is not None:
            cls.poll_message_set(said)
        return said is None

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Ask what is to differ, and say what will be made again."""
        strip = strip_of(context)
        said = source_of(strip.shotpack)
        plan = plan_of(strip.shotpack, said)
        if self.section == 0 and plan is not None:
            self.section = section_under_playhead(strip, plan)
        self.seed = takes.usual_seed(said.request, _next_number(strip))
        self.use_seed = True
        _refill(self, context)
        title = {"title": f"{bpy.app.translations.pgettext_iface('New Take')}: {strip.shotpack.name}"}
        return set(context.window_manager.invoke_props_dialog(self, width=_DIALOG_WIDTH, confirm_text="Make", **title))

    def check(self, context: Any) -> bool:
        """Another section is chosen: its words are shown."""
        _refill(self, context)
        return True

    def draw(self, context: Any) -> None:
        layout, strip = self.layout, strip_of(context)
        said = source_of(strip.shotpack) if strip is not None else None
        if strip is None or said is None:
            return
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.row().prop(self, "of", expand=True)
        plan = plan_of(strip.shotpack, said)
        if self.of == "SECTION":
            layout.prop(self, "section")
        layout.prop(self, "seed")
        layout.prop(self, "prompt")
        layout.prop(self, "guidance")
        section = self.section if self.of == "SECTION" else None
        for words in foretold(said, plan, section):
            layout.label(text=words, icon="INFO", translate=False)

    def execute(self, context: Any) -> set[str]:
        strip = strip_of(context)
        stamp = strip.shotpack
        said = source_of(stamp)
        plan = plan_of(stamp, said)
        section = None
        if self.of == "SECTION":
            section = self.section or (section_under_playhead(strip, plan) if plan is not None else 0)
            if section < 1 or (plan is not None and takes.section_of(plan, section) is None):
                self.report({"ERROR"}, "The shot has no such section.")
                return {"CANCELLED"}
        if len(self.prompt) > PROMPT_MAXIMUM:
            self.report({"ERROR"}, f"The words are {len(self.prompt)} characters long; {PROMPT_MAXIMUM} is the most.")
            return {"CANCELLED"}
        record = record_of(strip, said)
        if isinstance(record, str):
            self.report({"ERROR"}, record)
            return {"CANCELLED"}
        change = self._change(section)
        if self.use_seed and takes.is_same(said.request, change):
            self.report({"ERROR"}, "Nothing differs in that take; choose another seed, other words or guidance.")
            return {"CANCELLED"}
        try:
            shot = begin(strip, said, record, change, self.use_seed)
        except (OSError, EngineError) as fault:
            self.report({"ERROR"}, not_kept(fault))
            return {"CANCELLED"}
        runtime.send(shot)
        return {"FINISHED"}

    def _change(self, section: int | None) -> Change:
        """What differs: what is as it was is not said."""
        prompt = self.prompt.strip()
        return Change(
            section,
            self.seed if self.use_seed else None,
            prompt if prompt and prompt != self.was_prompt else None,
            self.guidance if self.guidance and self.guidance != self.was_guidance else None,
        )


def record_of(strip: Any, said: Any) -> Shot | str:
    """The record of the take that another one is to continue, or the sentence that says why none can."""
    if not settings.preferences().remote and local_store.known(settings.home(), {said.job}) == frozenset():
        return "The engine does not have this shot any more; Make Again makes it anew."
    record = runtime.shot_of(said.shot) or adoption.record(strip, said)
    if record is None:
        problem = problems.of_error(adoption.left_alone[said.shot])
        return f"{problem.sentence} {problem.advice}"
    return record


def not_kept(fault: OSError | EngineError) -> str:
    """The sentence for a take that `begin` could not begin."""
    why = fault.line if isinstance(fault, EngineError) else f"{fault.strerror or fault}."
    return f"The take cannot be kept in the shot's folder: {why}"


def begin(strip: Any, said: Any, record: Shot, change: Change, own_seed: bool) -> Shot:
    """A new take that continues `said`, listed in all strips of the shot and shown in this one; it is yet to be sent.

    Raises OSError where its number cannot be kept in the shot's folder, and EngineError where the strip tells nonsense.
    """

    def request(number: int, parent: int) -> str:
        seed = change.seed if own_seed else takes.usual_seed(said.request, number)
        return takes.take_request(
            said.request, replace(change, seed=seed), number=number, job=said.job, parent_number=parent
        )

    return begin_take(strip, said, record, request)


def begin_take(strip: Any, said: Any, record: Shot, request: Callable[[int, int], str]) -> Shot:
    """The same for whatever `request` asks for, which is given the take's number and that of the one it continues."""
    if asked_for(said.request) is None:  # a file may hold anything, and no number is kept for that
        raise EngineError(Code.BAD_REQUEST, detail="the file says nothing of use about it")
    read(said.request)
    stamp = strip.shotpack
    parent, parent_number = said.shot, take_stamps.number_of(stamp, said)
    shot = Shot(runtime.new_id(), stamp.name, record.folder, stamp.frames, key=runtime.new_id(), hidden=stamp.hidden)
    shot.take = takes.keep_number(record.folder, _numbers(shot, parent), {"parent": parent_number, "shot": shot.id})
    shot.request = request(shot.take, parent_number)
    runtime.share_folder(shot)
    for meta in shot_strips.listing(parent):
        take_stamps.list_take(meta.shotpack, shot, parent_number)
    shot.under = take_stamps.pictures(stamp, parent_number)
    take_stamps.show(stamp, take_stamps.take_of(stamp, shot.take))
    timeline.recolour(strip)
    timeline.reconcile(shot, None)
    return shot


def foretold(said: Any, plan: Started | None, section: int | None) -> list[str]:
    """What a take will make again, and about how long that takes: sentences for the artist, before it is made."""
    translated = bpy.app.translations.pgettext_iface
    if plan is None:
        return [translated("Where its sections lie the engine tells once it runs.")]
    again = [each.section + 1 for each in plan.sections]
    if section is not None:
        if (planned := takes.section_of(plan, section)) is None:
            return [translated("The shot has sections 1 to {count}.").format(count=len(plan.sections))]
        again = takes.made_again(plan, section, takes.boards_of(said.request))
        words = [translated("Section {section}: frames {first} to {last}.")]
        words = [words[0].format(section=section, first=planned.first, last=planned.last)]
    else:
        words = []
    told = translated("{count} of {of} sections are made again: {which}.")
    if len(again) == 1:
        told = translated("1 of {of} sections is made again: {which}.")
    words.append(told.format(count=len(again), of=len(plan.sections), which=_listed(again)))
    seconds = takes.seconds_for(plan, len(again), said.request, chosen.about())
    if seconds is not None:
        time = f"{round(seconds)} s" if seconds < 90 else f"{round(seconds / 60)} min"
        words.append(translated("It takes about {time}.").format(time=time))
    return words


def _listed(numbers: list[int]) -> str:
    """Numbers in a few words, such as "1 - 3"."""
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} - {numbers[-1]}"
    return ", ".join(map(str, numbers))


def _numbers(shot: Shot, parent: str) -> list[int]:
    """The numbers of takes in a shot's folder that strips and records know of."""
    listed = [take.number for meta in shot_strips.listing(parent) for take in meta.shotpack.takes]
    return listed + [other.take for other in runtime.beside(shot)]


def _next_number(strip: Any) -> int:
    """The number that the next take will have."""
    stamp, folder = strip.shotpack, shot_strips.folder_of(strip)
    listed = [stamp.take, *(take.number for take in stamp.takes)]
    try:
        return 1 + (takes.newest(folder, listed) if folder is not None and trust.trusted(folder) else max(listed))
    except OSError:
        return 1 + max(listed)


CLASSES = (SHOTPACK_OT_new_take,)
