"""C2PA content credentials: a signed statement inside the file that it was drawn by a model, and by which decision."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import c2pa

from policies.identity import IntegrityFailure
from safety.provenance.keys import Keys
from safety.provenance.source_type import TRAINED, VOCABULARY

DECISION = "org.gardefou.decision"
WATERMARK_ALGORITHM = "org.gardefou.watermark.1"
LABELLED = "The letters AI were put into a corner as a visible label."
TRACE = b"c2pa"  # stands in every file with credentials, readable or not
ELSEWHERE = ("ManifestNotFound", "Remote")  # how the library says that the file itself holds none
MOST_PROBLEMS = 10


class Standing(StrEnum):
    """What content credentials are worth.

    ABSENT: there are none. INVALID: they do not fit the file. FOREIGN: they fit, and somebody else signed them. OURS.
    """

    ABSENT = "absent"
    INVALID = "invalid"
    FOREIGN = "foreign"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Claim:
    """What we say of a picture: never the prompt, never who asked. marks: payloads of its watermarks, hex.

    labelled: the letters AI can be seen on it.
    """

    decision_ids: tuple[str, ...]
    policy_sha256: str
    model: str
    marks: tuple[str, ...]
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Credential:
    """What a file's credentials say. decision_ids only when they are ours; problems: C2PA status codes."""

    standing: Standing
    signer: str | None = None
    decision_ids: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class NotTrusted(Exception):
    """A picture could not be signed, or nobody would trust the signature: it must not leave."""


class Credentials:
    """Signs with our leaf and reads under our root alone. One object may be used by several threads at once."""

    def __init__(self, keys: Keys) -> None:
        """Raises IntegrityFailure for what is no certificate, or no key to it."""
        try:
            self._context = _context(keys.root)
            self._signer = c2pa.Signer.from_info(
                c2pa.C2paSignerInfo(
                    alg=b"es256", sign_cert=keys.leaf + keys.root, private_key=keys.leaf_key, ta_url=None
                )
            )
        except (c2pa.C2paError, ValueError) as error:
            raise IntegrityFailure(f"pictures cannot be signed with the keys in {keys.folder}: {error}") from error

    def sign(self, content: bytes, output_format: str, claim: Claim) -> bytes:
        """The same picture with credentials in it. They are read back before it is returned. Raises NotTrusted."""
        signed = io.BytesIO()
        try:
            with c2pa.Builder(_manifest(claim), self._context) as builder:
                builder.sign(self._signer, f"image/{output_format}", io.BytesIO(content), signed)
        except c2pa.C2paError as error:
            raise NotTrusted(str(error)) from error
        if self.read(signed.getvalue()).standing is not Standing.OURS:
            raise NotTrusted("the credentials that were just made are not trusted")
        return signed.getvalue()

    def read(self, content: bytes) -> Credential:
        """What a file's credentials are worth; nothing is fetched from the network."""
        try:
            with c2pa.Reader(io.BytesIO(content), context=self._context) as reader:
                return _credential(reader)
        except c2pa.C2paError as error:
            broken = TRACE in content and not str(error).startswith(ELSEWHERE)
            return Credential(Standing.INVALID if broken else Standing.ABSENT)


def _context(root: bytes) -> c2pa.Context:
    return c2pa.Context.from_dict(
        {
            "verify": {
                "verify_after_sign": False,  # we read it back ourselves, and want more than validity: trust
                "verify_trust": True,
                "remote_manifest_fetch": False,
                "ocsp_fetch": False,
            },
            "trust": {"user_anchors": root.decode()},
            "builder": {"thumbnail": {"enabled": False}},  # larger than the picture, slower than the rest
        }
    )


def _manifest(claim: Claim) -> dict[str, Any]:
    created = {
        "action": "c2pa.created",
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digitalSourceType": VOCABULARY + TRAINED,
        "softwareAgent": {"name": claim.model},
    }
    edited = {"action": "c2pa.edited", "description": LABELLED}  # C2PA: what affects the meaning of the content
    actions = [created, *([edited] if claim.labelled else []), {"action": "c2pa.watermarked.unbound"}]
    marks = [{"scope": {}, "value": mark} for mark in claim.marks]
    assertions = {
        "c2pa.actions.v2": {"actions": actions},
        "c2pa.soft-binding": {"alg": WATERMARK_ALGORITHM, "blocks": marks},
        DECISION: {"decision_ids": list(claim.decision_ids), "policy_sha256": claim.policy_sha256},
    }
    return {
        "claim_generator_info": [{"name": "gardefou"}],
        "assertions": [{"label": label, "data": data} for label, data in assertions.items()],
    }


def _credential(reader: c2pa.Reader) -> Credential:
    manifest = reader.get_active_manifest() or {}
    signer = manifest.get("signature_info", {}).get("common_name")
    match reader.get_validation_state():
        case "Trusted":
            return Credential(Standing.OURS, signer, _decisions(manifest))
        case "Valid":
            return Credential(Standing.FOREIGN, signer)
        case _:
            return Credential(Standing.INVALID, signer, problems=_problems(reader))


def _decisions(manifest: dict[str, Any]) -> tuple[str, ...]:
    for entry in manifest.get("assertions", []):
        if entry["label"] == DECISION:
            return tuple(entry["data"].get("decision_ids", ()))
    return ()


def _problems(reader: c2pa.Reader) -> tuple[str, ...]:
    results = reader.get_validation_results() or {}
    failures = results.get("activeManifest", {}).get("failure", [])
    return tuple(dict.fromkeys(failure["code"] for failure in failures))[:MOST_PROBLEMS]
