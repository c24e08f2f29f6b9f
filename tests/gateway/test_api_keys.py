"""API keys: shown once, kept as digests, and opened by nothing else (reference 4.4, row 44)."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from gateway.store.api_keys import SCOPES, ApiKeys
from gateway.store.engine import open_engine, reading, transaction
from gateway.store.tables import ApiKeyRow


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def keys(engine: Engine) -> ApiKeys:
    return ApiKeys(engine, b"secret")


def test_a_key_opens_what_it_was_made_for(keys: ApiKeys) -> None:
    holder = keys.authenticate(keys.create("test", ("decisions:read",)))
    assert holder is not None
    assert holder.scopes == {"decisions:read"}
    every = keys.authenticate(keys.create("all"))
    assert every is not None
    assert every.scopes == set(SCOPES)


def test_f44_nothing_else_opens(keys: ApiKeys) -> None:
    key = keys.create("test")
    body, _, check = key.rpartition("_")
    wrong = [
        "", "gk", key[:-1], key + "0", key.upper(), f"{body[:-1]}x_{check}", f" {key}", "é" * 70, "_" * 5, "\0",
        key.replace("local", "other"),
    ]  # fmt: skip
    assert [keys.authenticate(presented) for presented in wrong] == [None] * len(wrong)


def test_f44_a_right_id_with_the_secret_of_another_key_opens_nothing(keys: ApiKeys) -> None:
    first, second = keys.create("first"), keys.create("second")
    mixed = "_".join([*first.split("_")[:3], *second.split("_")[3:]])
    assert keys.authenticate(mixed) is None


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_f44_a_key_that_was_revoked_or_has_expired_opens_nothing(column: str, engine: Engine, keys: ApiKeys) -> None:
    key = keys.create("test")
    with transaction(engine, "test") as session:
        setattr(session.exec(select(ApiKeyRow)).one(), column, "2020-01-01T00:00:00.000000+00:00")
    assert keys.authenticate(key) is None


def test_the_secret_is_not_in_the_database(engine: Engine, keys: ApiKeys) -> None:
    secret = keys.create("test").split("_")[3]
    with reading(engine) as session:
        assert secret not in session.exec(select(ApiKeyRow)).one().model_dump_json()


def test_a_digest_is_worth_nothing_under_another_secret_of_the_house(engine: Engine, keys: ApiKeys) -> None:
    assert ApiKeys(engine, b"other").authenticate(keys.create("test")) is None


def test_whether_any_key_was_made_is_known(keys: ApiKeys) -> None:
    assert not keys.any_exists()
    keys.create("test")
    assert keys.any_exists()
