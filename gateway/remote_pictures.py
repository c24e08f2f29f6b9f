"""Fetch a picture from an address that a stranger names: off unless the operator allows it, and never from inside.

The danger is server-side request forgery, which `public_internet` prevents. A redirect is one more connection like the
first.
"""

import asyncio
import ssl

import httpcore
import httpx

from gateway.errors import ImageFetchFailed, ImageTooLarge, Overloaded, RemoteImagesDisabled, UrlNotAllowed
from gateway.public_internet import NotPublic, PublicOnly, Resolve, resolve

SCHEME, PORT = "https", 443
LONGEST_URL = 2048
REDIRECTS = 2
FETCHES = 4  # at once
TOTAL_S, STEP_S = 10.0, 5.0  # for a whole picture; to connect, and to wait for the next bytes
HEADERS = [(b"User-Agent", b"gardefou"), (b"Accept", b"image/png, image/jpeg, image/webp, image/gif"),
           (b"Accept-Encoding", b"identity")]  # fmt: skip


class RemotePictures:
    """Fetches pictures, within bounds of size, time and number."""

    def __init__(self, allowed: bool, max_bytes: int, resolve: Resolve = resolve,
                 network: httpcore.AsyncNetworkBackend | None = None, tls: ssl.SSLContext | None = None,
                 total_s: float = TOTAL_S) -> None:  # fmt: skip
        """max_bytes: of one picture. resolve, network, tls: the system's own, unless a test stands between."""
        self._allowed = allowed
        self._max_bytes = max_bytes
        self._network = PublicOnly(resolve, network or httpcore.AnyIOBackend())
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._total_s = total_s
        self._places = asyncio.Semaphore(FETCHES)

    async def fetch(self, url: str) -> bytes:
        """What lies at an https address; what it is said to be plays no part.

        Raises RemoteImagesDisabled, UrlNotAllowed, ImageFetchFailed, ImageTooLarge, Overloaded.
        """
        if not self._allowed:
            raise RemoteImagesDisabled(
                "Only data: URLs are read: send the picture itself. (Operators: GARDEFOU_ALLOW_REMOTE_IMAGES.)",
                param="input",
            )
        address = _checked(url)
        try:
            await asyncio.wait_for(self._places.acquire(), self._total_s)
        except TimeoutError as error:
            raise Overloaded("Many pictures are being fetched right now.", retry_after_s=5) from error
        try:
            return await self._fetch(address)
        finally:
            self._places.release()

    async def _fetch(self, address: httpx.URL) -> bytes:
        try:
            async with asyncio.timeout(self._total_s), self._pool() as pool:
                return await self._follow(pool, address)
        except NotPublic as error:
            raise _not_allowed("It does not lead to the public internet.") from error
        except TimeoutError as error:
            raise _failed(f"It did not arrive within {self._total_s:g} s.") from error
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
            raise _failed("The connection failed.") from error

    def _pool(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._network, max_connections=1)

    async def _follow(self, pool: httpcore.AsyncConnectionPool, url: httpx.URL) -> bytes:
        for _ in range(REDIRECTS + 1):
            answer = await self._get(pool, url)
            if isinstance(answer, bytes):
                return answer
            url = answer
        raise _failed("It is redirected too often.")

    async def _get(self, pool: httpcore.AsyncConnectionPool, url: httpx.URL) -> bytes | httpx.URL:
        """The content, or where to ask instead."""
        limits = dict.fromkeys(("connect", "read", "write", "pool"), STEP_S)
        headers = [(b"Host", url.netloc), *HEADERS]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        async with pool.stream("GET", target, headers=headers, extensions={"timeout": limits}) as response:
            sent = {name.lower(): value for name, value in response.headers}
            if response.status in (301, 302, 303, 307, 308):
                return _redirected(url, sent.get(b"location", b""))
            if response.status != httpx.codes.OK:
                raise _failed(f"The address answers {response.status}.")
            return await self._content(response, sent)

    async def _content(self, response: httpcore.Response, headers: dict[bytes, bytes]) -> bytes:
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise _failed("It is sent compressed, which it was asked not to be.")
        declared, content = headers.get(b"content-length", b"0"), bytearray()
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise self._too_large()
        async for chunk in response.aiter_stream():
            content += chunk
            if len(content) > self._max_bytes:
                raise self._too_large()
        return bytes(content)

    def _too_large(self) -> ImageTooLarge:
        return ImageTooLarge(f"The picture has more than {self._max_bytes} bytes.", param="input")


def _redirected(url: httpx.URL, location: bytes) -> httpx.URL:
    try:
        return _checked(str(url.join(location.decode("ascii"))))
    except (UnicodeError, httpx.InvalidURL) as error:
        raise _failed("It is redirected to no address.") from error


def _checked(url: str) -> httpx.URL:
    """An https address on the usual port, without a name or password in it. Raises UrlNotAllowed."""
    if len(url) > LONGEST_URL:
        raise _not_allowed("It is too long.")
    try:
        parsed = httpx.URL(url)
        port = parsed.port or PORT
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise _not_allowed("It is no address.") from error
    if parsed.scheme != SCHEME or not parsed.host or parsed.userinfo or port != PORT:
        raise _not_allowed("Only https addresses on port 443, without a name or password, are fetched.")
    return parsed.copy_with(fragment=None)


def _not_allowed(why: str) -> UrlNotAllowed:
    return UrlNotAllowed(f"The picture's address is not fetched. {why}", param="input")


def _failed(why: str) -> ImageFetchFailed:
    return ImageFetchFailed(f"The picture could not be fetched. {why}", param="input")
