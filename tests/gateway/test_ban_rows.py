"""The book of bans: nothing of it is lost or changed unseen, and lifting a ban frees what rests on it alone."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlmodel import select

from gateway.errors import AlreadyDecided, DatabaseUnavailable, NotFound
from gateway.store import ledger
from gateway.store.banned import BannedPictures
from gateway.store.bans import Ban
from gateway.store.decisions import Decisions, Judgement, KeptPicture, Received, State
from gateway.store.engine import open_engine, reading
from gateway.store.ids import new_id
from gateway.store.tables import CaseRow, LedgerRow, PictureRow, RequestRow
from policies.decide import decide, thresholds_of
from policies.identity import ModelIdentity
from policies.likeness import NOTHING_MEANT
from policies.loader import PolicyInForce, load_policy, shipped_policies
from policies.schema import Policy
from policies.signals import Category, Descriptor, Signal, Stage
from safety.bans import likeness

POLICIES = {name: load_policy(path) for name, path in shipped_policies().items()}
HASH, OTHER = "ab" * 32, "cd" * 32
MODEL = ModelIdentity("fake", "f" * 64)


def ban(hashed: str = HASH, category: Category = Category.GORE, days: float | None = 30) -> Ban:
    ends = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="microseconds")
    return Ban(hashed, category, "as seen", "desk", "person:per_ada", ends)


class Book:
    """A database with a book of decisions and one of bans."""

    def __init__(self, database: str, policy: str = "default") -> None:
        self.engine: Engine = open_engine(database)
        self.policy: Policy = POLICIES[policy]
        self.decisions = Decisions(self.engine, "here", b"secret")
        self.banned = BannedPictures(self.engine, PolicyInForce(self.policy))

    def request(self, *matches: dict[str, int], concepts: float = 0.0, prompt: float = 0.0) -> list[str]:
        """A request that ended with a picture for each set of matches (ban -> bits). Returns the pictures' ids."""
        asked = Received("key", "k", "api", "m", "a cat", len(matches), "64x64", 1)
        request_id = self.decisions.received(asked, self.policy.stamp)
        self.decisions.prompt_judged(request_id, self._judged(Stage.PROMPT, self._prompt(prompt)))
        self.decisions.generating(request_id)
        ids = [new_id("img") for _ in matches]
        rows = [KeptPicture(key, i, hashlib.sha256(key.encode()).hexdigest(), i, "png") for i, key in enumerate(ids)]
        self.decisions.quarantined(request_id, rows)
        judged = {
            key: self._judged(Stage.PICTURE, self._picture(found, concepts), rows[i])
            for i, (key, found) in enumerate(zip(ids, matches, strict=True))
        }
        decided = self.decisions.pictures_judged(request_id, judged, hold=prompt > 0)
        states = {state for state, _ in decided.values()}
        for key, (state, _) in decided.items():
            if state is State.QUARANTINED:
                self.decisions.picture_released(key)
        end = State.RELEASED if State.QUARANTINED in states else State.HELD if State.HELD in states else State.WITHHELD
        self.decisions.moved(request_id, State.QUARANTINED, State.PICTURES_JUDGED)
        self.decisions.finished(request_id, end, "allowed", None, self.policy.severity)
        return ids

    def _prompt(self, score: float) -> list[Signal]:
        checks = ("blocklist", "prompt_classifier", "negative_prompt")
        told = [Signal(check, c, 0.0) for check in checks for c in Category]
        told.append(Signal("language", Descriptor.UNREAD_LANGUAGE, 0.0))
        told.append(Signal("private_names", Descriptor.PRIVATE_PERSON, 0.0))
        return [*told, Signal("prompt_classifier", Category.VIOLENCE, score)]

    def _picture(self, matches: dict[str, int], concepts: float) -> list[Signal]:
        told = [Signal("image_concepts", c, concepts if c is Category.GORE else 0.0) for c in Category]
        told += [Signal("realism", Descriptor.PHOTOREALISM, 0.0), Signal("person", Descriptor.PERSON, 0.0)]
        told += NOTHING_MEANT
        categories = {key: Category(self.banned.find(key).row.category) for key in matches}
        for category in Category:
            found = {key: bits for key, bits in matches.items() if categories[key] is category}
            evidence = " ".join(f"{key}:{bits}" for key, bits in found.items())
            score = max((likeness(bits) for bits in found.values()), default=0.0)
            told.append(Signal("banned_pictures", category, score, evidence))
        return told

    def _judged(self, stage: Stage, told: list[Signal], row: KeptPicture | None = None) -> Judgement:
        return Judgement(
            stage, told, thresholds_of(self.policy, stage), self.policy.stamp, [MODEL], 0.1,
            decide(told, self.policy, stage), picture_index=row.index if row else None,
            picture_sha256=row.sha256 if row else None,
        )  # fmt: skip

    def release(self) -> None:
        """What the desk does twice a second."""
        for request_id, pictures in self.banned.freed().items():
            for picture in pictures:
                self.decisions.picture_released(picture.id)
            self.banned.settle(request_id)

    def state(self, picture_id: str) -> tuple[str, str, str | None]:
        """Of the picture, of its request and of its case."""
        with reading(self.engine) as session:
            picture = session.get_one(PictureRow, picture_id)
            request = session.get_one(RequestRow, picture.request_id)
            case = session.exec(select(CaseRow).where(CaseRow.request_id == request.id)).first()
            return picture.state, request.state, case.state if case else None

    @property
    def broken(self) -> ledger.Broken | None:
        return self.decisions.broken_ledger()


@pytest.fixture
def book(database: str) -> Iterator[Book]:
    book = Book(database)
    yield book
    assert book.broken is None
    book.engine.dispose()


@pytest.fixture
def strict(database: str) -> Iterator[Book]:
    book = Book(database, "strict")
    yield book
    assert book.broken is None
    book.engine.dispose()


def test_what_is_banned_stands_until_it_ends_or_is_lifted(book: Book) -> None:
    (first,) = book.banned.add([ban()])
    assert [(one.id, one.hash) for one in book.banned.standing().banned] == [(first, HASH)]
    (ended,) = book.banned.add([ban(OTHER, days=-1)])
    assert [one.id for one in book.banned.standing().banned] == [first]
    before = book.banned.revision()
    book.banned.disable_entry(first, "terminal", "a mistake")
    assert book.banned.standing().banned == []
    assert book.banned.revision() > before
    assert {one.row.id: one.state for one in book.banned.listed()} == {first: "lifted", ended: "ended"}
    assert book.banned.counts() == {"stands": 0, "ended": 1, "lifted": 1}


def test_the_same_picture_is_banned_once_for_each_category_and_again_after_it_was_lifted(book: Book) -> None:
    (first,) = book.banned.add([ban(), ban()])
    assert book.banned.add([ban()]) == []
    assert len(book.banned.add([ban(category=Category.HATE)])) == 1
    book.banned.disable_entry(first, "terminal", "a mistake")
    assert len(book.banned.add([ban()])) == 1


def test_a_ban_is_lifted_once_and_only_one_that_there_is(book: Book) -> None:
    (first,) = book.banned.add([ban()])
    book.banned.disable_entry(first, "terminal", "a mistake")
    with pytest.raises(AlreadyDecided):
        book.banned.disable_entry(first, "terminal", "again")
    with pytest.raises(NotFound):
        book.banned.disable_entry("ban_none", "terminal", "why not")


def test_what_only_the_ban_held_is_released_and_its_request_and_case_say_so(book: Book) -> None:
    (key,) = book.banned.add([ban()])
    (held,) = book.request({key: 12})
    assert book.state(held) == ("held", "held", "open")
    (freed,) = book.banned.disable_entry(key, "terminal", "a mistake").freed
    assert (freed.picture_id, freed.state) == (held, "quarantined")
    book.release()
    assert book.state(held) == ("released", "released", "closed")
    assert book.banned.freed() == {}


def test_what_a_strict_policy_withheld_is_released_too(strict: Book) -> None:
    (key,) = strict.banned.add([ban()])
    (withheld,) = strict.request({key: 12})
    assert strict.state(withheld) == ("withheld", "withheld", None)
    strict.banned.disable_entry(key, "terminal", "a mistake")
    strict.release()
    assert strict.state(withheld) == ("released", "released", None)


def test_what_another_rule_holds_stays_held_and_rests_on_that_rule(book: Book) -> None:
    (key,) = book.banned.add([ban()])
    (held,) = book.request({key: 12}, concepts=0.6)
    book.banned.disable_entry(key, "terminal", "a mistake")
    book.release()
    assert book.state(held) == ("held", "held", "open")
    _, decision = book.decisions.picture(held) or (None, None)
    assert decision
    assert "banned_pictures" not in decision.reasons
    assert "image_concepts" in decision.reasons


def test_what_another_rule_withholds_stays_withheld(book: Book) -> None:
    (key,) = book.banned.add([ban()])
    (withheld,) = book.request({key: 12}, concepts=0.9)
    book.banned.disable_entry(key, "terminal", "a mistake")
    book.release()
    assert book.state(withheld)[0] == "withheld"


def test_what_the_prompt_holds_stays_held(book: Book) -> None:
    (key,) = book.banned.add([ban()])
    (held,) = book.request({key: 12}, prompt=0.7)
    book.banned.disable_entry(key, "terminal", "a mistake")
    book.release()
    assert book.state(held) == ("held", "held", "open")


def test_what_looks_like_two_banned_pictures_is_free_when_both_bans_are_lifted(book: Book) -> None:
    one, other = book.banned.add([ban(), ban(OTHER)])
    (held,) = book.request({one: 3, other: 20})
    book.banned.disable_entry(one, "terminal", "a mistake")
    book.release()
    assert book.state(held)[0] == "held"
    book.banned.disable_entry(other, "terminal", "this one too")
    book.release()
    assert book.state(held)[0] == "released"


def test_what_may_show_a_child_is_not_released_by_one_person_but_waits_for_two(book: Book) -> None:
    (key,) = book.banned.add([ban(category=Category.SEXUAL_MINORS)])
    (withheld,) = book.request({key: 0})
    assert book.state(withheld)[0] == "withheld"
    book.banned.disable_entry(key, "terminal", "a mistake")
    book.release()
    assert book.state(withheld) == ("held", "held", "open")
    with reading(book.engine) as session:
        assert session.exec(select(CaseRow)).one().restricted


def test_of_a_request_only_the_pictures_that_rest_on_the_ban_go_free(book: Book) -> None:
    (key, other) = book.banned.add([ban(), ban(OTHER)])
    first, second, third = book.request({key: 0}, {other: 0}, {})
    assert [book.state(one)[0] for one in (first, second, third)] == ["held", "held", "released"]
    book.banned.disable_entry(key, "terminal", "a mistake")
    book.release()
    assert [book.state(one)[0] for one in (first, second, third)] == ["released", "held", "released"]
    with reading(book.engine) as session:
        assert session.exec(select(CaseRow)).one().pictures == 1


def test_a_crash_between_lifting_and_releasing_loses_nothing(book: Book, database: str) -> None:
    (key,) = book.banned.add([ban()])
    (held,) = book.request({key: 12})
    book.banned.disable_entry(key, "terminal", "a mistake")
    after = Book(database)
    after.release()
    assert after.state(held) == ("released", "released", "closed")
    after.engine.dispose()


def test_ten_thousand_bans_are_one_entry_of_the_ledger(book: Book) -> None:
    bans = [ban(hashlib.sha256(str(number).encode()).hexdigest()) for number in range(10_000)]
    assert len(book.banned.add(bans)) == 10_000
    with reading(book.engine) as session:
        assert len(session.exec(select(LedgerRow)).all()) == 1
    assert len(book.banned.standing().banned) == 10_000


@pytest.mark.parametrize(
    "tampering",
    ["UPDATE banned_pictures SET ends_at = NULL", "UPDATE banned_pictures SET category = 'hate'",
     "DELETE FROM lifted_bans", "UPDATE lifted_bans SET why = 'other'"],
)  # fmt: skip
def test_bans_cannot_be_changed_and_if_they_are_the_ledger_tells(database: str, tampering: str) -> None:
    book = Book(database)
    first, _ = book.banned.add([ban(), ban(OTHER)])
    book.banned.disable_entry(first, "terminal", "a mistake")
    with pytest.raises(Exception, match="append-only"), book.engine.begin() as connection:
        connection.execute(text(tampering))
    _without_guards(book.engine, tampering)
    assert book.broken is not None
    book.engine.dispose()


def test_a_ban_that_was_slipped_in_or_taken_out_is_told(database: str) -> None:
    book = Book(database)
    book.banned.add([ban()])
    slipped = (
        "INSERT INTO banned_pictures (id, batch, revision, hash, category, reason, source, added_by, created_at) "
        "SELECT 'ban_x', {batch}, 9, hash, category, reason, source, added_by, created_at FROM banned_pictures"
    )
    _without_guards(book.engine, slipped.format(batch="'bat_x'"))
    assert "bat_x" in str(book.broken)
    _without_guards(book.engine, "DELETE FROM banned_pictures")
    assert book.broken is not None
    book.engine.dispose()


def _without_guards(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        for table in ("banned_pictures", "lifted_bans"):
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            else:
                for action in ("UPDATE", "DELETE"):
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{action}"))
        connection.execute(text(statement))


def test_a_database_that_is_gone_bans_nothing_and_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('none') / 'none.db'}")
    with pytest.raises(DatabaseUnavailable):
        BannedPictures(engine, PolicyInForce(POLICIES["default"])).add([ban()])
    engine.dispose()
