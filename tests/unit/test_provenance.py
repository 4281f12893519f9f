"""What pictures and movies say of their making: written, read back by us and by others, and not believed blindly."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import tracemalloc
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from engine.media import mp4_boxes, png_chunks, provenance, xmp
from engine.media.frames import png_bytes, write_frames
from engine.media.movie import write_movie
from engine.media.provenance import COMPOSITE, ENHANCED, TRAINED, Provenance

EXIFTOOL = shutil.which("exiftool")
SAID = Provenance(
    COMPOSITE,
    "A gull lands — 漢字 & <b>",
    {
        "prompt": "A gull lands — 漢字 & <b>",
        "seed": 2**63 - 1,
        "model": "sketch",
        "model_sha256": "ab" * 32,
        "steps": 8,
        "solver": "unipc",
        "schedule": "f1k1_x_g9_f1k1f2k2f16k4_td",
        "boards": {"1": "cd" * 32},
        "section": 2,
        "request": {"prompt": 'quotes " and ]]> and \\ and \x00\x1f\ufffe\udc80', "frames": 73},
    },
    "Shotpack 0.1.0",
)
PIXELS = np.random.default_rng(3).integers(0, 255, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def png(tmp_path: Path) -> Path:
    path = tmp_path / "0001.png"
    path.write_bytes(png_bytes(PIXELS, SAID.texts()))
    return path


@pytest.fixture
def movie(tmp_path: Path, png: Path) -> Path:
    path = tmp_path / "shot.mp4"
    write_movie(path, [png] * 12, Fraction(24), SAID)
    return path


def exiftool(path: Path) -> dict[str, Any]:
    command = [str(EXIFTOOL), "-j", "-G1", "-struct", "-charset", "UTF8", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]


def test_both_say_it_to_our_reader(png: Path, movie: Path) -> None:
    assert provenance.read(png) == SAID
    assert provenance.read(movie) == SAID


@pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed here")
def test_both_say_it_to_exiftool(png: Path, movie: Path) -> None:
    for path in (png, movie):
        said = exiftool(path)
        assert "Warning" not in "".join(said)
        assert said["XMP-iptcExt:DigitalSourceType"] == COMPOSITE
        assert said["XMP-xmp:CreatorTool"] == "Shotpack 0.1.0"
        assert said["XMP-dc:Description"] == SAID.description
        assert json.loads(said["XMP-shotpack:Shot"])["request"] == SAID.shot["request"]
    assert exiftool(movie)["Keys:DigitalSourceType"] == COMPOSITE


def test_a_png_says_to_readers_of_0_1_0_what_it_always_said(png: Path) -> None:
    with Image.open(png) as picture:
        assert np.array_equal(np.asarray(picture), PIXELS)
        texts = picture.text
    assert texts["Software"] == "Shotpack"
    assert texts["Description"] == SAID.description
    wanted = ["prompt", "seed", "model", "model_sha256", "steps", "solver", "schedule", "boards"]
    assert json.loads(texts["shotpack"]) == {name: SAID.shot[name] for name in wanted}


def test_a_picture_of_0_1_0_is_read_and_left_alone(tmp_path: Path) -> None:
    path, facts = tmp_path / "0001.png", {"prompt": "ü", "seed": 3, "boards": {"1": "ef" * 32}}
    path.write_bytes(png_bytes(PIXELS, {"Software": "Shotpack", "Description": "ü", "shotpack": json.dumps(facts)}))
    before = path.read_bytes()
    assert provenance.read(path) == Provenance("", "ü", facts, "Shotpack")
    write_frames([(path, PIXELS)], SAID.texts())
    assert path.read_bytes() == before, "it shows what it should"


def test_the_same_is_said_in_the_same_bytes(png: Path, movie: Path, tmp_path: Path) -> None:
    assert png_bytes(PIXELS, SAID.texts()) == png.read_bytes()
    write_movie(tmp_path / "again.mp4", [png] * 12, Fraction(24), SAID)
    assert (tmp_path / "again.mp4").read_bytes() == movie.read_bytes()


def test_what_nobody_made_by_a_model_claims_nothing(tmp_path: Path) -> None:
    plain = tmp_path / "plain.png"
    plain.write_bytes(png_bytes(PIXELS, {}))
    assert provenance.read(plain) is None
    write_movie(tmp_path / "plain.mp4", [plain] * 3, Fraction(24))
    assert provenance.read(tmp_path / "plain.mp4") is None


def test_the_movie_plays_with_its_box_and_keeps_its_index_in_front(movie: Path) -> None:
    with av.open(str(movie)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 12
    with movie.open("rb") as file:
        kinds = [kind for kind, _, _ in mp4_boxes.boxes(file)]
    assert kinds == [b"ftyp", b"moov", b"free", b"mdat", b"uuid"]


@given(
    text=st.text(st.characters(), max_size=40),
    shot=st.dictionaries(
        st.text(max_size=8), st.text(st.characters(), max_size=20) | st.integers() | st.booleans(), max_size=4
    ),
)
def test_any_text_comes_back(text: str, shot: dict[str, Any]) -> None:
    """Facts as they were; the description but for what XML has no way to say."""
    said = Provenance(TRAINED, text, shot, "Shotpack 0.1.0")
    found = provenance.read_file(io.BytesIO(png_bytes(PIXELS[:2, :2], said.texts())))
    assert found is not None
    assert found.shot == shot
    assert found.description == xmp.NO_TEXT.sub("\ufffd", text)


def test_a_large_request_is_in_the_movie_alone() -> None:
    request = {"conditions": ["12" * 32] * 600}
    assert "request" not in provenance.with_request({}, request, frame=True)
    assert len(provenance.with_request({}, request, frame=True)["request_sha256"]) == 64
    assert provenance.with_request({}, request, frame=False) == {"request": request}
    huge = provenance.with_request({}, {"prompts": ["漢" * 4000] * 1000}, frame=False)
    assert set(huge) == {"request_sha256"}


def test_a_prompt_of_any_length_fits(tmp_path: Path) -> None:
    said = Provenance(TRAINED, "漢" * 4000, {"prompt": "漢" * 4000}, "Shotpack 0.1.0")
    (tmp_path / "0001.png").write_bytes(png_bytes(PIXELS, said.texts()))
    write_movie(tmp_path / "shot.mp4", [tmp_path / "0001.png"], Fraction(24), said)
    for name in ("0001.png", "shot.mp4"):
        assert provenance.read(tmp_path / name) == said


def test_a_shot_is_a_models_alone_only_where_all_it_was_given_is() -> None:
    assert provenance.source_of([]) == TRAINED
    assert provenance.source_of([TRAINED, TRAINED]) == TRAINED
    assert provenance.source_of([TRAINED, ""]) == COMPOSITE
    assert provenance.source_of([COMPOSITE]) == COMPOSITE


def test_finishing_adds_to_what_was_said() -> None:
    once = provenance.finished(SAID, {"upscale": "waifu2x 2x"}, "Shotpack 0.2.0")
    assert (once.source, once.description, once.tool) == (COMPOSITE, SAID.description, "Shotpack 0.2.0")
    assert once.shot == {**SAID.shot, "finishing": [{"upscale": "waifu2x 2x"}]}
    twice = provenance.finished(once, {"fps": 60.0}, "Shotpack 0.2.0")
    assert twice.shot["finishing"] == [{"upscale": "waifu2x 2x"}, {"fps": 60.0}]
    old = provenance.finished(Provenance("", "", {"seed": 3}), {}, "Shotpack 0.2.0")
    assert old.source == TRAINED
    assert provenance.finished(Provenance("", "", {"boards": {"1": "ab"}}), {}, "").source == COMPOSITE
    nobodys = provenance.finished(None, {"upscale": "waifu2x 2x"}, "Shotpack 0.2.0")
    assert nobodys.source == ENHANCED
    assert nobodys.shot == {"finishing": [{"upscale": "waifu2x 2x"}]}


# What others make of it.


def test_other_layouts_of_a_packet_are_read() -> None:
    """Properties as attributes, an address as a resource, other prefixes, a description in several languages."""
    packet = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
     <r:Description r:about="" xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:s="urn:shotpack:1.0/"
      s:shot='{"seed": 3}' xmlns:d="http://purl.org/dc/elements/1.1/">
      <i:DigitalSourceType r:resource="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>
      <d:description><r:Alt> <r:li xml:lang="de">eins</r:li> <r:li xml:lang="en">one</r:li></r:Alt></d:description>
     </r:Description></r:RDF></x:xmpmeta>"""
    said = xmp.read_packet(packet.encode())
    assert said == {"shotpack:shot": '{"seed": 3}', "Iptc4xmpExt:DigitalSourceType": TRAINED, "dc:description": "eins"}


@pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed here")
def test_a_packet_that_exiftool_has_written_anew_is_read(png: Path) -> None:
    subprocess.run([str(EXIFTOOL), "-q", "-overwrite_original", "-XMP-dc:Creator=Ann", str(png)], check=True)
    assert b"Ann" in png.read_bytes()
    assert provenance.read(png) == SAID


@pytest.mark.parametrize(
    ("packet", "fault"),
    [
        (b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><x>&b;</x>", "document type"),
        (b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>", "document type"),
        (b"<x>&b;</x>", "no XML"),
        (b"<x>" * 40, "too deep"),
        (b"<x", "no XML"),
        (b"", "no XML"),
        (b"<?xml version='1.0' encoding='utf-7'?><x/", "no XML"),
        (b" " * (xmp.LARGEST + 1), "too large"),
    ],
)
def test_a_packet_that_is_none_is_refused(packet: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        xmp.read_packet(packet)


@pytest.mark.parametrize(
    ("shot", "fault"),
    [
        ("[" * 100_000, "too deep"),
        ("[]", "no object"),
        ("{", "no JSON"),
        ('{"seed": NaN}', "no JSON"),
        ('{"seed": 1e999}', "no JSON"),
        ('{"seed": %s}' % ("9" * 5000), "no JSON"),
    ],
)
def test_facts_that_are_none_are_refused(shot: str, fault: str) -> None:
    packet = xmp.write_packet({xmp.SHOT: shot})
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", packet.decode())
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG", pnginfo=chunks)
    with pytest.raises(ValueError, match=fault):
        provenance.read_file(file)


def png_of(*texts: tuple[bytes, bytes]) -> io.BytesIO:
    """A PNG of text chunks alone, each a kind and its data."""
    parts = [*texts, (b"IEND", b"")]
    chunks = (
        struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return io.BytesIO(png_chunks.SIGNATURE + b"".join(chunks))


@pytest.mark.parametrize(
    "text",
    [
        b"\0\1\0\0\0" + zlib.compress(b" " * (64 << 20), 9),
        b"\0\0\0\0\0" + b" " * (xmp.LARGEST + 300),
    ],
    ids=["that unpacks to no end", "that is there"],
)
def test_a_packet_that_is_too_large_is_refused_and_not_called_silence(text: bytes) -> None:
    with pytest.raises(ValueError, match="too large"):
        provenance.read_file(png_of((b"iTXt", png_chunks.XMP + text)))
    assert provenance.read_file(png_of((b"iTXt", b"Comment" + text), (b"iTXt", b"Description" + text))) is None


_PACKED = zlib.compress(SAID.packet(), 9)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"\0\1\0\0\0" + _PACKED[: len(_PACKED) // 2], "is cut off"),
        (b"\0\1\0\0\0" + _PACKED[:-1], "is cut off"),
        (b"\0\1\0\0\0" + _PACKED[:-1] + bytes([_PACKED[-1] ^ 1]), "is damaged"),
        (b"\0\1\0\0\0" + b"no stream", "is damaged"),
        (b"\0", "is cut off"),
    ],
    ids=["half", "without its last byte", "of another check sum", "never packed", "without its head"],
)
def test_a_packet_that_cannot_be_unpacked_says_so(text: bytes, fault: str) -> None:
    """It is neither too large, which another program might read, nor silence, which nobody would look at."""
    with pytest.raises(ValueError, match=f"its XMP packet {fault}"):
        provenance.read_file(png_of((b"iTXt", png_chunks.XMP + text)))
    assert provenance.read_file(png_of((b"iTXt", b"Description" + text))) is None


def test_a_movies_packet_that_is_too_large_is_refused() -> None:
    movie = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + mp4_boxes.box(mp4_boxes.XMP, b" " * (xmp.LARGEST + 1))
    with pytest.raises(ValueError, match="too large"):
        provenance.read_file(io.BytesIO(movie))


def test_texts_that_nobody_asks_for_are_not_unpacked() -> None:
    """Else a small file fills the memory: each of its texts is of a size that is allowed, and there are many."""
    bomb = zlib.compress(b"\0" * xmp.LARGEST, 9)
    texts = [(b"zTXt", b"k%d\0\0" % number + bomb) for number in range(40)]
    tracemalloc.start()
    try:
        assert provenance.read_file(png_of(*texts)) is None
        assert tracemalloc.get_traced_memory()[1] < 2 * xmp.LARGEST
    finally:
        tracemalloc.stop()


@given(st.data())
def test_a_broken_file_is_read_or_refused_in_words(data: st.DataObject) -> None:
    """Cut anywhere, with any bytes changed: what comes back is something that was said, or ValueError."""
    whole = _WHOLE[data.draw(st.sampled_from(sorted(_WHOLE)))]
    broken = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4)) if broken else 0):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = provenance.read_file(io.BytesIO(bytes(broken)))
    except ValueError as fault:
        assert str(fault)
    else:
        assert found is None or isinstance(found, Provenance)


_WHOLE = {
    "png": png_bytes(PIXELS[:8, :8], SAID.texts()),
    "mp4": struct.pack(">I4s8x", 16, b"ftyp") + mp4_boxes.box(mp4_boxes.XMP, SAID.packet()),
}


def test_every_changed_byte_of_a_png_is_found() -> None:
    whole = _WHOLE["png"]
    assert png_chunks.changed(io.BytesIO(whole)) is None
    for at in range(len(png_chunks.SIGNATURE), len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 1
        try:
            assert png_chunks.changed(io.BytesIO(bytes(broken))) is not None, at
        except ValueError:
            continue
    assert png_chunks.changed(io.BytesIO(whole + b"x")) == "something follows its end"
