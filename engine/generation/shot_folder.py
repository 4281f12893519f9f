"""A shot's folder: what is on disk of a shot at every moment, so that finished work survives whoever is killed.

    frames/0001.png …                    final frames, never rewritten
    provisional/0003/0074.png …          frames the next section may still blend, by the section that set them
    boards/SHA256                        the artist's pictures, as they came
    checkpoint/request.json              what is being made; its presence makes the folder a shot
    checkpoint/encodings/DIGEST.safetensors     prompts and boards, encoded, by content
    checkpoint/latents-0003.safetensors  the section is sampled: its latents and the noise generator's state after it
    checkpoint/seam-0003.safetensors     its frames are on disk: the pixels that wait for the next section, and the
                                         made frames (`made-72`) that frames in between still look at
    shot.json                            everything that made the finished shot
    checkpoint/takes/02/ …               the same of take 2, but for what it keeps (`media/take_files.py`)

Numbers count sections in the sequence of making. Every file is written whole, so each is there or is not; a section's
two files are its two commits, and resuming goes on after the last one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Code, EngineError
from ..framepack.layout import Selection
from ..media.files import disk_faults, make_folder, sweep_parts, write_whole
from ..media.json_objects import json_object
from ..media.take_files import FIRST_TAKE, TakeFiles
from ..protocol import ShotRequest
from ..serialization import from_json, to_json, without_defaults
from .section_settings import SectionSettings
from .tensor_files import damaged, load, opened, save, save_joined

if TYPE_CHECKING:  # whether a folder is taken is asked before torch is there, which takes seconds
    import torch

_VERSION = 1
_SAID = {"conditions": "guide"}
"""What fields of a request are called for people, where that is another word."""
_HELD = "made-"
"""How the names of made frames begin that a seam's file holds beside pixels."""
_MOST_SAID = 100
"""Characters of a value; a guide's is a list of hundreds of digests."""


@dataclass(frozen=True)
class SampledSection:
    """A sampled section as its checkpoint holds it."""

    latents: torch.Tensor
    """(1, C, window, H, W) float32."""
    generator_state: torch.Tensor
    """State of the noise generator after this section's draw, uint8."""
    made: SectionSettings
    """How it was made; the shot's request may have changed since."""
    seconds: float
    """What sampling took."""
    selection: Selection | None = None
    """The latents that it saw of its history, where they were chosen; None: the nearest."""


class ShotFolder:
    """The files of one take of the shot under `root`: the first, or one that keeps some of an earlier one's."""

    def __init__(self, root: Path, take: int = FIRST_TAKE) -> None:
        self.root = root
        self.files = TakeFiles(root, take)
        self.frames = root / "frames"
        self.provisional = root / "provisional"
        self.boards = root / "boards"
        self.record = self.files.record
        self.movie = self.files.movie
        self.lock = root / "checkpoint" / "lock"
        """The file to lock while a process works on this shot, be it any take of it."""
        self._checkpoint = self.files.checkpoint
        self._request = self.files.request
        self._encodings = root / "checkpoint" / "encodings"
        self._newest_seam: int | None = None
        """Of this run; before its first one there may be any on disk."""

    @cached_property
    def parent(self) -> ShotFolder | None:
        """The take that this one, which must have been begun, continues."""
        if self.files.take == FIRST_TAKE:
            return None
        return ShotFolder(self.root, self.files.begun.parent)

    def taken(self) -> bool:
        """Whether a shot is here, finished or begun. Raises EngineError `folder_unwritable` where nobody can tell."""
        with disk_faults(self.record):
            begun = self._request.exists() or self.record.exists()
            return begun or (self.files.take == FIRST_TAKE and any(self.frames.glob("*.png")))

    def begun(self) -> bool:
        """Whether a shot is here that can be gone on with. Raises as `taken` does."""
        with disk_faults(self.record):
            return self._request.exists()

    def begin(
        self,
        request: ShotRequest,
        model: Mapping[str, str],
        boards: Mapping[str, bytes],
        continues: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the folder for a new shot, or for a new take in it.

        `model` holds digests of weights and settings, and what convolves; `boards` has the pictures by SHA-256;
        `continues` is what a take keeps (`TakeFiles.begun`). The request is written last: until then nothing is begun.
        """
        for folder in (self.frames, self.provisional, self.boards, self._encodings, self._checkpoint):
            make_folder(folder)
        for sha256, data in boards.items():
            if not (self.boards / sha256).exists():
                write_whole(self.boards / sha256, data)
        begun = {"version": _VERSION, "model": dict(model), "request": to_json(request)}
        self.write_json(self._request, begun | dict(continues or {}))

    def amend(self, request: ShotRequest) -> None:
        """Store a request that changed; sections already sampled know how they were made."""
        data = json.loads(self._request.read_bytes())
        self.write_json(self._request, {**data, "request": to_json(request)})

    def stored_request(self) -> tuple[ShotRequest, dict[str, str]] | None:
        """The request and the model's digests this folder was begun with; None where no shot was begun."""
        try:
            if not self.begun():
                return None
            with disk_faults(self.record):
                stored = self._request.read_bytes()
            data = json_object(stored)
            return from_json(ShotRequest, data["request"]), dict(data["model"])
        except (ValueError, KeyError, TypeError) as fault:
            raise damaged(self._request, fault) from fault

    def require_same(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Raise EngineError `resume_mismatch` for the first of `now` that `was`, what was begun with, has otherwise."""
        for name, value in now.items():
            if was[name] != value:
                told = {"was": _short(was[name]), "now": _short(value)}
                raise EngineError(Code.RESUME_MISMATCH, path=str(self.root), name=_SAID.get(name, name), **told)

    def sweep(self) -> None:
        """Remove what a killed process left half-written."""
        kept = (self.boards, self._encodings, self.lock.parent, self._checkpoint, self.record.parent)
        for folder in (self.root, self.frames, *kept):
            sweep_parts(folder)
        for folder in self.provisional.glob("*"):
            sweep_parts(folder)

    def make_folders(self) -> None:
        """Make what may have been tidied away since the shot was begun."""
        for folder in (self.provisional, self._encodings):
            make_folder(folder)

    # Encodings

    def has_encoding(self, key: str) -> bool:
        """Whether tensors are kept under `key`, a digest of the content they encode."""
        return self._encoding(key).exists()

    def keep_encoding(self, key: str, tensors: Mapping[str, torch.Tensor]) -> None:
        """Keep encoded tensors under `key`."""
        save(self._encoding(key), tensors)

    def encoding(self, key: str) -> dict[str, torch.Tensor]:
        """The tensors kept under `key`. Raises EngineError `checkpoint_damaged`."""
        return load(self._encoding(key))

    # Sections

    def done(self) -> int:
        """How many sections, in the sequence of making, are sampled and have all their frames on disk."""
        published = max((_number(seam) + 1 for seam in self._seams()), default=0)
        return next((number for number in range(published) if not self.is_sampled(number)), published)

    def is_sampled(self, number: int) -> bool:
        """Whether section `number` is sampled and committed."""
        return self.latents_file(number).exists()

    def is_kept(self, number: int) -> bool:
        """Whether section `number` is that of the take that this one continues."""
        return self.parent is not None and number in self.files.begun.kept

    def stored_state(self, number: int) -> torch.Tensor | None:
        """The noise generator's state after section `number` of the take that this one continues.

        The sections after it have the noise that they had; not so where the shot has another seed.
        """
        parent, own = self.parent, self.stored_request()
        before = parent.stored_request() if parent is not None else None
        if parent is None or own is None or before is None or own[0].seed != before[0].seed:
            return None
        return parent.load_latents(number).generator_state if parent.is_sampled(number) else None

    def has_seam(self, number: int) -> bool:
        """Whether the pixels that wait after section `number` are on disk; they are kept for the newest one only."""
        return self._seam(number).exists()

    def commit_latents(self, number: int, sampled: SampledSection) -> None:
        """Commit a sampled section; from now on it is never sampled again."""
        tensors = {"latents": sampled.latents, "generator": sampled.generator_state}
        facts = {"seconds": f"{sampled.seconds:.3f}", "made": json.dumps(without_defaults(sampled.made))}
        if sampled.selection is not None:
            facts["selection"] = json.dumps(sampled.selection)
        save(self.latents_file(number), tensors, facts)

    def load_latents(self, number: int) -> SampledSection:
        """The sampled section `number`. Raises EngineError `checkpoint_damaged`."""
        tensors = load(self.latents_file(number))
        return SampledSection(tensors["latents"], tensors["generator"], *self.facts(number), self.selection(number))

    def facts(self, number: int) -> tuple[SectionSettings, float]:
        """How section `number` was made, and what sampling took in seconds; its tensors are not read."""
        path = self.latents_file(number)
        with opened(path) as file:
            metadata = file.metadata() or {}
        try:
            return from_json(SectionSettings, json.loads(metadata["made"])), float(metadata["seconds"])
        except (KeyError, ValueError, EngineError) as fault:
            raise damaged(path, fault) from fault

    def selection(self, number: int) -> Selection | None:
        """The latents of its history that section `number` saw, where they were chosen; none of its tensors is read."""
        path = self.latents_file(number)
        with opened(path) as file:
            said = (file.metadata() or {}).get("selection")
        try:
            return None if said is None else tuple(tuple(block) for block in json.loads(said))
        except (TypeError, ValueError) as fault:
            raise damaged(path, fault) from fault

    def commit_seam(self, number: int, waiting: Mapping[int, torch.Tensor], held: Mapping[int, torch.Tensor]) -> None:
        """Commit that the frames of section `number` are on disk, with the pixels that wait for the next one.

        `held` are made frames that later frames of the shot look at, (H, W, 3) uint8.
        """
        # A shot of thousands of sections has as many files here: they are not listed anew for each.
        older = self._seams() if self._newest_seam is None else [self._seam(self._newest_seam)]
        frames = {f"{_HELD}{made}": frame for made, frame in held.items()}
        save(self._seam(number), {str(start): pixels for start, pixels in waiting.items()} | frames)
        self._newest_seam = number
        for path in older:
            if path != self._seam(number):
                path.unlink(missing_ok=True)

    def load_seam(self, number: int) -> dict[int, torch.Tensor]:
        """The waiting pixels that `commit_seam` wrote. Raises EngineError `checkpoint_damaged`."""
        stored = load(self._seam(number))
        return {int(start): pixels for start, pixels in stored.items() if not start.startswith(_HELD)}

    def load_held(self) -> dict[int, torch.Tensor]:
        """The made frames that `commit_seam` wrote last. Raises EngineError `checkpoint_damaged`."""
        newest = max(self._seams(), key=_number, default=None)
        stored = {} if newest is None else load(newest)
        return {int(name.removeprefix(_HELD)): frame for name, frame in stored.items() if name.startswith(_HELD)}

    # Results

    def export_latents(self, path: Path, pieces: Sequence[torch.Tensor | int]) -> None:
        """Write all latents of the shot as safetensors, key `latents`: (1, C, T, H, W) float32, time order.

        `pieces` are, in time order, latents that were given, each (1, C, 1, H, W), and sections by their number of
        making. Memory stays at one section.
        """
        sections = [piece for piece in pieces if isinstance(piece, int)]
        section = self.load_latents(sections[0]).latents.shape
        shape = (*section[:2], len(pieces) + (section[2] - 1) * len(sections), *section[3:])
        save_joined(
            path, shape, (self.load_latents(each).latents if isinstance(each, int) else each for each in pieces)
        )

    def write_json(self, path: Path, data: Mapping[str, Any]) -> None:
        """Write `data` as JSON, whole; what is no text, such as some files' names, as JSON's escapes."""
        make_folder(path.parent)
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        write_whole(path, text.encode("utf-8", "backslashreplace"))

    def finish(self, record: Mapping[str, Any]) -> None:
        """Write the record and drop what only an unfinished shot needs; latents stay, for takes and longer shots."""
        self.write_json(self.record, record)
        shutil.rmtree(self.provisional, ignore_errors=True)
        for path in self._seams():
            path.unlink()

    def _encoding(self, key: str) -> Path:
        return self._encodings / f"{key}.safetensors"

    def latents_file(self, number: int) -> Path:
        """Where the checkpoint of section `number` lies; a take has those that it keeps from an earlier one."""
        if self.parent is not None and self.is_kept(number):
            return self.parent.latents_file(number)
        return self._checkpoint / f"latents-{number:04d}.safetensors"

    def _seam(self, number: int) -> Path:
        return self._checkpoint / f"seam-{number:04d}.safetensors"

    def _seams(self) -> list[Path]:
        return list(self._checkpoint.glob("seam-*.safetensors"))


def _number(seam: Path) -> int:
    return int(seam.stem.removeprefix("seam-"))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]}…"
