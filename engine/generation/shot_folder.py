"""A shot's folder: what is on disk of a shot at every moment, so that finished work survives whoever is killed.

    frames/0001.png …                    final frames, never rewritten
    provisional/0003/0074.png …          frames the next section may still blend, by the section that set them
    boards/SHA256                        the artist's pictures, as they came
    checkpoint/request.json              what is being made; its presence makes the folder a shot
    checkpoint/encodings/DIGEST.safetensors     prompts and boards, encoded, by content
    checkpoint/latents-0003.safetensors  the section is sampled: its latents and the noise generator's state after it
    checkpoint/seam-0003.safetensors     its frames are on disk: the pixels that wait for the next section
    shot.json                            everything that made the finished shot

Numbers count sections in the sequence of making. Every file is written whole, so each is there or is not; a section's
two files are its two commits, and resuming goes on after the last one.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors

from ..errors import Code, EngineError
from ..media.files import disk_faults, make_folder, sweep_parts, whole_file, write_whole
from ..protocol import ShotRequest
from ..serialization import from_json, to_json, without_defaults
from .resolve import SectionSettings

if TYPE_CHECKING:  # whether a folder is taken is asked before torch is there, which takes seconds
    import torch

_VERSION = 1


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


class ShotFolder:
    """The files of one shot under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.frames = root / "frames"
        self.provisional = root / "provisional"
        self.boards = root / "boards"
        self.record = root / "shot.json"
        self.movie = root / "shot.mp4"
        self._checkpoint = root / "checkpoint"
        self._request = self._checkpoint / "request.json"
        self._encodings = self._checkpoint / "encodings"
        self._newest_seam: int | None = None
        """Of this run; before its first one there may be any on disk."""

    @property
    def lock(self) -> Path:
        """The file to lock while a process works on this shot."""
        return self._checkpoint / "lock"

    def taken(self) -> bool:
        """Whether a shot is here, finished or begun. Raises EngineError `folder_unwritable` where nobody can tell."""
        with disk_faults(self.record):
            return self._request.exists() or self.record.exists() or any(self.frames.glob("*.png"))

    def begun(self) -> bool:
        """Whether a shot is here that can be gone on with. Raises as `taken` does."""
        with disk_faults(self.record):
            return self._request.exists()

    def begin(self, request: ShotRequest, model: Mapping[str, str], boards: Mapping[str, bytes]) -> None:
        """Make the folder for a new shot.

        `model` holds digests of weights and settings, and what convolves; `boards` has the pictures by SHA-256. The
        request is written last: until then the folder holds no shot.
        """
        for folder in (self.frames, self.provisional, self.boards, self._encodings):
            make_folder(folder)
        for sha256, data in boards.items():
            write_whole(self.boards / sha256, data)
        self.write_json(self._request, {"version": _VERSION, "model": dict(model), "request": to_json(request)})

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
            data = json.loads(stored)
            return from_json(ShotRequest, data["request"]), dict(data["model"])
        except (ValueError, KeyError, TypeError) as fault:
            raise _damaged(self._request, fault) from fault

    def require_same(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Raise EngineError `resume_mismatch` for the first of `now` that `was`, what was begun with, has otherwise."""
        for name, value in now.items():
            if was[name] != value:
                raise EngineError(
                    Code.RESUME_MISMATCH, path=str(self.root), name=name, was=str(was[name]), now=str(value)
                )

    def tidy(self) -> None:
        """Remove what a killed process left half-written, and make what may have been tidied away meanwhile."""
        for folder in (self.provisional, self._encodings):
            make_folder(folder)
        for folder in (self.root, self.frames, self.boards, self._checkpoint, self._encodings):
            sweep_parts(folder)
        for folder in self.provisional.glob("*"):
            sweep_parts(folder)

    # Encodings

    def has_encoding(self, key: str) -> bool:
        """Whether tensors are kept under `key`, a digest of the content they encode."""
        return self._encoding(key).exists()

    def keep_encoding(self, key: str, tensors: Mapping[str, torch.Tensor]) -> None:
        """Keep encoded tensors under `key`."""
        _save(self._encoding(key), tensors)

    def encoding(self, key: str) -> dict[str, torch.Tensor]:
        """The tensors kept under `key`. Raises EngineError `checkpoint_damaged`."""
        return _load(self._encoding(key))

    # Sections

    def done(self) -> int:
        """How many sections, in the sequence of making, are sampled and have all their frames on disk."""
        published = max((int(path.stem.removeprefix("seam-")) + 1 for path in self._seams()), default=0)
        return next((number for number in range(published) if not self.is_sampled(number)), published)

    def is_sampled(self, number: int) -> bool:
        """Whether section `number` is sampled and committed."""
        return self._latents(number).exists()

    def has_seam(self, number: int) -> bool:
        """Whether the pixels that wait after section `number` are on disk; they are kept for the newest one only."""
        return self._seam(number).exists()

    def commit_latents(self, number: int, sampled: SampledSection) -> None:
        """Commit a sampled section; from now on it is never sampled again."""
        tensors = {"latents": sampled.latents, "generator": sampled.generator_state}
        facts = {"seconds": f"{sampled.seconds:.3f}", "made": json.dumps(without_defaults(sampled.made))}
        _save(self._latents(number), tensors, facts)

    def load_latents(self, number: int) -> SampledSection:
        """The sampled section `number`. Raises EngineError `checkpoint_damaged`."""
        tensors = _load(self._latents(number))
        return SampledSection(tensors["latents"], tensors["generator"], *self.facts(number))

    def facts(self, number: int) -> tuple[SectionSettings, float]:
        """How section `number` was made, and what sampling took in seconds; its tensors are not read."""
        path = self._latents(number)
        with _opened(path) as file:
            metadata = file.metadata() or {}
        try:
            return from_json(SectionSettings, json.loads(metadata["made"])), float(metadata["seconds"])
        except (KeyError, ValueError, EngineError) as fault:
            raise _damaged(path, fault) from fault

    def commit_seam(self, number: int, waiting: Mapping[int, torch.Tensor]) -> None:
        """Commit that the frames of section `number` are on disk, with the pixels that wait for the next one."""
        # A shot of thousands of sections has as many files here: they are not listed anew for each.
        older = self._seams() if self._newest_seam is None else [self._seam(self._newest_seam)]
        _save(self._seam(number), {str(start): pixels for start, pixels in waiting.items()})
        self._newest_seam = number
        for path in older:
            if path != self._seam(number):
                path.unlink(missing_ok=True)

    def load_seam(self, number: int) -> dict[int, torch.Tensor]:
        """The waiting pixels that `commit_seam` wrote. Raises EngineError `checkpoint_damaged`."""
        return {int(start): pixels for start, pixels in _load(self._seam(number)).items()}

    # Results

    def export_latents(self, path: Path, pieces: Sequence[torch.Tensor | int]) -> None:
        """Write all latents of the shot as safetensors, key `latents`: (1, C, T, H, W) float32, time order.

        `pieces` are, in time order, latents that were given, each (1, C, 1, H, W), and sections by their number of
        making. The tensor is filled section by section, so memory stays at one section.
        """
        sections = [piece for piece in pieces if isinstance(piece, int)]
        section = self.load_latents(sections[0]).latents.shape
        shape = (*section[:2], len(pieces) + (section[2] - 1) * len(sections), *section[3:])
        size = math.prod(shape) * 4
        header = {"latents": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, size]}}
        encoded = json.dumps(header).encode()
        encoded += b" " * (-len(encoded) % 8)
        make_folder(path.parent)
        with whole_file(path) as temporary:
            with temporary.open("wb") as file:
                file.write(len(encoded).to_bytes(8, "little") + encoded)
                file.truncate(8 + len(encoded) + size)
            # Blocks of the disk are taken by writing, not by truncate: mapping would turn a full disk into a crash.
            with temporary.open("rb+") as file:
                offset = 8 + len(encoded)
                row = shape[3] * shape[4] * 4
                frame = 0
                for each in pieces:
                    piece = self.load_latents(each).latents if isinstance(each, int) else each
                    for channel in range(shape[1]):
                        file.seek(offset + (channel * shape[2] + frame) * row)
                        file.write(np.ascontiguousarray(piece[0, channel].numpy()).tobytes())
                    frame += piece.shape[2]

    def write_json(self, path: Path, data: Mapping[str, Any]) -> None:
        """Write `data` as JSON, whole; what is no text, such as some files' names, as JSON's escapes."""
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        write_whole(path, text.encode("utf-8", "backslashreplace"))

    def finish(self, record: Mapping[str, Any]) -> None:
        """Write `shot.json` and drop what only an unfinished shot needs; latents stay, for retakes and extension."""
        self.write_json(self.record, record)
        shutil.rmtree(self.provisional, ignore_errors=True)
        for path in self._seams():
            path.unlink()

    def _encoding(self, key: str) -> Path:
        return self._encodings / f"{key}.safetensors"

    def _latents(self, number: int) -> Path:
        return self._checkpoint / f"latents-{number:04d}.safetensors"

    def _seam(self, number: int) -> Path:
        return self._checkpoint / f"seam-{number:04d}.safetensors"

    def _seams(self) -> list[Path]:
        return list(self._checkpoint.glob("seam-*.safetensors"))


def _save(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
    from safetensors.torch import save

    contiguous = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    data = save(contiguous, dict(metadata) if metadata else None)  # an empty one writes a broken file
    write_whole(path, data)


def _load(path: Path) -> dict[str, torch.Tensor]:
    with _opened(path) as file:
        # Copied out, so that no checkpoint stays mapped while it may be replaced.
        return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a dict)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            yield file
    except (OSError, safetensors.SafetensorError) as fault:
        raise _damaged(path, fault) from fault


def _damaged(path: Path, fault: Exception) -> EngineError:
    return EngineError(Code.CHECKPOINT_DAMAGED, path=str(path), detail=" ".join(str(fault).split())[:120])
