"""What it costs that a shot's files say what made them, and what of it survives what others do with them."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, PngImagePlugin

from engine.generation.job import prepare, run
from engine.inference.registry import Families
from engine.media import content_credentials
from engine.media.boards import open_board
from engine.media.frames import png_bytes
from engine.media.inspection import inspect
from engine.media.movie import write_movie
from engine.media.provenance import Provenance, finished, read
from engine.media.shot_digests import file_digests
from engine.models.catalog import find_model
from engine.protocol import Board, ShotRequest
from tests.bench.table import Row
from tests.unit.certificates import Studio, certified

_BOARD = Path(__file__).resolve().parent.parent / "fixtures" / "pictures" / "render-street.png"


def provenance(folder: Path, quick: bool) -> list[Row]:
    """A shot of Sketch's, its files' marks beside its making; then everything that is done to movies and frames."""
    shot, seconds = _shot(folder, quick)
    return [*_cost(shot, seconds, 1 if quick else 5), *_survives(shot, folder)]


def _shot(folder: Path, quick: bool) -> tuple[Path, float]:
    """A shot of 5 s, and the processor's seconds that it took with everything loaded."""
    model, board, families = find_model("sketch"), open_board(_BOARD), Families()
    pictures, took = {board.sha256: board}, 0.0
    for name, frames in (("warm", 37), ("shot", 37 if quick else 145)):
        request = ShotRequest(model.name, "The camera pans left.", (Board(1, board.sha256),), frames=frames, seed=3)
        job, began = prepare(request, pictures, model, "auto", folder / name), time.process_time()
        for _ in run(job, pictures, resume=False, families=families):
            pass
        took = time.process_time() - began
    return folder / "shot", took


def _cost(shot: Path, seconds: float, repetitions: int) -> list[Row]:
    """With and without, in turn: what the marks, the movie's box and tags, and the digests take together."""
    frames = sorted((shot / "frames").glob("*.png"))
    pixels = [np.asarray(Image.open(path)) for path in frames]
    said = read(frames[0])
    assert said is not None
    old = {name: text for name, text in said.texts().items() if not name.startswith("XML")}
    fps, out = Fraction(30), shot.parent / "movie.mp4"
    ways: dict[str, Callable[[], object]] = {
        "marks": lambda: [png_bytes(each, said.texts()) for each in pixels],
        "without marks": lambda: [png_bytes(each, old) for each in pixels],
        "movie": lambda: write_movie(out, frames, fps, said),
        "movie without": lambda: write_movie(out, frames, fps),
        "digests": lambda: file_digests(shot, [*frames, shot / "shot.mp4"]),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, way in ways.items():
            began = time.process_time()
            way()
            took[name].append(time.process_time() - began)
    median = {name: statistics.median(each) for name, each in took.items()}
    extra = max(0.0, median["marks"] - median["without marks"])
    extra += max(0.0, median["movie"] - median["movie without"]) + median["digests"]
    sizes = [len(png_bytes(pixels[0], texts)) for texts in (said.texts(), old)]
    told = f"{1000 * extra:.0f} ms, {100 * extra / seconds:.2f} % (of them digests {1000 * median['digests']:.0f} ms)"
    return [
        Row(
            f"Sketch, {len(frames)} frames, {seconds:.0f} s of a processor: marks and digests of all files",
            told,
            "",
            "under 2 %",
        ),
        Row("a frame of it with its mark, and with 0.1.0's text alone", f"{sizes[0]:,}, {sizes[1]:,} bytes"),
    ]


def _survives(shot: Path, folder: Path) -> list[Row]:
    studio = certified(folder / "studio")
    movie, frame = shot / "shot.mp4", shot / "frames" / "0001.png"
    signer, said = content_credentials.Signer(studio.chain, studio.key), read(frame)
    assert said is not None
    for source, name in ((movie, "signed.mp4"), (frame, "signed.png")):
        signer.sign(source, folder / name, read(source) or said)
    signed, picture = folder / "signed.mp4", folder / "signed.png"
    done: list[tuple[str, Path]] = [("PNG as written", picture), ("movie as written", signed)]
    done.append(("PNG finished by Shotpack", _finished(picture, folder / "finished.png", said)))
    done.append(("PNG saved again by Pillow", _saved(picture, folder / "saved.png")))
    done.append(("PNG saved by Pillow with its texts given again", _saved(picture, folder / "texts.png", texts=True)))
    if (exiftool := shutil.which("exiftool")) is not None:
        done.append(("PNG after exiftool has added a name", _named(exiftool, picture, folder / "named.png")))
        done.append(("movie after exiftool has added a name", _named(exiftool, signed, folder / "named.mp4")))
    for name, options, tags in (
        ("streams copied by PyAV, nothing said", {}, False),
        ("streams copied by PyAV with its tags", {}, True),
        ("the same with use_metadata_tags, as ffmpeg -movflags use_metadata_tags", _OWN_TAGS, True),
    ):
        done.append((f"movie, {name}", _copied(signed, folder / f"copy{len(done)}.mp4", options, tags=tags)))
    done.append(
        ("movie, streams copied into Matroska with its tags", _copied(signed, folder / "copy.mkv", {}, tags=True))
    )
    done.append(("movie, encoded again with x264, with its tags", _encoded(signed, folder / "again.mp4", _OWN_TAGS)))
    return [Row(f"what survives: {what}", _state(path, studio)) for what, path in done]


_OWN_TAGS = {"movflags": "use_metadata_tags"}


def _state(path: Path, studio: Studio) -> str:
    found = inspect(path, studio.root.read_text())
    parts = []
    try:
        packet = read(path)
    except ValueError:
        packet = None
    parts.append("packet" if packet is not None else "")
    if packet is None and found.said is not None:
        parts.append("all in tags" if found.said.shot else "source type in the comment")
    signature = next((each for each in found.checks if each.name == "signature"), None)
    if signature is not None:
        parts.append("signature good" if signature.holds else "signature there, and broken")
    return ", ".join(filter(None, parts)) or "nothing"


def _finished(source: Path, target: Path, said: Provenance) -> Path:
    with Image.open(source) as picture:
        large = np.asarray(picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.LANCZOS))
    target.write_bytes(png_bytes(large, finished(said, {"upscale": "Lanczos 2x"}, said.tool).texts()))
    return target


def _saved(source: Path, target: Path, *, texts: bool = False) -> Path:
    with Image.open(source) as picture:
        chunks = PngImagePlugin.PngInfo()
        for key, text in picture.text.items() if texts else ():  # type: ignore[attr-defined]
            chunks.add_itxt(key, text)
        picture.save(target, pnginfo=chunks if texts else None)
    return target


def _named(exiftool: str, source: Path, target: Path) -> Path:
    subprocess.run([exiftool, "-q", "-XMP-dc:Creator=Ann", "-o", str(target), str(source)], check=True)
    return target


def _copied(source: Path, target: Path, options: dict[str, str], *, tags: bool) -> Path:
    with av.open(str(source)) as movie, av.open(str(target), "w", options=options) as copy:
        if tags:
            copy.metadata.update(movie.metadata)
        stream = copy.add_stream_from_template(movie.streams.video[0])
        for packet in movie.demux(movie.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    return target


def _encoded(source: Path, target: Path, options: dict[str, str]) -> Path:
    with av.open(str(source)) as movie, av.open(str(target), "w", options=options) as copy:
        copy.metadata.update(movie.metadata)
        first = movie.streams.video[0]
        stream = copy.add_stream("libx264", rate=first.average_rate)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
        for image in movie.decode(first):
            copy.mux(stream.encode(image.reformat(format="yuv420p")))
        copy.mux(stream.encode(None))
    return target
