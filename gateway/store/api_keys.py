"""API keys: made once, shown once, kept as keyed digests.

A key reads gk_local_<10 id>_<43 secret>_<6 check>. The check tells a mistyped key from a foreign one.
"""

import hmac
import zlib
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import select

from gateway.store import ledger
from gateway.store.engine import reading, transaction
from gateway.store.ids import keyed_digest, new_id, now, random_text
from gateway.store.tables import ApiKeyRow

SCOPES = ("images:generate", "moderations:create", "decisions:read", "decisions:explain")
OPERATOR_SCOPES = ("lists:read", "lists:write")
"""What a key opens only if it was made for it: they change what everybody is judged by."""

REVIEW_SCOPES = ("reviews:read", "reviews:decide")
"""What a key opens in a person's name, within that person's role."""

PREFIX = "gk_local"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who holds a key and what it opens. person_id: in whose name, None for nobody's."""

    id: str
    scopes: frozenset[str]
    person_id: str | None = None


class ApiKeys:
    """Every method may block."""

    def __init__(self, engine: Engine, secret: bytes) -> None:
        self._engine = engine
        self._secret = secret

    def create(self, name: str, scopes: tuple[str, ...] = SCOPES, person_id: str | None = None) -> str:
        """Make a key and return it: the only time it can be read."""
        key_id, secret = random_text(10), random_text(43)
        row = ApiKeyRow(
            id=key_id,
            name=name,
            secret_digest=keyed_digest(self._secret, secret),
            scopes=" ".join(scopes),
            created_at=now(),
            person_id=person_id,
        )
        with transaction(self._engine, "create_key") as session:
            session.add(row)
            ledger.append(session, "key_created", new_id("key"), {"key": key_id, "scopes": row.scopes})
        body = f"{PREFIX}_{key_id}_{secret}"
        return f"{body}_{_check(body)}"

    def authenticate(self, presented: str) -> ApiKey | None:
        """Whose key this is, or None. Does the same work whether the id, the secret or both are wrong."""
        body, _, check = presented.rpartition("_")
        parts = body.split("_")
        key_id, secret = (parts[2], parts[3]) if len(parts) == 4 and check == _check(body) else ("", "")
        with reading(self._engine) as session:
            row = session.get(ApiKeyRow, key_id)
        expected = row.secret_digest if row else "0" * 64
        matches = hmac.compare_digest(keyed_digest(self._secret, secret), expected)
        if row is None or not matches or row.revoked_at or (row.expires_at and row.expires_at <= now()):
            return None
        return ApiKey(row.id, frozenset(row.scopes.split()), row.person_id)

    def any_exists(self) -> bool:
        """Whether a key was ever made."""
        with reading(self._engine) as session:
            return session.exec(select(ApiKeyRow).limit(1)).first() is not None


def _check(body: str) -> str:
    return f"{zlib.crc32(body.encode('utf-8', 'replace')) & 0xFFFFFF:06x}"
