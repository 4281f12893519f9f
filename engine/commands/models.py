"""`python -m engine models list | download | verify | path`: the catalog and what of it is here."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..errors import EngineError
from ..models.abilities import CARDS, Card
from ..models.catalog import CATALOG, State, find_entry, find_model, installed, state
from ..models.checksums import inspect
from ..models.folder import ModelFolder, open_folder
from ..models.trained import trained
from ..serialization import to_json

_DAMAGED = 3
_LINE_SECONDS = 0.05


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `models` command and its own commands to the command line."""
    parser = subparsers.add_parser("models", help="list, download and check models")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the models there are and which are here")
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    fetching = actions.add_parser("download", help="install a model, go on with its download, or repair it")
    fetching.add_argument("name", metavar="NAME")
    fetching.add_argument("--accept-licence", action="store_true", help="agree to the licences it comes under")
    fetching.add_argument("--offline", action="store_true", help="never go online; fail where something is missing")
    fetching.add_argument("--json", action="store_true", help="print how far it is as JSON lines instead of a bar")
    checking = actions.add_parser("verify", help="read every file of a model and compare the checksums")
    checking.add_argument("name", metavar="NAME_OR_DIR")
    finding = actions.add_parser("path", help="print the folder of an installed model")
    finding.add_argument("name", metavar="NAME")
    for action, act in ((listing, _list), (fetching, _download), (checking, _verify), (finding, _path)):
        action.add_argument("--home", type=Path, metavar="DIR", help="Shotpack's home (default: SHOTPACK_HOME)")
        action.set_defaults(act=act)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; returns the exit code, 3 where `verify` found damage. Raises EngineError."""
    return int(args.act(args))


class ProgressBar:
    """A download on a terminal: one bar over all files with speed and time left, on stderr."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def show(self, name: str, done: int, total: int) -> None:
        """Take in how far it is, in bytes."""
        if self._bar is None:
            self._bar = tqdm(total=total, initial=done, unit="B", unit_scale=True, file=sys.stderr, dynamic_ncols=True)
        self._bar.set_description(name, refresh=False)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Leave the terminal tidy."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class ProgressLines:
    """A download for another program: a JSON line on stdout whenever a twentieth of a second has gone by."""

    def __init__(self) -> None:
        self._said = 0.0

    def show(self, name: str, done: int, total: int) -> None:
        """Take in how far it is, in bytes."""
        now = time.monotonic()
        if done >= total or now > self._said + _LINE_SECONDS:
            self._said = now
            print(json.dumps({"file": name, "done": done, "total": total}), flush=True)

    def close(self) -> None:
        """Nothing is left open."""


def _list(args: argparse.Namespace) -> int:
    rows = list(_rows(args.home))
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    header = {"name": "NAME", "state": "STATE", "size": "SIZE", "order": "ORDER", "licence": "LICENCE"}
    table = [header, *({**row, "size": _size(row)} for row in rows)]
    widths = {key: max(len(str(row[key])) for row in table) for key in header}
    for row in table:
        print("  ".join(str(row[key]).ljust(widths[key]) for key in header).rstrip())
        if row.get("beyond"):
            print(f"    trained for {row['beyond']}")
    return 0


def _rows(home: Path | None) -> list[dict[str, Any]]:
    """What `list` tells of each model; `bytes` is about right for what is not installed, and null where unknown."""
    rows: list[dict[str, Any]] = []
    here = dict(installed(home))
    for entry in CATALOG:
        rows.append(
            {
                "name": entry.name,
                "title": entry.title,
                "state": str(state(entry, home)),
                "bytes": entry.about_bytes,
                "order": str(entry.order),
                "licence": "; ".join(licence.name for licence in entry.licences),
                "licence_urls": [licence.url for licence in entry.licences],
                "terms": [asdict(licence) for licence in entry.licences],
                **_words(entry.name, here.get(entry.name), home),
                "path": str(here[entry.name]) if entry.name in here else None,
            }
        )
    for name in here.keys() - {entry.name for entry in CATALOG}:
        untold = {"title": name, "licence_urls": [], "terms": []}
        words = _words(name, here[name], home)
        rows.append({"name": name, **_other(name, here[name], home), **untold, **words, "path": str(here[name])})
    return [row | _card(row["name"], row["title"]) for row in rows]


def _card(name: str, title: str) -> dict[str, Any]:
    """What the weights of a model do not say of it; nothing of a folder that nobody knows."""
    card = CARDS.get(name) or Card(title, "", "", 0, 0)
    return card._asdict()


def _words(name: str, path: Path | None, home: Path | None) -> dict[str, Any]:
    """How much of a prompt a model reads, which words where it knows some only, and what it was trained for beyond the
    released recipe, also in words (`beyond`); nulls where it is not here."""
    words: dict[str, Any] = {"prompt_tokens": None, "vocabulary": None, "trained": None, "beyond": None}
    if path is not None:
        with contextlib.suppress(EngineError):
            folder = open_folder(path, name=name, home=home, check=False)
            vocabulary = folder.facts.vocabulary
            words["prompt_tokens"] = folder.prompt_tokens
            words["vocabulary"] = None if vocabulary is None else to_json(vocabulary)
            more = trained(folder)
            words |= {"trained": to_json(more), "beyond": more.words()}
    return words


def _other(name: str, path: Path, home: Path | None) -> dict[str, Any]:
    try:
        folder = open_folder(path, name=name, home=home, check=False)
    except EngineError:
        return {"state": "damaged", "bytes": None, "order": "", "licence": ""}
    size = sum(file.stat().st_size for _, file in folder.files())
    facts = folder.facts
    return {"state": str(State.INSTALLED), "bytes": size, "order": facts.order or "", "licence": facts.licence or ""}


def _size(row: dict[str, Any]) -> str:
    from ..media.files import readable_bytes

    return "" if row["bytes"] is None else readable_bytes(row["bytes"])


def _download(args: argparse.Namespace) -> int:
    from ..models.download import download

    entry = find_entry(args.name)
    bar = ProgressLines() if args.json else ProgressBar()
    try:
        folder = download(
            entry, accept_licence=args.accept_licence, offline=args.offline, home=args.home, progress=bar.show
        )
    except EngineError as error:
        if args.json:
            print(json.dumps({"failed": error.code, "detail": error.params}), flush=True)
        raise
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("run the same command again to go on with the download") from interrupt
    finally:
        bar.close()
    print(json.dumps({"installed": str(folder.path)}) if args.json else f"{entry.name} is installed in {folder.path}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    folder = find_model(args.name, args.home, check=False)
    bar = ProgressBar()
    damaged = checked = unrecorded = 0
    for file in inspect(folder, bar.show if sys.stderr.isatty() else None):
        bar.close()
        checked += 1
        damaged += file.problem is not None
        unrecorded += not file.recorded
        note = "" if file.recorded else " (no checksum recorded)"
        print(f"damaged  {file.name}: {file.problem}" if file.problem else f"ok       {file.name}{note}", flush=True)
    print(_verdict(args.name, folder, checked, damaged, unrecorded))
    return _DAMAGED if damaged else 0


def _verdict(name: str, folder: ModelFolder, checked: int, damaged: int, unrecorded: int) -> str:
    if not damaged and not unrecorded:
        return f"{folder.name}: {checked} files, all sound"
    if not damaged:
        found = f"{folder.name}: {checked} files, no damage found"
        return (
            f"{found}; {unrecorded} of them have no recorded checksum to compare with, so only their form was checked"
        )
    known = any(entry.name == name for entry in CATALOG)
    cure = f"run 'python -m engine models download {name}'" if known else "copy the damaged files again"
    return f"{folder.name}: {damaged} of {checked} files are damaged; {cure}"


def _path(args: argparse.Namespace) -> int:
    print(find_model(args.name, args.home, check=False).path.resolve())
    return 0
