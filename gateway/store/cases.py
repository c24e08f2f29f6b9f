"""The cases that wait for a person: who works on one, what is decided, and when that takes effect.

open -> settling -> closed, or open -> closed when nothing was allowed. A case is worked on under a lease: a token that
only its holder has, for a few minutes at a time. Every decision carries it, so that two people never decide one case.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from gateway.errors import AlreadyDecided, CaseTaken, InvalidValue, LeaseLost, NotFound, SeparationOfDuties
from gateway.store import bans, care, copies, ledger, listing, look_alikes, matters, queue, together
from gateway.store.bans import Ban
from gateway.store.care import Care
from gateway.store.decisions import State
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.granted import require_queue, seen_by
from gateway.store.ids import new_id, now, random_text
from gateway.store.listing import Counts, Filters, counted
from gateway.store.look_alikes import Alike
from gateway.store.matters import ALLOW, BAN, BLOCK, choices_of
from gateway.store.overruling import withhold_damaged
from gateway.store.people import Duty, Person
from gateway.store.queue import OBJECTIONS
from gateway.store.tables import (
    AppealRow,
    CaseRow,
    DecisionRow,
    LedgerRow,
    PictureRow,
    ReportRow,
    RequestRow,
    ReviewRow,
)
from gateway.store.together import NEVER, Shares
from policies.queues import Queue, Queues, Source, load_queues
from policies.signals import Category, Stage
from policies.verdict import PolicyStamp

PAGE = 25  # cases on one page of the queue
SKIP_LASTS = timedelta(hours=8)  # a shift
CONCERNED = "concerned"  # of policies/desk/reasons.yaml


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to decide a case until a moment, UTC ISO 8601."""

    case_id: str
    token: str
    until: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a person does with a case. choices: picture id -> allow | block | ban, one for every picture at stake; where
    the refusal of a prompt is appealed, "prompt" -> allow | block.

    clause: the category whose rule is broken, None when none is. reason: of policies/desk/reasons.yaml.
    hashes: picture id -> PDQ, of what is to be banned. ban_ends_at: UTC ISO 8601. alike: other cases, to be decided the
    same way, whose every held picture looks like one of this case.
    """

    action: str
    policy: PolicyStamp
    choices: Mapping[str, str] = field(default_factory=dict)
    clause: Category | None = None
    reason: str | None = None
    note: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)
    ban_ends_at: str | None = None
    alike: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What was kept of it. effective_at: until then it can be undone; None: it is done, or waits for a second person.

    repeated: the very same form came before. second_needed: somebody else has to allow it as well. alike: how many
    other cases were decided with it. banned: the bans that it made.
    """

    id: str
    case_id: str
    effective_at: str | None
    repeated: bool = False
    second_needed: bool = False
    alike: int = 0
    banned: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Overturned:
    """A picture that an appeal or a senior is about to bring back. because: the appeal, or the case of a disagreement.

    person_id: who decided that."""

    picture_id: str
    because: str
    person_id: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything about one case. decisions: the prompt's first, then those of its pictures, by id.

    at_stake: the pictures that are to be decided. appeal: what it is about, if it is one. barred: whoever reads it took
    part in what is looked at again, and cannot decide it. answers: what the two said who differ, in a disagreement.
    """

    case: CaseRow
    request: RequestRow
    prompt_decision: DecisionRow | None
    pictures: Sequence[PictureRow]
    decisions: Mapping[str, DecisionRow]
    reviews: Sequence[ReviewRow]
    events: Sequence[LedgerRow]
    at_stake: Sequence[PictureRow]
    appeal: AppealRow | None
    reports: Sequence[ReportRow]
    barred: bool
    answers: Sequence[ReviewRow] = ()

    @property
    def about_prompt(self) -> bool:
        """Whether the refusal of the prompt is appealed."""
        return self.appeal is not None and self.appeal.picture_id is None


class Cases:
    """Every method is one short transaction and may block. lease_s, undo_s: seconds. shares: what comes up again."""

    def __init__(
        self, engine: Engine, lease_s: float, undo_s: float, queues: Queues | None = None, shares: Shares = NEVER
    ) -> None:
        self._engine = engine
        self.care = Care(engine)
        self.queues = queues or load_queues()
        self._shares = shares
        self._lease_time = timedelta(seconds=lease_s)
        self._undo_time = timedelta(seconds=undo_s)

    def waiting(
        self, filters: Filters, viewer: Person | None = None, after: str | None = None, count: int = PAGE
    ) -> list[CaseRow]:
        """Open cases, whose turn is next first; of those that look the same the first alone.

        viewer: whose queues count, None: all. after: the id of a case, to see what comes behind it. Raises
        SeparationOfDuties for a queue that is not the viewer's.
        """
        with reading(self._engine) as session:
            seen = self._seen(session, viewer, filters)
            query = listing.one_of_each_look(filters, seen).where(*_not_hidden(viewer))
            if after is not None:
                query = query.where(listing.behind(session.get(CaseRow, after)))
            return list(session.exec(_in_turn(query).limit(count)))

    def alike_counts(self, cases: Sequence[CaseRow], filters: Filters, viewer: Person | None = None) -> dict[str, int]:
        """Case id -> how many others of the same filters wait that look the same, for those that have any."""
        with reading(self._engine) as session:
            return listing.alike_counts(session, cases, filters, self._seen(session, viewer))

    def counts(self, viewer: Person | None = None, queue: str | None = None) -> Counts:
        """How much waits in the queues of somebody, None: in all; bands, categories and sources of one queue alone."""
        with reading(self._engine) as session:
            return counted(session, self.queues, self._seen(session, viewer), queue, _not_hidden(viewer))

    def queues_of(self, viewer: Person) -> list[Queue]:
        """The queues that somebody works in, as the file orders them."""
        with reading(self._engine) as session:
            seen = self._seen(session, viewer)
            return [queue for queue in self.queues.queues if seen is None or queue.name in seen]

    def source(self, case_id: str) -> str:
        """What put a case into the queue. Raises NotFound."""
        with reading(self._engine) as session:
            return _case(session, case_id).source

    def beginning(self, name: str) -> str | None:
        """The one case whose id begins with these letters and digits after its prefix; None for none or several."""
        if not (name.isascii() and name.isalnum()):
            return None
        with reading(self._engine) as session:
            like = session.exec(select(CaseRow.id).where(col(CaseRow.id).startswith(f"cas_{name}")).limit(PAGE)).all()
            found = [case_id for case_id in like if case_id.startswith(f"cas_{name}")]  # SQLite's LIKE is blind to case
            return found[0] if len(found) == 1 else None

    def read(self, case_id: str, viewer: Person) -> CaseFile:
        """The whole file; that somebody looked is recorded. Raises NotFound, SeparationOfDuties."""
        with transaction(self._engine, "view_case") as session:
            case = _case_for(session, case_id, viewer)
            require_queue(session, case, viewer, self.queues)
            ledger.append(session, "viewed", case_id, {"by": viewer.id})
            return _file(session, case, viewer)

    def latest(self, case_id: str, person: Person) -> tuple[CaseRow, ReviewRow] | None:
        """What somebody last did with a case."""
        with reading(self._engine) as session:
            own = select(ReviewRow).where(ReviewRow.case_id == case_id, ReviewRow.person_id == person.id)
            review = session.exec(own.order_by(col(ReviewRow.created_at).desc()).limit(1)).first()
            return (_case(session, case_id), review) if review else None

    def first_pictures(self, cases: Sequence[CaseRow]) -> dict[str, str]:
        """Case id -> one of its pictures, to be shown blurred; none for what nobody may see."""
        shown = [case for case in cases if not case.restricted]
        requests = {row.request_id: row.id for row in shown if row.source not in OBJECTIONS and not row.again_of}
        with reading(self._engine) as session:
            held = select(PictureRow).where(col(PictureRow.request_id).in_(requests), PictureRow.state == State.HELD)
            rows = session.exec(held.order_by(col(PictureRow.index).desc())).all()
            contested = {case.id: case.picture_id for case in shown if case.picture_id}
            return {requests[row.request_id]: row.id for row in rows} | contested

    def claim(self, case_id: str, person: Person) -> Lease:
        """Take a case to work on; who holds it already keeps the lease.

        Raises NotFound, CaseTaken, AlreadyDecided, SeparationOfDuties, PauseNeeded.
        """
        with transaction(self._engine, "claim") as session:
            take_turns(session)
            case = _case_for(session, case_id, person)
            _require_open(case)
            self.require_theirs(session, case, person)
            if case.holder != person.id and is_held(case):
                raise CaseTaken("Somebody else works on this case at the moment.")
            care.require_rested(session, person, case)
            return self.lend(session, case, person)

    def claim_next(self, person: Person, filters: Filters) -> Lease | None:
        """Take the case whose turn it is, None when there is none for this person. Raises SeparationOfDuties."""
        with transaction(self._engine, "claim_next") as session:
            take_turns(session)
            free = _free_for(person, filters, self._seen(session, person, filters))
            case = session.exec(_in_turn(care.fitting(session, person, free)).limit(1)).first()
            return self.lend(session, case, person) if case else None

    def prolong(self, lease: Lease, person: Person) -> Lease:
        """Keep a lease alive. Raises NotFound, LeaseLost, AlreadyDecided."""
        with transaction(self._engine, "prolong") as session:
            take_turns(session)
            case = _case(session, lease.case_id)
            _require_open(case)
            _require_lease(case, lease.token, person)
            return self._extend(session, case)

    def give_back(self, lease: Lease, person: Person) -> None:
        """Let somebody else have the case. Raises NotFound, LeaseLost, AlreadyDecided."""
        with transaction(self._engine, "give_back") as session:
            take_turns(session)
            case = _case(session, lease.case_id)
            _require_open(case)
            _require_lease(case, lease.token, person)
            clear_lease(session, case)

    def picture(self, case_id: str, picture_id: str, viewer: Person) -> tuple[CaseRow, PictureRow]:
        """A picture of a case. Raises NotFound, SeparationOfDuties."""
        with reading(self._engine) as session:
            require_queue(session, _case_for(session, case_id, viewer), viewer, self.queues)
            return _picture_of(session, case_id, picture_id)

    def revealed(self, lease: Lease, picture_id: str, person: Person) -> PictureRow:
        """Record that a picture is about to be seen as it is.

        Raises NotFound, LeaseLost, SeparationOfDuties, PauseNeeded; it is not shown then.
        """
        with transaction(self._engine, "reveal") as session:
            take_turns(session)
            case, picture = _picture_of(session, lease.case_id, picture_id)
            if case.restricted:
                raise SeparationOfDuties(
                    "Pictures of this case are shown to nobody. Decide by what stands beside them."
                )
            require_queue(session, case, person, self.queues)
            _require_lease(case, lease.token, person)
            care.spend(session, person, case, picture.id)
            facts = {"by": person.id, "case": case.id, "sha256": picture.sha256}
            ledger.append(session, "revealed", picture.id, facts)
            return picture

    def say(self, lease: Lease, person: Person, said: Said) -> Reviewed:
        """Decide, escalate or skip a case. The same form again is the same decision.

        Raises NotFound, LeaseLost, AlreadyDecided, SeparationOfDuties, InvalidValue; nothing is changed then.
        """
        with transaction(self._engine, "review") as session:
            take_turns(session)
            case = _case(session, lease.case_id)
            if before := _said_before(session, lease, person):
                return _repeated(before, said, case)
            _require_open(case)
            _require_lease(case, lease.token, person)
            self.require_theirs(session, case, person)
            row = review_row(case.id, person, said, lease.token)
            alike = 0
            if said.action == "decide":
                alike = self._decide_alike(session, case, person, said, lease)
            self.enact(session, case, person, row)
            banned = [] if copies.is_copy(case) else bans.enter(session, _bans(said, person))
            return replace(_reviewed(row, case), alike=alike, banned=banned)

    def undo(self, case_id: str, person: Person, policy: PolicyStamp) -> Lease:
        """Take back what was allowed before it takes effect, and work on the case again.

        Raises NotFound, and AlreadyDecided when it is too late or was somebody else's.
        """
        with transaction(self._engine, "undo") as session:
            take_turns(session)
            case = _case(session, case_id)
            review = session.get(ReviewRow, case.review_id) if case.review_id else None
            in_time = case.state == "settling" and (case.effective_at or "") > now()
            if review is None or not in_time or review.person_id != person.id:
                raise AlreadyDecided("It is too late to undo this.")
            for other in _settling_with(session, review):
                _reopen(session, other, person, policy)
            _reopen(session, case, person, policy)
            return self.lend(session, case, person)

    def alike(self, case_id: str, viewer: Person) -> list[Alike]:
        """Other open cases that show nearly the same, of the viewer's queues, that nobody works on. Raises NotFound."""
        with reading(self._engine) as session:
            return look_alikes.find(session, _case(session, case_id), self._seen(session, viewer))

    def due(self) -> list[str]:
        """Cases whose undo time is over."""
        with reading(self._engine) as session:
            settling = select(CaseRow.id).where(CaseRow.state == "settling", col(CaseRow.effective_at) <= now())
            return list(session.exec(settling))

    def allowed(self, case_id: str) -> list[PictureRow]:
        """Write the decisions that let the allowed pictures of a due case pass; their bytes have still to move."""
        with transaction(self._engine, "allow") as session:
            take_turns(session)
            case = _case(session, case_id)
            review = session.get(ReviewRow, case.review_id) if case.review_id else None
            if review is None or case.state != "settling" or (case.effective_at or "") > now():
                return []
            return matters.allow(session, case, review, choices_of(review))

    def overturned(self, case_id: str) -> list[Overturned]:
        """The pictures that a settling appeal or disagreement brings back; none of another case. Raises NotFound."""
        with reading(self._engine) as session:
            case = _case(session, case_id)
            review = session.get(ReviewRow, case.review_id) if case.review_id else None
            again = case.source in (Source.APPEAL, Source.DISAGREEMENT) and case.picture_id
            if review is None or case.state != "settling" or not again:
                return []
            allowed = [picture for picture, choice in choices_of(review).items() if choice == ALLOW]
            return [Overturned(picture, case.appeal_id or case.id, review.person_id) for picture in allowed]

    def damaged(self, picture: PictureRow, why: str) -> None:
        """A picture that was allowed is not on the disk as it was judged: it stays back."""
        with transaction(self._engine, "damaged") as session:
            withhold_damaged(session, session.get_one(PictureRow, picture.id), why)

    def settle(self, case_id: str) -> None:
        """Everything that was allowed is released: the case is closed."""
        with transaction(self._engine, "settle") as session:
            take_turns(session)
            case = _case(session, case_id)
            if case.state == "settling":
                review = session.get_one(ReviewRow, case.review_id)
                matters.close(session, case, review)
                self._look_again(session, case, review)

    def _look_again(self, session: Session, case: CaseRow, review: ReviewRow) -> None:
        """Once a case is closed it may come up again, or what was said of a copy is compared."""
        if case.state == "closed":
            together.after(session, case, review, self._shares, self.queues)

    def _seen(self, session: Session, viewer: Person | None, filters: Filters | None = None) -> frozenset[str] | None:
        """Raises SeparationOfDuties when the filters name a queue that is not theirs."""
        seen = seen_by(session, viewer, self.queues) if viewer else None
        if filters and filters.queue is not None and seen is not None and filters.queue not in seen:
            raise SeparationOfDuties("This queue is not open to you.")
        return seen

    def require_theirs(self, session: Session, case: CaseRow, person: Person) -> None:
        """Raises SeparationOfDuties for what somebody else has to decide."""
        _require_level(case, person)
        require_queue(session, case, person, self.queues)
        _require_unbarred(session, case, person)

    def enact(self, session: Session, case: CaseRow, person: Person, row: ReviewRow) -> None:
        """Do what a review says of a case that its person may decide, inside the caller's transaction.

        Raises InvalidValue, SeparationOfDuties.
        """
        require_queue(session, case, person, self.queues)
        if row.action == "decide":
            self._decide(session, case, person, row)
        else:
            case.level = "senior" if row.action == "escalate" else case.level
            queue.route(case, self.queues)
        record(session, row)
        clear_lease(session, case)
        self._look_again(session, case, row)

    def lend(self, session: Session, case: CaseRow, person: Person) -> Lease:
        """Give somebody a case that is open and free to work on, inside the caller's transaction."""
        if case.holder != person.id or not is_held(case):
            case.holder, case.lease = person.id, random_text(32)
            ledger.append(session, "claimed", case.id, {"by": person.id})
        return self._extend(session, case)

    def _extend(self, session: Session, case: CaseRow) -> Lease:
        case.lease_until = _from_now(self._lease_time)
        session.add(case)
        return Lease(case.id, case.lease or "", case.lease_until)

    def _decide_alike(self, session: Session, case: CaseRow, person: Person, said: Said, lease: Lease) -> int:
        """The same for other cases, each with a review of its own. One that somebody took meanwhile is left to them."""
        if not said.alike:
            return 0
        near = look_alikes.find(session, case, self._seen(session, person))
        found = [one for one in near if one.case_id in said.alike]
        for one in found:
            other = _case(session, one.case_id)
            _require_level(other, person)
            choices = {picture: _without_ban(said.choices[like]) for picture, like in one.pictures.items()}
            row = review_row(other.id, person, replace(said, choices=choices), lease.token)
            self._decide(session, other, person, row)
            record(session, row)
            self._look_again(session, other, row)
        return len(found)

    def _decide(self, session: Session, case: CaseRow, person: Person, row: ReviewRow) -> None:
        choices = choices_of(row)
        if choices.keys() != matters.at_stake(session, case):
            raise InvalidValue("Choose for each picture that waits, and for no other.", param="choices")
        allows = ALLOW in choices.values()
        if allows and case.first_person == person.id:
            raise SeparationOfDuties("You have allowed this once. Somebody else has to allow it as well.")
        matters.block(session, case, row, choices)
        if allows and case.restricted and case.first_person is None:
            case.first_person = person.id
        elif allows:
            row.effective_at = _from_now(self._undo_time)
            case.state, case.review_id, case.effective_at = "settling", row.id, row.effective_at
        else:
            case.review_id = row.id
            matters.close(session, case, row)


def _bans(said: Said, person: Person) -> list[Ban]:
    """What is to be banned. The category is that of the rule that is broken."""
    ids = [picture_id for picture_id, choice in said.choices.items() if choice == BAN and said.clause]
    return [
        Ban(said.hashes[picture_id], Category(said.clause or ""), said.note or said.reason or "", "desk",
            f"person:{person.id}", said.ban_ends_at, picture_id)
        for picture_id in ids
    ]  # fmt: skip


def _without_ban(choice: str) -> str:
    """One ban is enough for a picture and what looks like it."""
    return BLOCK if choice == BAN else choice


def _settling_with(session: Session, review: ReviewRow) -> list[CaseRow]:
    """Cases that were allowed by the same form as look-alikes, and are not released yet."""
    together = (
        select(CaseRow)
        .join(ReviewRow, col(ReviewRow.id) == CaseRow.review_id)
        .where(ReviewRow.person_id == review.person_id, ReviewRow.lease_digest == review.lease_digest)
        .where(CaseRow.state == "settling", CaseRow.id != review.case_id)
    )
    return list(session.exec(together))


def _reopen(session: Session, case: CaseRow, person: Person, policy: PolicyStamp) -> None:
    row = review_row(case.id, person, Said("undo", policy), case.review_id or "")
    case.state, case.review_id, case.effective_at = "open", None, None
    session.add(case)
    record(session, row)


def digest_of(lease: str) -> str:
    """What is kept of a lease's token once it is used."""
    return hashlib.sha256(lease.encode()).hexdigest()


def _case(session: Session, case_id: str) -> CaseRow:
    case = session.get(CaseRow, case_id)
    if case is None:
        raise NotFound("There is no such case.")
    return case


def _case_for(session: Session, case_id: str, person: Person) -> CaseRow:
    """The case; whoever decided first is told of no copy."""
    case = _case(session, case_id)
    if copies.is_hidden(session, case, person):
        raise NotFound("There is no such case.")
    return case


def _picture_of(session: Session, case_id: str, picture_id: str) -> tuple[CaseRow, PictureRow]:
    case, picture = _case(session, case_id), session.get(PictureRow, picture_id)
    if picture is None or picture not in matters.pictures_at_stake(session, case):
        raise NotFound("There is no such picture in this case, or it no longer waits.")
    return case, picture


def _file(session: Session, case: CaseRow, viewer: Person) -> CaseFile:
    by_index = select(PictureRow).where(PictureRow.request_id == case.request_id).order_by(col(PictureRow.index))
    pictures = session.exec(by_index).all()
    of_request = select(DecisionRow).where(DecisionRow.request_id == case.request_id)
    decisions = session.exec(of_request.order_by(col(DecisionRow.created_at))).all()
    request = session.get_one(RequestRow, case.request_id)
    staked = {picture.id for picture in matters.pictures_at_stake(session, case)}
    if case.again_of:
        request, pictures, decisions = copies.as_seen_first(session, case, request, pictures, decisions)
    of_case = select(ReviewRow).where(ReviewRow.case_id == case.id).order_by(col(ReviewRow.created_at))
    looked_at = col(LedgerRow.subject).in_([case.id, *(picture.id for picture in pictures)])
    events = select(LedgerRow).where(looked_at, col(LedgerRow.kind).in_(("claimed", "viewed", "revealed", "escalated")))
    return CaseFile(
        case,
        request,
        next((row for row in decisions if row.stage == Stage.PROMPT), None),
        pictures,
        {row.id: row for row in decisions},
        session.exec(of_case).all(),
        _events(session, case, events),
        [picture for picture in pictures if picture.id in staked],
        session.get(AppealRow, case.appeal_id) if case.appeal_id else None,
        session.exec(select(ReportRow).where(ReportRow.case_id == case.id).order_by(col(ReportRow.created_at))).all(),
        matters.is_barred(session, case, viewer),
        copies.both_answers(session, case),
    )


def _events(session: Session, case: CaseRow, events: SelectOfScalar[LedgerRow]) -> Sequence[LedgerRow]:
    """What happened to a case; of a picture that several cases are about, only what happened in this one."""
    found = session.exec(events.order_by(col(LedgerRow.seq))).all()
    return [row for row in found if row.subject == case.id or json.loads(row.facts).get("case", case.id) == case.id]


def _in_turn(query: SelectOfScalar[CaseRow]) -> SelectOfScalar[CaseRow]:
    return query.order_by(col(CaseRow.due_at), col(CaseRow.id))


def _free_for(person: Person, filters: Filters, seen: Collection[str] | None) -> SelectOfScalar[CaseRow]:
    """Nobody else works on it, and this person may decide it, has not skipped it and had no part in it.

    A skip leaves a case to the others for a shift: if they all skip it, it has to come back to somebody. Only whoever
    knows somebody concerned is never dealt it again.
    """
    holder, lease_until, first = col(CaseRow.holder), col(CaseRow.lease_until), col(CaseRow.first_person)
    free = or_(lease_until.is_(None), lease_until <= now(), holder == person.id)
    own = select(ReviewRow.id).where(ReviewRow.case_id == CaseRow.id, ReviewRow.person_id == person.id)
    for_good = or_(col(ReviewRow.reason) == CONCERNED, col(ReviewRow.created_at) > _from_now(-SKIP_LASTS))
    skipped = own.where(ReviewRow.action == "skip", for_good)
    not_first = or_(first.is_(None), first != person.id)
    query = select(CaseRow).where(*listing.conditions(CaseRow, filters, seen))
    query = query.where(free, ~skipped.exists(), not_first, ~matters.barred_from(person))
    return query if person.may(Duty.DECIDE_ESCALATED) else query.where(CaseRow.level == "moderator")


def _not_hidden(viewer: Person | None) -> list[ColumnElement[bool]]:
    """Without the copies that somebody must not know of. Most cases are none, and are told by an index alone."""
    return [or_(col(CaseRow.again_of).is_(None), ~copies.hidden_from(viewer))] if viewer else []


def _require_open(case: CaseRow) -> None:
    if case.state != "open":
        raise AlreadyDecided("This case has been decided.")


def _require_level(case: CaseRow, person: Person) -> None:
    person.require(Duty.DECIDE)
    if case.level == "senior":
        person.require(Duty.DECIDE_ESCALATED)


def _require_unbarred(session: Session, case: CaseRow, person: Person) -> None:
    if matters.is_barred(session, case, person):
        raise SeparationOfDuties("You took part in what is looked at again. Somebody else has to decide this.")


def _require_lease(case: CaseRow, token: str, person: Person) -> None:
    if case.holder != person.id or case.lease != token or not is_held(case):
        raise LeaseLost("Your time with this case ran out, and it went back to the queue. Nothing was changed.")


def is_held(case: CaseRow) -> bool:
    """Whether somebody works on it now."""
    return case.lease_until is not None and case.lease_until > now()


def clear_lease(session: Session, case: CaseRow) -> None:
    """Nobody works on it any more."""
    case.holder = case.lease = case.lease_until = None
    session.add(case)


def _from_now(time: timedelta) -> str:
    return (datetime.now(UTC) + time).isoformat(timespec="microseconds")


def _said_before(session: Session, lease: Lease, person: Person) -> ReviewRow | None:
    same = select(ReviewRow).where(ReviewRow.case_id == lease.case_id, ReviewRow.person_id == person.id)
    return session.exec(same.where(ReviewRow.lease_digest == digest_of(lease.token))).first()


def _repeated(before: ReviewRow, said: Said, case: CaseRow) -> Reviewed:
    """Raises AlreadyDecided for another form under a lease that was used, or for one that was undone."""
    if before.effective_at and case.review_id != before.id:
        raise AlreadyDecided("You took this decision back. Nothing was changed.")
    if (before.action, choices_of(before), before.clause) != (said.action, dict(said.choices), said.clause):
        raise AlreadyDecided("You have decided this case already, otherwise.")
    return _reviewed(before, case, repeated=True)


def _reviewed(row: ReviewRow, case: CaseRow, repeated: bool = False) -> Reviewed:
    second_needed = case.state == "open" and case.first_person == row.person_id and ALLOW in choices_of(row).values()
    return Reviewed(row.id, case.id, row.effective_at, repeated, second_needed)


def review_row(case_id: str, person: Person, said: Said, lease: str) -> ReviewRow:
    """What somebody says of a case, as it is kept. lease: what it is done under, known by its sha256 from then on."""
    salt = random_text(32)
    return ReviewRow(
        id=new_id("rev"), case_id=case_id, person_id=person.id, action=said.action,
        choices=ledger.canonical(dict(said.choices)), clause=said.clause, reason=said.reason, note=said.note,
        note_salt=salt, note_digest=ledger.prompt_digest(salt, said.note), lease_digest=digest_of(lease),
        policy=str(said.policy), policy_sha256=said.policy.sha256, created_at=now(),
    )  # fmt: skip


def record(session: Session, row: ReviewRow) -> None:
    """Keep what somebody said, with its entry in the ledger."""
    session.add(row)
    ledger.append(session, "reviewed", row.id, {"digest": ledger.review_digest(row), "case": row.case_id})
