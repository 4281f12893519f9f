"""`inspect` and `sign`: what files say of themselves, which of it holds, and what a studio vouches for."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from PIL import Image

from engine.__main__ import main
from engine.media import content_credentials, provenance
from engine.media.frames import png_bytes
from engine.media.movie import write_movie
from engine.media.provenance import COMPOSITE, Provenance
from engine.media.shot_digests import file_digests
from tests.unit.certificates import Studio, certified

SAID = Provenance(
    COMPOSITE,
    "A gull lands — 漢字",
    {
        **{"prompt": "A gull lands — 漢字", "seed": 7, "model": "sketch", "model_sha256": "ab" * 32, "steps": 8},
        **{"boards": {"1": "cd" * 32}, "section": 1, "request": {"prompt": "A gull lands — 漢字", "frames": 12}},
    },
    "Shotpack 0.1.0",
)
FRAMES = 12


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    """A shot's folder as `generate` leaves it: frames, movie, record."""
    root = tmp_path / "shot1"
    (root / "frames").mkdir(parents=True)
    noise = np.random.default_rng(4).integers(0, 255, (FRAMES, 48, 64, 3), dtype=np.uint8)
    frames = [root / "frames" / f"{number:04d}.png" for number in range(1, FRAMES + 1)]
    for path, pixels in zip(frames, noise, strict=True):
        path.write_bytes(png_bytes(pixels, SAID.texts()))
    write_movie(root / "shot.mp4", frames, Fraction(24), SAID)
    record = {"request": {}, "sha256": file_digests(root, [*frames, root / "shot.mp4"])}
    (root / "shot.json").write_text(json.dumps(record))
    return root


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return certified(tmp_path_factory.mktemp("studio"))


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of `inspect --json`, and what it says of each file."""
    code = main(["inspect", "--json", *map(str, arguments)])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def failed(found: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["detail"] for check in found["checks"] if check["holds"] is False}


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def sign(studio: Studio, out: Path, *paths: object) -> int:
    return main(["sign", *map(str, paths), "--out", str(out), "--chain", str(studio.chain), "--key", str(studio.key)])


# inspect


def test_what_each_says(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(capsys, shot, shot / "shot.mp4", shot / "frames/0003.png")
    assert code == 0
    assert [each["kind"] for each in found] == ["shot", "movie", "picture"]
    for each in found:
        assert (each["digital_source_type"], each["tool"], each["shot"]) == (COMPOSITE, SAID.tool, dict(SAID.shot))
        assert each["holds"]
    assert (found[0]["pictures"], found[0]["sources"]) == (FRAMES, {COMPOSITE: FRAMES})
    assert [check["check"] for check in found[2]["checks"]] == ["check sums", "record"]


def test_in_words(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(shot)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  12 pictures, 12 of them say what made them" in lines
    assert "  prompt: A gull lands — 漢字" in lines
    assert "  seed: 7" in lines
    assert "  ok   shot.json: 13 files as when it was finished" in lines


def test_nothing_that_a_file_says_moves_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "0001.png"
    said = Provenance(
        COMPOSITE, "", {"prompt": "a\x1b[2J\rb\n\u202ec\udc9b", "boards": {"\x1b": "\x07"}}, "\x1b]0;x\x07"
    )
    path.write_bytes(png_bytes(np.zeros((4, 4, 3), np.uint8), said.texts()))
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert all(each.isprintable() or each == "\n" for each in out)
    assert r"prompt: a\x1b[2J\x0db\x0a\x202ec\udc9b" in out


def test_nothing_that_a_file_is_called_moves_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a\x1b[2Jb"
    folder.mkdir()
    whole = png_bytes(np.zeros((4, 4, 3), np.uint8), {})
    (folder / "\x1b[31m\nok.png").write_bytes(whole + b"more")
    assert main(["inspect", str(folder), str(folder / "no\x1b[1m.png")]) == 5
    told = capsys.readouterr()
    assert all(each.isprintable() or each == "\n" for each in told.out + told.err)
    assert r"check sums: \x1b[31m\x0aok.png changed" in told.out
    assert len(told.err.splitlines()) == 1


def test_a_frame_is_held_against_its_record_from_wherever(
    shot: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (shot / "frames/0002.png").write_bytes((shot / "frames/0003.png").read_bytes())
    for place, name in ((shot / "frames", "0002.png"), (shot, "frames/0002.png"), (shot, "frames/../frames/0002.png")):
        monkeypatch.chdir(place)
        code, (alone,) = told(capsys, name)
        assert (code, failed(alone)) == (5, {"record": "changed"})


@pytest.mark.parametrize("text", ["[1]", "[" * 100_000, "no"])
def test_a_picture_beside_some_other_file_of_that_name_is_looked_at(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pictures" / "a.png"
    path.parent.mkdir()
    path.write_bytes(png_bytes(np.zeros((4, 4, 3), np.uint8), SAID.texts()))
    (tmp_path / "shot.json").write_text(text)
    code, (found,) = told(capsys, path)
    assert (code, found["digital_source_type"]) == (0, COMPOSITE)
    assert found["checks"][-1] == {"check": "record", "holds": None, "detail": "shot.json is no record of a shot"}


@pytest.mark.parametrize("name", ["frames/0005.png", "shot.mp4"])
def test_a_changed_byte_is_found_wherever_it_is(shot: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (shot / name).read_bytes()
    for at in np.linspace(0, len(whole) - 1, 25).astype(int):
        (shot / name).write_bytes(whole)
        flip(shot / name, int(at))
        code, (found,) = told(capsys, shot)
        assert (code, found["holds"]) == (5, False)
        assert failed(found)["shot.json"] == f"{name} changed"
    (shot / name).write_bytes(whole)
    assert told(capsys, shot)[0] == 0


def test_a_frame_that_was_painted_on_or_is_gone_is_named(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Image.open(shot / "frames/0002.png") as picture:
        picture.load()
        picture.putpixel((3, 3), (0, 0, 0))
        picture.save(shot / "frames/0002.png")
    (shot / "frames/0007.png").unlink()
    code, (found,) = told(capsys, shot)
    assert code == 5
    assert failed(found) == {"shot.json": "frames/0002.png changed, frames/0007.png missing"}
    code, (alone,) = told(capsys, shot / "frames/0002.png")
    assert (code, failed(alone)) == (5, {"record": "changed"})


def test_a_changed_byte_of_a_png_is_found_without_a_record(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = shot.parent / "alone.png"
    alone.write_bytes((shot / "frames/0001.png").read_bytes())
    flip(alone, alone.stat().st_size - 40)
    code, (found,) = told(capsys, alone)
    assert code == 5
    assert "check sum" in failed(found)["check sums"]


def test_a_record_leads_nowhere_else(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = {"../secret.png": "00", "/etc/passwd": "00", "frames/../../x.png": "00", "boards/x": "00"}
    (shot / "shot.json").write_text(json.dumps({"sha256": outside}))
    code, (found,) = told(capsys, shot)
    assert code == 0
    (record,) = [check for check in found["checks"] if check["check"] == "shot.json"]
    assert (record["holds"], "no digests" in record["detail"]) == (None, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_not_waited_for(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shot / "frames/0003.png").unlink()
    os.mkfifo(shot / "frames/0003.png")
    assert main(["inspect", str(shot / "frames/0003.png")]) == 2
    assert "it is no file" in capsys.readouterr().err
    code, (found,) = told(capsys, shot)
    assert (code, failed(found)) == (5, {"shot.json": "frames/0003.png missing"})


def test_what_says_nothing_is_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    code, (found,) = told(capsys, tmp_path / "plain.png")
    assert (code, found["digital_source_type"], found["shot"]) == (0, None, None)
    code, (folder,) = told(capsys, tmp_path)
    assert (code, folder["kind"], folder["sources"]) == (0, "pictures", {"": 1})


@pytest.mark.parametrize(
    "content", [b"", b"plain text", b"#EXTM3U\nhttp://127.0.0.1/x.ts\n", b"\x1a\x45\xdf\xa3broken"]
)
def test_what_is_no_picture_is_said_in_a_line(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert main(["inspect", str(tmp_path / "file"), str(tmp_path / "none.png"), str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("shotpack: ") and "cannot be inspected" in line for line in lines)


# What survives others; docs/provenance.md has the table, which `bench --only provenance` makes.


def remuxed(source: Path, target: Path, *, tags: bool) -> Path:
    """The same streams in another file, by PyAV; with `tags` as careful programs do it."""
    options = {"movflags": "use_metadata_tags"} if tags and target.suffix != ".mkv" else {}
    with av.open(str(source)) as read, av.open(str(target), "w", options=options) as written:
        if tags:
            written.metadata.update(read.metadata)
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(read.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    return target


def test_a_copy_of_the_streams_keeps_what_its_maker_copies(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = remuxed(shot / "shot.mp4", shot.parent / "bare.mp4", tags=False)
    assert told(capsys, bare)[1][0]["digital_source_type"] is None
    kept = remuxed(shot / "shot.mp4", shot.parent / "kept.mp4", tags=True)
    code, (found,) = told(capsys, kept)
    assert (code, found["digital_source_type"], found["shot"]) == (0, COMPOSITE, dict(SAID.shot))
    assert [(check["check"], check["holds"]) for check in found["checks"]] == [("packet", None)]
    for name in ("other.mkv", "other.mov"):
        other = remuxed(shot / "shot.mp4", shot.parent / name, tags=True)
        assert told(capsys, other)[1][0]["digital_source_type"] == COMPOSITE


def test_a_comment_alone_still_tells_the_source_type() -> None:
    """What keeps no tags of others' making keeps the comment: ffmpeg -c copy, without more."""
    tags = {name: text for name, text in SAID.tags().items() if name in ("title", "comment")}
    assert provenance.of_tags(tags) == Provenance(COMPOSITE, "A gull lands — 漢字", {}, "Shotpack")


# sign


def test_signed_copies_of_a_movie_and_a_frame(shot: Path, studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in shot.rglob("*") if path.is_file()}
    out = shot.parent / "out"
    assert sign(studio, out, shot, shot / "frames/0001.png") == 0
    signed = [out / "shot1/shot.mp4", out / "0001.png"]
    assert capsys.readouterr().out.splitlines() == list(map(str, signed))
    assert {path: path.read_bytes() for path in shot.rglob("*") if path.is_file()} == before
    for path, source in zip(signed, (shot / "shot.mp4", shot / "frames/0001.png"), strict=True):
        found = content_credentials.check(path, studio.root.read_text())
        assert found is not None
        assert (found.intact, found.trusted, found.signer, found.faults) == (True, True, "Ann, Test Studio", ())
        assert found.said == dict(SAID.shot)
        assert provenance.read(path) == SAID
        assert path.stat().st_size < source.stat().st_size + 8000, "no thumbnail"
    code, found_files = told(capsys, *signed, "--trust", studio.root)
    assert code == 0
    assert all("as it was signed; by Ann, Test Studio; trusted" in str(each["checks"]) for each in found_files)


def test_c2pas_own_reader_says_who_made_it(shot: Path, studio: Studio) -> None:
    import c2pa

    assert sign(studio, shot.parent / "out", shot) == 0
    with c2pa.Reader(shot.parent / "out/shot1/shot.mp4") as reader:
        told = json.loads(reader.json())
        assert reader.get_validation_state() == "Valid"
    manifest = told["manifests"][told["active_manifest"]]
    (actions,) = [each["data"]["actions"] for each in manifest["assertions"] if each["label"] == "c2pa.actions.v2"]
    assert [(each["action"], each["digitalSourceType"]) for each in actions] == [("c2pa.created", COMPOSITE)]
    assert actions[0]["softwareAgent"]["name"] == "sketch"
    assert manifest["claim_generator_info"][0]["name"] == "Shotpack"
    assert "thumbnail" not in manifest
    assert [each["code"] for each in told["validation_status"]] == ["signingCredential.untrusted"]


def test_one_changed_byte_of_a_signed_file_is_found(
    shot: Path, studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shot.parent / "out"
    assert sign(studio, out, shot, shot / "frames/0001.png") == 0
    capsys.readouterr()
    for path, place in ((out / "shot1/shot.mp4", b"mdat"), (out / "0001.png", b"IDAT")):
        flip(path, path.read_bytes().rindex(place) + 60)
        code, (found,) = told(capsys, path)
        assert code == 5
        assert "changed since it was signed" in failed(found)["signature"]


def test_nobody_elses_signature_is_trusted(shot: Path, studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    other = certified(shot.parent / "other")
    assert sign(other, shot.parent / "out", shot) == 0
    capsys.readouterr()
    code, (found,) = told(capsys, shot.parent / "out/shot1/shot.mp4", "--trust", studio.root)
    assert code == 5
    assert "not trusted" in failed(found)["signature"]
    assert told(capsys, shot.parent / "out/shot1/shot.mp4")[0] == 0


def test_a_signature_does_not_outlive_another_writing(shot: Path, studio: Studio) -> None:
    out = shot.parent / "out"
    assert sign(studio, out, shot, shot / "frames/0001.png") == 0
    copy = remuxed(out / "shot1/shot.mp4", out / "copy.mp4", tags=True)
    with Image.open(out / "0001.png") as picture:
        picture.save(out / "copy.png")
    assert content_credentials.check(copy) is None
    assert content_credentials.check(out / "copy.png") is None


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_keys_of_other_kinds(shot: Path, key: Any) -> None:
    studio = certified(shot.parent / "studio", key)
    assert sign(studio, shot.parent / "out", shot) == 0
    found = content_credentials.check(shot.parent / "out/shot1/shot.mp4", studio.root.read_text())
    assert found is not None
    assert found.trusted


def test_what_is_not_as_it_was_made_is_not_signed(
    shot: Path, studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shot.parent / "out"
    flip(shot / "shot.mp4", 4000)
    assert sign(studio, out, shot / "frames/0001.png", shot) == 2
    assert "shot.mp4 is not as it was made (record: changed)" in capsys.readouterr().err
    assert not out.exists(), "none of them is"


def test_what_says_nothing_or_is_there_or_signed_is_not_signed(
    shot: Path, studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plain = shot.parent / "out", shot.parent / "plain.png"
    Image.new("RGB", (4, 4)).save(plain)
    assert sign(studio, out, plain) == 2
    assert "says nothing of what made it" in capsys.readouterr().err
    assert sign(studio, out, shot) == 0
    before = (out / "shot1/shot.mp4").read_bytes()
    assert sign(studio, out, shot) == 2
    assert "is there already, and nothing is written over" in capsys.readouterr().err
    assert (out / "shot1/shot.mp4").read_bytes() == before
    assert sign(studio, shot.parent / "twice", out / "shot1/shot.mp4") == 2
    assert "bears a signature already" in capsys.readouterr().err


def encrypted(studio: Studio, folder: Path) -> tuple[Path, Path]:
    key = serialization.load_pem_private_key(studio.key.read_bytes(), None)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    (folder / "locked.pem").write_bytes(key.private_bytes(*form, serialization.BestAvailableEncryption(b"secret")))
    return studio.chain, folder / "locked.pem"


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (lambda studio, folder: (folder / "none.pem", studio.key), "no such file"),
        (lambda studio, folder: (studio.key, studio.key), "it holds no certificates"),
        (lambda studio, folder: (studio.chain, studio.chain), "it holds no private key"),
        (lambda studio, folder: (studio.root, studio.key), "is not this key's"),
        (encrypted, "the key has a password"),
        (lambda studio, folder: (certified(folder / "old", begins=-90).chain, folder / "old/key.pem"), "not valid at"),
    ],
)
def test_what_is_no_use_for_signing_is_said_and_leaves_nothing(
    shot: Path, studio: Studio, given: Any, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chain, key = given(studio, shot.parent)
    assert sign(Studio(chain, key, studio.root), shot.parent / "out", shot) == 2
    assert fault in capsys.readouterr().err
    assert not [path for path in (shot.parent / "out").rglob("*") if path.is_file()]


def test_no_network_is_used(shot: Path, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own sockets; c2pa-rs is told so by its settings."""

    def none(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", none)
    assert sign(studio, shot.parent / "out", shot) == 0
    assert main(["inspect", str(shot.parent / "out/shot1/shot.mp4")]) == 0
    assert content_credentials._OFFLINE["core"]["allowed_network_hosts"] == []


def test_without_the_extra_it_is_said(
    shot: Path, studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sign(studio, shot.parent / "out", shot) == 0
    monkeypatch.setattr(content_credentials, "installed", lambda: False)
    assert sign(studio, shot.parent / "more", shot) == 2
    assert "requirements/signing.txt" in capsys.readouterr().err
    code, (found,) = told(capsys, shot.parent / "out/shot1/shot.mp4")
    assert code == 0
    assert [(check["check"], check["holds"]) for check in found["checks"]] == [("signature", None)]


def test_the_digest_is_sha256(shot: Path) -> None:
    kept = json.loads((shot / "shot.json").read_text())["sha256"]
    assert kept["frames/0001.png"] == hashlib.sha256((shot / "frames/0001.png").read_bytes()).hexdigest()
