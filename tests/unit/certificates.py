"""A certification authority of the tests' own, and what it certifies: C2PA takes no certificate that signs itself."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PEM = serialization.Encoding.PEM
_USES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
_AUTHORITY = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")


@dataclass(frozen=True)
class Studio:
    """What a studio has been given, as files."""

    chain: Path
    key: Path
    root: Path


def certified(folder: Path, key: Any = None, *, begins: int = -1, days: int = 30) -> Studio:
    """A signer's certificate for `key` (by default a new one on P-256), valid from `begins` days from now on."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, key = ec.generate_private_key(ec.SECP256R1()), key or ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Test Root", "Test Root", authority.public_key(), authority, begins, days)
    leaf = _certificate("Ann", "Test Root", key.public_key(), authority, begins, days)
    files = {"chain.pem": leaf + root, "root.pem": root}
    files["key.pem"] = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return Studio(folder / "chain.pem", folder / "key.pem", folder / "root.pem")


def _certificate(name: str, issuer: str, public: Any, signer: Any, begins: int, days: int) -> bytes:
    authority = name == issuer
    uses = {use: use == "digital_signature" and not authority for use in _USES}
    uses |= {use: authority and use in ("key_cert_sign", "crl_sign") for use in _AUTHORITY}
    start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=begins)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.KeyUsage(**uses), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not authority:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return made.sign(signer, hashes.SHA256()).public_bytes(_PEM)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Studio"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )
