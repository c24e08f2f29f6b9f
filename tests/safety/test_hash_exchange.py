"""Hashes go out in ThreatExchange's shape and come back as they were; a bad line is named, and nothing is taken."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.signals import Category
from safety.hash_exchange import HashesRefused, SharedHash, read_hashes, write_csv, write_json

HASH = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
ADDED = "2026-11-28T06:00:00.000000+00:00"
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001 (given its zone below)
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC).isoformat(timespec="microseconds")
)
REASONS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40).filter(lambda t: t[:1] not in "=+-@")
SHARED = st.builds(
    SharedHash,
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.sampled_from(Category),
    REASONS,
    st.none() | MOMENTS,
)


@given(st.lists(SHARED, max_size=8))
def test_what_is_written_is_read_as_it_was(shared: list[SharedHash]) -> None:
    for write in (write_json, write_csv):
        assert read_hashes("file", write((one, ADDED) for one in shared)).hashes == shared


def test_the_json_is_a_threat_descriptor() -> None:
    (told,) = json.loads(write_json([(SharedHash(HASH, Category.GORE, "seen", ADDED), ADDED)]))["data"]
    assert (told["raw_indicator"], told["type"], told["status"]) == (HASH, "HASH_PDQ", "MALICIOUS")
    assert (told["added_on"], told["expired_on"]) == ("2026-11-28T06:00:00+0000", "2026-11-28T06:00:00+0000")
    assert told["tags"] == {"data": [{"text": "gore"}]}
    assert int(told["id"]) >= int(told["owner"]["id"]) >= 0  # python-threatexchange reads them as numbers


def test_the_csv_is_that_of_the_threatexchange_command() -> None:
    header, row = csv.reader(io.StringIO(write_csv([(SharedHash(HASH, Category.GORE, "=1+1"), ADDED)])))
    assert header[:5] == ["collab", "signal_type", "signal_str", "category", "tags"]
    assert row[1:6] == ["pdq", HASH, "POSITIVE_CLASS", "gore", "'=1+1"]


def test_files_of_others_are_understood() -> None:
    by_id = {"2556006484495859": {"raw_indicator": HASH, "type": "HASH_PDQ", "added_on": "2019-11-09T02:58:41+0000",
                                  "status": "MALICIOUS", "tags": {"data": [{"id": "1", "text": "gore"}, {"text": "x"}]},
                                  "description": "seen", "expired_on": "2199-11-09T02:58:42+0000"}}  # fmt: skip
    expected = [SharedHash(HASH, Category.GORE, "seen", "2199-11-09T02:58:42.000000+00:00")]
    assert read_hashes("file", json.dumps(by_id)).hashes == expected
    printed = f"collab,signal_type,signal_str,category,tags\nSample,pdq,{HASH},POSITIVE_CLASS,hate media_type_photo\n"
    assert read_hashes("file", printed).hashes == [SharedHash(HASH, Category.HATE, "")]


def test_what_is_of_no_use_is_passed_over_and_counted() -> None:
    rows = [
        {"raw_indicator": "x" * 32, "type": "HASH_MD5", "status": "MALICIOUS"},
        {"raw_indicator": HASH, "type": "HASH_PDQ", "status": "NON_MALICIOUS"},
        {"raw_indicator": HASH, "type": "HASH_PDQ", "status": "MALICIOUS", "tags": None},
    ]
    read = read_hashes("file", json.dumps(rows), otherwise=Category.HATE)
    assert read.hashes == [SharedHash(HASH, Category.HATE, "")]
    assert read.passed_over == {"no PDQ hash": 1, "not called bad": 1}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("me,pdq,abc,POSITIVE_CLASS,gore,,", "file:3: signal_str: should be 64 hexadecimal digits"),
        (f"me,pdq,{HASH},POSITIVE_CLASS,,,", "file:3: tags: should name one of our categories"),
        (f"me,pdq,{HASH},POSITIVE_CLASS,gore hate,,", "file:3: tags: should name one category (gore, hate given)"),
        (f"me,pdq,{HASH},WRONG,gore,,", "file:3: category: should be one of MALICIOUS, POSITIVE_CLASS"),
        (f"me,pdq,{HASH},POSITIVE_CLASS,gore,,soon", "file:3: expired_on: should be ISO 8601 or"),
        (f"me,pdq,{HASH},POSITIVE_CLASS,gore,,2030-01-01", "file:3: expired_on: should be ISO 8601 or"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_with_its_field_and_the_sound_one_before_it_is_not_taken(line: str, told: str) -> None:
    header = "collab,signal_type,signal_str,category,tags,description,expired_on"
    text = f"{header}\nme,pdq,{HASH},POSITIVE_CLASS,gore,,\n{line}\n"
    with pytest.raises(HashesRefused) as refused:
        read_hashes("file", text)
    (problem,) = refused.value.problems
    assert problem.startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "file:1: file: should be JSON"),
        ("[1]", "file:1: entry: should be an object"),
        ('{"data": 3}', "file:1: entry: should be an object"),
        ("", "file:1: header: should name signal_type, signal_str"),
        ("hash\nabc\n", "file:1: header: should name signal_type, signal_str"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str, told: str) -> None:
    with pytest.raises(HashesRefused, match=told):
        read_hashes("file", text)
