"""A real, small OpenID Connect provider on loopback: discovery, keys, codes bound by PKCE, tokens signed with RS256.

It signs in whoever comes, as `subject` with `email`, and can be told to lie or to be away.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "desk", "s3cret of the desk"


@cache
def key(name: str) -> RSAKey:
    """A key pair, made once."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


@dataclass(frozen=True)
class FromNow:
    """A time so many seconds after a token is made."""

    seconds: int


@dataclass
class OidcProvider:
    """claims: instead of the true ones, None leaves one out. signed_by: whose key. alg: "RS256" | "none" | "HS256".

    answer: what the browser comes back with, beside or instead of the true. away: everything answers 500.
    metadata: instead of the true. asked: what came to the authorization endpoint. tries, exchanged: codes that came,
    and codes that became tokens.
    """

    url: str = ""
    subject: str = "248289761001"
    email: str = "ada@example.org"
    email_verified: object = True
    claims: dict[str, Any] = field(default_factory=dict)
    signed_by: str = "ours"
    alg: str = "RS256"
    answer: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    away: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    tries: int = 0
    exchanged: int = 0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def reset(self) -> None:
        """As it was."""
        fresh = OidcProvider(self.url)
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(fresh, name))

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"], **self.metadata,
        }  # fmt: skip

    def authorized(self, asked: dict[str, str]) -> str:
        """Where the browser goes back to."""
        self.asked.append(asked)
        code = f"code{len(self.asked)}"
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], **self.answer}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """An ID token for a code, once, to the client that asked for it and has the verifier."""
        self.tries += 1
        asked = self._codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if not asked or challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        self.exchanged += 1
        told = {"access_token": "access", "token_type": "Bearer", "expires_in": 60}
        return 200, told | {"id_token": self._id_token(asked["nonce"])}

    def _id_token(self, nonce: str) -> str:
        moment = int(time.time())
        claims = {
            "iss": self.url, "sub": self.subject, "aud": CLIENT_ID, "iat": moment, "exp": moment + 300, "nonce": nonce,
            "email": self.email, "email_verified": self.email_verified, "role": "admin", "groups": ["admin"],
            **self.claims,
        }  # fmt: skip
        told = {name: _at(value, moment) for name, value in claims.items() if value is not None}
        if self.alg == "RS256":
            return jwt.encode({"alg": "RS256", "kid": "ours"}, told, key(self.signed_by))
        return _forged(self.alg, told)


def _at(value: object, moment: int) -> object:
    return moment + value.seconds if isinstance(value, FromNow) else value


def _forged(alg: str, claims: dict[str, Any]) -> str:
    """Without a signature, or with one that takes the public key for a shared secret."""
    parts = ({"alg": alg, "typ": "JWT", "kid": "ours"}, claims)
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    if alg == "none":
        return f"{signed.decode()}."
    digest = hmac.new(key("ours").as_pem(private=False), signed, hashlib.sha256).digest()
    return f"{signed.decode()}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@contextmanager
def providing() -> Iterator[OidcProvider]:
    """A provider that listens."""
    provider = OidcProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize" and not provider.away:
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("Location", provider.authorized(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            documents = {
                "/.well-known/openid-configuration": provider.discovery(),
                "/keys": {"keys": [key("ours").as_dict(private=False)]},
            }
            self._tell(200 if parts.path in documents else 404, documents.get(parts.path, {}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._tell(*provider.token(dict(parse_qsl(body)), self.headers.get("authorization", "")))

        def _tell(self, status: int, told: dict[str, Any]) -> None:
            content = b"<h1>Bad gateway</h1>" if provider.away else json.dumps(told).encode()
            self.send_response(500 if provider.away else status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
