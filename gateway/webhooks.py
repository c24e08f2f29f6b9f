"""Telling others what happens: messages signed by the Standard Webhooks specification, sent until they are taken.

What is to be told stands in the database before it is sent (`store.outbox`), and any process sends it: at least once,
each message under one `webhook-id`. Connections go to the public internet alone, and answers are not read.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import math
import ssl
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpcore
import httpx
from anyio import CancelScope, to_thread
from standardwebhooks import Webhook

from gateway import metrics
from gateway.errors import UrlNotAllowed
from gateway.public_internet import NotPublic, PublicOnly, Resolve, resolve
from gateway.store.outbox import Event
from gateway.store.tables import WebhookMessageRow, WebhookRow
from gateway.store.webhooks import Attempt, Due, Result, WebhookRows

LONGEST_URL = 2048
TOTAL_S, STEP_S = 15.0, 5.0  # for a whole attempt; to connect, to send, and to be answered
OLD_SECRET = timedelta(hours=24)  # how long the secret before is signed with as well: time to exchange it
TICK_S = 0.5
LOOK_S = 2  # how often the metrics are told
TIDY_S = 60

_log = logging.getLogger("gardefou")


@dataclass(frozen=True, slots=True)
class Told:
    """A webhook and the secret that its messages are signed with: shown when it is made, and when it changes."""

    row: WebhookRow
    secret: str


class Webhooks:
    """Every method without `async` may block. private_hosts: names that may lead inside, and be told without TLS."""

    def __init__(
        self, rows: WebhookRows, secret: bytes, private_hosts: Collection[str] = (), resolve: Resolve = resolve,
        network: httpcore.AsyncNetworkBackend | None = None, tls: ssl.SSLContext | None = None,
        total_s: float = TOTAL_S,
    ) -> None:  # fmt: skip
        """secret: of the house. resolve, network, tls: the system's own, unless a test stands between."""
        self.rows = rows
        self.paused = 0
        self._secret = secret
        self._private_hosts = frozenset(private_hosts)
        self._network = PublicOnly(resolve, network or httpcore.AnyIOBackend(), private_hosts)
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._total_s = total_s
        self._sending: set[asyncio.Task[None]] = set()

    def add(self, url: str, events: Sequence[Event], key_id: str | None, by: str) -> Told:
        """Tell an address from now on. Raises UrlNotAllowed, InvalidValue."""
        self._address(url)
        row = self.rows.add(url, events, key_id, by)
        return Told(row, self._secret_of(row, row.generation))

    def rotate(self, webhook_id: str, by: str) -> Told:
        """A new secret; what is sent within the next day is signed with the one before as well. Raises NotFound."""
        row = self.rows.rotate(webhook_id, by)
        return Told(row, self._secret_of(row, row.generation))

    async def work(self) -> None:
        """Send what is due, and tell the metrics how it stands, until cancelled."""
        looked = tidied = -math.inf
        try:
            while True:
                try:
                    await self._start_due()
                    looked = await _every(LOOK_S, looked, self.look)
                    tidied = await _every(TIDY_S, tidied, self.rows.tidy)
                except Exception as error:  # noqa: BLE001 (whoever stops here would never tell anything again)
                    _log.warning("webhooks wait: %s", type(error).__name__)
                await asyncio.sleep(TICK_S)
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)

    def look(self) -> None:
        """Tell the metrics how it stands."""
        waiting, self.paused = self.rows.counts()
        metrics.webhook_messages.set(waiting)
        metrics.webhooks_paused.set(self.paused)

    async def _start_due(self) -> None:
        for due in await to_thread.run_sync(self.rows.claim):
            task = asyncio.create_task(self._send_all(due))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send_all(self, first: Due) -> None:
        """One message, and what else is due at that address."""
        due: Due | None = first
        try:
            while due is not None:
                due = await self._send(due)
        except Exception as error:  # noqa: BLE001 (the claim lapses, and it is tried again)
            _log.error("webhook %s cannot be told: %s", first.webhook.id, type(error).__name__)

    async def _send(self, due: Due) -> Due | None:
        """Returns what is due next at that address."""
        try:
            attempt = await self.attempt(due.webhook, due.message)
        except asyncio.CancelledError:  # a message that was under way may have arrived: it is sent again
            with CancelScope(shield=True):
                await to_thread.run_sync(self.rows.let_go, due)
            raise
        await to_thread.run_sync(self.rows.tried, due, attempt)
        return await to_thread.run_sync(self.rows.claim_next, due.webhook.id)

    async def attempt(self, webhook: WebhookRow, message: WebhookMessageRow) -> Attempt:
        """Send a message once; whatever comes back but its status is left unread."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._total_s):
                status = await self._post(webhook, message)
            result = _result_of(status)
        except (UrlNotAllowed, NotPublic):
            status, result = None, Result.NOT_ALLOWED
        except (TimeoutError, httpcore.TimeoutException):
            status, result = None, Result.TIMED_OUT
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError):
            status, result = None, Result.UNREACHABLE
        metrics.webhook_attempts.labels(result).inc()
        return Attempt(result, time.monotonic() - started, status)

    async def _post(self, webhook: WebhookRow, message: WebhookMessageRow) -> int:
        url, body = self._address(webhook.url), message.body.encode()
        headers = [
            (b"Host", url.netloc), (b"User-Agent", b"gardefou"), (b"Content-Type", b"application/json"),
            (b"Content-Length", str(len(body)).encode()), *self._signed(webhook, message),
        ]  # fmt: skip
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        limits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), STEP_S)}
        async with (
            httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._network) as pool,
            pool.stream("POST", target, headers=headers, content=body, extensions=limits) as response,
        ):
            return response.status

    def _signed(self, webhook: WebhookRow, message: WebhookMessageRow) -> list[tuple[bytes, bytes]]:
        moment = datetime.now(UTC)
        signatures = " ".join(
            Webhook(self._secret_of(webhook, generation)).sign(message.id, moment, message.body)
            for generation in _generations(webhook, moment)
        )
        return [
            (b"webhook-id", message.id.encode()), (b"webhook-timestamp", str(int(moment.timestamp())).encode()),
            (b"webhook-signature", signatures.encode()),
        ]  # fmt: skip

    def _secret_of(self, webhook: WebhookRow, generation: int) -> str:
        """Follows from the house's secret, so that none stands in the database."""
        key = hmac.new(self._secret, f"webhook {webhook.id} {generation}".encode(), hashlib.sha256).digest()
        return f"whsec_{base64.b64encode(key).decode()}"

    def _address(self, url: str) -> httpx.URL:
        """Raises UrlNotAllowed."""
        try:
            parsed = httpx.URL(url)
            port = parsed.port
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise _not_allowed("It is no address.") from error
        private = parsed.scheme == "http" and parsed.host in self._private_hosts
        if len(url) > LONGEST_URL or not parsed.host or parsed.userinfo or port == 0:
            raise _not_allowed("Give an address with a host, without a name or password, in at most 2048 characters.")
        if parsed.scheme != "https" and not private:
            raise _not_allowed("Only https is told; http only at hosts that GARDEFOU_WEBHOOK_PRIVATE_HOSTS names.")
        return parsed.copy_with(fragment=None)


async def _every(seconds: float, last: float, do: Callable[[], None]) -> float:
    """Do it if it was not done for so long. Returns when it was done last."""
    if time.monotonic() - last < seconds:
        return last
    await to_thread.run_sync(do)
    return time.monotonic()


def _generations(webhook: WebhookRow, moment: datetime) -> list[int]:
    """The secrets to sign with: the one in force first."""
    rotated = webhook.rotated_at and datetime.fromisoformat(webhook.rotated_at)
    overlaps = rotated and moment - rotated < OLD_SECRET
    return [webhook.generation, webhook.generation - 1] if overlaps else [webhook.generation]


def _result_of(status: int) -> Result:
    if status == httpx.codes.GONE:
        return Result.GONE
    if 200 <= status < 300:
        return Result.DELIVERED
    return Result.REDIRECTED if 300 <= status < 400 else Result.REFUSED


def _not_allowed(why: str) -> UrlNotAllowed:
    return UrlNotAllowed(f"This address cannot be told. {why}", param="url")
