"""Queues on every database: who may see and take what, in what order, and that nothing waits for ever."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text
from sqlmodel import select

from gateway.assembly import migrate
from gateway.errors import InvalidValue, LeaseLost, NotFound, SeparationOfDuties
from gateway.store import grouping, lateness
from gateway.store.batches import Batches, Limits
from gateway.store.cases import Cases, Said
from gateway.store.decisions import Decisions
from gateway.store.engine import open_engine, reading, transaction
from gateway.store.granted import Grants
from gateway.store.lateness import Lateness
from gateway.store.listing import Filters
from gateway.store.people import People, Person, Role
from gateway.store.queue import PATIENCE, Band
from gateway.store.saved_filters import MAX_SAVED, SavedFilters
from gateway.store.tables import CaseRow, LedgerRow
from policies.queues import Queues
from policies.signals import Category
from tests.gateway.databases import fresh_database
from tests.gateway.queue_parts import HOUR, empty, pass_time, put, somebody
from tests.gateway.test_cases import held_request
from tests.gateway.test_ledger import POLICY

QUEUES = Queues.model_validate_json("""{
  "queues": [{"name": "grave", "title": {"en": "Grave", "fr": "Grave"}, "open": false},
             {"name": "seniors", "title": {"en": "Seniors", "fr": "Seniors"}, "open": false},
             {"name": "rest", "title": {"en": "Rest", "fr": "Reste"}}],
  "rules": [{"when": {"level": ["senior"]}, "queue": "seniors"}, {"when": {"severity": [5]}, "queue": "grave"},
            {"queue": "rest"}]}""")
BLOCK = Said("decide", POLICY, clause=Category.GORE, reason="breaks_rule")
SKIP = Said("skip", POLICY, reason="rather_not")
ALL = Filters()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database of each kind, with our tables."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('queues') / 'gardefou.db'}"
    else:
        url = fresh_database(request.getfixturevalue("postgres"))
    migrate(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(kept: Engine) -> Engine:
    """The same, with nothing in it."""
    empty(kept)
    return kept


@pytest.fixture
def cases(engine: Engine) -> Cases:
    return Cases(engine, lease_s=60, undo_s=0, queues=QUEUES)


@pytest.fixture
def grants(engine: Engine) -> Grants:
    return Grants(engine, QUEUES)


@pytest.fixture
def ada(engine: Engine) -> Person:
    return somebody(engine, "ada")


def listed(cases: Cases, filters: Filters = ALL, viewer: Person | None = None) -> list[str]:
    return [case.id for case in cases.waiting(filters, viewer)]


def case_of(engine: Engine, case_id: str) -> CaseRow:
    with reading(engine) as session:
        return session.get_one(CaseRow, case_id)


def picture_of(cases: Cases, case_id: str, person: Person) -> str:
    return cases.read(case_id, person).at_stake[0].id


class TestGrants:
    def test_nobody_sees_takes_or_decides_in_a_queue_that_is_not_theirs_by_any_way(
        self, engine: Engine, cases: Cases, ada: Person
    ) -> None:
        grave = put(engine, QUEUES, severity=5)
        senior = somebody(engine, "sen", Role.SENIOR)
        picture, lease = picture_of(cases, grave, senior), cases.claim(grave, senior)
        assert listed(cases, viewer=ada) == []
        assert cases.counts(ada).open == 0
        assert cases.claim_next(ada, ALL) is None
        assert [queue.name for queue in cases.queues_of(ada)] == ["rest"]
        for way in (
            lambda: cases.waiting(Filters(queue="grave"), ada),
            lambda: cases.claim_next(ada, Filters(queue="grave")),
            lambda: cases.claim(grave, ada),
            lambda: cases.read(grave, ada),
            lambda: cases.picture(grave, picture, ada),
            lambda: cases.revealed(lease, picture, ada),
        ):
            with pytest.raises(SeparationOfDuties):
                way()

    def test_a_grant_opens_the_queue_at_once_and_its_end_closes_it_and_returns_what_they_work_on(
        self, engine: Engine, cases: Cases, grants: Grants, ada: Person
    ) -> None:
        grave = put(engine, QUEUES, severity=5)
        grants.grant("ada", "grave")
        grants.grant("ada", "grave")
        assert grants.of_everybody() == {ada.id: ["grave"]}
        assert listed(cases, viewer=ada) == [grave]
        lease = cases.claim_next(ada, Filters(queue="grave"))
        assert lease
        picture = picture_of(cases, grave, ada)
        grants.revoke("ada", "grave")
        assert case_of(engine, grave).holder is None
        with pytest.raises(LeaseLost):
            cases.say(lease, ada, replace(BLOCK, choices={picture: "block"}))
        with pytest.raises(SeparationOfDuties):
            cases.claim(grave, ada)
        with pytest.raises(NotFound):
            grants.revoke("ada", "grave")

    def test_what_moves_to_another_queue_while_somebody_works_on_it_is_theirs_no_longer(
        self, engine: Engine, cases: Cases, ada: Person
    ) -> None:
        moved = put(engine, QUEUES)
        lease = cases.claim(moved, ada)
        picture = picture_of(cases, moved, ada)
        _change(engine, moved, queue="grave")
        with pytest.raises(SeparationOfDuties):
            cases.say(lease, ada, replace(BLOCK, choices={picture: "block"}))
        assert case_of(engine, moved).state == "open"

    def test_deciding_all_alike_leaves_out_what_is_in_a_queue_that_is_not_theirs(
        self, engine: Engine, cases: Cases, ada: Person
    ) -> None:
        one, same, closed = put(engine, QUEUES), put(engine, QUEUES), put(engine, QUEUES, severity=5)
        assert {alike.case_id for alike in cases.alike(one, somebody(engine, "sen", Role.SENIOR))} == {same, closed}
        assert [alike.case_id for alike in cases.alike(one, ada)] == [same]
        lease, picture = cases.claim(one, ada), picture_of(cases, one, ada)
        said = replace(BLOCK, choices={picture: "block"}, alike=[same, closed])
        assert cases.say(lease, ada, said).alike == 1
        assert case_of(engine, closed).state == "open"

    def test_cases_decided_together_are_refused_when_one_is_in_a_queue_that_is_not_theirs(
        self, engine: Engine, cases: Cases, grants: Grants, ada: Person
    ) -> None:
        both = [put(engine, QUEUES), put(engine, QUEUES, severity=4)]
        _change(engine, both[1], queue="grave")
        batches = Batches(engine, cases, Limits(most=9, alone=9, hours=1))
        with pytest.raises(SeparationOfDuties):
            batches.open(both, ada)
        assert case_of(engine, both[0]).holder is None
        grants.grant("ada", "grave")
        batch = batches.open(both, ada)
        grants.revoke("ada", "grave")
        with pytest.raises(SeparationOfDuties):
            batches.decide(batch, ada, replace(BLOCK, choices={}), "block")
        assert [case_of(engine, case_id).state for case_id in both] == ["open", "open"]

    @pytest.mark.parametrize("role", [Role.SENIOR, Role.ADMIN, Role.AUDITOR])
    def test_these_roles_see_every_queue_without_a_grant(self, engine: Engine, cases: Cases, role: Role) -> None:
        grave, rest = put(engine, QUEUES, severity=5), put(engine, QUEUES)
        assert set(listed(cases, viewer=somebody(engine, "x", role))) == {grave, rest}

    def test_grants_of_what_or_whom_there_is_not_are_refused_and_those_made_are_in_the_ledger(
        self, engine: Engine, grants: Grants, ada: Person
    ) -> None:
        with pytest.raises(InvalidValue, match="grave, seniors, rest"):
            grants.grant("ada", "gravely")
        with pytest.raises(NotFound):
            grants.grant("ben", "grave")
        grants.grant("ada", "grave")
        grants.revoke("ada", "grave")
        with reading(engine) as session:
            rows = session.exec(select(LedgerRow).where(LedgerRow.subject == ada.id)).all()
        assert [row.facts for row in rows[1:]] == [
            '{"event":"queue_granted","queue":"grave"}',
            '{"event":"queue_revoked","queue":"grave"}',
        ]


class TestTheList:
    def test_pages_follow_each_other_without_gap_or_repetition_whatever_is_decided_meanwhile(
        self, engine: Engine, cases: Cases, ada: Person
    ) -> None:
        put_in = [put(engine, QUEUES, ago=timedelta(minutes=30 - number)) for number in range(7)]
        first = cases.waiting(ALL, ada, count=3)
        lease = cases.claim(first[2].id, ada)
        picture = picture_of(cases, first[2].id, ada)
        cases.say(lease, ada, replace(BLOCK, choices={picture: "block"}))
        second = cases.waiting(ALL, ada, after=first[2].id, count=3)
        third = cases.waiting(ALL, ada, after=second[-1].id, count=3)
        assert [case.id for case in (*first, *second, *third)] == put_in
        assert cases.waiting(ALL, ada, after="cas_unknown") == []

    def test_cases_due_at_the_same_moment_are_all_seen_once(self, engine: Engine, cases: Cases) -> None:
        same = {put(engine, QUEUES) for _ in range(5)}
        for case_id in same:
            _change(engine, case_id, due_at="2026-11-28T00:00:00.000000+00:00")
        seen, after = [], None
        while page := cases.waiting(ALL, after=after, count=2):
            seen += [case.id for case in page]
            after = page[-1].id
        assert len(seen) == 5
        assert set(seen) == same

    def test_what_looks_the_same_is_one_row_that_says_how_many_more(self, engine: Engine, cases: Cases) -> None:
        first, *_, other = [put(engine, QUEUES, ago=HOUR / (n + 1), look="one" if n < 4 else None) for n in range(5)]
        rows = cases.waiting(ALL)
        assert [case.id for case in rows] == [first, other]
        assert cases.alike_counts(rows, ALL) == {first: 3}

    def test_when_the_first_is_decided_the_next_of_its_look_stands_for_it(
        self, engine: Engine, cases: Cases, ada: Person
    ) -> None:
        first, second, _ = [put(engine, QUEUES, ago=HOUR / (n + 1), look="one") for n in range(3)]
        _change(engine, first, state="settling")
        rows = cases.waiting(ALL, ada)
        assert [case.id for case in rows] == [second]
        assert cases.alike_counts(rows, ALL, ada) == {second: 1}

    def test_a_filter_never_hides_a_case_behind_one_that_it_hides_itself(self, engine: Engine, cases: Cases) -> None:
        put(engine, QUEUES, ago=HOUR, category="hate", look="one")
        later = put(engine, QUEUES, category="gore", look="one")
        assert listed(cases, Filters(category="gore")) == [later]
        escalated = put(engine, QUEUES, ago=2 * HOUR, look="one")
        _change(engine, escalated, level="senior")
        assert later in listed(cases, Filters(category="gore"))

    @given(st.data())
    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_whatever_is_asked_for_the_list_is_what_a_plain_look_would_give(
        self, kept: Engine, data: st.DataObject
    ) -> None:
        engine = kept
        empty(engine)
        cases = Cases(engine, 60, 0, QUEUES)
        for _ in range(data.draw(st.integers(1, 8))):
            put(engine, QUEUES, ago=data.draw(st.sampled_from([HOUR, 2 * HOUR])),
                severity=data.draw(st.sampled_from([2, 5])), category=data.draw(st.sampled_from(["gore", "hate"])),
                look=data.draw(st.sampled_from([None, "a", "b"])))  # fmt: skip
        filters = Filters(
            category=data.draw(st.sampled_from([None, "gore"])), band=data.draw(st.sampled_from([None, Band.NORMAL])),
            queue=data.draw(st.sampled_from([None, "rest"])),
        )  # fmt: skip
        with reading(engine) as session:
            rows = session.exec(select(CaseRow).where(CaseRow.state == "open")).all()
        let = [row for row in rows if _lets_through(filters, row)]
        plain = sorted(let, key=lambda row: (row.due_at, row.id))
        heads = {(row.look or row.id, row.queue, row.level): row.id for row in reversed(plain)}
        shown = cases.waiting(filters)
        assert [case.id for case in shown] == [row.id for row in plain if row.id in heads.values()]
        assert sum(cases.alike_counts(shown, filters).values()) + len(shown) == len(plain)

    def test_counts_tell_each_queue_apart(self, engine: Engine, cases: Cases, ada: Person) -> None:
        put(engine, QUEUES, ago=3 * HOUR)
        put(engine, QUEUES)
        put(engine, QUEUES, severity=5)
        counts = cases.counts()
        assert {name: (queue.open, queue.overdue) for name, queue in counts.by_queue.items()} == {
            "rest": (2, 1),
            "grave": (1, 0),
        }
        assert (counts.open, counts.overdue, counts.by_band[Band.URGENT]) == (3, 1, 1)
        assert cases.counts(ada).by_queue.keys() == {"rest"}
        grave = cases.counts(queue="grave")
        assert (grave.open, sum(grave.by_band.values()), grave.by_category) == (3, 1, {"gore": 1})


class TestLooks:
    def test_a_case_gets_the_look_of_one_whose_every_picture_is_near_and_else_one_of_its_own(
        self, engine: Engine
    ) -> None:
        put(engine, QUEUES, look="look_one")  # its picture's hash is ab ab ...
        near, far = "ab" * 31 + "00", "00" * 32
        with reading(engine) as session:
            assert grouping.look_of(session, [near]) == "look_one"
            own = grouping.look_of(session, [far])
            assert own
            assert own != "look_one"
            assert grouping.look_of(session, [near, near]) != "look_one"
            assert grouping.look_of(session, [near, None]) is None
            assert grouping.look_of(session, []) is None

    def test_what_is_decided_gives_its_look_to_nobody(self, engine: Engine) -> None:
        closed = put(engine, QUEUES, look="look_one")
        _change(engine, closed, state="closed")
        with reading(engine) as session:
            assert grouping.look_of(session, ["ab" * 32]) != "look_one"


class TestLateness:
    def test_what_is_overdue_by_more_than_its_patience_goes_to_the_seniors_once_with_a_link_in_the_ledger(
        self, engine: Engine, cases: Cases
    ) -> None:
        somebody(engine, "sen", Role.SENIOR)
        picture = held_request(Decisions(engine, "ins", b"key", QUEUES))
        (late,) = listed(cases)
        _change(engine, late, due_at="2026-01-01T00:00:00.000000+00:00")
        waits = put(engine, QUEUES, ago=2 * PATIENCE[3] - timedelta(minutes=1))
        assert Lateness(engine, QUEUES).escalate() == ["rest"]
        assert Lateness(engine, QUEUES).escalate() == []
        assert (case_of(engine, late).level, case_of(engine, late).queue) == ("senior", "seniors")
        assert case_of(engine, waits).level == "moderator"
        with reading(engine) as session:
            assert session.exec(select(LedgerRow).where(LedgerRow.kind == "escalated")).one().subject == late
        assert picture

    def test_two_processes_at_once_escalate_each_case_once(self, engine: Engine, cases: Cases) -> None:
        somebody(engine, "sen", Role.SENIOR)
        for _ in range(3):
            put(engine, QUEUES, ago=24 * HOUR)
        one, other = Lateness(engine, QUEUES), Lateness(engine, QUEUES)
        assert len(one.escalate()) + len(other.escalate()) == 3

    def test_a_long_backlog_goes_in_small_transactions(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        somebody(engine, "sen", Role.SENIOR)
        monkeypatch.setattr(lateness, "BATCH", 2)
        for severity in (5, 3, 3):
            put(engine, QUEUES, ago=24 * HOUR, severity=severity)
        assert [len(Lateness(engine, QUEUES).escalate()) for _ in range(3)] == [2, 1, 0]

    def test_what_somebody_works_on_is_left_to_them_until_their_lease_ends(
        self, engine: Engine, cases: Cases, ada: Person
    ) -> None:
        somebody(engine, "sen", Role.SENIOR)
        late = put(engine, QUEUES, ago=24 * HOUR)
        cases.claim(late, ada)
        assert Lateness(engine, QUEUES).escalate() == []
        _change(engine, late, lease_until="2026-01-01T00:00:00.000000+00:00")
        assert Lateness(engine, QUEUES).escalate() == ["rest"]

    def test_without_a_senior_nothing_is_taken_from_the_moderators_and_what_nobody_can_take_is_told(
        self, engine: Engine, cases: Cases, grants: Grants, ada: Person
    ) -> None:
        put(engine, QUEUES, ago=24 * HOUR)
        put(engine, QUEUES, ago=24 * HOUR, severity=5)
        assert Lateness(engine, QUEUES).escalate() == []
        assert cases.claim_next(ada, ALL)
        assert cases.counts().unattended == 1
        grants.grant("ada", "grave")
        assert cases.counts().unattended == 0
        People(engine).disable("ada")
        assert cases.counts().unattended == 2
        somebody(engine, "sen", Role.SENIOR)
        assert cases.counts().unattended == 0

    def test_a_case_whose_queue_is_in_the_file_no_longer_finds_another(self, engine: Engine, cases: Cases) -> None:
        lost = put(engine, QUEUES)
        _change(engine, lost, queue="gone")
        assert Lateness(engine, QUEUES).reroute() == 1
        assert Lateness(engine, QUEUES).reroute() == 0
        assert case_of(engine, lost).queue == "rest"

    def test_what_everybody_skipped_comes_back_after_a_shift_but_never_to_whom_it_concerns(
        self, sqlite: Engine
    ) -> None:
        empty(sqlite)
        cases, ada, ben = Cases(sqlite, 60, 0, QUEUES), somebody(sqlite, "ada"), somebody(sqlite, "ben")
        skipped = put(sqlite, QUEUES)
        for person, reason in ((ada, "rather_not"), (ben, "concerned")):
            lease = cases.claim_next(person, ALL)
            assert lease
            cases.say(lease, person, replace(SKIP, reason=reason))
            assert cases.claim_next(person, ALL) is None
        pass_time(sqlite, timedelta(hours=9))
        assert cases.claim_next(ben, ALL) is None
        lease = cases.claim_next(ada, ALL)
        assert lease
        assert lease.case_id == skipped


@dataclass(frozen=True)
class Week:
    """How a queue's days go. arrivals: the severities that come, round by round. at_work: which moderators come."""

    first: Sequence[int]
    arrivals: Sequence[Sequence[int]]
    at_work: Sequence[tuple[bool, bool]]
    skips: bool


ROUND, ROUNDS = 8 * HOUR, 24
SEVERITY = st.sampled_from([1, 2, 3, 4, 5])
WEEKS = st.builds(
    Week,
    first=st.lists(SEVERITY, min_size=1, max_size=2),
    arrivals=st.lists(st.lists(SEVERITY, max_size=2), min_size=ROUNDS, max_size=ROUNDS),
    at_work=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=ROUNDS, max_size=ROUNDS),
    skips=st.booleans(),
)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A quick one, whose reviews can be dated back: time passes by moving all that was kept."""
    url = f"sqlite:///{tmp_path_factory.mktemp('laws') / 'gardefou.db'}"
    migrate(url)
    engine = open_engine(url)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER reviews_no_UPDATE"))
    yield engine
    engine.dispose()


@given(WEEKS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_waits_for_ever_however_much_comes_and_whoever_is_away(sqlite: Engine, week: Week) -> None:
    """One senior takes one case a shift; moderators come or stay away; more than all of them can do keeps coming.

    Only what is due earlier goes first, and that is what came before or within a day. So a case has its end after so
    many rounds as there are of these, and twice as many where the senior skips each case once.
    """
    empty(sqlite)
    cases, late = Cases(sqlite, 60, 0, QUEUES), Lateness(sqlite, QUEUES)
    senior, *moderators = _team(sqlite)
    waiting = {put(sqlite, QUEUES, severity=severity) for severity in week.first}
    ahead = len(week.first) + sum(map(len, week.arrivals[:4]))
    bound = ahead * (2 if week.skips else 1) + 1
    skipped: set[str] = set()
    for number in range(bound):
        for severity in week.arrivals[number]:
            put(sqlite, QUEUES, severity=severity)
        while late.escalate():
            pass
        for person, comes in zip((senior, *moderators), (True, *week.at_work[number]), strict=True):
            if comes:
                _do_one(cases, person, skipped if week.skips and person == senior else None)
        pass_time(sqlite, ROUND)
    assert not waiting.intersection(case.id for case in cases.waiting(ALL, count=1000))


def _do_one(cases: Cases, person: Person, skipped: set[str] | None) -> None:
    """Block the next case, or skip it when it is seen for the first time."""
    lease = cases.claim_next(person, ALL)
    if lease is None:
        return
    if skipped is not None and lease.case_id not in skipped:
        skipped.add(lease.case_id)
        cases.say(lease, person, SKIP)
        return
    cases.say(lease, person, replace(BLOCK, choices={picture_of(cases, lease.case_id, person): "block"}))


class TestSavedFilters:
    def test_everybody_keeps_their_own_by_name_and_another_of_that_name_replaces_it(
        self, engine: Engine, ada: Person
    ) -> None:
        saved, ben = SavedFilters(engine), somebody(engine, "ben")
        saved.save(ada, "  my   appeals ", {"queue": "appeals"})
        saved.save(ada, "my appeals", {"queue": "appeals", "band": "high"})
        saved.save(ben, "his", {})
        assert [(one.name, one.asked) for one in saved.of(ada)] == [
            ("my appeals", {"queue": "appeals", "band": "high"})
        ]
        saved.delete(ben, "my appeals")
        assert len(saved.of(ada)) == 1
        saved.delete(ada, "my appeals")
        assert saved.of(ada) == []

    @pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\u202eb", "a\x00b"])
    def test_a_name_that_cannot_be_read_is_refused(self, engine: Engine, ada: Person, name: str) -> None:
        with pytest.raises(InvalidValue):
            SavedFilters(engine).save(ada, name, {})

    def test_nobody_keeps_more_than_fit(self, engine: Engine, ada: Person) -> None:
        saved = SavedFilters(engine)
        for number in range(MAX_SAVED):
            saved.save(ada, str(number), {})
        with pytest.raises(InvalidValue):
            saved.save(ada, "one more", {})
        saved.save(ada, "1", {"band": "high"})


def _team(engine: Engine) -> list[Person]:
    """A senior, somebody with a grant and somebody without."""
    team = [somebody(engine, "sen", Role.SENIOR), somebody(engine, "granted"), somebody(engine, "plain")]
    Grants(engine, QUEUES).grant("granted", "grave")
    return team


def _change(engine: Engine, case_id: str, **values: str) -> None:
    with transaction(engine, "test") as session:
        case = session.get_one(CaseRow, case_id)
        for name, value in values.items():
            setattr(case, name, value)
        session.add(case)


def _lets_through(filters: Filters, row: CaseRow) -> bool:
    return (
        filters.category in (None, row.category)
        and filters.queue in (None, row.queue)
        and (filters.band is None or row.severity in filters.band.severities)
    )
