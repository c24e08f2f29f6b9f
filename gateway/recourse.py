"""What anybody may do against a decision without an account: appeal it, or report a picture that was released.

Knowing a decision's or a picture's name is enough. Who asks is told by address, which is counted and never kept.
"""

from time import time

from limits import RateLimitItem, RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway import metrics
from gateway.auth import Caller
from gateway.errors import InvalidValue, MissingParameter, RateLimited
from gateway.prompts import checked_prompt
from gateway.store.appeals import Appeals, Statement
from gateway.store.ids import keyed_digest
from gateway.store.reports import Reported, ReportReason, Reports, Standing
from gateway.store.tables import AppealRow, ReportRow
from policies.loader import PolicyInForce
from policies.schema import Policy
from policies.signals import Category

MAX_TEXT_CHARS = 2000
PER_CALLER = RateLimitItemPerHour(20)  # a household or an office behind one address; a program has its own key
PER_SUBJECT = RateLimitItemPerHour(60)  # of one decision, or one picture that many see


class Recourse:
    """Every method may block."""

    def __init__(self, appeals: Appeals, reports: Reports, policies: PolicyInForce, secret: bytes) -> None:
        self._appeals = appeals
        self._reports = reports
        self._policies = policies
        self._secret = secret
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def statement(self, decision_id: str) -> Statement:
        """All there is to tell of a decision. Raises NotFound."""
        return self._appeals.statement(decision_id)

    def appeal(self, decision_id: str, text: str, language: str, caller: Caller) -> AppealRow:
        """Object to a decision. Raises NotFound, NotAppealable, RateLimited, BadRequest."""
        if not text.strip():
            raise MissingParameter("Say why the decision was wrong.", param="text")
        said = checked_prompt(text, MAX_TEXT_CHARS, "text", is_drawn=False)
        self._take("appeal", caller, decision_id)
        row = self._appeals.file(decision_id, said, language)
        metrics.appeals.labels("filed").inc()
        return row

    def require_reportable(self, picture_id: str) -> None:
        """Raises NotFound, ImageWithdrawn."""
        self._reports.require_reportable(picture_id)

    def report(self, picture_id: str, reason: str, note: str, caller: Caller, reporter: str) -> ReportRow:
        """Say what is wrong with a picture. reporter: counted once. Raises as `appeal`, ImageWithdrawn."""
        if not reason:
            raise MissingParameter("Say what is wrong with the picture.", param="reason")
        if reason not in set(ReportReason):
            raise InvalidValue("This is none of the reasons.", param="reason")
        said = checked_prompt(note, MAX_TEXT_CHARS, "note", is_drawn=False) if note.strip() else ""
        self._take("report", caller, picture_id)
        digest = keyed_digest(self._secret, f"report {reporter} {picture_id}")
        reported = Reported(picture_id, ReportReason(reason), said, digest)
        row = self._reports.report(reported, self._policies.policy.severity)
        metrics.reports.inc()
        return row

    def standing(self, report_id: str) -> Standing:
        """What became of a report. Raises NotFound."""
        return self._reports.standing(report_id)

    def _take(self, what: str, caller: Caller, subject: str) -> None:
        self._count(PER_CALLER, what, caller.kind, caller.id)
        self._count(PER_SUBJECT, what, subject)

    def _count(self, item: RateLimitItem, *who: str) -> None:
        if self._limiter.hit(item, *who):
            return
        metrics.rate_limited.labels(who[0]).inc()
        wait = self._limiter.get_window_stats(item, *who).reset_time - time()
        raise RateLimited("Too many at once. Wait a little.", retry_after_s=max(1.0, wait))


def tellable(clause: str | None, policy: Policy) -> Category | None:
    """The rule that somebody named, unless the policy keeps it to itself."""
    named = next((category for category in Category if category == clause), None)
    return named if named and policy.disclosure(named) != "none" else None
