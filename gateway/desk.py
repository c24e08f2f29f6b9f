"""The review desk: what a person may do with a case, and what becomes of it.

A block acts at once. What was allowed waits some seconds, so that it can be taken back, and is then released the same
way as any other picture: the decision is committed, the bytes move, the picture is served.
"""

import asyncio
import io
import logging
from datetime import UTC, datetime

from anyio import to_thread
from PIL import Image

from gateway import metrics
from gateway.errors import IntegrityError, InvalidValue, MissingParameter, SeparationOfDuties
from gateway.store.cases import ALLOW, BLOCK, CaseFile, Cases, Counts, Lease, Reviewed, Said
from gateway.store.decisions import Decisions
from gateway.store.image_files import ImageFiles
from gateway.store.people import Duty, Person
from gateway.store.queue import Band
from gateway.store.tables import PictureRow
from policies.loader import PolicyInForce
from policies.reasons import Doing, load_reasons

GRAINS = 14  # a picture is shown as so many blurred grains across, in grey: enough to see what kind of scene it is
MAX_NOTE_CHARS = 2000
TICK_S = 0.5  # how often what settles is looked at
METRICS_S = 15

_log = logging.getLogger("gardefou")


class Desk:
    """Every method without `async` may block."""

    def __init__(self, cases: Cases, decisions: Decisions, files: ImageFiles, policies: PolicyInForce) -> None:
        self.cases = cases
        self._decisions = decisions
        self._files = files
        self._policies = policies

    def read(self, case_id: str, person: Person) -> CaseFile:
        """Everything about a case; that somebody looked is recorded. Raises NotFound, SeparationOfDuties."""
        person.require(Duty.READ)
        found = self.cases.read(case_id, person)
        if found.case.state == "closed":
            person.require(Duty.AUDIT)
        return found

    def blurred(self, case_id: str, picture_id: str, person: Person) -> bytes:
        """A PNG that tells the kind of scene and no more. Raises NotFound, SeparationOfDuties, IntegrityError."""
        person.require(Duty.READ)
        case, picture = self.cases.picture(case_id, picture_id)
        if case.restricted:
            raise SeparationOfDuties("Pictures of this case are shown to nobody.")
        return blur(self._files.read_quarantined(picture.sha256))

    def clear(self, lease: Lease, picture_id: str, person: Person) -> tuple[bytes, str]:
        """The picture as it is, and its format; recorded before a byte leaves. Raises as `Cases.revealed`."""
        person.require(Duty.DECIDE)
        picture = self.cases.revealed(lease, picture_id, person)
        return self._files.read_quarantined(picture.sha256), picture.format

    def say(self, lease: Lease, person: Person, said: Said) -> Reviewed:
        """Decide, escalate or skip. Raises MissingParameter, InvalidValue, and as `Cases.say`."""
        person.require(Duty.DECIDE)
        _require_sound(said)
        reviewed = self.cases.say(lease, person, said)
        if not reviewed.repeated:
            metrics.reviews.labels(said.action).inc()
        return reviewed

    def undo(self, case_id: str, person: Person) -> Lease:
        """Take back what was allowed, in time. Raises NotFound, AlreadyDecided."""
        person.require(Duty.DECIDE)
        lease = self.cases.undo(case_id, person, self._policies.policy.stamp)
        metrics.reviews.labels("undo").inc()
        return lease

    def release_due(self) -> int:
        """Release what nobody took back. Returns how many cases were closed; safe to repeat after a crash."""
        return sum(self._released(case_id) for case_id in self.cases.due())

    def _released(self, case_id: str) -> bool:
        """One case; whatever stands in its way, the others go on, and it stays due."""
        try:
            for picture in self.cases.allowed(case_id):
                self._release(picture)
            self.cases.settle(case_id)
        except Exception as error:  # noqa: BLE001 (told in the log, tried again)
            _log.error("case %s cannot be released: %s", case_id, type(error).__name__)
            return False
        return True

    def _release(self, picture: PictureRow) -> None:
        try:
            self._files.release(picture.sha256)
        except IntegrityError as error:
            self.cases.damaged(picture, error.message)
        else:
            self._decisions.picture_released(picture.id)

    async def work(self) -> None:
        """Release what is due, and tell the metrics how much waits, until cancelled."""
        since = METRICS_S / TICK_S
        while True:
            try:
                await to_thread.run_sync(self.release_due)
                if since * TICK_S >= METRICS_S:
                    tell_metrics(await to_thread.run_sync(self.cases.counts))
                    since = 0
            except Exception as error:  # noqa: BLE001 (a desk that stops would never release what was allowed)
                _log.warning("the review desk waits: %s", type(error).__name__)
            since += 1
            await asyncio.sleep(TICK_S)


def blur(content: bytes) -> bytes:
    """A grey PNG of the same shape whose details are gone: nothing in the browser can bring them back."""
    with Image.open(io.BytesIO(content)) as picture:
        grey = picture.convert("L")
    grains = (GRAINS, max(1, round(GRAINS * grey.height / grey.width)))
    blurred = grey.resize(grains, Image.Resampling.BOX).resize(grey.size, Image.Resampling.BICUBIC)
    encoded = io.BytesIO()
    blurred.save(encoded, "PNG")
    return encoded.getvalue()


def tell_metrics(counts: Counts) -> None:
    """How much waits, and for how long."""
    for band in Band:
        metrics.review_items.labels(band).set(counts.by_band[band])
    metrics.review_overdue.set(counts.overdue)
    oldest = datetime.fromisoformat(counts.oldest_at) if counts.oldest_at else datetime.now(UTC)
    metrics.review_oldest.set((datetime.now(UTC) - oldest).total_seconds())


def _require_sound(said: Said) -> None:
    if len(said.note) > MAX_NOTE_CHARS:
        raise InvalidValue(f"A note has at most {MAX_NOTE_CHARS} characters.", param="note")
    if unknown := {*said.choices.values()} - {ALLOW, BLOCK}:
        raise InvalidValue(f"Choose {ALLOW} or {BLOCK}, {len(unknown)} other given.", param="choices")
    blocks = BLOCK in said.choices.values()
    if said.action == "decide" and blocks and said.clause is None:
        raise MissingParameter("Say which rule is broken.", param="clause")
    if said.action == "decide" and not blocks and said.clause is not None:
        raise InvalidValue("What breaks a rule cannot be allowed. Choose that no rule is broken.", param="clause")
    if not said.reason:
        raise MissingParameter("Choose a reason.", param="reason")
    if said.reason not in load_reasons()[_doing(said)]:
        raise InvalidValue("This reason does not fit what you do.", param="reason")


def _doing(said: Said) -> Doing:
    if said.action == "decide":
        return "block" if BLOCK in said.choices.values() else "allow"
    return "escalate" if said.action == "escalate" else "skip"
