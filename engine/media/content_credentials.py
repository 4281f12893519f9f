"""Content Credentials (C2PA): what a file says of its making, bound to its every byte and signed by a studio's key.

An extra: c2pa-python and cryptography are installed by hand (requirements/signing.txt). Keys and certificates are the
studio's own, by path; none is ever made. Nothing here uses the network: no time stamp is asked for, so that a signature
is good for as long as its certificate, and nothing that a file names is fetched.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Code, EngineError
from . import mp4_boxes, png_chunks
from .files import whole_file
from .provenance import Provenance, is_png

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements" / "signing.txt"
ASSERTION = "shotpack.shot"
"""What the shot's facts are called in a manifest."""
_OFFLINE: dict[str, dict[str, Any]] = {
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
# A thumbnail is more than a frame at previs size: a PNG of 32 kB came out at 80.
_SIGNING = {**_OFFLINE, "builder": {"thumbnail": {"enabled": False}}}
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True)
class Credentials:
    """What a file's signature is worth."""

    intact: bool
    """Whether the file is as it was signed."""
    trusted: bool | None
    """Whether the signer is one of those that were given; None where none were."""
    signer: str
    said: Mapping[str, Any]
    """The shot's facts, as they were signed; empty where another program has signed."""
    faults: tuple[str, ...]
    """What is not as it was signed, by C2PA's codes."""


def installed() -> bool:
    """Whether the extra is here."""
    return importlib.util.find_spec("c2pa") is not None and importlib.util.find_spec("cryptography") is not None


def missing() -> EngineError:
    """The error that says how the extra is installed."""
    return EngineError(Code.SIGNING_MISSING, path=str(REQUIREMENTS))


def are_there(path: Path) -> bool:
    """Whether a PNG or MP4 file bears a signature, be it good or not. Raises OSError, or ValueError for other files."""
    with path.open("rb") as file:
        if is_png(file):
            return any(kind == png_chunks.CONTENT_CREDENTIALS for kind, _ in png_chunks.chunks(file))
        return mp4_boxes.has(file, mp4_boxes.CONTENT_CREDENTIALS)


def check(path: Path, anchors: str | None = None) -> Credentials | None:
    """What the signature of the file at `path` is worth; None where it bears none.

    `anchors` are certificates (PEM) of those whose signers are trusted. Raises EngineError `signing_missing` where the
    extra is not installed, `signing_failed` where the file or `anchors` cannot be read.
    """
    c2pa = _library()
    settings: dict[str, Any] = dict(_OFFLINE)
    if anchors is not None:
        settings["trust"] = {"user_anchors": anchors}
    settings["verify"] = {**_OFFLINE["verify"], "verify_trust": anchors is not None}
    try:
        with c2pa.Context(c2pa.Settings.from_dict(settings)) as context, c2pa.Reader(path, context=context) as reader:
            told = json.loads(reader.json())
            state = reader.get_validation_state()
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as fault:
        raise EngineError(Code.SIGNING_FAILED, path=str(path), detail=_short(fault)) from fault
    manifest = told.get("manifests", {}).get(told.get("active_manifest"), {})
    signature = manifest.get("signature_info", {})
    faults = [each["code"] for each in told.get("validation_status") or () if each["code"] != _UNTRUSTED]
    said = [each["data"] for each in manifest.get("assertions", ()) if each.get("label") == ASSERTION]
    names = [signature[name] for name in ("common_name", "issuer") if signature.get(name)]
    return Credentials(
        state in ("Valid", "Trusted"),
        None if anchors is None else state == "Trusted",
        ", ".join(dict.fromkeys(names)),
        said[0] if said and isinstance(said[0], dict) else {},
        tuple(dict.fromkeys(faults)),
    )


class Signer:
    """A studio's certificates and key."""

    def __init__(self, chain: Path, key: Path) -> None:
        """`chain` holds certificates in PEM, the signer's own first; `key` its private key in PEM, without a password.

        Raises EngineError `signing_missing` or `signing_failed`, with what is wrong with which file.
        """
        self._c2pa = _library()
        self._chain, leaf = _certificates(chain)
        self._algorithm, self._key = _key(key, leaf, chain)

    def sign(self, source: Path, target: Path, said: Provenance) -> None:
        """Write a signed copy of `source`, whose making is `said`, as `target`: whole, or not at all.

        Raises EngineError `signing_failed`, `disk_full` or `folder_unwritable`.
        """
        c2pa = self._c2pa
        with whole_file(target) as temporary:
            try:
                signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(self._algorithm, self._chain, self._key, None))
                with (
                    c2pa.Context(c2pa.Settings.from_dict(_SIGNING)) as context,
                    c2pa.Builder(_manifest(source, said), context) as builder,
                    signer,
                ):
                    builder.sign_file(source, temporary, signer)
            except c2pa.C2paError as fault:
                raise EngineError(Code.SIGNING_FAILED, path=str(source), detail=_short(fault)) from fault


def _manifest(source: Path, said: Provenance) -> str:
    """What is signed beside the file's bytes, as JSON."""
    name, _, version = said.tool.partition(" ")
    agent = {"name": str(said.shot.get("model") or name)}
    created = {"action": "c2pa.created", "digitalSourceType": said.source, "softwareAgent": agent}
    done = said.shot.get("finishing")
    edited = [{"action": "c2pa.edited", "parameters": {"finishing": each}} for each in done] if done else []
    manifest = {
        "claim_generator_info": [{"name": name, "version": version or "0"}],
        "title": source.name,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created, *edited]}},
            {"label": ASSERTION, "data": dict(said.shot)},
        ],
    }
    return (
        json.dumps(manifest, ensure_ascii=False).encode("utf-8", "replace").decode()
    )  # halves of a letter are no text


def _library() -> Any:
    if not installed():
        raise missing()
    import c2pa

    return c2pa


def _certificates(chain: Path) -> tuple[bytes, Any]:
    """The chain as it is handed on, and the signer's own certificate."""
    from cryptography import x509

    data = _read(chain)
    try:
        return data, x509.load_pem_x509_certificates(data)[0]
    except ValueError as fault:
        raise EngineError(Code.SIGNING_FAILED, path=str(chain), detail="it holds no certificates in PEM") from fault


def _key(path: Path, leaf: Any, chain: Path) -> tuple[bytes, bytes]:
    """The algorithm that a private key is for, and the key in PKCS #8."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except TypeError as fault:
        detail = "the key has a password; give one that has none, readable by you alone"
        raise EngineError(Code.SIGNING_FAILED, path=str(path), detail=detail) from fault
    except ValueError as fault:
        raise EngineError(Code.SIGNING_FAILED, path=str(path), detail="it holds no private key in PEM") from fault
    public = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*public) != leaf.public_key().public_bytes(*public):
        detail = f"the first certificate in {chain} is not this key's"
        raise EngineError(Code.SIGNING_FAILED, path=str(path), detail=detail)
    algorithm = ""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = {256: "es256", 384: "es384", 521: "es512"}.get(key.curve.key_size, "")
    elif isinstance(key, rsa.RSAPrivateKey):
        algorithm = "ps256"
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    if not algorithm:
        raise EngineError(Code.SIGNING_FAILED, path=str(path), detail="C2PA has no use for a key of this kind")
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return algorithm.encode(), key.private_bytes(*pem)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        detail = (fault.strerror or str(fault)).lower()
        raise EngineError(Code.SIGNING_FAILED, path=str(path), detail=detail) from fault


def _short(fault: Exception) -> str:
    return " ".join(str(fault).split())[:160]
