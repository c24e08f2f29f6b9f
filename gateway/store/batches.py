"""Cases that are decided together: looked through first, confirmed by a second person when they are many, and reverted.

draft -> decided, or draft -> proposed -> decided | rejected; decided -> reverted. Whatever is done to a case is done
under the lock that every decision is written under, after another look at the case as it is then. What may not be
decided any more, or not by this person, or not in a batch, is left out and says why.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from gateway.errors import AlreadyDecided, InvalidValue, NotFound, SeparationOfDuties
from gateway.store import care, ledger, matters, reverting
from gateway.store.cases import Cases, Said, clear_lease, is_held, record, review_row
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.granted import require_queue
from gateway.store.ids import new_id, now
from gateway.store.people import Duty, Person
from gateway.store.tables import BatchCaseRow, BatchRow, CaseRow, LedgerRow, PictureRow, ReviewRow
from policies.queues import Source
from policies.signals import Category
from policies.verdict import PolicyStamp

PAGE = 50
DRAFT_TIME = timedelta(hours=1)  # a preview of this morning says nothing about the cases of this afternoon
TOGETHER = (Source.PROMPT, Source.PICTURE, Source.UNJUDGED)  # all others are decided one by one
DECIDED, REVERTED = "decided", "reverted"
NOTHING_LEFT = "act"  # the parameter that is named when a batch has no case left


@dataclass(frozen=True, slots=True)
class Limits:
    """most: cases in one batch. alone: cases that one person may decide at once. hours: how long a proposal waits."""

    most: int
    alone: int
    hours: float


@dataclass(frozen=True, slots=True)
class Item:
    """One case of a batch. why_not: it would be left out now; of a batch that is over, it was. pictures: that are to be
    decided, none of what nobody may see. looked_at: how many of them the batch's maker has seen clearly."""

    row: BatchCaseRow
    case: CaseRow
    why_not: str | None
    pictures: Sequence[PictureRow] = ()
    looked_at: int = 0

    @property
    def count(self) -> int:
        """How many pictures waited at the preview."""
        return len(json.loads(self.row.pictures))


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A batch, whole. note: what was written with it; None once it was erased."""

    row: BatchRow
    items: Sequence[Item]
    note: str | None

    @property
    def state(self) -> str:
        """draft | proposed | decided | rejected | reverted | ended: nobody confirmed it in time."""
        return state_of(self.row)

    @property
    def fitting(self) -> Sequence[Item]:
        """What is, or would be, decided."""
        return [item for item in self.items if item.why_not is None]

    @property
    def left_out(self) -> Sequence[Item]:
        """What is not, and each says why."""
        return [item for item in self.items if item.why_not is not None]

    @property
    def pictures(self) -> int:
        """Pictures of all that is, or would be, decided."""
        return sum(item.count for item in self.fitting)

    @property
    def looked_at(self) -> int:
        """Of these, how many its maker has seen clearly."""
        return sum(item.looked_at for item in self.fitting)

    def by(self, column: str) -> Mapping[str, int]:
        """Of what is, or would be, decided: how many cases of each category, or source."""
        return dict(Counter(getattr(item.case, column) for item in self.fitting).most_common())

    @property
    def under_way(self) -> bool:
        """Whether something could not be reverted because it was just being released: it can be tried again."""
        return any(item.row.undone == reverting.UNDER_WAY for item in self.items)


@dataclass(frozen=True, slots=True)
class Listed:
    """One batch in the list. cases: decided, and all."""

    row: BatchRow
    decided: int
    cases: int

    @property
    def state(self) -> str:
        """As of a `BatchFile`."""
        return state_of(self.row)


class Batches:
    """Every method is one transaction and may block."""

    def __init__(self, engine: Engine, cases: Cases, limits: Limits) -> None:
        self._engine = engine
        self._cases = cases
        self.limits = limits

    def open(self, case_ids: Sequence[str], person: Person) -> str:
        """Look through cases before they are decided; those that are free are taken. Returns the batch's id.

        Raises SeparationOfDuties, NotFound, InvalidValue for none or too many, PauseNeeded.
        """
        person.require(Duty.DECIDE)
        wanted = list(dict.fromkeys(case_ids))
        if not 1 <= len(wanted) <= self.limits.most:
            raise InvalidValue(f"A batch has from 1 to {self.limits.most} cases.", param="cases")
        with transaction(self._engine, "open_batch") as session:
            take_turns(session)
            batch = BatchRow(
                id=new_id("bulk"), person_id=person.id, state="draft", created_at=now(), ends_at=_from_now(DRAFT_TIME)
            )
            session.add(batch)
            session.flush()
            items = [_enter(session, batch, case_id) for case_id in wanted]
            for item in items:
                case = session.get_one(CaseRow, item.case_id)
                require_queue(session, case, person, self._cases.queues)
                if _why_not(session, item, case, person) is None:
                    care.require_rested(session, person, case)
                    self._cases.lend(session, case, person)
            _keep(session, batch, person)
            return batch.id

    def read(self, batch_id: str, viewer: Person) -> BatchFile:
        """A batch as it stands for whoever looks. Raises NotFound: a draft is its maker's alone."""
        viewer.require(Duty.READ)
        with reading(self._engine) as session:
            return _file(session, _batch(session, batch_id, viewer), viewer)

    def listed(self, offset: int = 0, count: int = PAGE) -> list[Listed]:
        """Batches that were more than drafts, newest first."""
        with reading(self._engine) as session:
            newest = select(BatchRow).where(BatchRow.state != "draft").order_by(col(BatchRow.created_at).desc())
            rows = session.exec(newest.offset(offset).limit(count)).all()
            every = _counted(session, rows)
            decided = _counted(session, rows, outcome=DECIDED)
            return [Listed(row, decided.get(row.id, 0), every.get(row.id, 0)) for row in rows]

    def of_case(self, case_id: str) -> list[str]:
        """The batches that a case was part of, but for drafts, oldest first."""
        with reading(self._engine) as session:
            of_case = select(BatchRow.id).join(BatchCaseRow, col(BatchCaseRow.batch_id) == BatchRow.id)
            mine = of_case.where(BatchCaseRow.case_id == case_id, BatchRow.state != "draft")
            return list(session.exec(mine.order_by(col(BatchRow.created_at))))

    def waiting(self) -> int:
        """Proposals that a second person could confirm now."""
        with reading(self._engine) as session:
            proposed = select(func.count()).where(BatchRow.state == "proposed", BatchRow.ends_at > now())
            return session.exec(proposed).one()

    def prolong(self, batch_id: str, person: Person) -> str:
        """A sign of life: what is free stays with whoever looks through it. Returns until when, UTC ISO 8601.

        Raises NotFound, AlreadyDecided.
        """
        with transaction(self._engine, "prolong_batch") as session:
            take_turns(session)
            batch = _open_draft(session, batch_id, person)
            fitting = _fitting(session, batch, _items(session, batch), person)
            leases = [self._cases.lend(session, case, person) for _, case in fitting]
            return min((lease.until for lease in leases), default=batch.ends_at)

    def give_back(self, batch_id: str, person: Person) -> None:
        """Decide none of it: the draft is over, and its cases are free for others. Raises NotFound, AlreadyDecided."""
        with transaction(self._engine, "return_batch") as session:
            take_turns(session)
            batch = _open_draft(session, batch_id, person)
            for item in _items(session, batch):
                case = session.get_one(CaseRow, item.case_id)
                if case.holder == person.id and case.state == "open":
                    clear_lease(session, case)
            batch.ends_at = now()
            _keep(session, batch, person)

    def decide(self, batch_id: str, person: Person, said: Said, act: str) -> tuple[BatchFile, bool]:
        """Do it, or propose it where it takes a second person. The same form again is the same decision.

        said: without choices. act: allow | block | escalate, of every case. Returns whether this call did it.
        Raises NotFound, AlreadyDecided,
        SeparationOfDuties, InvalidValue when no case is left; nothing is changed then.
        """
        person.require(Duty.DECIDE)
        with transaction(self._engine, "decide_batch") as session:
            take_turns(session)
            batch = _batch(session, batch_id, person)
            if batch.person_id != person.id:
                raise SeparationOfDuties("Somebody else put this batch together.")
            if batch.state != "draft":
                return _file(session, _same(batch, said, act), person), False
            _require_in_time(batch)
            batch.act, batch.clause, batch.reason = act, said.clause, said.reason
            fitting = _settle_which(session, batch, person)
            if len(fitting) > self.limits.alone:
                _propose(session, batch, fitting, person, said)
                batch.state, batch.ends_at = "proposed", _from_now(timedelta(hours=self.limits.hours))
            else:
                self._enact(session, batch, fitting, person, said)
            _keep(session, batch, person)
            return _file(session, batch, person), True

    def confirm(self, batch_id: str, person: Person, policy: PolicyStamp) -> tuple[BatchFile, bool]:
        """Do what somebody else proposed. Whoever confirms twice has confirmed once.

        Returns whether this call did it. Raises NotFound, AlreadyDecided, SeparationOfDuties, InvalidValue when no
        case is left.
        """
        person.require(Duty.DECIDE)
        with transaction(self._engine, "confirm_batch") as session:
            take_turns(session)
            batch = _batch(session, batch_id, person)
            if batch.state in (DECIDED, REVERTED) and batch.second_id == person.id:
                return _file(session, batch, person), False
            _require_proposed(batch)
            if batch.person_id == person.id:
                raise SeparationOfDuties("You proposed this batch. Somebody else has to confirm it.")
            if any(case.level == "senior" for _, case in _cases_of(session, batch)):
                person.require(Duty.DECIDE_ESCALATED)
            fitting = _settle_which(session, batch, person)
            batch.second_id = person.id
            self._enact(session, batch, fitting, person, _as_proposed(session, batch, policy))
            _keep(session, batch, person)
            return _file(session, batch, person), True

    def reject(self, batch_id: str, person: Person) -> tuple[BatchFile, bool]:
        """Do nothing of what was proposed; whoever proposed it may take it back so.

        Returns whether this call did it. Raises NotFound, AlreadyDecided.
        """
        person.require(Duty.DECIDE)
        with transaction(self._engine, "reject_batch") as session:
            take_turns(session)
            batch = _batch(session, batch_id, person)
            if batch.state == "rejected" and batch.second_id == person.id:
                return _file(session, batch, person), False
            _require_proposed(batch)
            batch.state, batch.second_id, batch.decided_at = "rejected", person.id, now()
            _keep(session, batch, person)
            return _file(session, batch, person), True

    def revert(self, batch_id: str, person: Person, policy: PolicyStamp) -> tuple[BatchFile, int]:
        """Undo everything that still stands as the batch left it. Again, it changes nothing more.

        May be done by whoever decided or confirmed it, and whoever may revert batches of others. Returns how many
        cases were undone by this call. Raises NotFound, AlreadyDecided for what was never decided, SeparationOfDuties.
        """
        with transaction(self._engine, "revert_batch") as session:
            take_turns(session)
            batch = _batch(session, batch_id, person)
            if batch.state not in (DECIDED, REVERTED):
                raise AlreadyDecided("This batch has decided nothing.")
            require_may_revert(batch, person)
            undone = [self._undo(session, batch, item, person, policy) for item in _to_undo(session, batch)]
            if undone:
                batch.state, batch.reverted_by, batch.reverted_at = REVERTED, person.id, now()
                _keep(session, batch, person)
            return _file(session, batch, person), sum(undone)

    def _enact(self, session: Session, batch: BatchRow, fitting: "Sequence[_Fit]", person: Person, said: Said) -> None:
        for item, case in fitting:
            row = review_row(case.id, person, _said_of(item, said, batch), f"{batch.id} {case.id}")
            self._cases.enact(session, case, person, row)
            item.outcome, item.review_id = DECIDED, row.id
            session.add(item)
        batch.state, batch.decided_at = DECIDED, now()

    def _undo(self, session: Session, batch: BatchRow, item: BatchCaseRow, person: Person, policy: PolicyStamp) -> bool:
        case, review = session.get_one(CaseRow, item.case_id), session.get_one(ReviewRow, item.review_id)
        item.undone = reverting.why_not(session, case, review)
        if item.undone is None:
            row = review_row(case.id, person, Said("revert", policy), f"{batch.id} {case.id} reverted")
            reverting.revert(session, case, review, row)
            record(session, row)
            item.undone, item.revert_id = REVERTED, row.id
        session.add(item)
        return item.undone == REVERTED


_Fit = tuple[BatchCaseRow, CaseRow]


def state_of(batch: BatchRow) -> str:
    """What a batch is now: a draft or a proposal ends by itself."""
    return "ended" if batch.state in ("draft", "proposed") and batch.ends_at <= now() else batch.state


def require_may_revert(batch: BatchRow, person: Person) -> None:
    """Raises SeparationOfDuties."""
    if person.id not in (batch.person_id, batch.second_id) or not person.may(Duty.DECIDE):
        person.require(Duty.REVERT_BATCHES)


def _enter(session: Session, batch: BatchRow, case_id: str) -> BatchCaseRow:
    case = session.get(CaseRow, case_id)
    if case is None:
        raise NotFound("There is no such case.")
    row = BatchCaseRow(batch_id=batch.id, case_id=case.id, pictures=_at_stake(session, case))
    session.add(row)
    return row


def _at_stake(session: Session, case: CaseRow) -> str:
    return ledger.canonical(sorted(matters.at_stake(session, case)))


def _why_not(
    session: Session, item: BatchCaseRow, case: CaseRow, person: Person, act: str | None = None, maker: str = ""
) -> str | None:
    """Why a case cannot be decided in a batch by this person now; None: it can. maker: who must have looked."""
    if case.state != "open":
        return "decided_before"
    if case.restricted:
        return "restricted"
    if case.source not in TOGETHER:
        return "by_itself"
    if is_held(case) and case.holder != person.id:
        return "taken"
    if case.level == "senior" and (act == "escalate" or not person.may(Duty.DECIDE_ESCALATED)):
        return "for_a_senior"
    if _at_stake(session, case) != item.pictures:
        return "changed"
    if act == "allow" and not set(json.loads(item.pictures)) <= _looked_at(session, [item], maker):
        return "not_looked_at"
    return None


def _looked_at(session: Session, items: Iterable[BatchCaseRow], person_id: str) -> set[str]:
    """The pictures that somebody has asked to see as they are."""
    pictures = [picture_id for item in items for picture_id in json.loads(item.pictures)]
    looks = select(LedgerRow.subject, LedgerRow.facts).where(LedgerRow.kind == "revealed")
    found = session.exec(looks.where(col(LedgerRow.subject).in_(pictures))).all()
    return {picture_id for picture_id, facts in found if json.loads(facts)["by"] == person_id}


def _fitting(session: Session, batch: BatchRow, items: Iterable[BatchCaseRow], person: Person) -> list[_Fit]:
    pairs = [(item, session.get_one(CaseRow, item.case_id)) for item in items]
    return [
        (item, case)
        for item, case in pairs
        if _why_not(session, item, case, person, batch.act, batch.person_id) is None
    ]


def _settle_which(session: Session, batch: BatchRow, person: Person) -> list[_Fit]:
    """What can be decided; what cannot says why, for good. Raises InvalidValue when nothing is left."""
    fitting = []
    for item, case in _cases_of(session, batch):
        item.outcome = _why_not(session, item, case, person, batch.act, batch.person_id)
        session.add(item)
        if item.outcome is None:
            fitting.append((item, case))
    if not fitting:
        raise InvalidValue("No case of this batch is left to decide.", param=NOTHING_LEFT)
    return fitting


def _cases_of(session: Session, batch: BatchRow) -> list[_Fit]:
    """What was not left out so far."""
    items = [item for item in _items(session, batch) if item.outcome is None]
    return [(item, session.get_one(CaseRow, item.case_id)) for item in items]


def _propose(session: Session, batch: BatchRow, fitting: Sequence[_Fit], person: Person, said: Said) -> None:
    """What somebody would do stands in the record of each case; whoever comes to it first may still decide it."""
    for item, case in fitting:
        told = replace(_said_of(item, said, batch), action="propose")
        row = review_row(case.id, person, told, f"{batch.id} {case.id} proposed")
        record(session, row)
        clear_lease(session, case)
        item.proposal_id = row.id
        session.add(item)


def _said_of(item: BatchCaseRow, said: Said, batch: BatchRow) -> Said:
    choices = {} if batch.act == "escalate" else dict.fromkeys(json.loads(item.pictures), str(batch.act))
    return replace(said, choices=choices)


def _as_proposed(session: Session, batch: BatchRow, policy: PolicyStamp) -> Said:
    review = _first_review(session, _items(session, batch))
    clause = Category(batch.clause) if batch.clause else None
    action = "escalate" if batch.act == "escalate" else "decide"
    return Said(action, policy, clause=clause, reason=batch.reason, note=(review and review.note) or "")


def _first_review(session: Session, items: Iterable[BatchCaseRow]) -> ReviewRow | None:
    said = next((item.proposal_id or item.review_id for item in items if item.proposal_id or item.review_id), None)
    return session.get(ReviewRow, said) if said else None


def _same(batch: BatchRow, said: Said, act: str) -> BatchRow:
    """Raises AlreadyDecided for another form than the one that was taken."""
    if (batch.act, batch.clause, batch.reason) != (act, said.clause, said.reason):
        raise AlreadyDecided("You have decided this batch already, otherwise.")
    return batch


def _to_undo(session: Session, batch: BatchRow) -> list[BatchCaseRow]:
    decided = (item for item in _items(session, batch) if item.outcome == DECIDED)
    return [item for item in decided if item.undone in (None, reverting.UNDER_WAY)]


def _batch(session: Session, batch_id: str, viewer: Person) -> BatchRow:
    batch = session.get(BatchRow, batch_id)
    if batch is None or (batch.state == "draft" and batch.person_id != viewer.id):
        raise NotFound("There is no such batch.")
    return batch


def _open_draft(session: Session, batch_id: str, person: Person) -> BatchRow:
    person.require(Duty.DECIDE)
    batch = _batch(session, batch_id, person)
    if batch.state != "draft":
        raise AlreadyDecided("This batch is no draft any more.")
    _require_in_time(batch)
    return batch


def _require_proposed(batch: BatchRow) -> None:
    if batch.state != "proposed":
        raise AlreadyDecided("This batch does not wait for a second person.")
    _require_in_time(batch)


def _require_in_time(batch: BatchRow) -> None:
    if batch.ends_at <= now():
        raise AlreadyDecided("This batch is over: nobody confirmed it in time. Nothing was changed.")


def _items(session: Session, batch: BatchRow) -> list[BatchCaseRow]:
    of_batch = select(BatchCaseRow).join(CaseRow, col(CaseRow.id) == BatchCaseRow.case_id)
    in_turn = of_batch.where(BatchCaseRow.batch_id == batch.id).order_by(col(CaseRow.due_at), col(CaseRow.id))
    return list(session.exec(in_turn))


def _keep(session: Session, batch: BatchRow, person: Person) -> None:
    """Every change of a batch is in the ledger, with what it says from then on."""
    session.add(batch)
    session.flush()
    digest = ledger.batch_digest(batch, _items(session, batch))
    ledger.append(session, "batch", batch.id, {"state": batch.state, "by": person.id, "digest": digest})


def _file(session: Session, batch: BatchRow, viewer: Person) -> BatchFile:
    items = _items(session, batch)
    looked_at = _looked_at(session, items, batch.person_id)
    note = _first_review(session, items)
    return BatchFile(
        batch, [_item(session, batch, row, viewer, looked_at) for row in items], note.note if note else None
    )


def _item(session: Session, batch: BatchRow, row: BatchCaseRow, viewer: Person, looked_at: set[str]) -> Item:
    case = session.get_one(CaseRow, row.case_id)
    is_over = state_of(batch) not in ("draft", "proposed")
    outcome = None if row.outcome == DECIDED else row.outcome
    if is_over or outcome:
        return Item(row, case, outcome)
    why_not = _why_not(session, row, case, viewer, batch.act, batch.person_id)
    shown = [] if case.restricted else matters.pictures_at_stake(session, case)
    return Item(row, case, why_not, shown, len(looked_at & set(json.loads(row.pictures))))


def _counted(session: Session, batches: Sequence[BatchRow], outcome: str | None = None) -> dict[str, int]:
    ids = [batch.id for batch in batches]
    counted = select(BatchCaseRow.batch_id, func.count()).where(col(BatchCaseRow.batch_id).in_(ids))
    wanted = counted if outcome is None else counted.where(BatchCaseRow.outcome == outcome)
    return dict(session.exec(wanted.group_by(col(BatchCaseRow.batch_id))).all())


def _from_now(time: timedelta) -> str:
    return (datetime.now(UTC) + time).isoformat(timespec="microseconds")
