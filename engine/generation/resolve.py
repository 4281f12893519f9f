"""From what the artist asked to what will be made: the model's defaults filled in, every value checked, the plan drawn.

Nothing here touches a disk or a tensor; all faults are EngineErrors of exit code 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial

from ..drift import OnDrift
from ..errors import Code, EngineError
from ..events import SectionPlan
from ..framepack.packing import Order, Schedule, Tail, check_filled, check_kernels, parse, with_window
from ..framepack.plan import PlannedSection, ShotPlan
from ..framepack.solvers.base import Solver
from ..models.guide_use import require_followable
from ..models.packing_use import Packing
from ..models.spec import ModelSpec, Speed, condition_unsupported, start_unsupported
from ..protocol import (
    ENDPOINTS_MAXIMUM,
    FPS_MAXIMUM,
    FRAMES_MAXIMUM,
    GUIDANCE_MAXIMUM,
    GUIDE,
    SEED_MAXIMUM,
    STEPS_MAXIMUM,
    WINDOW_MAXIMUM,
    SectionChange,
    ShotRequest,
)
from .frame_rates import Conform, FrameSource, ShownFrames, rate
from .guides import LatentGuide, guides_by_latent
from .section_settings import SectionSettings, changes_by_section
from .start_frames import lead_in, lead_pictures
from .stretches import boards_in_time, plan_through, sections_of_changes, sections_of_endpoints
from .value_checks import choice, number, slate_words, whole

CONTEXT_MAXIMUM = 256

AMENDABLE = ("prompt", "prompts", "steps", "guidance")
"""Fields of a request that may change while its shot is made; sections already made stay as they are."""
SAID_ONLY = ("on_drift",)
"""Fields that are no part of how a shot is made: they may differ whenever one is gone on with."""


@dataclass(frozen=True)
class ResolvedRequest:
    """A request with nothing left open, and its plan. Frames in `plan` are those that are made, counted from 0."""

    request: ShotRequest
    width: int
    height: int
    steps: int
    solver: Solver
    schedule: Schedule
    packing: Packing
    """By what the frames of the history are chosen that a section sees."""
    fps: float
    shown: ShownFrames
    plan: ShotPlan
    board_images: dict[int, str]
    """SHA-256 of the picture for every latent in `plan.boards`."""
    start_images: tuple[str, ...]
    """SHA-256 of the pictures behind `plan.lead`, in time order: the start board, or a clip at the model's own rate."""
    sections: tuple[SectionSettings, ...]
    """How every section is made, by its place in time."""
    guides: tuple[LatentGuide, ...]
    """What leads the shot's latents, besides boards."""
    negative: str | None
    """What is to be avoided; None where guidance is not classifier-free or does nothing."""

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompt of every section, by its place in time."""
        return tuple(settings.prompt for settings in self.sections)

    @property
    def exact_fps(self) -> Fraction:
        """The shot's frame rate as a fraction."""
        return rate(self.fps)

    @cached_property
    def sources(self) -> tuple[FrameSource, ...]:
        """What each of the shot's frames is made of."""
        return tuple(self.shown.source_of(frame) for frame in range(self.request.frames))

    def frames_of(self, made: range) -> range:
        """The shot's frames (from 0) that show the frames `made` of the plan."""
        return self.shown.frames_of(made)

    def section_frames(self, section: int) -> range:
        """The shot's frames (from 0) that section `section` adds; the first section's include the start board's."""
        return self.frames_of(self.plan.by_section[section].adds)

    def section_plans(self) -> tuple[SectionPlan, ...]:
        """The plan as events carry it: sections in the sequence of making, frames counted from 1."""
        return tuple(self._section_plan(planned) for planned in self.plan.made)

    def _section_plan(self, planned: PlannedSection) -> SectionPlan:
        frames = self.section_frames(planned.section)
        return SectionPlan(planned.section, frames.start + 1, frames.stop, self.sections[planned.section].prompt)


def resolve(
    request: ShotRequest, spec: ModelSpec, default_size: tuple[int, int], *, pinned: bool = False
) -> ResolvedRequest:
    """Fill in what `request` leaves open from `spec`, check every value and draw the plan.

    `default_size` is the (width, height) that fits what the shot starts from; `pinned` plans boards within the shot as
    0.1.0 did (`plan_through`). Raises EngineError naming the first fault.
    """
    whole("steps", request.steps, 1, STEPS_MAXIMUM)
    whole("seed", request.seed, 0, SEED_MAXIMUM)
    whole("window", request.window, 1, WINDOW_MAXIMUM)
    whole("the number of planned endpoints", len(request.endpoints), 0, ENDPOINTS_MAXIMUM)
    number("fps", request.fps, 1, FPS_MAXIMUM)
    number("guidance", request.guidance, 0, GUIDANCE_MAXIMUM)
    number("cfg", request.cfg, 1, GUIDANCE_MAXIMUM)
    slate_words(request.slate)
    if not 1 <= request.frames <= FRAMES_MAXIMUM:
        raise EngineError(Code.FRAMES_INVALID, frames=request.frames, maximum=FRAMES_MAXIMUM)
    width, height = _size(request, spec, default_size)
    solver = Solver(choice("solver", request.solver or spec.solver, [*spec.solvers]))
    _check_start(request, spec)
    schedule = parse(_schedule(request, spec))
    if request.endpoints and schedule.order() is not Order.ENDPOINT:
        allowed = f"{Order.ENDPOINT}, the order that planned endpoints have"
        raise EngineError(Code.CHOICE_INVALID, name="order", value=schedule.order(), allowed=allowed)
    if schedule.order() not in spec.schedules:
        raise EngineError(
            Code.CHOICE_INVALID, name="order", value=schedule.order(), allowed=", ".join(sorted(spec.schedules))
        )

    _check_packing(schedule, spec)
    packing = spec.packing.require(request.packing)
    if packing is not Packing.TIME and schedule.tail not in (None, Tail.DELETE):
        detail = f"frames that are chosen by {packing} leave no tail for {schedule.tail}"
        own = spec.schedules[schedule.order()]
        raise EngineError(Code.SCHEDULE_UNSUPPORTED, schedule=str(schedule), detail=detail, suggestion=own)

    fps = float(request.fps or spec.native_fps)
    native = rate(spec.native_fps)
    conform = Conform(rate(fps), native) if request.conform else Conform(Fraction(1), Fraction(1))
    grid = spec.grid(schedule.window)
    pace = float(conform.fps / conform.native)
    require_followable(request.conditions, spec.guide, request.frames, pace * grid.compression)
    boards = boards_in_time(request.boards, request.frames, spec, conform, grid, schedule, pinned=pinned)
    pictures = lead_pictures(boards[0].image if boards else None, request.clip, conform, grid, schedule)
    planned = partial(
        plan_through,
        boards,
        request.frames,
        conform=conform,
        grid=grid,
        schedule=schedule,
        lead=lead_in(spec, grid, len(pictures), clip=bool(request.clip)),
        pinned=pinned,
        selects=packing is not Packing.TIME,
    )
    plan, shown = planned()
    endpoints = tuple(sorted(request.endpoints))
    if endpoints:  # which sections these are only a plan tells
        plan, shown = planned(endpoints=sections_of_endpoints(endpoints, plan, shown, boards))
    if request.between and choice("between", request.between, ["flow", "motion"]):
        stops = tuple(stretch.made.stop for stretch in plan.stretches)
        shown = replace(shown, stops=stops, boards=frozenset(board.frame - 1 for board in boards))
    choice("on_drift", request.on_drift, [*OnDrift])
    steps = spec.whole_steps(request.steps or spec.steps)
    speed = Speed(choice("speed", request.speed, [*Speed]))
    guidance = _guidance(request, spec)
    again = () if request.take is None else request.take.again
    changes = changes_by_section(request.sections, again, plan.sections)
    sections = tuple(
        _settings(SectionSettings(prompt, steps, guidance), changes.get(section), spec)
        for section, prompt in enumerate(_prompts(request, plan, shown))
    )
    most = max(settings.guidance for settings in sections)
    complete = replace(
        request,
        fps=fps,
        width=width,
        height=height,
        steps=steps,
        order=str(plan.order),
        schedule=str(schedule),
        solver=str(solver),
        window=grid.window,
        endpoints=endpoints,
        # Left out where there is but one, as in shots that were begun before there were others.
        packing=str(packing) if len(spec.packing.trained) > 1 else None,
        guidance=guidance,
        cache=request.cache or spec.caches.get(speed, "none"),
        negative=request.negative or spec.negative,
    )
    return ResolvedRequest(
        request=complete,
        width=width,
        height=height,
        steps=steps,
        solver=solver,
        schedule=schedule,
        packing=packing,
        fps=fps,
        shown=shown,
        plan=plan,
        board_images={latent: boards[n].image for latent, n in zip(plan.boards, plan.pictures, strict=True)},
        start_images=pictures,
        sections=sections,
        guides=guides_by_latent(
            request.conditions, plan, shown, spec.guide.pictures, boards[0].image if boards else None
        ),
        negative=complete.negative if (most if spec.classifier_free else request.cfg) > 1 else None,
    )


def _guidance(request: ShotRequest, spec: ModelSpec) -> float:
    """The guidance of the shot: as asked for, else as the model's guided or other shots are made best."""
    if request.guidance is not None:
        return request.guidance
    guided = any(condition.kind == GUIDE for condition in request.conditions)
    return spec.guide.guidance if guided and spec.guide.guidance is not None else spec.guidance


def _settings(shot: SectionSettings, own: SectionChange | None, spec: ModelSpec) -> SectionSettings:
    """A section's settings: the shot's, but for what it has for itself."""
    if own is None:
        return shot
    return SectionSettings(
        prompt=shot.prompt if own.prompt is None else own.prompt,
        steps=shot.steps if own.steps is None else spec.whole_steps(own.steps),
        guidance=shot.guidance if own.guidance is None else own.guidance,
        seed=own.seed,
    )


def _schedule(request: ShotRequest, spec: ModelSpec) -> str:
    if request.schedule is not None:
        schedule = parse(request.schedule)
        for name, asked, says in (
            ("order", request.order, schedule.order()),
            ("window", request.window, schedule.window),
        ):
            if asked is not None and str(asked) != str(says):
                detail = f"--{name} {asked} was asked for as well, but it says {says}"
                raise EngineError(Code.SCHEDULE_INVALID, schedule=request.schedule, detail=detail)
        return request.schedule
    order = Order(choice("order", request.order or _own_order(request, spec), sorted(spec.schedules)))
    return with_window(spec.schedules[order], request.window or spec.window)


def _own_order(request: ShotRequest, spec: ModelSpec) -> Order:
    """The model's own order; toward a later board the inverted one where it was trained for that as well.

    In forward order no section sees a board that is still to come (`plan`): the shot would jump to it. Planned
    endpoints have an order of their own.
    """
    if request.endpoints:
        return Order.ENDPOINT
    later = any(board.frame > 1 for board in request.boards)
    both = spec.order is Order.FORWARD and Order.INVERTED in (spec.trained_orders or spec.schedules)
    return Order.INVERTED if later and both else spec.order


def _check_packing(schedule: Schedule, spec: ModelSpec) -> None:
    """Refuse a schedule the weights have no kernels for, and one that leaves a released kernel without frames."""
    trained = spec.schedules[schedule.order()]
    check_kernels(schedule, spec.kernels, trained, tails=spec.tails, codebook=spec.codebook is not None)
    if not spec.packed:
        check_filled(schedule, spec.kernels, trained)
    detail = ""
    frames = sum(block.frames for block in schedule.before + schedule.after)
    if schedule.anchor and schedule.endpoint:
        detail = "it keeps frames at both ends"
    elif schedule.window > WINDOW_MAXIMUM or frames > CONTEXT_MAXIMUM:
        detail = f"it is longer than {WINDOW_MAXIMUM} frames in a section or {CONTEXT_MAXIMUM} in its context"
    if detail:
        raise EngineError(Code.SCHEDULE_UNSUPPORTED, schedule=str(schedule), detail=detail, suggestion=trained)


def _size(request: ShotRequest, spec: ModelSpec, default: tuple[int, int]) -> tuple[int, int]:
    width, height = (request.width or default[0], request.height or default[1])
    smallest, largest = spec.side_limits
    multiple = spec.size_multiple
    if any(side % multiple or not smallest <= side <= largest for side in (width, height)):
        nearest = [min(largest, max(smallest, round(side / multiple) * multiple)) for side in (width, height)]
        raise EngineError(
            Code.SIZE_INVALID,
            width=width,
            height=height,
            multiple=multiple,
            minimum=smallest,
            maximum=largest,
            suggestion=f"{nearest[0]}x{nearest[1]}",
        )
    return width, height


def _check_start(request: ShotRequest, spec: ModelSpec) -> None:
    """Refuse a start that the model has no way to begin from, and what it has not learnt to be made by."""
    if request.start not in spec.starts:
        raise start_unsupported(request.start, spec.starts)
    if request.clip and request.boards:
        raise EngineError(
            Code.BOARD_INVALID,
            frame=request.boards[0].frame,
            detail="the shot goes on from other frames",
            advice="give a board or the frames before the shot, not both",
        )
    if request.endpoints and not spec.plans_endpoints:
        raise EngineError(Code.ENDPOINTS_UNSUPPORTED)
    for condition in request.conditions:
        if condition.kind not in spec.conditions:
            raise condition_unsupported(condition.kind)
    if spec.classifier_free and request.cfg > 1:
        allowed = "1, since this model's guidance is classifier-free already: set guidance instead"
        raise EngineError(Code.NUMBER_INVALID, name="cfg", value=request.cfg, allowed=allowed)


def _prompts(request: ShotRequest, plan: ShotPlan, shown: ShownFrames) -> Iterator[str]:
    """The prompt of every section, by its place in time."""
    changes = sorted(request.prompts, key=lambda change: change.frame)
    for change in changes:
        if not 1 <= change.frame <= request.frames:
            allowed = f"1 to {request.frames}"
            raise EngineError(Code.NUMBER_INVALID, name="the frame of a prompt", value=change.frame, allowed=allowed)
    held = sections_of_changes([change.frame - 1 for change in changes], plan, shown)
    said = request.prompt
    for section in range(plan.sections):
        if section in held:
            said = request.prompt if (place := held[section]) is None else changes[place].text
        yield said
