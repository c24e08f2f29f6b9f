"""What an upstream may say, and what is made of it: pictures, refusals, failures; and what it never gets to do."""

import base64
import io
import logging
import time
import zlib
from typing import Any

import pytest
from PIL import Image

from generator.at_once import PartlyDrawn, draw_at_once
from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    GeneratorUnusable,
    Outcome,
    PictureRequest,
    Refusal,
)
from generator.openai_upstream import OpenAIUpstream
from generator.options import Upstream
from policies.signals import Category
from tests.generator.upstreams import Heard, Said, encoded, error, picture, says, upstream
from tests.houses import free_port

KEY = "sk-canary-0123456789"
SIZE = "64x64"
PROMPT = "a canary prompt about a cat"


def drawer(url: str, model: str = "some-model", arguments: dict[str, Any] | None = None, **keys: Any) -> OpenAIUpstream:
    return OpenAIUpstream(Upstream(url, model, KEY, **{"seconds": 20, **keys}), (SIZE,), 9, arguments)


def draw(generator: OpenAIUpstream, *seeds: int) -> list[GeneratedImage]:
    requests = [PictureRequest(PROMPT, seed, SIZE) for seed in seeds or (1,)]
    return draw_at_once(generator, requests)


def outcomes(generator: OpenAIUpstream, *seeds: int) -> list[Outcome]:
    with pytest.raises(PartlyDrawn) as partly:
        draw(generator, *seeds)
    return list(partly.value.outcomes)


def drawn_from(said: Said, **keys: Any) -> list[GeneratedImage]:
    with upstream(said) as fake:
        return draw(drawer(fake.url, **keys))


def refused(said: Said) -> Refusal:
    with upstream(said) as fake:
        (outcome,) = outcomes(drawer(fake.url))
    assert isinstance(outcome, Refusal)
    assert fake.drawings == 1
    return outcome


# what is asked


@pytest.mark.parametrize(
    ("model", "keys", "body"),
    [
        ("dall-e-3", {}, {"response_format": "b64_json"}),
        ("gpt-image-1", {"arguments": {"quality": "low"}}, {"quality": "low"}),
        ("azure/gpt-image-1-mini", {}, {}),
        ("dalle-nano", {"seeds": True}, {"response_format": "b64_json", "seed": 1}),
        ("flux", {"arguments": {"n": 4, "prompt": "other"}}, {"response_format": "b64_json"}),
    ],
)
def test_each_model_is_asked_in_its_own_way_for_one_picture(
    model: str, keys: dict[str, Any], body: dict[str, Any]
) -> None:
    with upstream(picture()) as fake:
        draw(drawer(fake.url, model, **keys))
    (heard,) = fake.heard
    assert heard.body == {"model": model, "prompt": PROMPT, "n": 1, "size": SIZE, **body}
    assert heard.headers["Authorization"] == f"Bearer {KEY}"


def test_nine_pictures_are_nine_calls_side_by_side() -> None:
    def slowly(_: Heard) -> Said:
        time.sleep(0.5)
        return picture()

    with upstream(slowly) as fake:
        started = time.monotonic()
        assert len(draw(drawer(fake.url), *range(9))) == 9
        assert time.monotonic() - started < 9 * 0.5
    assert fake.drawings == 9


# pictures


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_of_each_format_is_taken(kind: str) -> None:
    (image,) = drawn_from(picture(encoded(kind=kind)))
    assert image.pixels.shape == (3, 64, 64)
    assert abs(int(image.pixels[0].float().mean()) - 200) < 4


def test_a_transparent_picture_is_laid_on_white() -> None:
    (image,) = drawn_from(picture(encoded(colour=(200, 30, 30, 0))))
    assert int(image.pixels.min()) == 255


def test_a_link_to_the_upstream_itself_is_followed_without_the_key() -> None:
    def answer(heard: Heard) -> Said:
        return (
            Said(content=encoded())
            if heard.path == "/files/1.png"
            else says({"data": [{"url": link, "b64_json": None}]})
        )

    with upstream(answer) as fake:
        link = f"http://127.0.0.1:{fake.port}/files/1.png"
        assert len(draw(drawer(fake.url))) == 1
    assert "Authorization" not in fake.heard[1].headers


@pytest.mark.parametrize(
    "link",
    ["http://127.0.0.1:{other}/1.png", "http://localhost:{port}/1.png", "http://user@127.0.0.1:{port}/1.png",
     "https://127.0.0.1:{port}/1.png", "http://169.254.169.254/latest", "http://2130706433/", "http://[::1]:{port}/",
     "file:///etc/passwd", "gopher://127.0.0.1:{port}/", "data:image/png;base64,AAAA", "/1.png", "http://", "::::"],
)  # fmt: skip
def test_a_link_to_anywhere_else_is_not_followed(link: str) -> None:
    def answer(heard: Heard) -> Said:
        return says({"data": [{"url": link.format(port=fake.port, other=other.port)}]})

    with upstream(picture()) as other, upstream(answer) as fake:
        with pytest.raises(GenerationFailed, match=r"another host|InvalidURL"):
            draw(drawer(fake.url))
        assert len(fake.heard) == 1
        assert other.heard == []


def test_a_host_that_the_operator_names_is_only_reached_by_https() -> None:
    with pytest.raises(GenerationFailed, match="another host"):
        drawn_from(says({"data": [{"url": "http://127.0.0.2/1.png"}]}), picture_hosts=("127.0.0.2",))
    with pytest.raises(GenerationFailed, match="broke off: ConnectError"):  # nobody is there, but it was tried
        drawn_from(says({"data": [{"url": "https://127.0.0.2/1.png"}]}), picture_hosts=("127.0.0.2",))


def test_a_redirect_is_not_followed() -> None:
    with (
        upstream(picture()) as other,
        upstream(Said(307, headers={"Location": other.url + "/images/generations"})) as fake,
    ):
        with pytest.raises(GenerationFailed, match="307"):
            draw(drawer(fake.url))
        assert other.heard == []


# hostile answers


def bomb() -> bytes:
    """A PNG whose header promises 30 000 x 30 000 pixels."""
    content = bytearray(encoded())
    content[16:24] = (30_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def moving() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    return file.getvalue()


def b64(content: bytes) -> dict[str, str]:
    return {"b64_json": base64.b64encode(content).decode()}


@pytest.mark.parametrize(
    "said",
    [
        picture(encoded()[:-40]),
        picture(encoded()[:20]),
        picture(encoded(32, 64)),
        picture(bomb()),
        picture(moving()),
        picture(encoded(kind="GIF")),
        picture(encoded(kind="TIFF")),
        picture(b"<html>"),
        picture(bytes(3 << 20)),
        says({"data": []}),
        says({"data": [b64(encoded())] * 2}),
        says({"data": [None]}),
        says({"data": [{}]}),
        says({"data": [{"b64_json": "####"}]}),
        says({"data": [{"b64_json": 7}]}),
        says({"data": "none"}),
        says([]),
        says(None),
        Said(content=b""),
        Said(content=b"{" * 200_000),
        Said(content=b"[" * 200_000),
        Said(content=b"\xff\xfe"),
        Said(content=b" " * (8 << 20)),
        Said(content=b"{}", headers={"Content-Encoding": "gzip"}),
        Said(content=b"{", length=10_000),
        Said(204),
        Said(302, headers={"Location": "http://127.0.0.1/"}),
        error(400, "invalid_value"),
        error(402),
        error(404, "model_not_found"),
        error(422),
        error(500, "internal_error"),
        error(418, "content\nwith: newline"),
        Said(500, b"<html>nginx</html>"),
        says({"error": "a string"}, 400),
        says({"error": ["a list"]}, 400),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_picture_is_one_failure_and_asked_for_once(said: Said) -> None:
    with upstream(said) as fake:
        with pytest.raises(GenerationFailed) as failed:
            draw(drawer(fake.url))
        assert fake.drawings == 1
    assert PROMPT not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_wrong_size_says_which_setting_to_mend() -> None:
    with pytest.raises(GenerationFailed, match="32x64, and 64x64 was asked for: set GARDEFOU_GENERATOR_SIZES"):
        drawn_from(picture(encoded(32, 64)))


@pytest.mark.parametrize("said", [Said(content=b"{", length=99, hangs=True), Said(500, b"", length=99, hangs=True)])
def test_an_answer_that_never_ends_is_given_up_in_time(said: Said) -> None:
    started = time.monotonic()
    with pytest.raises(GenerationFailed, match=r"longer than 0\.5 s"):
        drawn_from(said, seconds=0.5)
    assert time.monotonic() - started < 10


def test_an_upstream_that_is_not_there_is_named_as_such() -> None:
    with pytest.raises(GenerationFailed, match="cannot be reached: is GARDEFOU_UPSTREAM_URL right"):
        draw(drawer(f"http://127.0.0.1:{free_port()}/v1", seconds=1))


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_named_as_such(status: int) -> None:
    with pytest.raises(GenerationFailed, match=r"refuses our key .*GARDEFOU_UPSTREAM_KEY"):
        drawn_from(error(status, "invalid_api_key", f"Incorrect API key provided: {KEY}"))


# asking again


class Sequence:
    """Answers one after the other, the last for ever."""

    def __init__(self, *answers: Said) -> None:
        self.answers = list(answers)

    def __call__(self, _: Heard) -> Said:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    "first",
    [
        error(429, "rate_limit_exceeded"),
        error(503, "overloaded", headers={"Retry-After": "0.1"}),
        error(500, headers={"x-should-retry": "true"}),
        error(429, headers={"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}),
        error(429, headers={"Retry-After": "soon"}),
    ],
)
def test_what_was_surely_not_drawn_is_asked_for_again(first: Said) -> None:
    with upstream(Sequence(first, picture())) as fake:
        assert len(draw(drawer(fake.url))) == 1
    assert fake.drawings == 2


@pytest.mark.parametrize(
    "said",
    [
        error(500), error(502), error(504),
        error(503, headers={"x-should-retry": "false"}),
        error(429, "insufficient_quota"),
        error(429, headers={"Retry-After": "3600"}),
        error(429, headers={"Retry-After": "inf"}),
        Said(content=b"{", length=99),
    ],
)  # fmt: skip
def test_what_may_have_been_drawn_or_will_not_change_is_asked_for_once(said: Said) -> None:
    with upstream(said) as fake, pytest.raises(GenerationFailed):
        draw(drawer(fake.url))
    assert fake.drawings == 1


def test_asking_again_has_an_end() -> None:
    with upstream(error(503, headers={"Retry-After": "0.01"})) as fake, pytest.raises(GenerationFailed, match="503"):
        draw(drawer(fake.url))
    assert fake.drawings == 3


# refusals


@pytest.mark.parametrize(
    ("said", "categories"),
    [
        (error(400, "content_policy_violation", x_gateway={"categories": ["violence", "nonsense"]}), ["violence"]),
        (error(400, "content_policy_violation", x_gateway={"outcome": "held"}), []),
        (error(400, "confirmation_required", x_gateway={"categories": []}), []),
        (error(400, "moderation_blocked", "Rejected. safety_violations=[sexual/minors, hate]."),
         ["sexual_minors", "hate"]),
        (error(400, None, "Your request was rejected as a result of our safety system."), []),
        (error(400, "content_policy_violation", inner_error={"code": "ResponsibleAIPolicyViolation",
         "content_filter_results": {"hate": {"filtered": False}, "self_harm": {"filtered": True}}}), ["self_harm"]),
        (error(422, "content_policy_violation"), []),
        (error(400, "content_filter", "The response was filtered"), []),
        (error(400, "moderation_blocked", x_gateway={"categories": {"violence": 1}}), []),
    ],
)  # fmt: skip
def test_a_refusal_of_the_upstream_is_no_failure_and_no_picture(said: Said, categories: list[str]) -> None:
    refusal = refused(said)
    assert sorted(refusal.categories) == sorted(Category(name) for name in categories)
    assert refusal.by.name == "some-model"


def test_trouble_is_never_taken_for_a_refusal() -> None:
    for said in (
        error(500, "content_policy_violation"),
        error(403, None, "content policy"),
        error(400, "invalid_value"),
    ):
        with pytest.raises(GenerationFailed):
            drawn_from(said)


def test_each_picture_has_its_own_end() -> None:
    def by_seed(heard: Heard) -> Said:
        return {1: error(400, "moderation_blocked"), 2: error(500)}.get(heard.body["seed"], picture())

    with upstream(by_seed) as fake:
        found = outcomes(drawer(fake.url, seeds=True), 0, 1, 2, 3)
    assert [type(outcome) for outcome in found] == [GeneratedImage, Refusal, GenerationFailed, GeneratedImage]


# cancellation, secrets, settings


def test_a_cancelled_drawing_hangs_up_at_once() -> None:
    def hang(_: Heard) -> Said:
        return Said(content=b"{", length=99, hangs=True)

    with upstream(hang) as fake:
        started = time.monotonic()
        with pytest.raises(GenerationCancelled):
            draw_at_once(drawer(fake.url), [PictureRequest(PROMPT, 1, SIZE)] * 9, cancelled=lambda: fake.drawings > 0)
        assert time.monotonic() - started < 10


def test_neither_key_nor_prompt_is_written_anywhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    said = error(400, "invalid_value", f"key {KEY} and prompt {PROMPT}")
    with upstream(said) as fake:
        generator = drawer(fake.url)
        with pytest.raises(GenerationFailed) as failed:
            draw(generator)
    told = [caplog.text, *capfd.readouterr(), str(failed.value), repr(generator.identity)]
    told.append(repr(Upstream(fake.url, "some-model", KEY)))
    assert "400 invalid_value" in caplog.text
    assert not any(secret in text for secret in (KEY, PROMPT) for text in told)


@pytest.mark.parametrize(
    "url",
    ["", "api.openai.com/v1", "ftp://x/v1", "http://", "https://user:key@x/v1", "https://x/?key=1", "http://a\nb"],
)
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(GeneratorUnusable, match="GARDEFOU_UPSTREAM_URL") as unusable:
        drawer(url)
    assert "key@" not in str(unusable.value)


def test_another_model_or_address_has_another_hash_and_another_key_has_not() -> None:
    def sha256(url: str, model: str, key: str) -> str:
        return OpenAIUpstream(Upstream(url, model, key)).identity.sha256

    assert sha256("http://a/v1", "m", "k") == sha256("http://a/v1", "m", "other")
    assert len({sha256("http://a/v1", "m", "k"), sha256("http://b/v1", "m", "k"), sha256("http://a/v1", "n", "k")}) == 3
