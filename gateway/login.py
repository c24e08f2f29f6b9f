"""Signing in: a password (argon2id) and a code of an authenticator (TOTP), slowly for whoever guesses.

A wrong name, a wrong password and a wrong code get the same answer after the same work.
"""

import hmac
import re
from dataclasses import dataclass
from time import time

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway import metrics
from gateway.errors import InvalidValue, RateLimited, SignInFailed, SignInRequired
from gateway.store.ids import keyed_digest, random_text
from gateway.store.people import People, Person, Role

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
PASSWORD_LENGTH = 20  # base-62 characters: 119 bits
STEP_SECONDS = 30  # of the authenticator; one step early or late is taken for a slow clock
PER_ADDRESS, PER_NAME = RateLimitItemPerMinute(20), RateLimitItemPerHour(30)
ISSUER = "gardefou"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What somebody needs to sign in: shown once."""

    password: str
    totp_secret: str
    totp_uri: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the form of the sign-in page sent. address: of the client. replaces: what its cookie held before."""

    name: str
    password: str
    code: str
    address: str
    replaces: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person, and what a form of their pages must carry."""

    person: Person
    csrf: str


class Login:
    """Every method may block."""

    def __init__(self, people: People, secret: bytes, hasher: PasswordHasher | None = None) -> None:
        self.people = people
        self._secret = secret
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(random_text(PASSWORD_LENGTH))
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def create(self, name: str, role: Role) -> Secrets:
        """Enter somebody. Raises InvalidValue for a name that cannot be used or is taken."""
        if not NAME.match(name):
            raise InvalidValue("A name has 1 to 40 of a-z 0-9 . _ - and begins with a letter or digit.", param="name")
        secrets = _new_secrets(name)
        self.people.create(name, role, self._hasher.hash(secrets.password), secrets.totp_secret)
        return secrets

    def reset(self, name: str) -> Secrets:
        """Give somebody new secrets. Raises NotFound."""
        secrets = _new_secrets(name)
        self.people.reset(name, self._hasher.hash(secrets.password), secrets.totp_secret)
        return secrets

    def sign_in(self, attempt: Attempt) -> str:
        """Returns what the cookie shall hold. Raises SignInFailed, RateLimited."""
        self._take(PER_ADDRESS, attempt.address)
        self._take(PER_NAME, attempt.name)
        known = self.people.credentials(attempt.name)
        right = self._is_password(known.password_hash if known else self._nobody, attempt.password)
        step = _step_of(known.totp_secret if known else pyotp.random_base32(), attempt.code)
        token = self.people.sign_in(known.person.id, step, attempt.replaces) if known and right and step else None
        if token is None:
            raise SignInFailed("Name, password or code is wrong.")
        return token

    def signed_in(self, token: str) -> SignedIn:
        """Who holds this cookie. Raises SignInRequired."""
        person = self.people.signed_in(token) if token else None
        if person is None:
            raise SignInRequired("Sign in first.")
        return SignedIn(person, keyed_digest(self._secret, f"desk form {token}"))

    def _is_password(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except VerificationError:
            return False

    def _take(self, item: RateLimitItem, who: str) -> None:
        if self._limiter.hit(item, who):
            return
        metrics.rate_limited.labels("sign_in").inc()
        wait = self._limiter.get_window_stats(item, who).reset_time - time()
        raise RateLimited("Too many attempts. Wait a little.", retry_after_s=max(1.0, wait))


def _new_secrets(name: str) -> Secrets:
    secret = pyotp.random_base32()
    return Secrets(
        random_text(PASSWORD_LENGTH), secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
    )


def _step_of(secret: str, code: str) -> int | None:
    """The time step that a code belongs to, None for a wrong code."""
    totp, current = pyotp.TOTP(secret), int(time()) // STEP_SECONDS
    typed = "".join(code.split()).encode()
    fitting = [step for step in (current - 1, current, current + 1) if _fits(totp, step, typed)]
    return max(fitting, default=None)


def _fits(totp: pyotp.TOTP, step: int, typed: bytes) -> bool:
    return hmac.compare_digest(totp.generate_otp(step).encode(), typed)
