"""What follows once a case is decided: it may come up again for somebody else, and two who differ are brought together.

Which cases come up again follows from a keyed hash of the decision: nobody without the key can foresee it, and asking
twice gives the same.
"""

from dataclasses import dataclass

from sqlmodel import Session, select

from gateway import metrics
from gateway.store import copies, golden
from gateway.store.ids import keyed_digest
from gateway.store.tables import CaseRow, GoldenRow, ReviewRow
from policies.queues import Queues

DIGITS = 13  # hexadecimal, of a digest: as many as a float holds exactly
RANGE = 16.0**DIGITS


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of what is decided comes up again, and how often a golden case does; 0 to 1. key: known to us alone."""

    key: bytes
    second_looks: float
    golden: float

    def draws(self, what: str, review_id: str, share: float) -> bool:
        """Whether it falls to this decision."""
        drawn = int(keyed_digest(self.key, f"{what} {review_id}")[:DIGITS], 16)
        return drawn < share * RANGE


NEVER = Shares(b"", 0, 0)


def after(session: Session, case: CaseRow, review: ReviewRow, shares: Shares, queues: Queues) -> None:
    """A case was just closed by this review."""
    if copies.is_copy(case):
        _compare(session, case, review, queues)
    elif case.source in copies.FIRST_LOOKS:
        if shares.draws("second look", review.id, shares.second_looks) and not copies.is_erased(session, case):
            copies.enter(session, case, review, queues)
        if shares.draws("golden", review.id, shares.golden):
            golden.come_up(session, queues)


def _compare(session: Session, copy: CaseRow, review: ReviewRow, queues: Queues) -> None:
    if copy.golden_id:
        is_right = golden.is_right(session.get_one(GoldenRow, copy.golden_id), review)
        metrics.golden_answers.labels("right" if is_right else "wrong").inc()
        return
    first = session.exec(select(ReviewRow.choices).where(ReviewRow.id == copy.first_review_id)).one()
    before, now_said = copies.answers_of(first), copies.answers_of(review.choices)
    apart = [picture for picture, answer in before.items() if now_said[picture] != answer]
    metrics.second_looks.labels("differed" if apart else "agreed").inc()
    if apart:
        copies.disagree(session, copy, apart, queues)
