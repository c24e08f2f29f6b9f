"""POST /v1/moderations: three shapes of input, OpenAI's thirteen names, and pictures that are no pictures."""

import base64
import io
import os
import signal
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from PIL import Image

from gateway.decoding import DecoderProcess
from policies.signals import Category, Signal
from safety.normalize import NormalizedPrompt
from tests.houses import Parts, client_of, serving
from tests.wire import MEBIBYTE, Service, assert_error

THIRTEEN = {
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
}  # fmt: skip
MAX_PIXELS = 200_000
BAD = "a naked woman"
RED = (255, 0, 0)


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, parts: Parts) -> Iterator[Service]:
    parts.pictures[0].scores = {Category.GORE: 0.99}
    parts.classifier.on_check = doubtful
    settings = {"requests_per_minute": 100_000, "max_image_pixels": MAX_PIXELS}
    with (
        serving(tmp_path_factory.mktemp("moderations"), parts, **settings) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


def doubtful(prompts: Sequence[NormalizedPrompt]) -> object:
    """A prompt that says so is a little shocking."""
    found = ["doubtful" in prompt.original for prompt in prompts]
    return [[Signal("prompt_classifier", c, 0.65 if f and c is Category.SHOCKING else 0.0) for c in Category]
            for f in found]  # fmt: skip


@pytest.fixture
def undrawn(service: Service) -> Iterator[None]:
    """Nothing is ever drawn, and the next good question is answered."""
    with service.undrawn():
        yield
        assert moderate(service, "a cat").status_code == 200


def moderate(service: Service, asked: Any, **body: Any) -> httpx.Response:
    return service.client.post("/v1/moderations", json={"input": asked, **body})


def encoded(picture: Image.Image, picture_format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, picture_format, **options)
    return file.getvalue()


def flat(width: int = 32, height: int = 32) -> Image.Image:
    return Image.new("RGB", (width, height), RED)


def image_part(content: bytes | str, media_type: str = "image/png") -> dict[str, Any]:
    text = content if isinstance(content, str) else base64.b64encode(content).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{text}"}}


def declared_png(width: int, height: int) -> bytes:
    """A few bytes that say how large they will be."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_one_text_gives_one_result_with_all_thirteen_names_and_ours(service: Service) -> None:
    (result,) = moderate(service, BAD).json()["results"]
    assert result["flagged"]
    assert result["categories"]["sexual"]
    for part in ("categories", "category_scores", "category_applied_input_types"):
        assert result[part].keys() == THIRTEEN | {"deception", "shocking", "privacy"}


def test_several_texts_give_one_result_each_in_order(service: Service) -> None:
    results = moderate(service, ["a cat", BAD, "a dog"]).json()["results"]
    assert [result["flagged"] for result in results] == [False, True, False]


def test_parts_give_one_result_that_says_what_was_looked_at(service: Service) -> None:
    parts = [{"type": "text", "text": BAD}, image_part(encoded(flat()))]
    (result,) = moderate(service, parts).json()["results"]
    assert result["flagged"]
    assert result["categories"]["sexual"]
    assert result["categories"]["violence/graphic"]
    assert result["category_applied_input_types"]["violence/graphic"] == ["image", "text"]


def test_a_name_that_we_do_not_score_is_never_made_up(service: Service) -> None:
    (result,) = moderate(service, BAD).json()["results"]
    for name in ("harassment/threatening", "hate/threatening", "self-harm/intent", "self-harm/instructions"):
        assert result["categories"][name] is False
        assert result["category_scores"][name] == 0.0
        assert result["category_applied_input_types"][name] == []


@pytest.mark.parametrize(
    ("prompt", "verdict", "flagged"), [("a cat", "allow", False), ("doubtful", "confirm", True), (BAD, "block", True)]
)
def test_the_policys_own_verdict_is_told_beside_openais_words(
    service: Service, prompt: str, verdict: str, flagged: bool
) -> None:
    answer = moderate(service, prompt).json()
    (result,) = answer["results"]
    ours = result["x_gateway"]
    assert (ours["verdict"], result["flagged"]) == (verdict, flagged)
    assert ours["policy"] == str(service.house.policy_in_force.policy.stamp)
    (decision_id,) = ours["decision_ids"]
    assert service.client.get(f"/api/v1/decisions/{decision_id}").json()["action"] == verdict
    if verdict == "confirm":
        assert result["categories"]["shocking"]
        assert ours["question"] == service.house.policy_in_force.policy.question(Category.SHOCKING, "en")


def test_what_was_judged_is_kept_for_the_key_that_asked(service: Service) -> None:
    moderate(service, "a question to be kept")
    newest = service.house.decisions.latest(1)[0]
    assert service.client.get(f"/api/v1/decisions/{newest.id}").json()["action"] == "allow"


@pytest.mark.parametrize("picture_format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_c36_each_format_is_read_by_its_first_bytes_where_no_type_is_named(
    service: Service, picture_format: str
) -> None:
    for media_type in ("", "application/octet-stream", f"image/{picture_format.lower()}"):
        assert moderate(service, [image_part(encoded(flat(), picture_format), media_type)]).status_code == 200


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/svg+xml", "text/html", "application/x-called-wrongly"])
@pytest.mark.usefixtures("undrawn")
def test_c36_a_data_url_that_names_another_type_than_its_bytes_have(service: Service, media_type: str) -> None:
    answer = moderate(service, [image_part(encoded(flat()), media_type)])
    assert_error(answer, 400, "unsupported_image", "input")
    assert answer.json()["error"]["x_gateway"] == {"reason": "type_mismatch", "picture": 0}


@pytest.mark.parametrize(
    ("width", "height"), [(14_000, 14_000), (10_000, 10_000), (MAX_PIXELS + 1, 1), (2**31 - 1, 2**31 - 1)]
)
@pytest.mark.usefixtures("undrawn")
def test_c35_a_few_bytes_that_declare_a_huge_picture(service: Service, width: int, height: int) -> None:
    content = declared_png(width, height)
    assert len(content) < 100
    assert_error(moderate(service, [image_part(content)]), 400, "image_too_large", "input")


@pytest.mark.usefixtures("undrawn")
def test_c35_many_small_files_are_together_no_larger_than_one_may_be(service: Service) -> None:
    part = image_part(encoded(flat(300, 300)))
    assert moderate(service, [part] * 2).status_code == 200
    assert_error(moderate(service, [part] * 3), 400, "image_too_large", "input")


NO_PICTURES: dict[str, bytes] = {
    "zip behind it": encoded(flat()) + b"PK\x05\x06" + bytes(18),
    "html behind it": encoded(flat(), "JPEG") + b"<script>alert(1)</script>",
    "a video behind it": encoded(flat(), "WEBP") + b"\0\0\0\x18ftypmp42",
    "one pixel": encoded(flat(1, 1)),
    "nothing": b"",
    "text": b"a picture of a cat",
    "truncated": encoded(flat())[:-40],
    "truncated head": encoded(flat())[:20],
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "pdf": b"%PDF-1.7\n1 0 obj\n",
    "psd": b"8BPS\x00\x01" + b"\x00" * 40,
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "tiff": encoded(flat(), "TIFF"),
    "bmp": encoded(flat(), "BMP"),
    "png head on html": b"\x89PNG\r\n\x1a\n<html>",
    "no pixels": declared_png(0, 0),
    "no data": declared_png(9, 9),
}


@pytest.mark.parametrize("content", NO_PICTURES.values(), ids=NO_PICTURES)
@pytest.mark.usefixtures("undrawn")
def test_c36_what_is_no_picture(service: Service, content: bytes) -> None:
    assert_error(moderate(service, [image_part(content)]), 400, "unsupported_image", "input")


def test_c36_what_is_wrong_with_which_picture_is_told(service: Service) -> None:
    answer = moderate(service, [image_part(encoded(flat())), image_part(encoded(flat())[:-40])])
    assert answer.json()["error"]["x_gateway"] == {"reason": "truncated", "picture": 1}


@pytest.fixture
def judged_by_red(service: Service, parts: Parts) -> Iterator[None]:
    """A picture is as gory as it is red, and nothing else."""
    parts.pictures[0].on_picture = red_is_gore
    yield
    parts.pictures[0].on_picture = lambda _: None


def red_is_gore(pixels: Any) -> list[Signal]:
    redness = max(0.0, float(pixels[0].float().mean() - pixels[1:].float().mean())) / 255
    return [Signal("image_concepts", c, redness if c is Category.GORE else 0.0) for c in sorted(Category)]


def moving(picture_format: str, frames: list[Image.Image]) -> bytes:
    return encoded(frames[0], picture_format, save_all=True, append_images=frames[1:], duration=100)


@pytest.mark.parametrize("picture_format", ["GIF", "PNG", "WEBP"])
@pytest.mark.usefixtures("judged_by_red")
def test_c36_one_bad_frame_of_a_moving_picture_decides_for_all_of_it(service: Service, picture_format: str) -> None:
    greys = [Image.new("RGB", (16, 16), (i, i, i)) for i in range(0, 200, 5)]
    (calm,) = moderate(service, [image_part(moving(picture_format, greys), "")]).json()["results"]
    assert not calm["flagged"]
    flash = [*greys[:23], Image.new("RGB", (16, 16), RED), *greys[23:]]
    (result,) = moderate(service, [image_part(moving(picture_format, flash), "")]).json()["results"]
    assert result["flagged"]
    assert result["categories"]["violence/graphic"]
    assert result["x_gateway"]["pictures"] == [
        {"format": picture_format.lower(), "frames": 41, "frames_judged": 8, "views_judged": 8}
    ]
    assert len(result["x_gateway"]["decision_ids"]) == 1, "one picture, one decision"


@pytest.mark.parametrize("picture_format", ["GIF", "PNG"])
@pytest.mark.usefixtures("undrawn")
def test_c36_ten_thousand_frames_are_not_looked_through(service: Service, picture_format: str) -> None:
    frames = [Image.new("L", (8, 8), i % 2 * 255) for i in range(1001)]
    answer = moderate(service, [image_part(moving(picture_format, frames), "")])
    assert answer.json()["error"]["x_gateway"]["reason"] == "too_many_frames"
    assert answer.status_code == 400


@pytest.mark.parametrize("ground", ["white", "black"])
def test_what_a_transparent_picture_shows_on_one_ground_alone_is_judged(
    service: Service, parts: Parts, ground: str
) -> None:
    def shown(pixels: Any) -> list[Signal]:
        light = float(pixels.float().mean()) / 255
        score = light if ground == "white" else 1 - light
        return [Signal("image_concepts", c, score if c is Category.GORE else 0.0) for c in sorted(Category)]

    parts.pictures[0].on_picture = shown
    answer = moderate(service, [image_part(encoded(Image.new("RGBA", (16, 16), (200, 0, 0, 0))))])
    parts.pictures[0].on_picture = lambda _: None
    (result,) = answer.json()["results"]
    assert result["x_gateway"]["pictures"][0]["views_judged"] == 2
    assert result["category_scores"]["violence/graphic"] == 1.0


@pytest.mark.usefixtures("undrawn")
def test_c37_a_picture_with_a_page_behind_it_is_refused_and_not_kept(service: Service) -> None:
    polyglot = encoded(flat()) + b"<script>alert('hidden canary')</script>"
    answer = moderate(service, [image_part(polyglot)])
    assert_error(answer, 400, "unsupported_image", "input")
    assert answer.json()["error"]["x_gateway"]["reason"] == "extra_bytes"
    kept = [path for path in service.house.settings.data.rglob("*") if path.is_file()]
    assert not any(b"hidden canary" in path.read_bytes() for path in kept)


@pytest.mark.usefixtures("undrawn")
def test_c37_a_picture_that_kills_its_decoder_is_refused_and_the_next_one_is_read(service: Service) -> None:
    with patch.object(DecoderProcess, "_answer", killed_by_its_picture):
        answer = moderate(service, [image_part(encoded(flat()))])
    assert answer.json()["error"]["x_gateway"]["reason"] == "unreadable"
    assert moderate(service, [image_part(encoded(flat()))]).status_code == 200


def killed_by_its_picture(process: DecoderProcess) -> Any:
    os.kill(process.pid, signal.SIGSEGV)
    while True:  # to the end of the line: it may have answered before it died
        process._channel.receive()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png", "http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://0.0.0.0/",
        "http://2130706433/", "http://ok@127.0.0.1/", "https://example.com/a.png", "file:///etc/passwd",
        "gopher://127.0.0.1/", "ftp://a", "//example.com/a.png", "/etc/passwd", "", "javascript:alert(1)", " data:,",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("undrawn")
def test_c38_no_address_is_ever_fetched(service: Service, url: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    assert_error(moderate(service, [part]), 400, "remote_images_disabled", "input")


@pytest.mark.parametrize(
    "text",
    ["not base64!", "iVBORw0KGgo", "a", "é", "💀", base64.encodebytes(encoded(flat())).decode(), "%2B%2F", "===="],
)
@pytest.mark.usefixtures("undrawn")
def test_c40_bad_base64(service: Service, text: str) -> None:
    assert_error(moderate(service, [image_part(text)]), 400, "unsupported_image", "input")


@pytest.mark.parametrize("url", ["data:", "data:,", "data:image/png,abc", "data:image/png;base64", "data:;BASE64,aaaa"])
@pytest.mark.usefixtures("undrawn")
def test_c40_a_data_url_that_is_not_in_base64(service: Service, url: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    assert_error(moderate(service, [part]), 400, "unsupported_image", "input")


@pytest.mark.usefixtures("undrawn")
def test_c40_fifty_megabytes_are_too_much(service: Service) -> None:
    body = b'{"input": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,' + b"A" * 50 * MEBIBYTE
    assert_error(service.send(body + b'"}}]}', "/v1/moderations"), 413, "request_too_large")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (None, "missing_required_parameter"),
        ([], "invalid_value"),
        ("", "invalid_value"),
        (["a cat", ""], "invalid_value"),
        (["a cat", 7], "invalid_value"),
        (["a"] * 33, "invalid_value"),
        (7, "invalid_value"),
        ({"type": "text", "text": "a"}, "invalid_value"),
        ([{"type": "text"}], "invalid_value"),
        ([{"type": "image_url"}], "invalid_value"),
        ([{"type": "image_url", "image_url": "data:,"}], "invalid_value"),
        ([{"type": "audio", "text": "a"}], "invalid_value"),
        (["a cat", {"type": "text", "text": "a dog"}], "invalid_value"),
        ("a cat\x00", "invalid_value"),
        ("a" * 1001, "prompt_too_long"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_an_input_that_is_none(service: Service, asked: Any, code: str) -> None:
    assert_error(moderate(service, asked), 400, code, "input")


@pytest.mark.usefixtures("undrawn")
def test_half_a_surrogate_pair(service: Service) -> None:
    assert_error(service.send(b'{"input": "\\ud800"}', "/v1/moderations"), 400, "invalid_value", "input")
