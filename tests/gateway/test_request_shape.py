"""Requests that are no requests: each gets its own answer, costs no drawing, and leaves the service as it was.

The numbers are the rows of our list of bad inputs (A: request shape).
"""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes import FakeGenerator
from tests.houses import Parts, client_of, serving
from tests.wire import GENERATIONS, GOOD, MEBIBYTE, PATIENCE_S, Service, assert_error, read_answer, seconds_until_closed

JSON_HEAD = "Content-Type: application/json"
CAP = 1000  # code points of a prompt
SHORT_PATIENCE_S = 0.6


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    parts = Parts(generator=FakeGenerator())
    with (
        serving(tmp_path_factory.mktemp("shape"), parts, requests_per_minute=100_000) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    parts = Parts()
    with (
        serving(tmp_path_factory.mktemp("slow"), parts, head_seconds=SHORT_PATIENCE_S) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


@pytest.fixture(scope="module")
def rows_seen() -> set[str]:
    return set()


@pytest.fixture
def unharmed(service: Service, rows_seen: set[str], request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing is drawn, and after the first bad request of a row a good one is served."""
    row = request.function.__name__
    with service.undrawn() if row in rows_seen else service.unharmed():
        rows_seen.add(row)
        yield


@pytest.mark.parametrize("content", [b"", b"a cat", b'{"prompt": "a c', b"{'prompt': 'a cat'}", b'{"prompt": "a"} x'])
@pytest.mark.usefixtures("unharmed")
def test_a01_no_json(service: Service, content: bytes) -> None:
    assert_error(service.send(content), 400, "invalid_json")


@pytest.mark.parametrize("content", [b"null", b"[]", b'[{"prompt": "a cat"}]', b"7", b'"a cat"', b"true"])
@pytest.mark.usefixtures("unharmed")
def test_a02_json_that_is_no_object(service: Service, content: bytes) -> None:
    assert_error(service.send(content), 400, "invalid_value")


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "",
        "?",
    ],
)
@pytest.mark.usefixtures("unharmed")
def test_a03_another_media_type(service: Service, media_type: str) -> None:
    answer = service.client.post(GENERATIONS, content=json.dumps(GOOD), headers={"Content-Type": media_type})
    assert_error(answer, 415, "unsupported_media_type")


@pytest.mark.usefixtures("unharmed")
def test_a03_no_media_type(service: Service) -> None:
    assert_error(service.say(service.head("Content-Length: 2") + b"{}"), 415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;x=y"])
def test_a03_parameters_and_capitals_of_the_media_type_are_fine(service: Service, media_type: str) -> None:
    answer = service.client.post(GENERATIONS, content=json.dumps(GOOD), headers={"Content-Type": media_type})
    assert answer.status_code == 200


@pytest.mark.usefixtures("unharmed")
def test_a04_a_large_body_is_refused_before_it_is_sent(service: Service) -> None:
    answer = service.say(service.head(JSON_HEAD, f"Content-Length: {MEBIBYTE + 1}"))
    assert_error(answer, 413, "request_too_large")


@pytest.mark.usefixtures("unharmed")
def test_a04_a_client_that_sends_its_large_body_all_the_same_reads_why(service: Service) -> None:
    assert_error(service.generate(prompt="a" * 5 * MEBIBYTE), 413, "request_too_large")


def test_a04_a_body_of_one_mebibyte_is_read(service: Service) -> None:
    filled = json.dumps(GOOD).encode().ljust(MEBIBYTE)
    assert service.send(filled).status_code == 200


@pytest.mark.usefixtures("unharmed")
def test_a05_a_chunked_body_is_cut_when_it_grows_past_the_cap(service: Service) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with service.connect() as connection:
        connection.sendall(service.head(JSON_HEAD, "Transfer-Encoding: chunked"))
        sent = _send_for_ever(connection, chunk)
        answer = read_answer(connection)
        assert_error(answer, 413, "request_too_large")
        assert answer.values("connection") == ["close"]
        seconds_until_closed(connection)
    assert sent < 16 * MEBIBYTE, "the body was read on and on"


@pytest.mark.parametrize("start", [b"", b"POST ", b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_a06_a_head_that_never_ends_is_cut(impatient: Service, start: bytes) -> None:
    with impatient.unharmed(), impatient.connect() as connection:
        connection.sendall(start)
        dripping = _drip(connection)
        assert seconds_until_closed(connection) < 10 * SHORT_PATIENCE_S
        dripping.join(PATIENCE_S)


def test_a06_a_second_head_on_the_same_connection_that_never_ends_is_cut(impatient: Service) -> None:
    body = json.dumps(GOOD).encode()
    with impatient.unharmed(), impatient.connect() as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(connection).status == 200
        connection.sendall(impatient.head(JSON_HEAD, f"Content-Length: {len(body)}")[:40])
        dripping = _drip(connection)
        assert seconds_until_closed(connection) < 10 * SHORT_PATIENCE_S
        dripping.join(PATIENCE_S)


def test_a06_a_body_that_never_ends_is_answered_and_cut(impatient: Service) -> None:
    with impatient.unharmed(), impatient.connect() as connection:
        connection.sendall(impatient.head(JSON_HEAD, "Content-Length: 5000") + b'{"prompt": "')
        dripping = _drip(connection)
        assert_error(read_answer(connection), 408, "request_timeout")
        assert seconds_until_closed(connection) < 10 * SHORT_PATIENCE_S
        dripping.join(PATIENCE_S)


def test_a06_fifty_silent_clients_keep_nobody_else_waiting(impatient: Service) -> None:
    silent = [impatient.connect() for _ in range(50)]
    try:
        assert impatient.generate().status_code == 200
        assert all(seconds_until_closed(connection) < PATIENCE_S for connection in silent)
    finally:
        for connection in silent:
            connection.close()


@pytest.mark.parametrize("encoding", ["gzip", "identity, gzip"])
@pytest.mark.usefixtures("unharmed")
def test_a07_a_compressed_body_is_not_unpacked(service: Service, encoding: str) -> None:
    bomb = gzip.compress(b" " * 20 * MEBIBYTE, 1)
    answer = service.send(bomb, **{"Content-Encoding": encoding})
    assert_error(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"prompt": "a cat", "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"prompt": "a cat", "seed": ' + b"9" * 5000 + b"}",
        b'{"prompt": "a cat", "seed": -' + b"9" * 5000 + b"}",
    ],
    ids=["lists", "objects", "closed lists", "digits", "negative digits"],
)
@pytest.mark.usefixtures("unharmed")
def test_a08_absurd_nesting_and_absurd_numbers(service: Service, content: bytes) -> None:
    assert_error(service.send(content), 400, "invalid_json")


@pytest.mark.parametrize(
    "content",
    [
        b'{"prompt": "a cat", "prompt": "a dog"}',
        b'{"prompt": "a cat", "\\u0070rompt": "a dog"}',
        b'{"prompt": "a cat", "x": {"y": 1, "y": 2}}',
    ],
)
@pytest.mark.usefixtures("unharmed")
def test_a09_a_key_twice(service: Service, content: bytes) -> None:
    assert_error(service.send(content), 400, "invalid_json")


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(GOOD).encode("utf-16"),
        json.dumps(GOOD).encode("utf-16-le"),
        json.dumps(GOOD).encode("utf-32"),
        b'{"prompt": "caf\xe9"}',
        b'{"prompt": "\xed\xa0\x80"}',
        b'{"prompt": "\xc0\xaf"}',
    ],
    ids=["utf-16", "utf-16-le", "utf-32", "latin-1", "surrogate in utf-8", "overlong"],
)
@pytest.mark.usefixtures("unharmed")
def test_a10_another_encoding_than_utf_8(service: Service, content: bytes) -> None:
    assert_error(service.send(content), 400, "invalid_json")


def test_a10_a_byte_order_mark_is_read_over(service: Service) -> None:
    assert service.send(json.dumps(GOOD).encode("utf-8-sig")).status_code == 200


@pytest.mark.parametrize("escape", ["\\ud800", "a cat \\udfff", "\\udc00\\ud800"])
@pytest.mark.usefixtures("unharmed")
def test_a11_half_a_surrogate_pair(service: Service, escape: str) -> None:
    assert_error(service.send(f'{{"prompt": "{escape}"}}'.encode()), 400, "invalid_value", "prompt")


@pytest.mark.usefixtures("unharmed")
def test_a11_half_a_surrogate_pair_in_the_users_name(service: Service) -> None:
    assert_error(service.send(b'{"prompt": "a cat", "user": "\\ud800"}'), 400, "invalid_value", "user")


@pytest.mark.parametrize("control", [0x00, 0x01, 0x07, 0x08, 0x0B, 0x0C, 0x0E, 0x1B, 0x1F, 0x7F])
@pytest.mark.usefixtures("unharmed")
def test_a12_control_characters(service: Service, control: int) -> None:
    assert_error(service.generate(prompt=f"a cat{chr(control)}"), 400, "invalid_value", "prompt")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400"])
@pytest.mark.parametrize("place", [b'"seed": %s', b'"unknown": %s', b'"unknown": {"deep": [%s]}'])
@pytest.mark.usefixtures("unharmed")
def test_a13_what_json_has_no_number_for(service: Service, number: bytes, place: bytes) -> None:
    assert_error(service.send(b'{"prompt": "a cat", ' + place % number + b"}"), 400, "invalid_json")


@pytest.mark.parametrize("n", [0, -1, 11, 2**70, True, False, "1", 1.5, 1.0, [], {}])
@pytest.mark.usefixtures("unharmed")
def test_a14_a_number_of_pictures_that_is_none(service: Service, n: Any) -> None:
    assert_error(service.generate(n=n), 400, "invalid_value", "n")


@pytest.mark.parametrize(("n", "pictures"), [(None, 1), (1, 1), (10, 10)])
def test_a14_one_to_ten_pictures_and_null_is_one(service: Service, n: int | None, pictures: int) -> None:
    assert len(service.generate(n=n).json()["data"]) == pictures


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64, 1.5, 7.0, "7", True])
@pytest.mark.usefixtures("unharmed")
def test_a15_a_seed_that_is_none(service: Service, seed: Any) -> None:
    assert_error(service.generate(seed=seed), 400, "invalid_value", "seed")


def test_a15_the_largest_seed_draws_and_the_next_one_starts_again_at_zero(service: Service) -> None:
    answer = service.generate(seed=2**63 - 1, n=2).json()
    assert answer["x_gateway"]["seeds"] == [2**63 - 1, 0]


@pytest.mark.parametrize(
    "size",
    ["0x0", "-1x5", "99999x99999", "64X64", "64x64x3", "٦٤x٦٤", "64×64", "64", "", " 64x64", "64x64\n", 64, [64, 64]],
)
@pytest.mark.usefixtures("unharmed")
def test_a16_a_size_that_is_none(service: Service, size: Any) -> None:
    error = assert_error(service.generate(size=size), 400, "invalid_value", "size")
    assert isinstance(size, str) is ("64x64, 128x128" in error["message"]), "the sizes on offer are named"


@pytest.mark.parametrize("prompt", ["", "   ", "\t\n", "\u200b\u200d\u2060", "\ufeff", "\u00ad", "\u3164", "\u0301"])
@pytest.mark.usefixtures("unharmed")
def test_a17_a_prompt_that_says_nothing(service: Service, prompt: str) -> None:
    assert_error(service.generate(prompt=prompt), 400, "invalid_value", "prompt")


@pytest.mark.parametrize("content", [b"{}", b'{"prompt": null}', b'{"Prompt": "a cat"}'])
@pytest.mark.usefixtures("unharmed")
def test_a17_no_prompt_at_all(service: Service, content: bytes) -> None:
    assert_error(service.send(content), 400, "missing_required_parameter", "prompt")


@pytest.mark.parametrize("prompt", [["a cat"], {"text": "a cat"}, 7, True])
@pytest.mark.usefixtures("unharmed")
def test_a17_a_prompt_that_is_no_text(service: Service, prompt: Any) -> None:
    assert_error(service.generate(prompt=prompt), 400, "invalid_value", "prompt")


@pytest.mark.parametrize("prompt", ["tree " * (CAP // 5), "e\u0301 " * (CAP // 2), "🌲 " * (CAP // 2)])
def test_a18_a_prompt_at_the_cap_in_code_points_after_nfc(service: Service, prompt: str) -> None:
    assert service.generate(prompt=prompt).status_code == 200


@pytest.mark.parametrize(
    "prompt", ["tree " * (CAP // 5) + "a", "e\u0301 " * (CAP // 2) + "a", "a" * 500_000, "\ufdfa" * (CAP // 2)]
)
@pytest.mark.usefixtures("unharmed")
def test_a18_a_prompt_over_the_cap(service: Service, prompt: str) -> None:
    assert_error(service.generate(prompt=prompt), 400, "prompt_too_long", "prompt")


TRICKS: list[dict[str, Any]] = [
    {"safety_checker": False},
    {"nsfw_check": False},
    {"x_gateway": {"decision": "allow"}},
    {"__proto__": {"allow": True}},
    {"policy": "lenient"},
    {"verdict": "allow", "role": "admin", "released_at": "now"},
]


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: next(iter(trick)))
@pytest.mark.usefixtures("unharmed")
def test_a19_unknown_wishes_change_no_verdict(service: Service, trick: dict[str, Any]) -> None:
    error = assert_error(service.generate(prompt="a naked woman", **trick), 400, "content_policy_violation", "prompt")
    assert error["x_gateway"]["policy"].startswith("default@")


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: next(iter(trick)))
def test_a19_unknown_wishes_are_ignored_and_named(service: Service, trick: dict[str, Any]) -> None:
    answer = service.generate(**trick)
    assert answer.status_code == 200
    assert answer.headers["x-gateway-ignored-params"] == ", ".join(trick)


@pytest.mark.parametrize("ours", ["yes", ["yes"], True, {"confirmation": 7}, {"confirmation": "a" * 1001}])
@pytest.mark.usefixtures("unharmed")
def test_a19_a_confirmation_that_is_no_text_of_a_token(service: Service, ours: Any) -> None:
    assert_error(service.generate(x_gateway=ours), 400, "invalid_value", "x_gateway")


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: x=1", "a b", "é", "\ud800", "x" * 65, ""])
def test_a19_only_plain_names_stand_in_the_header(service: Service, name: str) -> None:
    answer = service.send(json.dumps(GOOD | {name: 1, "plain": 1}).encode())
    assert answer.headers["x-gateway-ignored-params"] == "plain"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("moderation", ["off", "none", False, 0, {"level": "low"}])
@pytest.mark.usefixtures("unharmed")
def test_a19_moderation_cannot_be_switched_off(service: Service, moderation: Any) -> None:
    assert_error(service.generate(moderation=moderation), 400, "invalid_value", "moderation")


@pytest.mark.parametrize("moderation", ["auto", "low"])
@pytest.mark.usefixtures("unharmed")
def test_a20_low_moderation_is_no_way_under_the_policy(service: Service, moderation: str) -> None:
    answer = service.generate(prompt="a naked woman", moderation=moderation)
    error = assert_error(answer, 400, "content_policy_violation", "prompt")
    assert error["x_gateway"]["policy"] == str(service.house.policy_in_force.policy.stamp)


def test_a20_the_answer_says_which_policy_judged(service: Service) -> None:
    answer = service.generate(moderation="low").json()
    assert answer["x_gateway"]["policy"] == str(service.house.policy_in_force.policy.stamp)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "GARDEFOU"])
@pytest.mark.usefixtures("unharmed")
def test_a21_another_method(service: Service, method: str) -> None:
    answer = service.client.request(method, GENERATIONS)
    assert answer.headers["allow"] == "POST"
    if method == "HEAD":
        assert (answer.status_code, answer.content) == (405, b"")
    else:
        assert_error(answer, 405, "method_not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/images/generations/",
        "//v1//images//generations",
        "//v1/images/generations",
        "/v1/images/../images/generations",
        "/v1/%2e%2e/v1/images/generations",
        "/v1/images%2fgenerations/",
        "/V1/images/generations",
        "/v1/images/generations%00",
        "/v1/images/edits",
        "/v1/images/variations",
        "/sdapi/v1/txt2img",
        "/docs",
        "/openapi.json",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2fapp.py",
        "/static/%2fetc%2fpasswd",
        "/static/a%00b",
        "/static/",
        "/static",
        "/\xff".encode("latin-1").hex(),
    ],
)
@pytest.mark.usefixtures("unharmed")
def test_a21_an_address_that_is_none(service: Service, path: str) -> None:
    path = path if path.startswith("/") else f"/%{path[2:]}"
    get = service.say(service.head(method="GET", path=path))
    assert_error(get, 404, "not_found")
    assert not get.values("location")


@pytest.mark.parametrize("path", ["/v1/images/generations/", "//v1//images//generations", "/v1/%2e%2e/images"])
@pytest.mark.usefixtures("unharmed")
def test_a21_posting_to_an_address_that_is_none_leads_nowhere(service: Service, path: str) -> None:
    body = json.dumps(GOOD).encode()
    answer = service.say(service.head(JSON_HEAD, f"Content-Length: {len(body)}", path=path) + body)
    assert_error(answer, 404, "not_found")
    assert not answer.values("location")


@pytest.mark.parametrize("target", ["*", "http://example.com/v1/images/generations", "example.com:80"])
@pytest.mark.usefixtures("unharmed")
def test_a21_a_target_for_a_proxy_is_no_address_of_ours(service: Service, target: str) -> None:
    assert_error(service.say(service.head(method="GET", path=target)), 404, "not_found")


@pytest.mark.parametrize(
    "lines",
    [[f"X-{i}: {i}" for i in range(10_000)], [f"X-Long: {'a' * 65_536}"], [f"X-{i}: {'a' * 1000}" for i in range(40)]],
    ids=["10 000 headers", "64 kB in one", "40 kB together"],
)
@pytest.mark.usefixtures("unharmed")
def test_a22_a_head_that_is_too_large(service: Service, lines: list[str]) -> None:
    answer = service.say(service.head(JSON_HEAD, *lines, "Content-Length: 2") + b"{}")
    assert_error(answer, 431, "request_header_fields_too_large")


@pytest.mark.usefixtures("unharmed")
def test_a22_a_target_that_is_too_large(service: Service) -> None:
    answer = service.say(service.head(method="GET", path="/livez?" + "a" * 40_000))
    assert_error(answer, 431, "request_header_fields_too_large")


@pytest.mark.parametrize("name", ["Idempotency-Key", "x-request-id", "X-Gateway-Ignored-Params"])
@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: evil=1", "a\nSet-Cookie: evil=1", "a%0d%0aSet-Cookie: evil=1"])
def test_a22_no_header_of_a_request_comes_back(service: Service, name: str, value: str) -> None:
    body = json.dumps(GOOD).encode()
    answer = service.say(service.head(JSON_HEAD, f"{name}: {value}", f"Content-Length: {len(body)}") + body)
    assert answer.status in (200, 400)
    assert not answer.values("set-cookie")
    assert "evil" not in str(answer.headers)
    assert answer.status == 400 or answer.values("x-request-id")[0].startswith("hrq_")


@pytest.mark.parametrize(
    "request_line",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\x00" * 100],
    ids=["TLS", "no target", "zeroes"],
)
@pytest.mark.usefixtures("unharmed")
def test_a22_what_is_no_http_is_told_so_in_the_envelope(service: Service, request_line: bytes) -> None:
    answer = service.say(request_line + b"\r\n\r\n")
    assert_error(answer, 400, "malformed_request")
    assert answer.closed or answer.values("connection") == ["close"]


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 2", "Content-Length: 3"],
        ["Content-Length: -1"],
        ["Content-Length: 2", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Host: other"],
        ["X-Nul: a\x00b"],
    ],
)
@pytest.mark.usefixtures("unharmed")
def test_a22_heads_that_two_servers_would_read_in_two_ways_are_refused(service: Service, lines: list[str]) -> None:
    answer = service.say(service.head(JSON_HEAD, *lines) + b"2\r\n{}\r\n0\r\n\r\n")
    assert 400 <= answer.status < 500
    assert "code" in answer.json()["error"]


@pytest.mark.usefixtures("unharmed")
def test_a22_a_chunk_that_is_none_is_refused(service: Service) -> None:
    answer = service.say(service.head(JSON_HEAD, "Transfer-Encoding: chunked") + b"zz\r\n{}\r\n")
    assert_error(answer, 400, "malformed_request")


@pytest.mark.usefixtures("unharmed")
def test_a_websocket_is_not_spoken(service: Service) -> None:
    head = service.head(
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13", method="GET", path="/v1/images/generations",
    )  # fmt: skip
    assert_error(service.say(head), 405, "method_not_allowed")


def test_every_answer_carries_an_id_of_ours_and_the_security_headers(service: Service) -> None:
    answers = [
        service.generate(),
        service.generate(n=0),
        service.client.get("/nowhere"),
        httpx.get(service.url + "/livez"),
    ]
    for answer in answers:
        assert answer.headers["x-request-id"].startswith("hrq_")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def _drip(connection: Any) -> threading.Thread:
    """One byte at a time, for as long as the other side takes them."""

    def drip() -> None:
        try:
            while True:
                connection.sendall(b"a")
                time.sleep(SHORT_PATIENCE_S / 10)
        except OSError:
            pass

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    return thread


def _send_for_ever(connection: Any, chunk: bytes) -> int:
    """Send until the other side hangs up or stops reading. Returns the bytes that went out."""
    sent = 0
    try:
        while sent < 64 * MEBIBYTE:
            connection.sendall(chunk)
            sent += len(chunk)
    except OSError:
        pass
    return sent
