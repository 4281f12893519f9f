"""Installing a model from the catalog: licence, space, the files that are missing, and the folder that makes it count.

Nothing counts as installed before the last file is checked: `models/NAME/shotpack.json` is written last and whole.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from ..media.files import make_folder, require_space, write_whole
from ..media.lock import folder_lock
from .catalog import Entry, Licence, Part, Source, State, find_model, state
from .checksums import Progress, file_sha256, remember, require_intact
from .folder import FACTS, INDEX, ModelFolder, open_folder
from .huggingface import Hub, RemoteFile, Snapshot, matches, offline_variable, partial_bytes
from .paths import models_home

_LICENCES = "licences.json"
_LOCK = ".download.lock"
_SPARE_BYTES = 500_000_000
"""Left free on the disk, so that a download does not choke everything else."""


@dataclass(frozen=True)
class _Wanted:
    """One file a model needs, and where it goes."""

    part: Part
    snapshot: Snapshot
    file: RemoteFile
    path: Path

    @property
    def name(self) -> str:
        return f"{self.part.component}/{self.path.name}"


def download(
    entry: Entry,
    *,
    accept_licence: bool = False,
    offline: bool = False,
    home: Path | None = None,
    endpoint: str | None = None,
    progress: Progress | None = None,
) -> ModelFolder:
    """Install a model, or repair or finish one; files that are here and sound are not fetched again.

    `progress` is told (file, bytes here, bytes in all), over all files. Raises EngineError `offline`,
    `licence_not_accepted`, `disk_short`, `disk_full`, `folder_unwritable`, `download_failed` or `model_damaged`.
    """
    forbidden_by = offline_variable()
    if offline or forbidden_by:
        if state(entry, home) is not State.INSTALLED:
            cures = ("drop --offline" if offline else "", f"unset {forbidden_by}" if forbidden_by else "")
            cure = " and ".join(filter(None, cures))
            raise EngineError(Code.OFFLINE, model=entry.name, cure=cure)
        folder = find_model(entry.name, home)
        require_intact(folder)
        return folder
    intact = _intact(entry, home)
    if intact is not None:
        return intact
    root = models_home(home)
    make_folder(root)
    _agree(entry.name, entry.licences, root, accept_licence)
    with _alone(entry, root):
        hub = Hub(endpoint)
        snapshots = {source: hub.snapshot(source.repo, source.revision) for source in entry.sources}
        wanted = [each for part in entry.parts for each in _files(part, snapshots[part.source], root)]
        hashes = _fetch(entry, hub, wanted, root, progress)
        return _compose(entry, snapshots, hashes, root, home)


def accepted_licences(home: Path | None = None) -> Mapping[str, Any]:
    """The licences agreed to on this machine: name to where it can be read and when it was accepted."""
    try:
        accepted = json.loads((models_home(home) / _LICENCES).read_bytes())
    except (OSError, ValueError):
        return {}
    return accepted if isinstance(accepted, dict) else {}


def _intact(entry: Entry, home: Path | None) -> ModelFolder | None:
    if state(entry, home) is not State.INSTALLED:
        return None
    try:
        folder = find_model(entry.name, home)
        require_intact(folder)
    except EngineError as error:
        if error.code is Code.MODEL_DAMAGED:
            return None  # installed again, which fetches just what is bad
        raise
    return folder


def _agree(name: str, licences: tuple[Licence, ...], root: Path, accept: bool) -> None:
    accepted = dict(accepted_licences(root.parent))
    new = [licence for licence in licences if licence.name not in accepted]
    if not new:
        return
    if not accept:
        terms = "; ".join(f"{licence.name} ({licence.note}), {licence.url}" for licence in new)
        raise EngineError(Code.LICENCE_NOT_ACCEPTED, model=name, licences=terms)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    accepted |= {licence.name: {"url": licence.url, "accepted": now} for licence in new}
    write_whole(root / _LICENCES, _json(accepted))


@contextlib.contextmanager
def _alone(entry: Entry, root: Path) -> Iterator[None]:
    """Hold the models home: two downloads would write into the same partial files."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(root / _LOCK, root))
        except EngineError as error:
            if error.code is not Code.FOLDER_BUSY:
                raise
            detail = "another process is downloading into the same folder"
            raise EngineError(Code.DOWNLOAD_FAILED, file=entry.name, detail=detail) from error
        yield


def _files(part: Part, snapshot: Snapshot, root: Path) -> list[_Wanted]:
    folder = root / _place(part, snapshot)
    files = [
        _Wanted(part, snapshot, file, folder / Path(file.path).name) for file in snapshot.files if part.wants(file.path)
    ]
    if not files:
        detail = f"the hub has no files for the {part.component} there"
        raise EngineError(
            Code.DOWNLOAD_FAILED, file="/".join(filter(None, (snapshot.repo, part.folder))), detail=detail
        )
    return files


def _place(part: Part, snapshot: Snapshot) -> str:
    return "/".join(filter(None, (part.source.folder(snapshot.revision), part.folder)))


def _fetch(entry: Entry, hub: Hub, wanted: list[_Wanted], root: Path, progress: Progress | None) -> dict[str, str]:
    """Bring every file here; returns `component/file name` to SHA-256."""
    hashes: dict[str, str] = {}
    total = sum(each.file.size for each in wanted)
    done = 0
    missing = []
    for each in wanted:
        sha256 = _here(each)
        if sha256 is None:
            missing.append(each)
        else:
            hashes[each.name] = sha256
            done += each.file.size
    _require_space(entry, missing, root)
    for each in missing:

        def report(count: int, before: int = done, name: str = each.name) -> None:
            if progress is not None:
                progress(name, before + count, total)

        hashes[each.name] = hub.fetch(each.snapshot, each.file, each.path, report)
        remember(each.path, hashes[each.name])
        done += each.file.size
        report(each.file.size)
    return hashes


def _here(each: _Wanted) -> str | None:
    """The SHA-256 of a file that is here as the hub has it, else None."""
    try:
        if each.path.stat().st_size != each.file.size:
            return None
        sha256 = file_sha256(each.path)
        return sha256 if matches(each.file, each.path, sha256) else None
    except OSError:
        return None


def _require_space(entry: Entry, missing: list[_Wanted], root: Path) -> None:
    if needed := sum(each.file.size - partial_bytes(each.path, each.file) for each in missing):
        require_space(root, needed + _SPARE_BYTES, entry.name)


def _compose(
    entry: Entry, snapshots: Mapping[Source, Snapshot], hashes: Mapping[str, str], root: Path, home: Path | None
) -> ModelFolder:
    """Write the folder that makes the model count, after a look through a rehearsal of it beside the real place."""
    index = _json({"_class_name": entry.pipeline, **dict.fromkeys(entry.flags, True)})
    facts = _json(
        {
            "title": entry.title,
            "licence": "; ".join(licence.name for licence in entry.licences),
            "order": entry.order.value,
            "revisions": {snapshot.repo: snapshot.revision for snapshot in snapshots.values()},
            "components": {part.component: _place(part, snapshots[part.source]) for part in entry.parts},
            "files": dict(sorted(hashes.items())),
        }
    )
    with tempfile.TemporaryDirectory(prefix=".new-", dir=root) as rehearsal:
        for name, data in ((INDEX, index), (FACTS, facts)):
            write_whole(Path(rehearsal) / name, data)
        open_folder(rehearsal, home=home)
    folder = root / entry.name
    make_folder(folder)
    write_whole(folder / INDEX, index)
    write_whole(folder / FACTS, facts)
    return open_folder(folder, name=entry.name, home=home)


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
