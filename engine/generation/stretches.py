"""From where boards lie in a shot to its plan: one stretch, or one from each board to the next; where words change, and
where planned endpoints lie.

Nothing here touches a disk or a tensor; all faults are EngineErrors of exit code 2.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from fractions import Fraction
from itertools import pairwise

from ..errors import Code, EngineError
from ..framepack.grid import Grid, Seam
from ..framepack.layout import LeadIn
from ..framepack.packing import Order, Schedule
from ..framepack.plan import ShotPlan, plan_shot, plan_stretches
from ..models.spec import ModelSpec
from ..protocol import Board
from .frame_rates import Conform, ShownFrames


def boards_in_time(
    given: Sequence[Board],
    frames: int,
    spec: ModelSpec,
    conform: Conform,
    grid: Grid,
    schedule: Schedule,
    *,
    pinned: bool,
) -> tuple[Board, ...]:
    """The boards of a shot of `frames` frames in time order. Raises EngineError for one that can not lie there.

    `pinned` as in `plan_through`: such boards need a latent each. One right after the last frame is what comes after
    the shot, which arrives at it and does not show it.
    """
    boards = tuple(sorted(given, key=lambda board: board.frame))
    for board in boards:
        if not 1 <= board.frame <= frames + 1:
            raise EngineError(
                Code.BOARD_INVALID,
                frame=board.frame,
                detail=f"the shot has frames 1 to {frames}",
                advice=f"move it inside the shot, or to frame {frames + 1} for what comes after it",
            )
        if board.frame > 1 and not spec.boards_within:
            raise EngineError(
                Code.BOARD_INVALID,
                frame=board.frame,
                detail="this model takes a board at the start only",
                advice="leave the others out, or use another model",
            )
    through = len(_stretch_starts(boards, frames, conform)) > 1 and not pinned
    if boards and boards[-1].frame > frames and schedule.order() is Order.FORWARD:
        raise EngineError(
            Code.BOARD_INVALID,
            frame=boards[-1].frame,
            detail="in forward order no section sees what comes after the shot",
            advice="choose inverted or endpoint order",
        )
    least = conform.first_showing(grid.compression - 1) + 1
    for earlier, board in pairwise(boards):
        one, other = (grid.latent_of(conform.native_of(each.frame - 1)) for each in (earlier, board))
        # A stretch shows something of its own beside its board: a latent's frames.
        if board.frame - earlier.frame < least if through else one == other:
            raise EngineError(
                Code.BOARD_INVALID,
                frame=board.frame,
                detail=f"the board at frame {earlier.frame} is too near",
                advice=f"keep boards at least {least} frames apart",
            )
    if boards and boards[0].frame != 1:
        raise EngineError(Code.BOARD_INVALID, frame=1, detail="it is missing", advice="give the start board")
    return boards


def plan_through(
    boards: Sequence[Board],
    frames: int,
    *,
    conform: Conform,
    grid: Grid,
    schedule: Schedule,
    lead: LeadIn,
    pinned: bool,
    selects: bool = False,
    endpoints: Collection[int] = (),
) -> tuple[ShotPlan, ShownFrames]:
    """The plan of a shot of `frames` frames through `boards` (`boards_in_time`), and which of its frames are shown.

    Boards between the first and the last frame make stretches; `pinned` holds them fast inside the sections of one
    stretch instead, as 0.1.0 did: for shots that were begun so, and where sections are cut. `selects` and
    `endpoints` as in `plan_shot`.
    """
    starts = _stretch_starts(boards, frames, conform)
    after = bool(boards) and boards[-1].frame > frames
    if not after and (len(starts) == 1 or pinned or grid.seam is Seam.CUT):
        natives = [conform.native_of(board.frame - 1) for board in boards]
        plan = plan_shot(
            conform.native_frames(frames),
            grid=grid,
            schedule=schedule,
            boards=natives,
            lead=lead,
            selects=selects,
            endpoints=endpoints,
        )
        return plan, ShownFrames(conform, frames, (0,), (0,))
    lengths = [conform.native_frames(stop - start) for start, stop in pairwise([*starts, frames])]
    last = None
    if after:
        # Its latent lies right after the last one that is made, so it is seen at a whole latent's frame, and the shot
        # must arrive by then: the clock of this stretch goes from its first frame to the last one before the board.
        steps = frames - starts[-1] - 1
        lengths[-1] = grid.compression * (_latents_before(conform.native_of(steps + 1), grid) + 1)
        last = Conform(Fraction(steps), Fraction(lengths[-1] - 1)) if steps else None
    plan = plan_stretches(
        lengths,
        grid=grid,
        schedule=schedule,
        end=not after and len(boards) > len(starts),
        after=after,
        selects=selects,
        endpoints=endpoints,
    )
    return plan, ShownFrames(conform, frames, starts, tuple(stretch.made.start for stretch in plan.stretches), last)


def _latents_before(native: int, grid: Grid) -> int:
    """How many latents are made before a board that lies `native` frames after the one that its stretch starts from.

    Less than a section's where that is enough, or it would go too far and come back. More are whole sections, the
    fewest that do not have to be shown for more than a quarter longer than they are made for: after latents that are
    held fast the picture jumps by a part of what it would have moved meanwhile.
    """
    latents = max(1, grid.latent_of(native) - 1)
    if latents < grid.window:
        return latents
    sections = 1
    while 5 * grid.compression * (sections * grid.window + 1) < 4 * native:
        sections += 1
    return sections * grid.window


def _stretch_starts(boards: Sequence[Board], frames: int, conform: Conform) -> tuple[int, ...]:
    """The shot's frames (from 0) at which stretches start: at all boards but one at the end; 0 without boards."""
    starts = [board.frame - 1 for board in boards if board.frame <= frames] or [0]
    if boards and boards[-1].frame > frames:
        return tuple(starts)
    if len(starts) > 1:
        # Seen from the board before it: at a high rate the two last frames may show one and the same.
        end, last = (conform.native_of(frame - starts[-2]) for frame in (starts[-1], frames - 1))
        del starts[len(starts) - (end == last) :]
    return tuple(starts)


def sections_of_changes(at: Sequence[int], plan: ShotPlan, shown: ShownFrames) -> dict[int, int | None]:
    """By the sections where other words begin, which of the changes `at` these frames (from 0, ascending) brings them.

    None: the words that the shot begins with. A stretch begins with the words that hold at its board's frame. A later
    change moves to the nearest border in its stretch, where its end counts as well: there the next one begins with it.
    """
    held: dict[int, int | None] = {}
    ends = (*shown.starts[1:], shown.frames)
    for place, (stretch, start, stop) in enumerate(zip(plan.stretches, shown.starts, ends, strict=True)):
        first = stretch.sections.start
        later = bisect_right(at, start)
        held[first] = later - 1 if later else None
        borders = _borders(place, plan)
        for change in range(later, bisect_left(at, stop)):
            nearest = _nearest(shown.clock(place).native_of(at[change] - start), borders)
            if nearest < len(stretch.sections):
                held[first + nearest] = change
    return held


def sections_of_endpoints(
    frames: Sequence[int], plan: ShotPlan, shown: ShownFrames, boards: Sequence[Board]
) -> tuple[int, ...]:
    """The sections, by their place in time, that planned endpoints at these frames (from 1, ascending) are.

    Each moves to the nearest border of its stretch, as words do, so that it has those which begin at its frame. Raises
    EngineError for a frame outside the shot, a section that is named twice, and one that lies at one of the `boards`,
    which it is made beside in any case.
    """
    found: dict[int, int] = {}
    for frame in frames:
        if not 1 <= frame <= shown.frames:
            allowed = f"1 to {shown.frames}"
            raise EngineError(Code.NUMBER_INVALID, name="the frame of a planned endpoint", value=frame, allowed=allowed)
        place = bisect_right(shown.starts, frame - 1) - 1
        within = shown.clock(place).native_of(frame - 1 - shown.starts[place])
        section = plan.stretches[place].sections.start + _nearest(within, _borders(place, plan))
        own = plan.by_section[section].own
        held = [latent for latent in plan.stretch_of(section).boards if own.start - 1 <= latent <= own.stop]
        if section in found:
            detail = f"it is the same section as that at frame {found[section]}"
            raise EngineError(Code.ENDPOINT_INVALID, frame=frame, detail=detail, advice="name each section once")
        if held:
            board = boards[plan.pictures[plan.boards.index(held[0])]].frame
            raise EngineError(
                Code.ENDPOINT_INVALID,
                frame=frame,
                detail=f"the board at frame {board} lies there already",
                advice="leave it out, or move it to another section",
            )
        found[section] = frame
    return tuple(found)


def _borders(place: int, plan: ShotPlan) -> list[int]:
    """Where the sections of a stretch begin, in made frames from its start; where another one follows, its end too."""
    stretch = plan.stretches[place]
    borders = [plan.by_section[section].adds.start - stretch.made.start for section in stretch.sections]
    borders[0] = plan.grid.lead
    if place + 1 < len(plan.stretches):
        borders.append(stretch.frames)
    return borders


def _nearest(frame: int, borders: Sequence[int]) -> int:
    """The place of the one of the ascending `borders` that lies nearest to `frame`; ties go to the later one."""
    after = bisect_right(borders, frame)
    if after == len(borders) or (after and frame - borders[after - 1] < borders[after] - frame):
        return after - 1
    return after
