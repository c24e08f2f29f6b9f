"""The keys of a service: a root certificate, a leaf that it vouches for and pictures are signed with, a watermark key.

They are made once, together, in a folder that only its owner may read. Whoever holds them can sign in our name.
"""

import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from policies.identity import IntegrityFailure
from safety.provenance.watermark import KEY_BYTES

ROOT, ROOT_KEY = "root.pem", "root.key"
LEAF, LEAF_KEY = "leaf.pem", "leaf.key"
WATERMARK_KEY = "watermark.key"
ORGANISATION = "gardefou"  # readers of content credentials refuse a certificate without one
ROOT_DAYS, LEAF_DAYS = 7300, 3650  # no time stamp says when a picture was signed, so its leaf must outlast it
CLOCKS_DIFFER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Keys:
    """folder: where they lie. root, leaf: certificates, PEM. leaf_key: PEM. watermark: KEY_BYTES bytes."""

    folder: Path
    root: bytes
    leaf: bytes
    leaf_key: bytes
    watermark: bytes


def open_keys(folder: Path) -> Keys:
    """The keys in a folder, made when there is no such folder.

    Raises IntegrityFailure naming the file that is missing or no key.
    """
    if not folder.exists():
        make_keys(folder)
    root, leaf, leaf_key, watermark = (_read(folder / name) for name in (ROOT, LEAF, LEAF_KEY, WATERMARK_KEY))
    try:
        return Keys(folder, root, leaf, leaf_key, _watermark_key(watermark))
    except ValueError as error:
        raise IntegrityFailure(f"{folder / WATERMARK_KEY} is no watermark key: {error}") from error


def make_keys(folder: Path) -> bool:
    """Make all keys; the folder appears whole or not at all. Returns whether it did: keys in use are never replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    making = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".keys-"))
    try:
        for name, content in _new_keys().items():
            _write(making / name, content)
        with suppress(OSError):  # somebody else's keys stand there already
            making.rename(folder)
            return True
        return False
    finally:
        shutil.rmtree(making, ignore_errors=True)


def fingerprint(certificate: bytes) -> str:
    """sha256 of a PEM certificate, hex: what people compare by eye."""
    return x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256()).hex()


def _new_keys() -> dict[str, bytes]:
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("root", root_key, root_key, ROOT_DAYS, is_root=True)
    leaf = _certificate("pictures", leaf_key, root_key, LEAF_DAYS, is_root=False)
    return {
        ROOT: _pem(root),
        ROOT_KEY: _private_pem(root_key),
        LEAF: _pem(leaf),
        LEAF_KEY: _private_pem(leaf_key),
        WATERMARK_KEY: secrets.token_hex(KEY_BYTES).encode(),
    }


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey, days: int, *, is_root: bool
) -> x509.Certificate:
    """As the C2PA specification 2.2, 14.5 wants it: a key that signs pictures is itself never a root."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=0 if is_root else None), critical=True)
        .add_extension(_usage(is_root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    )
    if not is_root:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{ORGANISATION} {common}"),
        ]
    )


def _usage(is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Readable by its owner alone from the first moment, and on disk before it is used."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IntegrityFailure(
            f"{path} cannot be read: put it back, or move {path.parent} away to have new keys made"
        ) from error


def _watermark_key(text: bytes) -> bytes:
    key = bytes.fromhex(text.decode("ascii"))
    if len(key) != KEY_BYTES:
        raise ValueError(f"{2 * KEY_BYTES} hexadecimal digits are needed")
    return key
