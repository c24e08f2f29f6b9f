"""Where a picture comes from: what every released picture carries, and what anybody can find out about a file."""

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import torch
from PIL import Image
from torch import Tensor

from gateway.errors import InternalError
from gateway.generation import Generation
from gateway.provenance import Reason
from gateway.web.provenance_texts import ENGLISH, FRENCH, PROVENANCE_TEXTS
from safety.picture_files.pixels import decode_picture
from safety.provenance.credentials import NotTrusted
from safety.provenance.layers import Provenance
from safety.provenance.source_type import XMP
from tests.gateway.walks import Book, asked, walked
from tests.houses import Parts, build, client_of, serving
from tests.wire import Service, assert_error

VERIFY = "/v1/provenance/verify"
PROMPT, USER = "a purple walrus", "zebedee@example.org"
BIG = "128x128"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    parts = Parts()
    settings = {"requests_per_minute": 100_000, "max_image_pixels": 1_000_000}
    with (
        serving(tmp_path_factory.mktemp("provenance"), parts, **settings) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


def drawn(service: Service, **body: Any) -> httpx.Response:
    url = service.generate(**{"prompt": PROMPT, "user": USER, "size": BIG, **body}).json()["data"][0]["url"]
    return httpx.get(url)


def verify(service: Service, content: bytes) -> dict[str, Any]:
    """As somebody without a key asks."""
    answer = httpx.post(service.url + VERIFY, files={"image": content}, timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert "never means" in found["note"]
    return found


def said(found: dict[str, Any]) -> tuple[str, str]:
    return found["conclusion"], found["reason"]


def saved(content: bytes, output_format: str, **options: Any) -> bytes:
    encoded = io.BytesIO()
    with Image.open(io.BytesIO(content)) as picture:
        picture.convert("RGB").save(encoded, output_format, **options)
    return encoded.getvalue()


def plain_picture() -> bytes:
    encoded = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(encoded, "png")
    return encoded.getvalue()


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_a_released_picture_is_ours_by_every_layer_and_leads_to_its_decision(
    service: Service, output_format: str
) -> None:
    answer = drawn(service, output_format=output_format)
    found = verify(service, answer.content)
    assert said(found) == ("ours", "signed")
    assert found["decision_ids"] == [answer.headers["x-gateway-decision-id"]]
    layers = found["layers"]
    assert layers["content_credentials"] == {"standing": "ours", "signer": "gardefou pictures", "problems": []}
    assert layers["source_type"] == "trainedAlgorithmicMedia"
    assert layers["watermark"]["found"]
    assert layers["book"]["same_file"]


def test_what_is_handed_out_as_base64_or_as_an_event_is_signed_as_well(service: Service) -> None:
    sent = service.generate(response_format="b64_json", size=BIG).json()["data"][0]["b64_json"]
    event = service.generate(stream=True, size=BIG).text.partition("data: ")[2]
    for encoded in (sent, json.loads(event)["b64_json"]):
        assert said(verify(service, base64.b64decode(encoded))) == ("ours", "signed")


def test_nothing_in_the_file_says_what_was_asked_or_by_whom(service: Service) -> None:
    content = drawn(service).content
    for private in (PROMPT, "walrus", USER, "zebedee", str(service.house.settings.data)):
        assert private.encode() not in content


def test_the_picture_that_is_judged_is_the_one_that_is_served_mark_included(tmp_path: Path) -> None:
    parts, judged = Parts(), list[Tensor]()
    parts.pictures[0].on_picture = lambda pixels: judged.append(pixels)
    house = build(tmp_path, parts)
    (generation,) = walked(house, asked(count=2))
    assert isinstance(generation, Generation)
    for pixels, shown in zip(judged, generation.pictures, strict=True):
        assert torch.equal(pixels, decode_picture(shown.content, 1 << 20))
    assert {row.mark for row in Book(house).pictures} != {None}


def test_what_cannot_be_signed_does_not_leave(tmp_path: Path) -> None:
    house = build(tmp_path, Parts())
    with patch.object(Provenance, "sign", side_effect=NotTrusted("as told")):
        (told,) = walked(house, asked())
    assert isinstance(told, InternalError)
    assert Book(house).ends == [("aborted", "error")]
    assert list((tmp_path / "pictures" / "released").iterdir()) == []


COPIES: dict[str, Any] = {
    "JPEG": lambda content: saved(content, "jpeg", quality=75),
    "WebP": lambda content: saved(content, "webp", quality=92),
    "stripped": lambda content: saved(content, "png"),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_without_its_credentials_leads_back_by_its_watermark(service: Service, copy: str) -> None:
    answer = drawn(service)
    found = verify(service, COPIES[copy](answer.content))
    assert said(found) == ("ours", "marked")
    assert found["decision_ids"] == [answer.headers["x-gateway-decision-id"]]
    assert found["layers"]["content_credentials"]["standing"] == "absent"
    assert not found["layers"]["book"]["same_file"]


def test_a_copy_at_half_the_size_is_looked_at_in_the_sizes_we_draw(service: Service) -> None:
    halved = io.BytesIO()
    with Image.open(io.BytesIO(drawn(service).content)) as picture:
        picture.resize((64, 64), Image.Resampling.LANCZOS).save(halved, "png")
    assert said(verify(service, halved.getvalue())) == ("ours", "marked")


def test_credentials_of_another_service_are_foreign(service: Service, tmp_path: Path) -> None:
    content = Provenance(tmp_path / "keys").sign(plain_picture(), "png", ["dec_x"], "0" * 64, "other")
    found = verify(service, content)
    assert said(found) == ("foreign", "signed_elsewhere")
    assert found["decision_ids"] == []


def test_credentials_that_do_not_fit_the_file_are_invalid(service: Service) -> None:
    signed = service.house.provenance.sign(plain_picture(), "png", ["dec_x"], "0" * 64, "m")
    found = verify(service, signed + b"\0")
    assert said(found) == ("invalid", "altered")
    assert found["layers"]["content_credentials"]["problems"]
    assert found["decision_ids"] == []


def test_a_file_that_says_it_was_generated_proves_nothing(service: Service) -> None:
    found = verify(service, saved(plain_picture(), "jpeg", xmp=XMP))
    assert said(found) == ("nothing_found", "says_generated")
    assert found["layers"]["source_type"] == "trainedAlgorithmicMedia"


def test_a_picture_from_anywhere_has_nothing(service: Service) -> None:
    found = verify(service, plain_picture())
    assert said(found) == ("nothing_found", "nothing")
    assert found["layers"]["watermark"]["payload"] is None


def test_a_mark_without_a_decision_in_the_book_is_ours_and_unread(service: Service) -> None:
    pixels = service.house.provenance.mark(decode_picture(plain_picture(), 1 << 20), "dec_never_made")
    encoded = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(encoded, "png")
    assert said(verify(service, encoded.getvalue())) == ("ours", "mark_unread")


def test_a_withheld_picture_is_not_in_the_book_that_people_see(service: Service) -> None:
    answer = drawn(service)
    image_id = re.search(r"img_\w+", answer.headers["content-disposition"])
    assert image_id
    content = saved(answer.content, "png")
    engine = service.house.decisions._engine
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE pictures SET state = 'withheld' WHERE id = '{image_id[0]}'")  # noqa: S608
    assert said(verify(service, content)) == ("ours", "mark_unread")


def test_our_root_is_there_for_everybody(service: Service, tmp_path: Path) -> None:
    assert httpx.get(service.url + "/v1/provenance/root.pem").content == service.house.provenance.root


def bomb() -> bytes:
    encoded = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(encoded, "png")
    return encoded.getvalue()


FORM = {"content-type": "multipart/form-data"}
HOSTILE: dict[str, tuple[dict[str, Any], int, str, str | None]] = {
    "JSON": ({"json": {"image": "x"}}, 415, "unsupported_media_type", None),
    "no boundary": ({"content": b"x", "headers": FORM}, 400, "invalid_value", "image"),
    "no file": ({"files": {"other": b"x"}}, 400, "missing_required_parameter", "image"),
    "an empty file": ({"files": {"image": b""}}, 400, "missing_required_parameter", "image"),
    "a word": ({"files": {"x": b"x"}, "data": {"image": "word"}}, 400, "missing_required_parameter", "image"),
    "many files": ({"files": [("image", b"x")] * 3}, 400, "invalid_value", "image"),
    "many fields": ({"files": {"image": b"x"}, "data": dict.fromkeys("abcdefgh", "x")}, 400, "invalid_value", "image"),
    "garbage": ({"files": {"image": b"garbage"}}, 400, "unsupported_image", "image"),
    "SVG": ({"files": {"image": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}}, 400, "unsupported_image", "image"),
    "half a picture": ({"files": {"image": plain_picture()[:2000]}}, 400, "unsupported_image", "image"),
    "a bomb": ({"files": {"image": bomb()}}, 400, "image_too_large", "image"),
    "too much": ({"files": {"image": b"\0" * (17 << 20)}}, 413, "request_too_large", None),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_picture_is_named(service: Service, kind: str) -> None:
    sent, status, code, param = HOSTILE[kind]
    assert_error(httpx.post(service.url + VERIFY, timeout=30, **sent), status, code, param)


def test_whoever_asks_too_often_waits(tmp_path: Path) -> None:
    with serving(tmp_path, Parts(), requests_per_minute=1) as (_, url):
        answers = [httpx.post(url + VERIFY, files={"image": plain_picture()}, timeout=30) for _ in range(2)]
    assert answers[0].status_code == 200
    assert_error(answers[1], 429, "rate_limit_exceeded")


def test_a_sheet_of_pictures_is_signed_for_all_of_them(service: Service) -> None:
    with httpx.Client(base_url=service.url, follow_redirects=True, timeout=30) as visitor:
        csrf = re.search(r'name="csrf" value="([^"]+)"', visitor.get("/").text)
        assert csrf
        page = visitor.post("/studio", data={"prompt": "a cat", "csrf": csrf[1]})
        while 'http-equiv="refresh"' in page.text:
            page = visitor.get(page.url)
        sheet = visitor.get(f"{page.url.path}/sheet.png")
    found = verify(service, sheet.content)
    assert said(found) == ("ours", "signed")
    assert len(set(found["decision_ids"])) == 9


class TestPage:
    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_it_says_what_was_found_without_javascript(self, service: Service, language: Any) -> None:
        texts = PROVENANCE_TEXTS[language]
        answer = drawn(service)
        where = f"{service.url}/provenance?lang={language}"
        assert texts.heading in httpx.get(where).text
        found = httpx.post(where, files={"image": answer.content}, timeout=30).text
        assert texts.caveat in found
        assert next(iter(texts.conclusions.values())) in found
        assert answer.headers["x-gateway-decision-id"] in found
        assert "<script" not in found

    @pytest.mark.parametrize("output_format", ["png", "jpeg", "webp", "gif"])
    def test_every_kind_of_file_it_names_is_looked_at(self, service: Service, output_format: str) -> None:
        assert all(output_format.upper() in texts.file_label.upper() for texts in PROVENANCE_TEXTS.values())
        sent = {"image": saved(plain_picture(), output_format)}
        answer = httpx.post(f"{service.url}/provenance", files=sent, timeout=30)
        assert ENGLISH.reasons[Reason.NOTHING] in answer.text

    def test_of_a_moving_picture_the_first_frame_is_looked_at(self, service: Service) -> None:
        marked, other = (Image.open(io.BytesIO(content)) for content in (drawn(service).content, plain_picture()))
        moving = io.BytesIO()
        marked.save(moving, "webp", save_all=True, append_images=[other.resize(marked.size)], lossless=True)
        assert said(verify(service, moving.getvalue())) == ("ours", "marked")

    def test_what_could_not_be_looked_at_is_told_in_place(self, service: Service) -> None:
        answer = httpx.post(f"{service.url}/provenance", files={"image": b"garbage"})
        assert answer.status_code == 400
        assert ENGLISH.errors["unsupported_image"] in answer.text

    def test_a_hostile_signer_stays_text(self, service: Service, tmp_path: Path) -> None:
        with patch("safety.provenance.keys.ORGANISATION", "<script>alert(1)</script>"):
            content = Provenance(tmp_path / "keys").sign(plain_picture(), "png", [], "0" * 64, "m")
        found = httpx.post(f"{service.url}/provenance", files={"image": content}, timeout=30).text
        assert "&lt;script&gt;" in found
        assert "<script" not in found

    def test_the_studio_leads_there(self, service: Service) -> None:
        assert 'href="/provenance"' in httpx.get(service.url).text

    def test_both_languages_say_the_same_things(self) -> None:
        for name in ("conclusions", "reasons", "standings", "errors"):
            assert getattr(ENGLISH, name).keys() == getattr(FRENCH, name).keys()
