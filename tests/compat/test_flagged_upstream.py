"""An upstream generator that returns a picture which the picture gate flags: the stock client gets no byte of it.

The generator is the real adapter of OpenAI-compatible APIs; the picture is banned, so the flag is the real check's too.
"""

import base64
import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from gateway.assembly import House
from gateway.store.bans import Ban
from generator.openai_upstream import OpenAIUpstream
from generator.options import Upstream
from policies.signals import Category
from safety.fingerprint import fingerprint
from tests.gateway.walks import Book
from tests.generator.upstreams import FakeUpstream, picture, upstream
from tests.houses import Parts, client_of, serving
from tests.look_alikes import detailed, pixels_of

FLAGGED, CALM = detailed(), detailed(7)


def png(image: Any) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, "PNG")
    return encoded.getvalue()


def answered(heard: Any) -> Any:
    return picture(png(CALM if "calm" in heard.body["prompt"] else FLAGGED))


@pytest.fixture(scope="module", params=["default", "strict"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, str, FakeUpstream]]:
    with upstream(answered) as fake:
        generator = OpenAIUpstream(Upstream(fake.url, "theirs", "key", seconds=30), ("256x256",))
        parts = Parts(generator=generator)  # type: ignore[arg-type]  # a real one in the place of the fake
        data = tmp_path_factory.mktemp("data")
        with serving(data, parts, policy=request.param, gate_seconds=60, requests_per_minute=1000) as (house, url):
            hashed = fingerprint(pixels_of(FLAGGED)).hash
            house.bans.add([Ban(hashed, Category.GORE, "seen before", "terminal", "terminal")])
            yield house, url, fake


@pytest.fixture
def received(served: tuple[House, str, FakeUpstream]) -> Iterator[tuple[OpenAI, list[bytes]]]:
    """The stock client, and every byte that came back to it."""
    house, url, _ = served
    bodies: list[bytes] = []

    def keep(answer: Any) -> None:
        bodies.append(answer.read())

    with client_of(house, url) as own:
        key = own.headers["Authorization"].removeprefix("Bearer ")
    transport = openai.DefaultHttpxClient(event_hooks={"response": [keep]}, timeout=120)
    with OpenAI(base_url=f"{url}/v1", api_key=key, http_client=transport, max_retries=0) as client:
        yield client, bodies


@pytest.mark.parametrize(
    "form",
    [{"response_format": "url"}, {"response_format": "b64_json"}, {"model": "gpt-image-1", "stream": True}],
    ids=["url", "b64_json", "stream"],
)
@pytest.mark.parametrize("count", [1, 3])
def test_no_byte_of_a_flagged_picture_reaches_the_client(
    served: tuple[House, str, FakeUpstream], received: tuple[OpenAI, list[bytes]], form: dict[str, Any], count: int
) -> None:
    (house, _, fake), (client, bodies) = served, received
    drawn = fake.drawings
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(prompt="a mountain lake", n=count, size="256x256", **form)
    assert refused.value.code == "content_policy_violation"
    assert fake.drawings == drawn + count
    (body,) = bodies
    assert len(body) < 2000
    for told in (b"b64_json", b"/images/", b"PNG", base64.b64encode(b"\x89PNG")[:4]):
        assert told not in body
    pictures = [row for row in Book(house).pictures if row.state != "released"]
    assert {row.state for row in pictures} <= {"held", "withheld"}
    assert all(client._client.get(house.link(row.id)).status_code == 410 for row in pictures)


def test_what_is_not_flagged_comes_through(received: tuple[OpenAI, list[bytes]]) -> None:
    client, _ = received
    answer = client.images.generate(prompt="a calm lake", size="256x256", response_format="b64_json")
    assert answer.data
    assert answer.data[0].b64_json
