"""Names of things kept, keys to sign with, and the time."""

import hashlib
import hmac
import secrets
import string
from datetime import UTC, datetime

ALPHABET = string.digits + string.ascii_letters
ID_LENGTH = 22  # 22 base-62 characters carry 131 bits: nobody guesses one


def new_id(prefix: str) -> str:
    """A fresh name such as "req_4fk...": matches ^[a-z]+_[0-9A-Za-z]{22}$."""
    return f"{prefix}_{random_text(ID_LENGTH)}"


def random_text(length: int) -> str:
    """Base-62 characters from the system's random source."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def now() -> str:
    """UTC, ISO 8601 with microseconds: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def keyed_digest(key: bytes, text: str) -> str:
    """HMAC-SHA256 in hex: tells equal texts apart from others only to whoever holds the key."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
