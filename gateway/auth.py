"""Who is calling, and what they hold: API keys, the page's signed cookie, signed links, signed confirmations."""

import hmac
import json
import re
from dataclasses import dataclass
from time import time
from urllib.parse import urlsplit

from anyio import to_thread
from itsdangerous import BadData, BadSignature, SignatureExpired, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode, base64_encode
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import ConfirmationInvalid, CsrfFailed, InsufficientScope, InvalidKey, LinkInvalid, NotFound
from gateway.store.api_keys import ApiKeys
from gateway.store.ids import keyed_digest, new_id, random_text

COOKIE = "gardefou_session"
SESSION_SECONDS = 30 * 24 * 3600  # a month: the page must find its own pictures again, nothing else hangs on it
CONFIRMATION_SECONDS = 15 * 60  # how long a question stays open
PARAM = "x_gateway.confirmation"
IMAGE_ID = re.compile(r"img_[0-9A-Za-z]{22}\Z")


@dataclass(frozen=True, slots=True)
class Caller:
    """kind: "key" | "session" | "terminal" | "public". person_id: in whose name a key acts at the review desk."""

    kind: str
    id: str
    scopes: frozenset[str] = frozenset()
    person_id: str | None = None

    def require(self, scope: str) -> None:
        """Raises InsufficientScope."""
        if scope not in self.scopes:
            raise InsufficientScope(f"This API key lacks the scope {scope}.")


async def caller_of(request: Request, keys: ApiKeys) -> Caller:
    """The holder of the Bearer key; cookies open nothing here. Raises InvalidKey, in the same words always."""
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    key = await to_thread.run_sync(keys.authenticate, presented.strip() if scheme.lower() == "bearer" else "")
    if key is None:
        raise InvalidKey("Incorrect API key provided. Send it as `Authorization: Bearer gk_...`.")
    return Caller("key", key.id, key.scopes, key.person_id)


def anybody(request: Request) -> Caller:
    """Somebody without a key: told from others by their address, which is counted and never kept."""
    return Caller("public", request.client.host if request.client else "unknown")


@dataclass(frozen=True, slots=True)
class Session:
    """A visitor of the page: nobody in particular, but the same one next time."""

    id: str
    csrf: str


class Sessions:
    """The page's own cookie: signed, never a login."""

    def __init__(self, secret: bytes) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt="gardefou page session")

    def open(self, request: Request) -> Session:
        """The visitor's session, or a new one when the cookie is absent, altered or old."""
        try:
            stored = self._serializer.loads(request.cookies.get(COOKIE, ""), max_age=SESSION_SECONDS)
            return Session(stored["id"], stored["csrf"])
        except (BadSignature, KeyError, TypeError):
            return Session(new_id("ses"), random_text(32))

    def save(self, response: Response, session: Session, *, secure: bool = False) -> None:
        """Set the cookie."""
        value = self._serializer.dumps({"id": session.id, "csrf": session.csrf})
        response.set_cookie(COOKIE, value, SESSION_SECONDS, httponly=True, samesite="lax", secure=secure)

    def check_csrf(self, request: Request, session: Session, token: str) -> None:
        """Raises CsrfFailed unless the form came from our own page: the browser says so, and the token fits."""
        require_own_form(request, token, session.csrf)


def require_own_form(request: Request, token: str, expected: str) -> None:
    """Raises CsrfFailed unless a form has the token that it was given, and the browser says that it came from us."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    same_origin = origin is None or _host_of(origin) == request.headers.get("host")
    fits = hmac.compare_digest(token.encode(), expected.encode())
    if not (fits and same_origin and site in ("same-origin", "none")):
        raise CsrfFailed("The form did not come from this page. Reload the page and try again.")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # no address at all, so not ours
        return None


class ImageLinks:
    """Links that open one picture for a while, to whoever holds them."""

    def __init__(self, secret: bytes, seconds: int) -> None:
        self._secret = secret
        self._seconds = seconds

    def path(self, image_id: str) -> str:
        """ "/images/img_...?expires=...&signature=..."."""
        expires = int(time()) + self._seconds
        return f"/images/{image_id}?expires={expires}&signature={self._sign(image_id, expires)}"

    def check(self, image_id: str, expires: str, signature: str) -> None:
        """Raises NotFound for what is no picture's name, LinkInvalid for an old or altered link."""
        if not IMAGE_ID.match(image_id):
            raise NotFound("There is no such picture.")
        if not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            raise LinkInvalid("This link is not complete.")
        right = hmac.compare_digest(self._sign(image_id, int(expires)).encode(), signature.encode())
        if not right or int(expires) < time():
            raise LinkInvalid("This link has expired or was altered. Ask for the pictures again.")

    def _sign(self, image_id: str, expires: int) -> str:
        return keyed_digest(self._secret, f"image {image_id} {expires}")


class Confirmations:
    """Signed answers to a question of the policy: good for one caller, one prompt and one policy, for a while."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._serializer = URLSafeTimedSerializer(secret, salt="gardefou confirmation")

    def token(self, decision_id: str, caller: Caller, prompt: str, policy_sha256: str) -> str:
        """What says yes to the question that a decision asked."""
        return str(self._serializer.dumps([decision_id, self._binding(caller, prompt, policy_sha256)]))

    def answered(self, token: str | None, caller: Caller, prompt: str, policy_sha256: str) -> str | None:
        """The decision whose question a token answers, None without a token. Raises ConfirmationInvalid."""
        if token is None:
            return None
        try:
            _require_canonical(token)
            decision_id, binding = self._serializer.loads(token, max_age=CONFIRMATION_SECONDS)
        except SignatureExpired as error:
            raise ConfirmationInvalid("This confirmation has expired. Ask again without it.", param=PARAM) from error
        except (BadData, TypeError, ValueError) as error:
            raise ConfirmationInvalid("This is no confirmation of ours. Ask again without it.", param=PARAM) from error
        if not hmac.compare_digest(self._binding(caller, prompt, policy_sha256), binding):
            raise ConfirmationInvalid(
                "This confirmation belongs to another prompt, caller or policy. Ask again without it.", param=PARAM
            )
        return str(decision_id)

    def _binding(self, caller: Caller, prompt: str, policy_sha256: str) -> str:
        return keyed_digest(self._secret, json.dumps(["confirmation", caller.kind, caller.id, prompt, policy_sha256]))


def _require_canonical(token: str) -> None:
    """Raises BadData for another spelling of the same bytes: base64 has several."""
    if any(base64_encode(base64_decode(part)).decode() != part for part in token.split(".")):
        raise BadData("not as it was made")
