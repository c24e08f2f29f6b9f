"""Reports from the public: who meets a released picture says what is wrong with it, and a person looks.

A report removes nothing by itself. All reports of a picture are one case with a count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from gateway.errors import ImageWithdrawn, NotFound
from gateway.store import ledger, queue
from gateway.store.decisions import State
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import new_id, now, random_text
from gateway.store.matters import ALLOW, choices_of
from gateway.store.queue import due_at
from gateway.store.tables import CaseRow, DecisionRow, PictureRow, ReportRow, ReviewRow
from policies.queues import Queues, Source, load_queues
from policies.signals import Category

OTHER_SEVERITY = 2  # of what fits no category: a person looks within eight hours


class ReportReason(StrEnum):
    """What somebody may say is wrong with a picture."""

    SEXUAL = "sexual"
    CHILD = "child"
    VIOLENCE = "violence"
    HATE = "hate"
    REAL_PERSON = "real_person"
    CRIME = "crime"
    OTHER = "other"


CATEGORIES: Mapping[ReportReason, Category] = {
    ReportReason.SEXUAL: Category.SEXUAL,
    ReportReason.CHILD: Category.SEXUAL_MINORS,
    ReportReason.VIOLENCE: Category.GORE,
    ReportReason.HATE: Category.HATE,
    ReportReason.REAL_PERSON: Category.DECEPTION,
    ReportReason.CRIME: Category.ILLICIT,
}


@dataclass(frozen=True, slots=True)
class Reported:
    """One report as it comes. reporter: tells who reports this picture from others, and no more."""

    picture_id: str
    reason: ReportReason
    note: str
    reporter: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a report. review: what a person said of it, None while it waits. kept: the picture stays."""

    report: ReportRow
    review: ReviewRow | None
    kept: bool


class Reports:
    """Every method is one short transaction and may block."""

    def __init__(self, engine: Engine, queues: Queues | None = None) -> None:
        self._engine = engine
        self._queues = queues or load_queues()

    def require_reportable(self, picture_id: str) -> None:
        """Raises NotFound, or ImageWithdrawn for what is not, or no longer, released."""
        with reading(self._engine) as session:
            _released(session, picture_id)

    def report(self, reported: Reported, severities: Mapping[Category, int]) -> ReportRow:
        """Enter a report; the same person's second one of a picture is the first. Raises as `require_reportable`."""
        with transaction(self._engine, "report") as session:
            take_turns(session)
            by_them = select(ReportRow).where(ReportRow.reporter == reported.reporter)
            if before := session.exec(by_them).first():
                return before
            picture = _released(session, reported.picture_id)
            case = _case_of(session, reported) or _new_case(session, picture, self._queues)
            _add(case, reported, severities, self._queues)
            session.add(case)
            row = _report(reported, case.id)
            session.flush()
            session.add(row)
            ledger.append(session, "reported", row.id, {"digest": ledger.report_digest(row), "case": case.id})
            return row

    def standing(self, report_id: str) -> Standing:
        """What became of it. Raises NotFound."""
        with reading(self._engine) as session:
            report = session.get(ReportRow, report_id)
            if report is None:
                raise NotFound("There is no such report.")
            case = session.get_one(CaseRow, report.case_id)
            ended = case.state == "closed" and case.review_id
            review = session.get(ReviewRow, case.review_id) if ended else None
            kept = review is not None and choices_of(review).get(report.picture_id) == ALLOW
            return Standing(report, review, kept)


def _released(session: Session, picture_id: str) -> PictureRow:
    picture = session.get(PictureRow, picture_id)
    if picture is None:
        raise NotFound("There is no such picture.")
    if picture.state != State.RELEASED:
        raise ImageWithdrawn("This picture is not released, or was withdrawn.")
    return picture


def _case_of(session: Session, reported: Reported) -> CaseRow | None:
    """The open case of the picture; or the one in which a person looked at it for this very reason, and kept it.

    A case that is decided but can still be undone is no longer open: another reason would be lost with it.
    """
    of_picture = select(CaseRow).where(CaseRow.picture_id == reported.picture_id, CaseRow.source == Source.REPORT)
    waiting = session.exec(of_picture.where(CaseRow.state == "open")).first()
    same = select(ReportRow.id).where(ReportRow.case_id == CaseRow.id, ReportRow.reason == reported.reason)
    return waiting or session.exec(of_picture.where(same.exists()).order_by(col(CaseRow.opened_at).desc())).first()


def _new_case(session: Session, picture: PictureRow, queues: Queues) -> CaseRow:
    decision = session.get_one(DecisionRow, picture.decision_id)
    return queue.contest(session, decision, Source.REPORT, OTHER_SEVERITY, queues, picture_id=picture.id, category="")


def _add(case: CaseRow, reported: Reported, severities: Mapping[Category, int], queues: Queues) -> None:
    """Count it; a graver reason makes the case more urgent, and what may show a child is shown to nobody."""
    category = CATEGORIES.get(reported.reason)
    severity = severities.get(category, queue.UNKNOWN_SEVERITY) if category else OTHER_SEVERITY
    case.reports += 1
    if case.state == "closed":
        return
    case.restricted = case.restricted or category is Category.SEXUAL_MINORS
    if category and (severity > case.severity or not case.category):
        case.category, case.severity = category, max(severity, case.severity)
        case.due_at = min(case.due_at, due_at(case.severity, now()))
    queue.route(case, queues)


def _report(reported: Reported, case_id: str) -> ReportRow:
    salt = random_text(32)
    return ReportRow(
        id=new_id("rpt"), picture_id=reported.picture_id, case_id=case_id, reason=reported.reason, note=reported.note,
        note_salt=salt, note_digest=ledger.prompt_digest(salt, reported.note), reporter=reported.reporter,
        created_at=now(),
    )  # fmt: skip
