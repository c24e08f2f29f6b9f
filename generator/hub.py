"""Fetches released models from a Hugging Face hub into a folder that loads offline ever after.

What is trusted: the hub's own list of hashes, asked over TLS at one commit. Git itself names the content of small
files (the id of a blob), LFS that of large ones (sha256). Every file is compared with it before it gets its name, and
its sha256 goes into manifest.json, which every later load checks. docs/decisions/0009 says why we list none ourselves.
"""

import hashlib
import http.client
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from policies.identity import IntegrityFailure, ModelIdentity, sha256_of, verify_folder, write_manifest

HUB = "https://huggingface.co"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
CHUNK = 1 << 20
LARGEST_ANSWER = 8 << 20  # bytes of a list of files
TRIES = 5
SECONDS = 60.0  # of silence before a connection counts as lost
PLAN = "pull.json"

Progress = Callable[[str, int, int], None]  # file, bytes there, bytes in all


class HubUnavailable(Exception):
    """The hub cannot be reached, has not what was asked, or this machine has no room for it."""


class UnknownRelease(Exception):
    """No model of this name can be pulled."""


@dataclass(frozen=True, slots=True)
class Part:
    """Files of one hub repository: their path there -> their name in our folder."""

    repository: str
    revision: str  # a commit, or "main": the commit it stands for at the first pull is kept
    files: Mapping[str, str]


_VQGAN = Part(
    "dalle-mini/vqgan_imagenet_f16_16384",
    "e93a26e7707683d349bf5d5c41c5b0ef69b677a9",  # the commit that the original's notebook names
    {"config.json": "vqgan_config.json", "flax_model.msgpack": "vqgan_flax_model.msgpack"},
)
_NETWORK = {name: name for name in ("config.json", "flax_model.msgpack", "tokenizer.json")} | {
    "README.md": "MODEL_CARD.md"
}
_WORDS = {"enwiki-words-frequency.txt": "enwiki-words-frequency.txt"}  # in this one repository, read by both models
RELEASES: dict[str, tuple[Part, ...]] = {
    "dalle-mini": (Part("dalle-mini/dalle-mini", "main", _NETWORK | _WORDS), _VQGAN),
    "dalle-mega": (
        Part("dalle-mini/dalle-mega", "main", _NETWORK),
        Part("dalle-mini/dalle-mini", "main", _WORDS),
        _VQGAN,
    ),
}


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file to fetch. digest: "sha256:..." of its bytes, or "git:..." of its blob."""

    address: str
    name: str
    size: int
    digest: str


class _NoDowngrade(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        _require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_safe(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise HubUnavailable(f"{address} is not https: what it says cannot be trusted")


def _open(address: str, **headers: str) -> http.client.HTTPResponse:
    _require_safe(address)
    request = Request(address, headers={"User-Agent": "gardefou", **headers})  # noqa: S310 - https, checked above
    response: http.client.HTTPResponse = build_opener(_NoDowngrade).open(request, timeout=SECONDS)
    return response


def _ask(address: str) -> Any:
    try:
        with _open(address) as response:
            return json.loads(response.read(LARGEST_ANSWER))
    except HTTPError as error:
        raise HubUnavailable(f"{address} answered {error.code}: is the name or the revision right?") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise HubUnavailable(f"{address} gives no answer: {error}") from error


def _planned(hub: str, part: Part, commit: str, entry: Mapping[str, Any]) -> PlannedFile:
    lfs = entry.get("lfs")
    return PlannedFile(
        address=f"{hub}/{part.repository}/resolve/{commit}/{quote(entry['path'])}",
        name=part.files[entry["path"]],
        size=int(lfs["size"] if lfs else entry["size"]),
        digest=f"sha256:{lfs['oid'].removeprefix('sha256:')}" if lfs else f"git:{entry['oid']}",
    )


def _plan_part(hub: str, part: Part) -> tuple[str, list[PlannedFile]]:
    """The commit, and what to fetch of it."""
    address = f"{hub}/api/models/{part.repository}"
    try:
        commit = str(_ask(f"{address}/revision/{quote(part.revision, safe='')}")["sha"])
        entries = {entry["path"]: entry for entry in _ask(f"{address}/tree/{commit}")}
        if missing := part.files.keys() - entries.keys():
            raise HubUnavailable(f"{part.repository} at {commit} has no {', '.join(sorted(missing))}")
        return commit, [_planned(hub, part, commit, entries[path]) for path in part.files]
    except (KeyError, TypeError, ValueError) as error:
        raise HubUnavailable(f"{address} answers otherwise than a hub: {error!r}") from error


def _kept_plan(draft: Path, asked: list[str]) -> tuple[dict[str, str], list[PlannedFile]] | None:
    """Of an earlier pull that was cut; what was fetched for another question is thrown away."""
    if not (draft / PLAN).is_file():
        return None
    plan = json.loads((draft / PLAN).read_text("utf-8"))
    if plan["asked"] != asked:
        shutil.rmtree(draft)
        return None
    return plan["source"], [PlannedFile(**file) for file in plan["files"]]


def _plan(hub: str, parts: tuple[Part, ...], draft: Path) -> tuple[dict[str, str], list[PlannedFile]]:
    """What to fetch; a pull that was cut goes on with the commits that it began with."""
    asked = [hub, *(f"{part.repository}@{part.revision}" for part in parts)]
    if kept := _kept_plan(draft, asked):
        return kept
    source: dict[str, str] = {"hub": hub}
    files: list[PlannedFile] = []
    for part in parts:
        source[part.repository], planned = _plan_part(hub, part)
        files += planned
    draft.mkdir(parents=True, exist_ok=True)
    told = [{name: getattr(file, name) for name in PlannedFile.__slots__} for file in files]
    (draft / PLAN).write_text(json.dumps({"asked": asked, "source": source, "files": told}), "utf-8")
    return source, files


def _git_blob(path: Path) -> str:
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _require_room(files: list[PlannedFile], draft: Path) -> None:
    there = sum(path.stat().st_size for path in draft.iterdir())
    needed, free = sum(file.size for file in files) - there, shutil.disk_usage(draft).free
    if needed > free:
        raise HubUnavailable(f"{draft.parent} has {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB are needed")


def _append(file: PlannedFile, partial: Path, progress: Progress) -> None:
    """Ask for the bytes that are still missing."""
    there = partial.stat().st_size if partial.is_file() else 0
    if there >= file.size > 0:
        return
    with _open(file.address, **({"Range": f"bytes={there}-"} if there else {})) as response:
        goes_on = response.status == http.HTTPStatus.PARTIAL_CONTENT
        with partial.open("ab" if goes_on else "wb") as out:
            while out.tell() <= file.size and (chunk := response.read(CHUNK)):
                out.write(chunk)
                progress(file.name, out.tell(), file.size)


def _fetch(file: PlannedFile, partial: Path, progress: Progress, pause: float) -> None:
    """Raises HubUnavailable after several tries; what was fetched stays for the next pull."""
    why: Exception | str = ""
    for attempt in range(TRIES):
        try:
            _append(file, partial, progress)
        except HTTPError as error:
            raise HubUnavailable(f"{file.address} answered {error.code}") from error
        except (URLError, OSError, http.client.HTTPException) as error:
            why = error
        if partial.is_file() and partial.stat().st_size >= file.size:
            return
        time.sleep(pause * 2**attempt)
    there = partial.stat().st_size if partial.is_file() else 0
    raise HubUnavailable(f"{file.name}: {there} of {file.size} bytes came ({why}); pull again to go on")


def _receive(file: PlannedFile, draft: Path, progress: Progress, pause: float) -> None:
    """Fetch one file and give it its name. Raises IntegrityFailure, and forgets it, when it is not the promised one."""
    path, partial = draft / file.name, draft / f"{file.name}.part"
    if path.is_file():
        return
    _fetch(file, partial, progress, pause)
    kind, _, expected = file.digest.partition(":")
    found = sha256_of(partial) if kind == "sha256" else _git_blob(partial)
    if found != expected:
        partial.unlink()
        raise IntegrityFailure(f"{file.address} has {kind} {found}, the hub promised {expected}: it was thrown away")
    partial.rename(path)


def pull(
    name: str,
    folder: Path,
    progress: Progress,
    hub: str = HUB,
    revision: str | None = None,
    pause: float = 1.0,
) -> ModelIdentity:
    """Fetch a release into `folder`, or check it when it is there. revision: of the network's own repository.

    Raises UnknownRelease, HubUnavailable, IntegrityFailure or OSError; what was fetched stays and is gone on with.
    """
    if name not in RELEASES:
        raise UnknownRelease(f"unknown model {name!r}; these can be pulled: {', '.join(RELEASES)}")
    if folder.exists():
        return verify_folder(folder)
    first, *others = RELEASES[name]
    parts = (Part(first.repository, revision or first.revision, first.files), *others)
    draft = folder.with_name(f"{folder.name}.part")
    source, files = _plan(hub.rstrip("/"), parts, draft)
    _require_room(files, draft)
    for file in files:
        _receive(file, draft, progress, pause)
    (draft / PLAN).unlink()
    write_manifest(draft, name, source)
    draft.rename(folder)
    return verify_folder(folder)
