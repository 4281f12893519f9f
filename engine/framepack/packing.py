"""Packing schedules in the paper's own grammar: what a name says, its order and its length; knows no tensor, no model.

FramePack (arXiv 2504.12626 v3) names a layout by the latent frames a section sees, in time order, pieces joined by "_":

    f16k4f2k2f1k1   contiguous frames, oldest first: 16 through kernel k4, 2 through k2, 1 through k1
    kN, kAhBwC      patchify kernel N times (1, 2, 2), or exactly (A, B, C): latent frames, rows, columns of one token
    gN              the section of N latent frames that is generated
    x               any number of frames left out, none included
    td, ta, tc      what becomes of the tail, the frames beyond the history: deleted, appended, compressed
    +D (or +d)      the history is discretised

A side of the section reads, from its far end inward: [frames kept for good] [x] [tail] [history]. Frames kept for good
are the anchor (left) or the endpoint (right); without `x` they lie directly next to the history, as in released F1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from ..errors import Code, EngineError

RELEASED_INVERTED: Final = "f1k1_x_g9_f1k1f2k2f16k4_td"
"""Released FramePackI2V_HY (diffusers_helper, demo_gradio.py)."""
RELEASED_FORWARD: Final = "f1k1_td_f16k4f2k2f1k1_g9"
"""Released FramePack_F1_I2V_HY (demo_gradio_f1.py): the paper has no name for it; the anchor precedes the history."""
PAPER_ENDPOINT: Final = "td_f16k4f2k2f1k1_g9_x_f1k1"
"""The paper's anti-drifting (endpoint) layout; no weights for it are released."""


class Order(StrEnum):
    """The sequence in which sections are made (paper section 3)."""

    INVERTED = "inverted"
    FORWARD = "forward"
    ENDPOINT = "endpoint"


class Tail(StrEnum):
    """What becomes of the frames beyond the history (arXiv 2504.12626 v3, tail options)."""

    DELETE = "td"
    APPEND = "ta"
    COMPRESS = "tc"


@dataclass(frozen=True)
class Kernel:
    """A patchify kernel: the latent frames, rows and columns (each >= 1) that one token covers."""

    frames: int
    rows: int
    columns: int

    @property
    def volume(self) -> int:
        """Latent pixels in one token."""
        return self.frames * self.rows * self.columns

    @property
    def name(self) -> str:
        """`kN` for N times (1, 2, 2), else `kAhBwC`."""
        if self.rows == self.columns == 2 * self.frames:
            return f"k{self.frames}"
        return f"k{self.frames}h{self.rows}w{self.columns}"


@dataclass(frozen=True)
class Block:
    """Contiguous latent frames (>= 1) that go through one kernel as one tensor."""

    frames: int
    kernel: Kernel

    @property
    def name(self) -> str:
        """The block in the paper's grammar, such as `f16k4`."""
        return f"f{self.frames}{self.kernel.name}"


class _Side(NamedTuple):
    """One side of the generated section; blocks stay in time order on either side."""

    kept: tuple[Block, ...] = ()
    gap: bool = False
    tail: Tail | None = None
    history: tuple[Block, ...] = ()

    def pieces(self) -> list[str]:
        """Its pieces, far end first."""
        pieces = (_name(self.kept), "x" if self.gap else "", self.tail or "", _name(self.history))
        return [piece for piece in pieces if piece]


@dataclass(frozen=True)
class Schedule:
    """A packing schedule; `parse` makes it and `str` gives its canonical name back: parse(str(s)) == s.

    Blocks are in time order, so `past` runs far to near and `future` near to far. Parts that no name of the grammar
    spells (a gap with nothing beyond it, history on both sides) raise SCHEDULE_INVALID.
    """

    window: int
    """Latent frames generated; 0 for a bare history such as `f16k4f2k2f1k1`."""
    past: tuple[Block, ...] = ()
    future: tuple[Block, ...] = ()
    anchor: tuple[Block, ...] = ()
    """Start frames, kept whatever their distance."""
    endpoint: tuple[Block, ...] = ()
    """End frames, kept whatever their distance."""
    anchor_gap: bool = False
    """Frames may be missing after the anchor (`x`); else it directly precedes the history (released F1)."""
    endpoint_gap: bool = False
    tail: Tail | None = None
    """Option for frames beyond the history; None where the name says nothing, which counts as deleted."""
    discrete: bool = False

    def __post_init__(self) -> None:
        name = str(self)
        if _read(name) != (self._left, self.window, self._right, self.discrete):
            raise _invalid(name, "its parts do not form one name of the grammar")

    def __str__(self) -> str:
        section = [f"g{self.window}"] if self.window else []
        pieces = [*self._left.pieces(), *section, *reversed(self._right.pieces())]
        return "_".join(pieces) + ("+D" if self.discrete else "")

    @property
    def _left(self) -> _Side:
        return _Side(self.anchor, self.anchor_gap, None if self.future else self.tail, self.past)

    @property
    def _right(self) -> _Side:
        return _Side(self.endpoint, self.endpoint_gap, self.tail if self.future else None, self.future)

    @property
    def before(self) -> tuple[Block, ...]:
        """All blocks earlier than the section, in time order."""
        return self.anchor + self.past

    @property
    def after(self) -> tuple[Block, ...]:
        """All blocks later than the section, in time order."""
        return self.future + self.endpoint

    def order(self) -> Order:
        """The sampling order that the time order expresses (arXiv 2504.12626 v3, sampling).

        History on the left: forward, or endpoint where an endpoint follows. History on the right with an anchor on the
        left: inverted. Anything else raises SCHEDULE_INVALID.
        """
        if not self.window:
            raise _invalid(str(self), "it names no section to generate, such as g9")
        if self.past:
            return Order.ENDPOINT if self.endpoint else Order.FORWARD
        if not self.future:
            raise _invalid(str(self), "it has no history next to the generated section")
        if not self.anchor:
            raise _invalid(str(self), "history after the generated section needs an anchor such as f1k1_x before it")
        return Order.INVERTED


def parse(name: str) -> Schedule:
    """Read a schedule's name (grammar above, no spaces, numbers from 1); SCHEDULE_INVALID says what is wrong and where.

    Paper: the naming of the ablation (arXiv 2504.12626 v3). `+d` and `k4h8w8` are read too and written `+D` and `k4`.
    """
    left, window, right, discrete = _read(name)
    return Schedule(
        window=window,
        past=left.history,
        future=right.history,
        anchor=left.kept,
        endpoint=right.kept,
        anchor_gap=left.gap,
        endpoint_gap=right.gap,
        tail=left.tail or right.tail,
        discrete=discrete,
    )


def with_window(name: str, window: int) -> str:
    """The layout `name` with a section of `window` latent frames (>= 1, else NUMBER_INVALID); see `parse`."""
    at_least("window", window, 1)
    return str(replace(parse(name), window=window))


def check_kernels(
    schedule: Schedule,
    kernels: tuple[tuple[int, int, int], ...],
    suggestion: str,
    *,
    tails: Sequence[Tail] = (Tail.DELETE,),
    codebook: bool = False,
) -> None:
    """Raise SCHEDULE_UNSUPPORTED, advising `suggestion`, where weights with `kernels` (t, h, w) cannot pack this way.

    Released weights have (1, 2, 2), (2, 4, 4), (4, 8, 8), drop the tail and have no codebook for discrete history
    (diffusers_helper/models/hunyuan_video_packed.py); `tails` and `codebook` say what others were trained with. Any
    window passes: the section's own kernel is always there.
    """
    needed = dict.fromkeys(block.kernel for block in schedule.before + schedule.after)
    missing = [_spell(kernel) for kernel in needed if (kernel.frames, kernel.rows, kernel.columns) not in kernels]
    if missing:
        has = ", ".join(_spell(Kernel(*kernel)) for kernel in kernels) or "none"
        detail = f"it has no weights for the kernel {', '.join(missing)}, only for {has}"
    elif schedule.discrete and not codebook:
        detail = "it has no codebook, which discrete history (+D) needs"
    elif (schedule.tail or Tail.DELETE) not in tails:
        trained = " and ".join(tails)
        only = "a deleted tail (td)" if tuple(tails) == (Tail.DELETE,) else trained
        detail = f"it was not trained with the tail option {schedule.tail or Tail.DELETE}, only with {only}"
    elif not schedule.window:
        detail = "the name has no section to generate, such as g9"
    else:
        return
    raise EngineError(Code.SCHEDULE_UNSUPPORTED, schedule=str(schedule), detail=detail, suggestion=suggestion)


def check_filled(schedule: Schedule, kernels: tuple[tuple[int, int, int], ...], suggestion: str) -> None:
    """Raise SCHEDULE_UNSUPPORTED, advising `suggestion`, where one of `kernels` (t, h, w) is given no frames.

    diffusers' FramePack transformer wants some for each of its own; one that takes blocks does not.
    """
    held = {block.kernel for block in schedule.before + schedule.after}
    if idle := [kernel.name for kernel in (Kernel(*each) for each in kernels) if kernel not in held]:
        detail = f"it gives the kernel {idle[0]} no frames"
        raise EngineError(Code.SCHEDULE_UNSUPPORTED, schedule=str(schedule), detail=detail, suggestion=suggestion)


def at_least(name: str, value: int, minimum: int) -> None:
    """Raise NUMBER_INVALID, naming the number, where `value` is below `minimum`."""
    if value < minimum:
        raise EngineError(Code.NUMBER_INVALID, name=name, value=value, allowed=f"a whole number from {minimum}")


_NUMBER: Final = r"(0|[1-9][0-9]{0,17})(?![0-9])"
_BLOCK: Final = re.compile(rf"f{_NUMBER}k{_NUMBER}(?:h{_NUMBER}w{_NUMBER})?")
_SECTION: Final = re.compile(rf"g{_NUMBER}")
_SIDES: Final = ("", "b", "tb", "bx", "bxb", "btb", "bxtb")
"""What a side may hold, far end first: b blocks, x gap, t tail option."""


def _read(name: str) -> tuple[_Side, int, _Side, bool]:
    """Left side, window, right side and discreteness of a name."""
    discrete = name.endswith(("+D", "+d"))
    pieces = (name[:-2] if discrete else name).split("_")
    kinds = "".join(_kind(name, place, piece) for place, piece in enumerate(pieces, 1))
    if kinds.count("g") > 1:
        sections = " and ".join(piece for piece, kind in zip(pieces, kinds, strict=True) if kind == "g")
        raise _invalid(name, f"it generates more than one section, {sections}")
    if "g" not in kinds:
        if kinds not in ("b", "tb"):
            raise _invalid(name, "it names no section to generate, such as g9")
        return _side(name, pieces, kinds), 0, _Side(), discrete
    middle = kinds.index("g")
    left = _side(name, pieces[:middle], kinds[:middle])
    right = _side(name, pieces[:middle:-1], kinds[:middle:-1])
    if left.history and right.history:
        near = f"'{_name(left.history)}' and '{_name(right.history)}'"
        raise _invalid(name, f"{near} both touch the generated section; put x before frames that only end the shot")
    return left, int(pieces[middle][1:]), right, discrete


def _kind(name: str, place: int, piece: str) -> str:
    """g, x, t or b (blocks) for a piece, which is checked; `place` counts from 1."""
    if piece == "x":
        return "x"
    if piece in tuple(Tail):
        return "t"
    if section := _SECTION.fullmatch(piece):
        if int(section[1]) == 0:
            raise _invalid(name, f"piece {place}, '{piece}', generates zero frames")
        return "g"
    _blocks(name, place, piece)
    return "b"


def _blocks(name: str, place: int, piece: str) -> tuple[Block, ...]:
    """The blocks of a piece."""
    blocks: list[Block] = []
    end = 0
    while match := _BLOCK.match(piece, end):
        if match[1] == "0":
            raise _invalid(name, f"'{match[0]}' in piece {place} has zero frames")
        if "0" in match.groups():
            raise _invalid(name, f"'{match[0]}' in piece {place} has a kernel of size zero")
        factor = int(match[2])
        rows, columns = (int(match[3]), int(match[4])) if match[3] else (2 * factor, 2 * factor)
        blocks.append(Block(int(match[1]), Kernel(factor, rows, columns)))
        end = match.end()
    if end < len(piece) or not blocks:
        where = f"'{piece[end:]}' in piece {place}" if end else f"piece {place}, '{piece}',"
        raise _invalid(name, f"{where} is neither frames like f16k4, a section like g9, x, td, ta nor tc")
    return tuple(blocks)


def _side(name: str, pieces: list[str], kinds: str) -> _Side:
    """One side from its pieces and their kinds, far end first."""
    if "bb" in kinds:
        at = kinds.index("bb")
        raise _invalid(name, f"nothing parts '{pieces[at]}' from '{pieces[at + 1]}'; write x between, or join them")
    for kind, what in (("t", "tail options"), ("x", "gaps")):
        if kinds.count(kind) > 1:
            raise _invalid(name, f"there are two {what} on one side of the generated section")
    if kinds.startswith("x"):
        raise _invalid(name, "the gap x has no frames beyond it")
    if kinds not in _SIDES:
        option = pieces[kinds.index("t")]
        raise _invalid(name, f"the tail option {option} must stand directly at the far end of the history")
    blocks = [_blocks(name, 0, piece) for piece, kind in zip(pieces, kinds, strict=True) if kind == "b"]
    history = blocks.pop() if kinds.endswith("b") else ()
    kept = blocks[0] if blocks else ()
    return _Side(kept, "x" in kinds, Tail(pieces[kinds.index("t")]) if "t" in kinds else None, history)


def _name(blocks: tuple[Block, ...]) -> str:
    return "".join(block.name for block in blocks)


def _spell(kernel: Kernel) -> str:
    return f"{kernel.name} ({kernel.frames}x{kernel.rows}x{kernel.columns})"


def _invalid(name: str, detail: str) -> EngineError:
    return EngineError(Code.SCHEDULE_INVALID, schedule=name, detail=detail)
