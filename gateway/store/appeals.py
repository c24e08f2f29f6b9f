"""Appeals: what can be appealed, by whom, until when; and all that may be told of a decision at its own address."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from gateway.errors import NotAppealable, NotFound
from gateway.store import ledger, queue
from gateway.store.decisions import State
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import new_id, now, random_text
from gateway.store.matters import KEPT_BACK
from gateway.store.tables import AppealRow, DecisionRow, PictureRow, RequestRow, ReviewRow
from policies.queues import Queues, Source, load_queues
from policies.signals import Stage
from policies.verdict import Action

SEVERITY = 2  # eight hours: what is withheld harms nobody meanwhile, and nobody should wait longer than a working day


class WhyNot(StrEnum):
    """Why a decision cannot be appealed; the first that holds, in this order."""

    QUESTION = "question"  # somebody only asked what would be decided
    NOTHING_REFUSED = "nothing_refused"
    BY_MODEL = "by_model"  # the model behind us refused: there is no picture to bring back
    FINAL = "final"  # it ended an appeal
    APPEALED = "appealed"
    REPLACED = "replaced"  # by a later decision, which can be appealed
    TOO_LATE = "too_late"


SAID = {
    WhyNot.QUESTION: "Nothing was refused: it was only asked what would be decided.",
    WhyNot.NOTHING_REFUSED: "This decision refused nothing.",
    WhyNot.BY_MODEL: "The model behind this service refused by its own rules, which an appeal here cannot change.",
    WhyNot.FINAL: "This decision ended an appeal, and is final.",
    WhyNot.APPEALED: "An appeal against this decision was filed before.",
    WhyNot.REPLACED: "A later decision took the place of this one.",
    WhyNot.TOO_LATE: "The time to appeal is over.",
}


def appeal_path(decision_id: str) -> str:
    """The page of a decision, where it can be appealed: a path on this service."""
    return f"/decisions/{decision_id}"


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known of one decision. picture: the one it is about. newest: the decision in force if it is another.

    appeal: against this decision; review: what ended it. ends: the appeal that this decision ended.
    until: UTC ISO 8601, the end of the time to appeal.
    """

    decision: DecisionRow
    request: RequestRow
    picture: PictureRow | None
    newest: DecisionRow | None
    appeal: AppealRow | None
    review: ReviewRow | None
    ends: AppealRow | None
    until: str

    @property
    def why_not(self) -> WhyNot | None:
        """Why it cannot be appealed, None when it can."""
        holds = {
            WhyNot.QUESTION: self.request.state == State.JUDGED,
            WhyNot.NOTHING_REFUSED: not self.refused,
            WhyNot.BY_MODEL: self.decision.stage == Stage.PICTURE and self.picture is None,
            WhyNot.FINAL: self.ends is not None,
            WhyNot.APPEALED: self.appeal is not None,
            WhyNot.REPLACED: self.newest is not None,
            WhyNot.TOO_LATE: self.until < now(),
        }
        return next((why for why, held in holds.items() if held), None)

    @property
    def refused(self) -> bool:
        """Whether something was kept from somebody by it."""
        is_refusal = self.decision.action in [action for action in Action if action.refuses]
        return is_refusal and self.decision.confirms is None

    @property
    def restored(self) -> bool:
        """Whether the picture is released now."""
        return self.picture is not None and self.picture.state == State.RELEASED


class Appeals:
    """Every method is one short transaction and may block. days: how long a decision can be appealed."""

    def __init__(self, engine: Engine, days: int, queues: Queues | None = None) -> None:
        self._engine = engine
        self._queues = queues or load_queues()
        self._window = timedelta(days=days)

    def statement(self, decision_id: str) -> Statement:
        """All there is to tell of a decision. Raises NotFound."""
        with reading(self._engine) as session:
            return self._statement(session, decision_id)

    def file(self, decision_id: str, text: str, language: str) -> AppealRow:
        """Enter an appeal and its case. Raises NotFound, and NotAppealable with the reason under x_gateway."""
        with transaction(self._engine, "appeal") as session:
            take_turns(session)
            statement = self._statement(session, decision_id)
            if why := statement.why_not:
                raise NotAppealable(SAID[why], facts={"why": why})
            row = _appeal(statement, text, language)
            session.add(row)
            session.flush()
            ledger.append(session, "appealed", row.id, {"digest": ledger.appeal_digest(row), "state": row.state})
            queue.contest(session, statement.decision, Source.APPEAL, SEVERITY, self._queues, appeal_id=row.id,
                          picture_id=row.picture_id, language=row.language)  # fmt: skip
            return row

    def _statement(self, session: Session, decision_id: str) -> Statement:
        decision = session.get(DecisionRow, decision_id)
        if decision is None:
            raise NotFound("There is no such decision.")
        picture = _picture_of(session, decision)
        newest = picture.decision_id if picture else None
        appeal = session.exec(select(AppealRow).where(AppealRow.decision_id == decision_id)).first()
        ends = session.exec(select(AppealRow).where(AppealRow.outcome_id == decision_id)).first()
        until = datetime.fromisoformat(decision.created_at) + self._window
        return Statement(
            decision, session.get_one(RequestRow, decision.request_id), picture,
            session.get(DecisionRow, newest) if newest and newest != decision_id else None, appeal,
            session.get(ReviewRow, appeal.review_id) if appeal and appeal.review_id else None, ends,
            until.astimezone(UTC).isoformat(timespec="microseconds"),
        )  # fmt: skip


def _picture_of(session: Session, decision: DecisionRow) -> PictureRow | None:
    of_request = select(PictureRow).where(PictureRow.request_id == decision.request_id)
    same = of_request.where(PictureRow.sha256 == decision.picture_sha256, PictureRow.index == decision.picture_index)
    return session.exec(same.order_by(col(PictureRow.id))).first()


def _appeal(statement: Statement, text: str, language: str) -> AppealRow:
    salt, picture = random_text(32), statement.picture
    return AppealRow(
        id=new_id("apl"), decision_id=statement.decision.id, request_id=statement.request.id,
        picture_id=picture.id if picture and picture.state in KEPT_BACK else None, language=language, text=text,
        text_salt=salt, text_digest=ledger.prompt_digest(salt, text), created_at=now(), state="open",
    )  # fmt: skip
