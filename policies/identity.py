"""Which model exactly: a name and a hash, checked before any weight is loaded."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A model's name and the sha256 over its manifest: recorded with every decision it took part in."""

    name: str
    sha256: str


class IntegrityFailure(Exception):
    """A file is missing, truncated or not the one that was published. The service must not start."""


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, name: str, source: dict[str, str] | None = None) -> None:
    """List every file of a model folder with its sha256 in manifest.json; done once, when the model is made.

    source: where its files are from, for the record.
    """
    files = {
        path.name: sha256_of(path)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != MANIFEST and path.suffix != ".md"
    }
    manifest = {"name": name, "files": files} | ({"source": source} if source else {})
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def verify_folder(folder: Path) -> ModelIdentity:
    """Check every file of a model folder against manifest.json.

    Raises IntegrityFailure naming the file, the expected and the found hash.
    """
    manifest_path = folder / MANIFEST
    if not manifest_path.is_file():
        raise IntegrityFailure(f"{manifest_path} is missing: the model folder is incomplete, install it again")
    manifest = json.loads(manifest_path.read_text())
    for file_name, expected in manifest["files"].items():
        path = folder / file_name
        if not path.is_file():
            raise IntegrityFailure(f"{path} is missing (expected sha256 {expected}): install the model again")
        found = sha256_of(path)
        if found != expected:
            raise IntegrityFailure(f"{path} has sha256 {found}, expected {expected}: install the model again")
    return ModelIdentity(manifest["name"], sha256_of(manifest_path))
