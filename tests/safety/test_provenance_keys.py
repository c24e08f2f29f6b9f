"""Keys and content credentials: made once for one owner, trusted under one root, worthless when a byte changes."""

import io
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from policies.identity import IntegrityFailure
from safety.provenance.credentials import Claim, Credentials, Standing
from safety.provenance.keys import Keys, make_keys, open_keys
from safety.provenance.layers import Provenance

FORMATS = ("png", "jpeg", "webp")
CLAIM = Claim(("dec_abc",), "0" * 64, "dalle-nano", ("0123456789abcdef",))


def encoded(output_format: str, xmp: bytes = b"") -> bytes:
    content = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(content, output_format, **({"xmp": xmp} if xmp else {}))
    return content.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / "keys"


@pytest.fixture(scope="module")
def keys(folder: Path) -> Keys:
    return open_keys(folder)


@pytest.fixture(scope="module")
def credentials(keys: Keys) -> Credentials:
    return Credentials(keys)


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return Credentials(open_keys(tmp_path_factory.mktemp("elsewhere") / "keys"))


def test_only_their_owner_may_read_them(folder: Path, keys: Keys) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert keys.leaf_key


def test_a_second_start_finds_the_same_keys(folder: Path, keys: Keys) -> None:
    assert not make_keys(folder)
    assert open_keys(folder) == keys


def test_two_that_start_at_once_agree_on_one_set(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: open_keys(tmp_path / "keys"), range(4)))
    assert found == [found[0]] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize("name", ["root.pem", "leaf.pem", "leaf.key", "watermark.key"])
@pytest.mark.parametrize("damage", ["missing", "empty", "garbage"])
def test_a_damaged_key_stops_the_start_and_says_where(name: str, damage: str, folder: Path, tmp_path: Path) -> None:
    open_keys(folder)
    copy = shutil.copytree(folder, tmp_path / "keys")
    if damage == "missing":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(b"" if damage == "empty" else b"\xff garbage")
    with pytest.raises(IntegrityFailure, match=str(copy)):
        Provenance(copy)


def test_a_leaf_that_another_root_vouched_for_stops_the_start(folder: Path, keys: Keys, tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    (tmp_path / "keys" / "root.pem").write_bytes(keys.root)
    with pytest.raises(IntegrityFailure, match="keys"):
        Provenance(tmp_path / "keys")


@pytest.mark.parametrize("output_format", FORMATS)
def test_what_we_sign_is_ours_and_names_its_decision(output_format: str, credentials: Credentials) -> None:
    content = credentials.sign(encoded(output_format), output_format, CLAIM)
    found = credentials.read(content)
    assert (found.standing, found.decision_ids) == (Standing.OURS, ("dec_abc",))
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == output_format.upper()


@pytest.mark.parametrize("output_format", FORMATS)
def test_one_more_byte_and_it_is_invalid(output_format: str, credentials: Credentials) -> None:
    found = credentials.read(credentials.sign(encoded(output_format), output_format, CLAIM) + b"\0")
    assert (found.standing, found.decision_ids) == (Standing.INVALID, ())
    assert found.problems


def test_what_others_sign_is_foreign_whatever_it_says_of_decisions(
    credentials: Credentials, strangers: Credentials
) -> None:
    found = credentials.read(strangers.sign(encoded("png"), "png", CLAIM))
    assert (found.standing, found.decision_ids) == (Standing.FOREIGN, ())
    assert found.signer == "gardefou pictures"


@pytest.mark.parametrize("content", [encoded("png"), b"", b"garbage", b"\x89PNG\r\n\x1a\n" + b"\0" * 100])
def test_what_has_no_credentials_has_none(content: bytes, credentials: Credentials) -> None:
    assert credentials.read(content).standing is Standing.ABSENT


def test_credentials_that_lie_elsewhere_are_not_fetched(credentials: Credentials) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/manifest.c2pa"
        said = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{address}"/>
        </rdf:RDF></x:xmpmeta>"""
        assert credentials.read(encoded("jpeg", said.encode())).standing is Standing.ABSENT
        with pytest.raises(TimeoutError):
            server.accept()


def test_pictures_are_signed_by_several_threads_at_once(credentials: Credentials) -> None:
    start = threading.Barrier(9)

    def sign(number: int) -> bool:
        start.wait()
        claim = Claim((f"dec_{number}",), "0" * 64, "dalle-nano", ())
        return credentials.read(credentials.sign(encoded("png"), "png", claim)).decision_ids == (f"dec_{number}",)

    with ThreadPoolExecutor(9) as pool:
        assert all(pool.map(sign, range(9)))
