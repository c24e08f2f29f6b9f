"""Any OpenAI-compatible images API as an ImageGenerator: one call per picture, and nothing it answers is trusted.

What may go wrong on the way is told apart: a refusal of the upstream's own safety system (`Refusal`), and everything
else (GenerationFailed). The key stands in one header of one request, and in no message.
"""

import asyncio
import base64
import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import httpx

from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    GeneratorUnusable,
    Order,
    Orders,
    Outcome,
    PictureRequest,
    Refusal,
)
from generator.options import Upstream
from generator.picture_bytes import decode, most_bytes
from policies.identity import ModelIdentity
from policies.signals import Category

CONNECT_S = 5.0
POLL_S = 0.1  # how soon a cancelled drawing hangs up
PAUSES_S = (0.5, 2.0)  # before the second and the third try, unless the upstream says how long
ENVELOPE_BYTES = 1 << 16  # what a JSON answer holds beside the picture: the prompt as it was rewritten, usage
NOT_SENT = 0  # in the place of a status: no connection, so nothing was drawn or billed
NOTHING_DRAWN = {NOT_SENT, 429, 503}  # asking again cannot draw or cost twice
REFUSAL_CODES = {"content_policy_violation", "moderation_blocked", "content_filter", "contentFilter",
                 "ResponsibleAIPolicyViolation", "confirmation_required"}  # fmt: skip
REFUSAL_WORDS = re.compile(r"safety system|content (?:management )?policy", re.IGNORECASE)
VIOLATIONS = re.compile(r"safety_violations=\[([\w/, -]{0,200})\]")  # OpenAI names them in its message alone
CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")  # what of an answer may stand in our log
SENDS_BASE64 = re.compile(r"gpt-image|chatgpt-image")  # these refuse to be told how to send a picture

_log = logging.getLogger("gardefou")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read within bounds."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def json(self) -> dict[str, Any]:
        """Raises GenerationFailed for what is no JSON object."""
        try:
            parsed = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise GenerationFailed("the upstream's answer is no JSON") from error
        if not isinstance(parsed, dict):
            raise GenerationFailed("the upstream's answer is no JSON object")
        return parsed

    @property
    def error(self) -> dict[str, Any]:
        """The error object of a body in OpenAI's format; empty when there is none."""
        try:
            error = self.json.get("error")
        except GenerationFailed:
            return {}
        return error if isinstance(error, dict) else {}

    @property
    def code(self) -> str:
        """The error's code, if it is fit to be repeated."""
        code = self.error.get("code")
        return code if isinstance(code, str) and CODE.match(code) else ""

    def pause_s(self, tried: int) -> float | None:
        """Seconds until it is safe and sensible to ask again; None for never."""
        may = self.headers.get("x-should-retry")
        safe = may == "true" or (self.status in NOTHING_DRAWN and may != "false" and self.code != "insufficient_quota")
        if not safe or tried >= len(PAUSES_S):
            return None
        return _retry_after(self.headers.get("retry-after")) or PAUSES_S[tried]


class OpenAIUpstream:
    """Pictures are asked for side by side, each in a call of its own: each has its own seed, begin and end."""

    def __init__(
        self,
        upstream: Upstream,
        sizes: Sequence[str] = (),
        batch_size: int = 9,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """arguments: sent with every call, as {"quality": "low"}. Nothing is asked of the upstream yet.

        Raises GeneratorUnusable for a URL that is none.
        """
        self._arguments = dict(arguments or {})
        self._upstream = upstream
        self._base = _checked_url(upstream.url)
        self._address = self._base.copy_with(path=self._base.path.rstrip("/") + "/images/generations")
        self._origins = {_origin(self._base), *(("https", host, None) for host in upstream.picture_hosts)}
        self._tls = httpx.create_ssl_context()
        self._sizes = tuple(sizes) or ("1024x1024",)
        self._batch_size = batch_size

    @property
    def identity(self) -> ModelIdentity:
        """The model's name, and a hash over what is asked of whom: its weights are the upstream's secret."""
        asked = [str(self._base), self._upstream.model, self._arguments]
        return ModelIdentity(
            self._upstream.model, hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        )

    @property
    def sizes(self) -> tuple[str, ...]:
        """What the operator set; a picture of another size has failed."""
        return self._sizes

    @property
    def batch_size(self) -> int:
        """Calls side by side."""
        return self._batch_size

    @property
    def continuous(self) -> bool:
        """A call may begin while others are under way."""
        return True

    def draw(self, orders: Orders) -> None:
        """Ask for each picture as soon as there is a place; one that nobody wants is hung up on within POLL_S."""
        if first := orders.take(self._batch_size):
            asyncio.run(self._draw(first, orders))

    async def _draw(self, first: Sequence[Order], orders: Orders) -> None:
        limits = httpx.Timeout(self._upstream.seconds, connect=CONNECT_S)
        headers = {"Accept-Encoding": "identity", "User-Agent": "gardefou"}
        async with httpx.AsyncClient(verify=self._tls, timeout=limits, headers=headers) as client:
            calls: dict[asyncio.Task[Outcome], Order] = {}
            begin: Sequence[Order] = first
            while begin or calls:
                calls |= {asyncio.create_task(self._outcome(client, order.request)): order for order in begin}
                await self._hang_up([call for call, order in calls.items() if not order.wanted])
                await asyncio.wait(calls, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
                self._end({call: calls.pop(call) for call in list(calls) if call.done()})
                begin = orders.take(self._batch_size - len(calls))

    @staticmethod
    async def _hang_up(calls: Sequence["asyncio.Task[Outcome]"]) -> None:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _end(self, calls: Mapping["asyncio.Task[Outcome]", Order]) -> None:
        outcomes = {order: _outcome_of(call) for call, order in calls.items()}
        if failures := [outcome for outcome in outcomes.values() if isinstance(outcome, GenerationFailed)]:
            _log.warning(
                "%s: %d of %d pictures failed: %s", self._upstream.model, len(failures), len(outcomes), failures[0]
            )
        for order, outcome in outcomes.items():
            order.end(outcome)

    async def _outcome(self, client: httpx.AsyncClient, request: PictureRequest) -> Outcome:
        try:
            async with asyncio.timeout(self._upstream.seconds):
                return await self._picture(client, request)
        except GenerationFailed as failure:
            return failure
        except TimeoutError:
            return GenerationFailed(f"the upstream took longer than {self._upstream.seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return GenerationFailed(f"the upstream broke off: {type(error).__name__}")

    async def _picture(self, client: httpx.AsyncClient, request: PictureRequest) -> Outcome:
        answer = await self._ask(client, request)
        if refusal := refusal_in(answer, self.identity):
            return refusal
        if answer.status != httpx.codes.OK:
            raise GenerationFailed(_why(answer))
        content = await self._content(client, _only_item(answer.json), most_bytes(request.size))
        return GeneratedImage(decode(content, request.size), request.seed)

    async def _ask(self, client: httpx.AsyncClient, request: PictureRequest) -> Answer:
        most, tried = most_bytes(request.size) * 4 // 3 + ENVELOPE_BYTES, 0
        while True:
            answer = await self._send(client, self._body(request), most)
            pause = answer.pause_s(tried)
            if pause is None or pause > self._upstream.seconds:
                return answer
            await asyncio.sleep(pause)
            tried += 1

    def _body(self, request: PictureRequest) -> dict[str, Any]:
        upstream = self._upstream
        body = {**self._arguments, "model": upstream.model, "prompt": request.prompt, "n": 1, "size": request.size}
        if not SENDS_BASE64.search(upstream.model):
            body["response_format"] = "b64_json"
        return body | ({"seed": request.seed} if upstream.seeds else {})

    async def _send(self, client: httpx.AsyncClient, body: Mapping[str, Any], most: int) -> Answer:
        key = {"Authorization": f"Bearer {self._upstream.key}"} if self._upstream.key else {}
        try:
            async with client.stream("POST", self._address, json=body, headers=key) as response:
                bound = most if response.status_code == httpx.codes.OK else ENVELOPE_BYTES
                return Answer(response.status_code, response.headers, await _read(response, bound))
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return Answer(NOT_SENT, httpx.Headers(), b"")

    async def _content(self, client: httpx.AsyncClient, item: Mapping[str, Any], most: int) -> bytes:
        encoded, url = item.get("b64_json"), item.get("url")
        if isinstance(encoded, str) and encoded:
            try:
                return base64.b64decode(encoded, validate=True)
            except ValueError as error:
                raise GenerationFailed("the upstream's picture is no base64") from error
        if isinstance(url, str) and url:
            return await self._fetch(client, url, most)
        raise GenerationFailed("the upstream's answer holds no picture")

    async def _fetch(self, client: httpx.AsyncClient, link: str, most: int) -> bytes:
        """From the upstream's own origin or a host that the operator named; without the key, and no redirect."""
        url = httpx.URL(link)
        if _origin(url) not in self._origins or url.userinfo:
            raise GenerationFailed(
                "the upstream's picture lies on another host: ask it for base64, or set GARDEFOU_UPSTREAM_PICTURE_HOSTS"
            )
        async with client.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                raise GenerationFailed(f"the upstream's picture answers {response.status_code}")
            return await _read(response, most)


def _outcome_of(call: "asyncio.Task[Outcome]") -> Outcome:
    if call.cancelled():
        return GenerationCancelled()
    if error := call.exception():
        return GenerationFailed(f"the upstream's answer made us fail with {type(error).__name__}")
    return call.result()


def refusal_in(answer: Answer, model: ModelIdentity) -> Refusal | None:
    """What an answer says of the upstream's own safety system; None when it says nothing of it."""
    if not httpx.codes.is_client_error(answer.status):
        return None
    error = answer.error
    message, inner = str(error.get("message")), _dict(error.get("inner_error"))
    says_so = answer.status == httpx.codes.BAD_REQUEST and REFUSAL_WORDS.search(message)
    if not says_so and not {str(error.get("code")), str(inner.get("code"))} & REFUSAL_CODES:
        return None
    return Refusal(model, tuple(_categories(error, inner, message)))


def _categories(error: Mapping[str, Any], inner: Mapping[str, Any], message: str) -> list[Category]:
    """As a gardefou, OpenAI and Azure name them, as far as the names are ours."""
    named = _dict(error.get("x_gateway")).get("categories")
    names = [str(name) for name in named] if isinstance(named, list) else []
    if found := VIOLATIONS.search(message):
        names += found[1].split(",")
    names += [name for name, seen in _dict(inner.get("content_filter_results")).items() if _dict(seen).get("filtered")]
    ours = {re.sub(r"[/ -]", "_", name.strip().lower()) for name in names}
    return [category for category in Category if category in ours]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _only_item(parsed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises GenerationFailed: one picture was asked for, and exactly one is taken."""
    data = parsed.get("data")
    if not isinstance(data, list) or len(data) != 1 or not isinstance(data[0], dict):
        raise GenerationFailed("the upstream's answer does not hold the one picture asked for")
    return data[0]


async def _read(response: httpx.Response, most: int) -> bytes:
    """Raises GenerationFailed for more bytes than that, and for compressed ones: they could unfold to any number."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise GenerationFailed("the upstream compresses its answer, which it was asked not to")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > most:
            raise GenerationFailed(f"the upstream's answer has more than {most} bytes")
    return bytes(content)


def _why(answer: Answer) -> str:
    """For the operator: never the body, which may repeat the prompt or the key."""
    told = " ".join(filter(None, [str(answer.status), answer.code]))
    return {
        NOT_SENT: "the upstream cannot be reached: is GARDEFOU_UPSTREAM_URL right, and is it running?",
        401: f"the upstream refuses our key ({told}): set GARDEFOU_UPSTREAM_KEY",
        403: f"the upstream refuses our key ({told}): set GARDEFOU_UPSTREAM_KEY",
        404: f"the upstream does not know the address or the model ({told})",
    }.get(answer.status, f"the upstream answered {told}")


def _retry_after(value: str | None) -> float:
    """Seconds, from seconds or a date; 0 for neither."""
    try:
        return max(0.0, float(value or 0))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(str(value)).timestamp() - time())
    except ValueError:
        return 0.0


def _checked_url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise GeneratorUnusable("GARDEFOU_UPSTREAM_URL is no URL") from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query:
        raise GeneratorUnusable("GARDEFOU_UPSTREAM_URL must be like https://api.openai.com/v1, without a key in it")
    return parsed


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
