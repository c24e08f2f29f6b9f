"""The error catalogue: each error has a code of its own, stands in the drawing and in docs/errors.md, and is honest."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import errors
from gateway.errors import (
    BadRequest,
    ConfirmationRequired,
    Conflict,
    ContentRefused,
    Forbidden,
    GatewayError,
    Overloaded,
    ServerTrouble,
)
from gateway.web.texts import ENGLISH, FRENCH, Texts

ROOT = Path(__file__).parents[2]
ONLY_IN_THE_BOOK = {"crashed"}  # how a request ended that nobody could be told about
FAMILIES = (GatewayError, BadRequest, Forbidden, Conflict, ServerTrouble)
CATALOGUE = (ROOT / "docs" / "errors.md").read_text()
ROW = re.compile(r"^\| (\d{3}) \| `(\w+)` \| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
DRAWN = re.compile(r"[├└]── (\w+)(?: +(?:\d{3} )?([a-z_]+)$)?")


def descendants(family: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for child in family.__subclasses__():
        yield child
        yield from descendants(child)


ERRORS = [error for error in descendants(GatewayError) if error not in FAMILIES]


def told(error: type[GatewayError]) -> GatewayError:
    told: dict[str, list[str]] = {"categories": []}
    if error is ContentRefused:
        return ContentRefused("Why.", outcome="blocked", stage="prompt", told=told, decision_id="dec_", policy="a@1")
    if error is ConfirmationRequired:
        return ConfirmationRequired(
            "Why?", told=told, decision_id="dec_", policy="a@1", confirmation="token", seconds=900
        )
    return error("Why.")


def test_each_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in ERRORS]
    assert len(codes) == len(set(codes))


def test_nobody_raises_a_whole_family() -> None:
    names = "|".join(family.__name__ for family in FAMILIES)
    raised = re.compile(rf"raise ({names})\(")
    assert not [path for path in (ROOT / "gateway").rglob("*.py") if raised.search(path.read_text())]


def test_the_catalogue_has_one_row_for_each_error_and_none_else() -> None:
    rows = [(int(status), code, kind) for status, code, kind, _, _ in ROW.findall(CATALOGUE)]
    assert sorted(rows) == sorted((error.status, error.code, error.type) for error in ERRORS)


def test_the_drawing_shows_each_error_in_its_family_with_its_code() -> None:
    lines = [DRAWN.search(line) for line in (errors.__doc__ or "").splitlines()]
    drawn = {line[1]: line[2] for line in lines if line}
    assert drawn.keys() == {error.__name__ for error in descendants(GatewayError)}
    assert {name: drawn[name] for name in (error.__name__ for error in ERRORS)} == {
        error.__name__: error.code for error in ERRORS
    }


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_the_envelope_has_all_four_keys(error: type[GatewayError]) -> None:
    (envelope,) = told(error).envelope.values()
    assert envelope.keys() - {"x_gateway"} == {"message", "type", "param", "code"}
    assert (envelope["type"], envelope["code"]) == (error.type, error.code)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_trouble_says_whether_a_retry_makes_sense(error: type[GatewayError]) -> None:
    asked_back = {} if error.status < 500 else {"x-should-retry": "false"}
    assert told(error).headers == asked_back


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (7.4, "7"), (60, "60")])
def test_a_time_to_come_back_is_whole_seconds_and_never_now(seconds: float, header: str) -> None:
    headers = Overloaded("Too much.", retry_after_s=seconds).headers
    assert headers == {"Retry-After": header, "x-should-retry": "true"}


def test_no_message_has_the_words_that_other_clients_take_for_something_else() -> None:
    sources = [path.read_text() for path in (ROOT / "gateway").rglob("*.py")]
    assert not [text for text in sources if re.search("Request too large|A timeout occurred", text)]


@pytest.mark.parametrize("texts", [ENGLISH, FRENCH], ids=["English", "French"])
def test_the_page_has_words_for_errors_that_exist(texts: Texts) -> None:
    assert set(texts.errors) <= {error.code for error in ERRORS} | ONLY_IN_THE_BOOK
