"""GET /images/{id}: a released picture, to whoever holds its link, for as long as it lasts."""

import io
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from safety.provenance.source_type import XMP
from tests.houses import Parts, client_of, serving
from tests.wire import Service, assert_error


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    parts = Parts()
    with (
        serving(tmp_path_factory.mktemp("images"), parts, requests_per_minute=100_000) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


def drawn(service: Service, **body: Any) -> str:
    url = service.generate(**body).json()["data"][0]["url"]
    return str(url)


def image_id(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def change(service: Service, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(service.house.settings.data / "gardefou.db")) as database, database:
        database.execute(statement, values)


def stored(service: Service, url: str) -> Path:
    found = service.house.decisions.picture(image_id(url))
    assert found
    (path,) = (service.house.settings.data / "pictures" / "released").glob(found[0].sha256)
    return path


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_a_link_opens_without_a_key(service: Service, output_format: str) -> None:
    answer = httpx.get(drawn(service, output_format=output_format))
    assert answer.headers["content-type"] == f"image/{output_format}"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == (output_format.upper(), (64, 64))


def test_a37_a_picture_is_served_as_a_picture_and_nothing_else(service: Service) -> None:
    answer = httpx.get(drawn(service))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith('inline; filename="img_')
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["x-gateway-decision-id"].startswith("dec_")
    with Image.open(io.BytesIO(answer.content)) as picture:
        picture.load()
        assert {*picture.info} == {"xmp", "XML:com.adobe.xmp"}
        assert picture.info["xmp"] == XMP  # the same in every picture: no prompt, nobody's name
        assert not picture.getexif()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%2fetc%2fpasswd", "img_x%00",
        "img_", "img_" + "a" * 21, "img_" + "a" * 23, "dec_" + "a" * 22, "img_" + "a" * 21 + "%0a", "IMG_" + "a" * 22,
        "img_" + "a" * 21 + "%C3%A9", "", "img_%s%s%s%s%s%s%s%s%s%s%s%n",
    ],
)  # fmt: skip
def test_a41_what_is_no_name_of_a_picture(service: Service, name: str) -> None:
    with service.unharmed():
        answer = service.say(service.head(method="GET", path=f"/images/{name}?expires=9999999999&signature=a"))
        assert_error(answer, 404, "not_found")


def test_a43_a_link_ends(service: Service) -> None:
    url = drawn(service)
    with patch("gateway.auth.time", lambda: time.time() + service.house.settings.link_seconds + 1):
        assert_error(httpx.get(url), 403, "link_expired")
    assert httpx.get(url).status_code == 200


def test_a43_an_altered_link_opens_nothing(service: Service) -> None:
    url, other = drawn(service), drawn(service)
    expires = dict(httpx.URL(url).params)["expires"]
    altered = [
        url.replace(image_id(url), image_id(other)),
        url.replace(expires, str(int(expires) + 1)),
        url.replace(expires, "9" * 12),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url[:-1],
        url.replace("signature=", "signature=é"),
        url.partition("?")[0],
        url.partition("&")[0],
    ]
    for link in altered:
        assert_error(httpx.get(link), 403, "link_expired")


@pytest.mark.parametrize("expires", ["", "-1", "1e9", "９９９９", "9" * 13, "9" * 10_000, "0x10", "nan", "1%00"])
def test_a43_a_time_that_is_none(service: Service, expires: str) -> None:
    url = f"{drawn(service).partition('?')[0]}?expires={expires}&signature=abc"
    assert_error(httpx.get(url), 403, "link_expired")


def test_a43_a_signature_opens_no_picture_that_never_was(service: Service) -> None:
    path = service.house.links.path("img_" + "a" * 22)
    assert_error(httpx.get(service.url + path), 410, "image_withdrawn")


@pytest.mark.parametrize("state", ["withheld", "held", "quarantined", ""])
def test_a43_a_picture_that_was_taken_back_is_gone_for_every_link(service: Service, state: str) -> None:
    url = drawn(service)
    change(service, "UPDATE pictures SET state = ? WHERE id = ?", state, image_id(url))
    assert_error(httpx.get(url), 410, "image_withdrawn")


def test_a81_bytes_that_are_not_what_was_judged_are_not_served(service: Service) -> None:
    altered, missing, kept = drawn(service, seed=101), drawn(service, seed=102), drawn(service, seed=103)
    stored(service, altered).write_bytes(stored(service, kept).read_bytes())
    stored(service, missing).unlink()
    for url in (altered, missing):
        assert_error(httpx.get(url), 500, "integrity_error")
    assert httpx.get(kept).status_code == 200


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_a_picture_is_only_read(service: Service, method: str) -> None:
    assert httpx.request(method, drawn(service)).status_code == 405
