"""A report's parts by their hashes, signed: whoever holds the root certificate can tell that nobody changed them."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from policies.identity import IntegrityFailure, sha256_of
from safety.provenance.keys import Keys

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"


def write_manifest(files: Sequence[Path], keys: Keys) -> list[Path]:
    """manifest.json with each file's sha256 and the signer's certificate, and its signature, beside the files."""
    folder = files[0].parent
    content = {"files": {path.name: sha256_of(path) for path in files}, "signer": keys.leaf.decode()}
    manifest = json.dumps(content, indent=2).encode()
    key = serialization.load_pem_private_key(keys.leaf_key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - narrowing: such keys alone are made
    (folder / MANIFEST).write_bytes(manifest)
    (folder / SIGNATURE).write_bytes(base64.b64encode(key.sign(manifest, ec.ECDSA(hashes.SHA256()))) + b"\n")
    return [folder / MANIFEST, folder / SIGNATURE]


def verify_manifest(folder: Path, root: bytes) -> list[str]:
    """The names of a report's files, all as they were signed. root: PEM certificate that the signer must come from.

    Raises IntegrityFailure naming the file.
    """
    try:
        manifest, signature = (folder / MANIFEST).read_bytes(), base64.b64decode((folder / SIGNATURE).read_bytes())
        content = json.loads(manifest)
        signer = x509.load_pem_x509_certificate(content["signer"].encode())
        signer.verify_directly_issued_by(x509.load_pem_x509_certificate(root))
        key = signer.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - narrowing: such keys alone are made
        key.verify(signature, manifest, ec.ECDSA(hashes.SHA256()))
    except (OSError, ValueError, KeyError, TypeError, InvalidSignature) as error:
        raise IntegrityFailure(f"{folder / MANIFEST} is not signed by this service ({type(error).__name__})") from error
    for name, expected in content["files"].items():
        path = folder / name
        if not path.is_file() or sha256_of(path) != expected:
            raise IntegrityFailure(f"{path} is not the one that was signed")
    return list(content["files"])
