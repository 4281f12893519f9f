"""An experiment's TOML: what is trained, on which scenes it is tried, and what is claimed of it.

Unknown keys are refused. Thresholds are in the file before the run; its hash is in the table.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import Code, EngineError
from engine.framepack.packing import Tail, parse
from engine.models.packing_use import Packing, PackingUse

from .held_out import SETS

BOARDS = ("first", "newest")
FRESH = ("spread", "random")
LOOK, NEWEST, TRUTH = "look", "newest", "truth"
ESTIMATES = (LOOK, NEWEST, TRUTH)
"""What a section is taken to become, to choose frames that are like it: the engine's two, and what it is to become."""
KINDS = ("less", "more", "alike", "no more", "falls", "rises", "best")
GATES = ("G1", "G1 fine", "G2", "G4")
"""Of the base, that a claim may need."""
LOSS = "loss"
"""In place of a set of scenes: the losses of a variant's training."""
_Record = TypeVar("_Record")


@dataclass(frozen=True)
class Variant:
    """A transformer that is fine-tuned from the base, and how its shots are tried."""

    id: str
    what: str
    schedule: str
    sets: tuple[str, ...]
    codebook: int = 0
    """Entries of a codebook for its history; 0: none."""
    noise: tuple[float, float] | None = None
    """Least and most noise on its history in training, as shares of the section's own level."""
    tested: tuple[float, ...] = ()
    """Such shares to try it with, each a row; none: without noise."""
    guided: tuple[float, ...] = ()
    """History guidance to try it with, each a row."""
    boards: str = "first"
    """Which picture the image encoder sees: the shot's first, or the newest one made."""
    causal: bool = False
    """Frames look at earlier ones only."""
    fresh: str = "spread"
    """How input layers begin that the base lacks: spread from the finest kernel's, or at random."""
    packing: str = "time"
    """By what its history is packed: time, similarity or hybrid."""
    weight: float = 1.0
    """Of nearness beside likeness, in hybrid packing."""
    keep: int | None = None
    """How many of the nearest frames stay where they are; none said: the engine's own number (`PackingUse`)."""
    estimates: tuple[str, ...] = ()
    """What its history is chosen by when it is tried, each a row; none: a look."""
    paper: str = ""
    """What the paper has for it, beside ours and never in one scale."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """What it is tried as: itself, or once for each noise, each guidance and each estimate."""
        noisy = tuple(Row(f"{self.id} {noise:g}", self, noise=noise) for noise in self.tested)
        guided = tuple(Row(f"{self.id} w {weight:g}", self, guidance=weight) for weight in self.guided)
        chosen = tuple(Row(f"{self.id} {estimate}", self, estimate=estimate) for estimate in self.estimates)
        return (*noisy, *guided, *chosen) or (Row(self.id, self),)

    @property
    def selects(self) -> bool:
        """Whether its sections choose what they see of their history."""
        return self.packing != Packing.TIME

    @property
    def packing_use(self) -> PackingUse:
        """The same as the engine's manifests have it."""
        return PackingUse((Packing(self.packing),), self.weight, self.keep)


@dataclass(frozen=True)
class Row:
    """A way to make shots: a variant, and what it is tried with."""

    id: str
    variant: Variant
    noise: float = 0.0
    guidance: float = 1.0
    estimate: str = LOOK


@dataclass(frozen=True)
class Comparison:
    """One sentence of a claim: `metric` of row `one` on a set is less or more than, like, or no more than `other`'s.

    `falls` and `rises` are said of `rows`, by the slope over their numbers `over`. `best` says that the row of `rows`
    that has the least of `metric` and the most of `against`, each in standard deviations over the rows, is of `among`.
    """

    metric: str
    on: str
    kind: str
    one: str = ""
    other: str = ""
    rows: tuple[str, ...] = ()
    over: tuple[float, ...] = ()
    least: float = 0.0
    """The smallest effect of interest, in the metric's unit, or a share of what `of` names."""
    of: tuple[str, ...] = ()
    """A row, whose mean of the metric is meant, or two rows, the difference of theirs."""
    against: str = ""
    against_on: str = ""
    among: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, and what must hold for it: all of `holds`. `paper`: its own numbers.

    `needs`: gates of the base without which it cannot be tested.
    """

    id: str
    says: str
    paper: str
    holds: tuple[Comparison, ...]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judging:
    """How claims are judged: bootstrap resamples over scenes and training seeds, and the intervals' level."""

    resamples: int = 10_000
    level: float = 0.95
    seed: int = 64


@dataclass(frozen=True)
class Experiment:
    """All of it."""

    name: str
    """Of its file."""
    title: str
    seeds: tuple[int, ...]
    steps: int
    rate: float
    variants: tuple[Variant, ...]
    claims: tuple[Claim, ...]
    judge: Judging
    sha256: str

    @property
    def rows(self) -> tuple[Row, ...]:
        """Of all variants."""
        return tuple(row for variant in self.variants for row in variant.rows)


def read_experiment(path: Path) -> Experiment:
    """The experiment in a TOML file. Raises EngineError `bad_request` naming what is wrong in it."""
    data = path.read_bytes()
    try:
        told = tomllib.loads(data.decode())
        return _experiment(path.stem, told, hashlib.sha256(data).hexdigest())
    except (KeyError, TypeError, ValueError) as fault:
        raise EngineError(Code.BAD_REQUEST, detail=f"{path.name}: {fault}") from fault


def _experiment(name: str, told: dict[str, Any], sha256: str) -> Experiment:
    known = {"title", "seeds", "steps", "rate", "variant", "claim", "judge"}
    _known("the file", told, known)
    variants = tuple(_variant(each) for each in told["variant"])
    claims = tuple(_claim(each) for each in told.get("claim", ()))
    experiment = Experiment(
        name,
        str(told["title"]),
        tuple(told["seeds"]),
        int(told["steps"]),
        float(told["rate"]),
        variants,
        claims,
        _record(Judging, "judge", told.get("judge", {})),
        sha256,
    )
    names = [row.id for row in experiment.rows]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two rows are called {', '.join(sorted(twice))}")
    for claim in claims:
        for each in claim.holds:
            if strange := {each.one, each.other, *each.of, *each.rows, *each.among} - {*names, ""}:
                raise ValueError(f"claim {claim.id} names no row of the file: {', '.join(sorted(strange))}")
    return experiment


def _variant(told: Mapping[str, Any]) -> Variant:
    variant = _record(Variant, "variant", told)
    schedule = parse(variant.schedule)
    if strange := set(variant.sets) - {*SETS, LOSS}:
        raise ValueError(f"variant {variant.id} names no set of scenes: {', '.join(sorted(strange))}")
    for name, allowed in (("boards", BOARDS), ("fresh", FRESH), ("packing", tuple(Packing))):
        if getattr(variant, name) not in allowed:
            raise ValueError(f"variant {variant.id}: {name} must be one of {', '.join(allowed)}")
    if (variant.tested or variant.guided) and variant.noise is None:
        raise ValueError(f"variant {variant.id} is tried with noise that it was never trained with")
    if strange := set(variant.estimates) - {*ESTIMATES}:
        raise ValueError(f"variant {variant.id} names no estimate: {', '.join(sorted(strange))}")
    if variant.estimates and not variant.selects:
        raise ValueError(f"variant {variant.id} is tried with estimates, but chooses no frames by them")
    if variant.selects and variant.noise is not None:
        raise ValueError(f"variant {variant.id} chooses frames of a history with noise, which nothing here is about")
    if variant.selects and schedule.tail not in (None, Tail.DELETE):
        raise ValueError(f"variant {variant.id}: frames that are chosen leave no tail for {schedule.tail}")
    return variant


def _claim(told: Mapping[str, Any]) -> Claim:
    _known("claim", told, {"id", "says", "paper", "holds", "needs"})
    holds = tuple(_record(Comparison, f"claim {told['id']}", each) for each in told["holds"])
    for each in holds:
        if each.kind not in KINDS:
            raise ValueError(f"claim {told['id']}: kind must be one of {', '.join(KINDS)}")
    if strange := set(told.get("needs", ())) - set(GATES):
        raise ValueError(f"claim {told['id']} needs no gate of the base: {', '.join(sorted(strange))}")
    return Claim(str(told["id"]), str(told["says"]), str(told.get("paper", "")), holds, tuple(told.get("needs", ())))


def _record(kind: type[_Record], name: str, told: Mapping[str, Any]) -> _Record:
    _known(name, told, {each.name for each in fields(kind)})  # type: ignore[arg-type]
    return kind(**{key: _frozen(value) for key, value in told.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _known(name: str, told: Mapping[str, Any], keys: Sequence[str] | set[str]) -> None:
    if strange := sorted(told.keys() - set(keys)):
        raise ValueError(f"{name} has the key '{strange[0]}', which is not known")
