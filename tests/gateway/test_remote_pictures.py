"""Pictures at addresses that strangers name: off by default, and never a way into our own network (rows 38 and 39)."""

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.errors import GatewayError, ImageFetchFailed, ImageTooLarge, RemoteImagesDisabled, UrlNotAllowed
from gateway.public_internet import is_public
from gateway.remote_pictures import RemotePictures

HOST, PUBLIC = "pictures.example", "93.184.215.14"
URL = f"https://{HOST}/a.png"
PICTURE, MAX_BYTES = b"\x89PNG, as far as the fetching is concerned", 10_000
Reply = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


class Internet(httpcore.AsyncNetworkBackend):
    """Every public address is a server of ours on loopback; what is dialled is remembered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.dialled: list[str] = []
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore calls it so)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        return await self._real.connect_tcp("127.0.0.1", self.port, timeout)


class Names:
    """A name server: answers in turn, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = [*answers]

    async def __call__(self, host: str, port: int) -> list[str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of HOST, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextlib.asynccontextmanager
async def server(certificate: Path, reply: Reply) -> AsyncIterator[Internet]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            await reply(head.split()[1], writer)
        writer.close()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield Internet(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()


def fetch(certificate: Path, reply: Reply, names: Names, url: str = URL, **options: Any) -> tuple[Any, list[str]]:
    """What came of it, an error included, and which addresses were dialled."""

    async def run() -> tuple[Any, list[str]]:
        async with server(certificate, reply) as internet:
            tls = ssl.create_default_context(cafile=certificate)
            remote = RemotePictures(True, MAX_BYTES, names, internet, tls, **options)
            try:
                return await remote.fetch(url), internet.dialled
            except GatewayError as error:
                return error, internet.dialled

    return asyncio.run(run())


def answering(content: bytes = PICTURE, status: str = "200 OK", *headers: str) -> Reply:
    async def reply(_: str, writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers]
        writer.write("\r\n".join([*head, "", ""]).encode() + content)
        await writer.drain()

    return reply


def redirecting(*targets: str) -> Reply:
    """To each in turn, then the picture."""
    left = [*targets]

    async def reply(path: str, writer: asyncio.StreamWriter) -> None:
        there = [f"Location: {left.pop(0)}"] if left else []
        await answering(PICTURE, "302 Found" if there else "200 OK", *there)(path, writer)

    return reply


def test_a_picture_at_a_public_address_is_fetched_whatever_it_is_called(certificate: Path) -> None:
    content, dialled = fetch(certificate, answering(PICTURE, "200 OK", "Content-Type: text/html"), Names([PUBLIC]))
    assert (content, dialled) == (PICTURE, [PUBLIC])


def test_c38_off_by_default_and_the_setting_is_named() -> None:
    with pytest.raises(RemoteImagesDisabled, match="GARDEFOU_ALLOW_REMOTE_IMAGES"):
        asyncio.run(RemotePictures(False, MAX_BYTES).fetch(URL))


@pytest.mark.parametrize(
    "url",
    [
        "http://pictures.example/a.png", "https://pictures.example:8443/", "https://ok@pictures.example/",
        "https://u:p@pictures.example/", "file:///etc/passwd", "gopher://pictures.example/", "ftp://a",
        "//pictures.example/a.png", "/etc/passwd", "", "javascript:alert(1)", " data:,", "https://", "https://[::1",
        "https://pictures.example/" + "a" * 3000,
    ],
)  # fmt: skip
def test_c38_only_https_on_its_own_port_without_a_name_in_it(certificate: Path, url: str) -> None:
    error, dialled = fetch(certificate, answering(), Names([PUBLIC]), url)
    assert (type(error), dialled) == (UrlNotAllowed, [])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "169.254.169.254", "[::1]", "0.0.0.0", "2130706433", "10.0.0.1", "[::ffff:127.0.0.1]", "localhost"],  # noqa: S104
)
def test_c38_an_address_inside_by_the_systems_own_resolver(host: str) -> None:
    with pytest.raises(UrlNotAllowed):
        asyncio.run(RemotePictures(True, MAX_BYTES).fetch(f"https://{host}/"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",  # noqa: S104
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "::ffff:10.0.0.1",
        "::ffff:8.8.8.8", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::808:808", "2002:7f00:1::", "2002:808:808::",
        "2001:0:7f00:1::", "2001:db8::1", "nonsense", "",
    ],
)  # fmt: skip
def test_c38_a_name_that_leads_inside_is_not_dialled(certificate: Path, address: str) -> None:
    assert not is_public(address)
    for addresses in ([address], [PUBLIC, address]):
        error, dialled = fetch(certificate, answering(), Names(addresses))
        assert (type(error), dialled) == (UrlNotAllowed, [])


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


def test_c38_a_name_is_resolved_once_and_the_address_that_was_checked_is_dialled(certificate: Path) -> None:
    content, dialled = fetch(certificate, answering(), Names([PUBLIC], ["127.0.0.1"]))
    assert (content, dialled) == (PICTURE, [PUBLIC])


def test_c38_a_name_that_changes_its_mind_between_redirects(certificate: Path) -> None:
    error, dialled = fetch(certificate, redirecting("/b.png"), Names([PUBLIC], ["127.0.0.1"]))
    assert (type(error), dialled) == (UrlNotAllowed, [PUBLIC])


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "https://127.0.0.1/", "http://pictures.example/", "file:///x"])
def test_c38_a_redirect_inside_or_to_another_scheme(certificate: Path, target: str) -> None:
    names = Names([PUBLIC], ["127.0.0.1"])
    error, dialled = fetch(certificate, redirecting(target), names)
    assert (type(error), dialled) == (UrlNotAllowed, [PUBLIC])


def test_redirects_are_followed_and_are_few(certificate: Path) -> None:
    assert fetch(certificate, redirecting("/b", "/c"), Names([PUBLIC]))[0] == PICTURE
    error, dialled = fetch(certificate, redirecting(*["/b"] * 9), Names([PUBLIC]))
    assert (type(error), len(dialled)) == (ImageFetchFailed, 3)


def test_c39_a_body_that_never_ends(certificate: Path) -> None:
    sent = 0

    async def endless(_: str, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"x" * 1000)
            sent += 1000
            await writer.drain()

    error, _ = fetch(certificate, endless, Names([PUBLIC]))
    assert isinstance(error, ImageTooLarge)
    assert sent < 100 * MAX_BYTES + (64 << 20), "bounded by our limit and the buffers in between"


def test_c39_ten_gigabytes_that_are_announced(certificate: Path) -> None:
    async def huge(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(60)

    assert isinstance(fetch(certificate, huge, Names([PUBLIC]))[0], ImageTooLarge)


def test_c39_a_byte_at_a_time(certificate: Path) -> None:
    async def drip(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    error, _ = fetch(certificate, drip, Names([PUBLIC]), total_s=3)
    assert isinstance(error, ImageFetchFailed)
    assert "within 3 s" in error.message


@pytest.mark.parametrize(
    "reply",
    [answering(b"", "404 Not Found"), answering(PICTURE, "200 OK", "Content-Encoding: gzip"),
     answering(PICTURE, "300 Multiple Choices"), redirecting("https://[")],
)  # fmt: skip
def test_what_is_no_picture_in_the_plain(certificate: Path, reply: Reply) -> None:
    error, _ = fetch(certificate, reply, Names([PUBLIC]))
    assert isinstance(error, ImageFetchFailed | UrlNotAllowed)


def test_a_certificate_that_is_not_trusted_or_of_another_name(certificate: Path) -> None:
    error, dialled = fetch(certificate, answering(), Names([PUBLIC]), "https://other.example/")
    assert (type(error), dialled) == (ImageFetchFailed, [PUBLIC])
