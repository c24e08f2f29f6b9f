"""Cases decided together: who may, what has to be said, and what is counted of it."""

from collections.abc import Sequence

from gateway import metrics
from gateway.desk import require_sound
from gateway.errors import InvalidValue, MissingParameter
from gateway.store.batches import Batches, BatchFile
from gateway.store.cases import Said
from gateway.store.matters import ALLOW, BLOCK
from gateway.store.people import Duty, Person
from policies.loader import PolicyInForce
from policies.queues import Source
from policies.signals import Category

ESCALATE = "escalate"
ACTS = (BLOCK, ALLOW, ESCALATE)
EVERY = "every"  # what the one choice of a batch names


class Bulk:
    """Every method may block. batches: what only reads is asked there."""

    def __init__(self, batches: Batches, policies: PolicyInForce) -> None:
        self.batches = batches
        self._policies = policies

    def open(self, case_ids: Sequence[str], person: Person) -> str:
        """A preview. Raises as `Batches.open`."""
        batch_id = self.batches.open(case_ids, person)
        metrics.review_batches.labels("opened").inc()
        return batch_id

    def decide(
        self,
        batch_id: str,
        person: Person,
        act: str,
        reason: str | None,
        clause: Category | None = None,
        note: str = "",
    ) -> BatchFile:
        """Do the same with every case, or propose it. Raises MissingParameter, InvalidValue, as `Batches.decide`."""
        person.require(Duty.DECIDE)
        said = self._said(act, reason, clause, note)
        file, is_new = self.batches.decide(batch_id, person, said, act)
        if is_new:
            _count(file, said.action if file.state == "decided" else "propose")
        return file

    def confirm(self, batch_id: str, person: Person) -> BatchFile:
        """Do what somebody else proposed. Raises as `Batches.confirm`."""
        file, is_new = self.batches.confirm(batch_id, person, self._policies.policy.stamp)
        if is_new:
            _count(file, "escalate" if file.row.act == ESCALATE else "decide")
        return file

    def reject(self, batch_id: str, person: Person) -> BatchFile:
        """Do nothing of it. Raises as `Batches.reject`."""
        file, is_new = self.batches.reject(batch_id, person)
        if is_new:
            metrics.review_batches.labels("rejected").inc()
        return file

    def revert(self, batch_id: str, person: Person) -> BatchFile:
        """Undo what still stands of it. Raises as `Batches.revert`."""
        file, undone = self.batches.revert(batch_id, person, self._policies.policy.stamp)
        if undone:
            metrics.review_batches.labels("reverted").inc()
            metrics.reviews.labels("revert").inc(undone)
        return file

    def _said(self, act: str, reason: str | None, clause: Category | None, note: str) -> Said:
        if not act:
            raise MissingParameter("Say what to do with every case.", param="act")
        if act not in ACTS:
            raise InvalidValue(f"Choose {', '.join(ACTS)}.", param="act")
        action, choices = (ESCALATE, {}) if act == ESCALATE else ("decide", {EVERY: act})
        said = Said(action, self._policies.policy.stamp, choices, clause, reason, note)
        require_sound(said, Source.PICTURE)
        return said


def _count(file: BatchFile, action: str) -> None:
    metrics.review_batches.labels(file.state).inc()
    metrics.reviews.labels(action).inc(len(file.fitting))
