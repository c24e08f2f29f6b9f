"""The folders of models: which there are, fetched, converted, verified."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from gateway.assembly import shipped_models
from gateway.settings import Settings
from generator.dalle_mini.config import UnsupportedConfig
from generator.dalle_mini.convert import convert
from generator.dalle_mini.flax_reader import CheckpointInvalid
from generator.dalle_mini.tokenizer import TokenizerInvalid
from generator.dalle_mini.weights import VQGAN_CONFIG, check_folder
from generator.hub import RELEASES, pull
from policies.identity import MANIFEST, IntegrityFailure, ModelIdentity, verify_folder


def _pulled(settings: Settings) -> list[Path]:
    return sorted(path.parent for path in settings.models_folder.glob(f"*/{MANIFEST}"))


def whole_folders(settings: Settings) -> list[Path]:
    """What is shipped, then what lies in the data folder."""
    return [*shipped_models(), *_pulled(settings)]


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return manifest


def _row(name: str, state: str, folder: Path | None) -> dict[str, Any]:
    return {"name": name, "state": state, "folder": str(folder) if folder else None}


def list_models(settings: Settings) -> list[dict[str, Any]]:
    """name, state (shipped, pulled, cut: only a part of it came, absent) and folder."""
    rows = [_row(_manifest(folder)["name"], "shipped", folder) for folder in shipped_models()]
    rows += [_row(folder.name, "pulled", folder) for folder in _pulled(settings)]
    for name in RELEASES.keys() - {row["name"] for row in rows}:
        cut = settings.models_folder / f"{name}.part"
        rows.append(_row(name, "cut", cut) if cut.is_dir() else _row(name, "absent", None))
    return sorted(rows, key=lambda row: (row["state"] != "shipped", row["name"]))


@contextmanager
def _as_integrity() -> Iterator[None]:
    try:
        yield
    except (UnsupportedConfig, TokenizerInvalid, CheckpointInvalid) as error:
        raise IntegrityFailure(str(error)) from error


def verify_model(folder: Path) -> ModelIdentity:
    """Every file by its sha256; of a generator also every tensor by name and shape. Raises IntegrityFailure."""
    identity = verify_folder(folder)
    if (folder / VQGAN_CONFIG).is_file():
        with _as_integrity():
            check_folder(folder)
    return identity


def _told(identity: ModelIdentity, folder: Path) -> dict[str, Any]:
    manifest = _manifest(folder)
    return {"name": identity.name, "sha256": identity.sha256, "folder": str(folder), "files": manifest["files"]} | (
        {"source": manifest["source"]} if "source" in manifest else {}
    )


def pull_model(settings: Settings, name: str, revision: str | None) -> dict[str, Any]:
    """Fetch a release into the data folder, with progress on stderr; what it is, where it lies, file by file.

    Raises UnknownRelease, HubUnavailable, IntegrityFailure or OSError.
    """
    folder = settings.models_folder / name
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def show(file: str, there: int, size: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=size)
            bars.update(tasks[file], completed=there)

        identity = pull(name, folder, show, settings.hub, revision)
    return _told(identity, folder)


def convert_model(source: Path, vqgan: Path | None, out: Path, name: str | None, dtype: str | None) -> dict[str, Any]:
    """Any layout -> ours; what it is, where it lies, file by file. Raises OSError or IntegrityFailure."""
    with _as_integrity():
        identity = convert(source, vqgan, out, name or out.name, dtype)
    return _told(identity, out)
