"""Signing in with an OpenID Connect provider: authorization code with PKCE, state and nonce, each good once.

The provider says who somebody is. What they may do is said by their account here alone: no claim gives a role.
"""

import hashlib
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from itsdangerous import BadData, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway import metrics
from gateway.errors import ProviderUnavailable, RateLimited, SignInNotCompleted, UnknownIdentity
from gateway.settings import is_secure
from gateway.store.identities import Claimed, Identities
from gateway.store.ids import random_text

SCOPE = "openid email"
PATIENCE_S = 10.0  # for each answer of the provider
WAY_S = 600  # that somebody may take to sign in there
LEEWAY_S = 60  # that its clock may differ from ours
PER_ADDRESS = RateLimitItemPerMinute(20)
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")  # by its own key alone
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")

_log = logging.getLogger("gardefou")


@dataclass(frozen=True, slots=True)
class Provider:
    """Who it is, and what we are to it. secret: None for a public client. name: on the button."""

    issuer: str
    client_id: str
    secret: str | None
    redirect_uri: str
    name: str


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes to sign in, and the cookie that it comes back with."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class CameBack:
    """What a browser comes back with. answer: of the address; cookie: from `Begun`; replaces: the session it held."""

    answer: Mapping[str, str]
    cookie: str
    address: str
    replaces: str


class SingleSignOn:
    """Every method may block."""

    def __init__(self, provider: Provider, identities: Identities, secret: bytes) -> None:
        self.provider = provider
        self._identities = identities
        self._serializer = URLSafeTimedSerializer(secret, salt="gardefou provider sign-in")
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def begin(self, address: str) -> Begun:
        """Send a browser on its way. Raises RateLimited, ProviderUnavailable."""
        self._take(address)
        state, nonce, verifier = random_text(43), random_text(43), random_text(64)
        with self._client() as client:
            endpoint = self._metadata(client)["authorization_endpoint"]
            url, _ = client.create_authorization_url(endpoint, state=state, code_verifier=verifier, nonce=nonce)
        return Begun(url, str(self._serializer.dumps([state, nonce, verifier])))

    def finish(self, came: CameBack) -> str:
        """Returns what the desk's cookie shall hold.

        Raises RateLimited, ProviderUnavailable, SignInNotCompleted, UnknownIdentity.
        """
        self._take(came.address)
        nonce, verifier = self._begun(came)
        with self._client() as client:
            claims = self._claims(client, came.answer.get("code", ""), nonce, verifier)
        email = claims.get("email")
        verified = isinstance(email, str) and claims.get("email_verified") is True
        claimed = Claimed(self.provider.issuer, claims["sub"], email if verified else None)
        token = self._identities.sign_in(claimed, came.replaces)
        if token is None:
            raise UnknownIdentity("No account here is linked to this sign-in.")
        return token

    def _begun(self, came: CameBack) -> tuple[str, str]:
        """The nonce and verifier of the sign-in that comes back, which is used up with this."""
        try:
            state, nonce, verifier = self._serializer.loads(came.cookie, max_age=WAY_S)
        except (BadData, TypeError, ValueError) as error:
            raise SignInNotCompleted("This sign-in was not begun in this browser, or too long ago.") from error
        if not hmac.compare_digest(state.encode(), came.answer.get("state", "").encode()):
            raise SignInNotCompleted("This sign-in was not begun in this browser.")
        if not self._identities.use_state(hashlib.sha256(state.encode()).hexdigest()):
            raise SignInNotCompleted("This sign-in came back before.")
        if "error" in came.answer or came.answer.get("iss", self.provider.issuer) != self.provider.issuer:
            raise SignInNotCompleted("The provider did not sign you in.")
        return nonce, verifier

    def _claims(self, client: OAuth2Client, code: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        token, keys = self._exchanged(client, code, verifier)
        try:
            return self._checked(token, keys, nonce)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _unreliable(error) from error

    def _exchanged(self, client: OAuth2Client, code: str, verifier: str) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """What the provider gives for the code, and the keys that it signs with."""
        metadata = self._metadata(client)
        try:
            token = client.fetch_token(
                metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier,
                redirect_uri=self.provider.redirect_uri,
            )  # fmt: skip
            return token, _fetched(client, metadata["jwks_uri"])
        except OAuthError as error:
            raise _unreliable(error) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise _unavailable(error) from error

    def _checked(self, token: Mapping[str, Any], keys: dict[str, Any], nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that the provider has signed, for us, for this sign-in, and lately.

        Raises JoseError, ValueError, TypeError, KeyError.
        """
        registry = JWSRegistry(algorithms=[*ALGORITHMS], strict_check_header=False)
        read = jwt.decode(token["id_token"], KeySet.import_key_set(keys), registry=registry)  # type: ignore[arg-type]
        wanted = {"iss": self.provider.issuer, "aud": self.provider.client_id}
        options = {name: {"essential": True, "value": value} for name, value in wanted.items()}
        sent = {"nonce": nonce, "client_id": self.provider.client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(read.claims, read.header, {**options, "sub": {"essential": True}}, sent)
        claims.validate(leeway=LEEWAY_S)
        if not isinstance(claims["sub"], str):
            raise TypeError("a subject is text")
        return dict(claims)

    def _metadata(self, client: OAuth2Client) -> Mapping[str, Any]:
        """What the provider says of itself. Raises ProviderUnavailable."""
        issuer = self.provider.issuer
        try:
            told = _fetched(client, get_well_known_url(issuer, external=True))
        except (httpx2.HTTPError, ValueError) as error:
            raise _unavailable(error) from error
        named = [told.get(name) for name in ENDPOINTS]
        if told.get("issuer") != issuer or not all(isinstance(url, str) and is_secure(url) for url in named):
            raise _unavailable(ValueError("another issuer, or addresses that are not secure"))
        return told

    def _client(self) -> OAuth2Client:
        provider = self.provider
        return OAuth2Client(
            provider.client_id, provider.secret, scope=SCOPE, redirect_uri=provider.redirect_uri,
            code_challenge_method="S256", timeout=PATIENCE_S, trust_env=False,
        )  # fmt: skip

    def _take(self, address: str) -> None:
        if not self._limiter.hit(PER_ADDRESS, address):
            metrics.rate_limited.labels("sign_in").inc()
            wait = self._limiter.get_window_stats(PER_ADDRESS, address).reset_time - time()
            raise RateLimited("Too many attempts. Wait a little.", retry_after_s=max(1.0, wait))


def _unreliable(error: Exception) -> SignInNotCompleted:
    _log.warning("what the sign-in provider says cannot be relied on: %s", type(error).__name__)
    return SignInNotCompleted("What the provider says cannot be relied on.")


def _unavailable(error: Exception) -> ProviderUnavailable:
    _log.warning("the sign-in provider cannot be used: %s", type(error).__name__)
    return ProviderUnavailable("The sign-in provider cannot be reached at the moment.", retry_after_s=60)


def _fetched(client: OAuth2Client, url: str) -> dict[str, Any]:
    """A JSON object. Raises httpx2.HTTPError, ValueError."""
    answer = client.request("GET", url, withhold_token=True)
    answer.raise_for_status()
    told = answer.json()
    if not isinstance(told, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 (as what is no JSON at all)
    return told
