"""The review desk: what a person may do with a case, and what becomes of it.

A block acts at once. What was allowed waits some seconds, so that it can be taken back, and is then released the same
way as any other picture: the decision is committed, the bytes move, the picture is served.
"""

import asyncio
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from anyio import to_thread
from PIL import Image

from gateway import metrics
from gateway.errors import (
    AlreadyDecided,
    IntegrityError,
    InvalidValue,
    MissingParameter,
    SeparationOfDuties,
    TooLittleDetail,
)
from gateway.store.banned import BannedPictures, Lifted
from gateway.store.cases import CaseFile, Cases, Lease, Reviewed, Said
from gateway.store.decisions import Decisions
from gateway.store.image_files import ImageFiles
from gateway.store.lateness import BATCH, Lateness
from gateway.store.listing import Counts, InQueue
from gateway.store.matters import ALLOW, BAN, BLOCK, PROMPT
from gateway.store.people import Duty, Person
from gateway.store.queue import Band
from gateway.store.tables import PictureRow
from policies.loader import PolicyInForce
from policies.queues import Source
from policies.reasons import Doing, load_reasons
from safety.fingerprint import Fingerprint, fingerprint
from safety.picture_files.pixels import decode_picture

GRAINS = 14  # a picture is shown as so many blurred grains across, in grey: enough to see what kind of scene it is
MAX_NOTE_CHARS = 2000
BAN_DAYS = 365  # unless a moderator chooses another time
MAX_BAN_DAYS = 3650
MAX_ALIKE = 1000  # cases decided together
MAX_OWN_PIXELS = 64_000_000  # of what we have drawn ourselves: any size that a generator may have
TICK_S = 0.5  # how often what settles is looked at
METRICS_S = 15  # how often it is told how much waits, and looked for what waits for too long
LATE_BATCHES = 20  # at a time

FIRST: tuple[Doing, Doing] = ("allow", "block")
DOINGS: Mapping[str, tuple[Doing, Doing]] = {  # what to allow and to block is called in a case of this source
    Source.APPEAL: ("overturn", "uphold"),
    Source.REPORT: ("keep", "withdraw"),
}

_log = logging.getLogger("gardefou")


class Desk:
    """Every method without `async` may block."""

    def __init__(
        self, cases: Cases, decisions: Decisions, files: ImageFiles, policies: PolicyInForce, banned: BannedPictures,
        follow: Callable[[], None], lateness: Lateness,
    ) -> None:  # fmt: skip
        """follow: puts what was banned or lifted in force."""
        self.cases = cases
        self.lateness = lateness
        self.banned = banned
        self._follow = follow
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
        case, picture = self.cases.picture(case_id, picture_id, person)
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
        require_sound(said, self.cases.source(lease.case_id))
        reviewed = self.cases.say(lease, person, replace(said, hashes=self._hashes(lease.case_id, said, person)))
        if not reviewed.repeated:
            metrics.reviews.labels(said.action).inc()
        if reviewed.banned:
            self._follow()
        return reviewed

    def _hashes(self, case_id: str, said: Said, person: Person) -> dict[str, str]:
        """What is to be banned looks like this. Raises TooLittleDetail for a picture that could not be known again."""
        banned = [picture_id for picture_id, choice in said.choices.items() if choice == BAN]
        seen = {picture_id: self._seen(case_id, picture_id, person) for picture_id in banned}
        if dull := sorted(picture_id for picture_id, one in seen.items() if not one.is_telling):
            told = f"{len(dull)} of these pictures has too little detail to be known again: block it without a ban."
            raise TooLittleDetail(told, param="choices")
        return {picture_id: one.hash for picture_id, one in seen.items()}

    def _seen(self, case_id: str, picture_id: str, person: Person) -> Fingerprint:
        _, picture = self.cases.picture(case_id, picture_id, person)
        content = self._files.read_quarantined(picture.sha256)
        return fingerprint(decode_picture(content, MAX_OWN_PIXELS))

    def lift_ban(self, banned_id: str, person: Person, why: str) -> Lifted:
        """Disable a ban; what only it kept back goes free. Raises as `BannedPictures.disable_entry`, InvalidValue."""
        person.require(Duty.LIFT_BANS)
        if not why.strip():
            raise MissingParameter("Say why.", param="why")
        if len(why) > MAX_NOTE_CHARS:
            raise InvalidValue(f"A reason has at most {MAX_NOTE_CHARS} characters.", param="why")
        lifted = self.banned.disable_entry(banned_id, f"person:{person.id}", why.strip())
        self._follow()
        return lifted

    def undo(self, case_id: str, person: Person) -> Lease:
        """Take back what was allowed, in time. Raises NotFound, AlreadyDecided."""
        person.require(Duty.DECIDE)
        lease = self.cases.undo(case_id, person, self._policies.policy.stamp)
        metrics.reviews.labels("undo").inc()
        return lease

    def release_due(self) -> int:
        """Release what nobody took back. Returns how many cases were closed; safe to repeat after a crash."""
        for request_id, pictures in self.banned.freed().items():
            self._freed(request_id, pictures)
        return sum(self._released(case_id) for case_id in self.cases.due())

    def escalate_late(self) -> int:
        """Give what waits for too long to the seniors. Returns how many cases; safe to repeat, by any process."""
        escalated = 0
        for _ in range(LATE_BATCHES):
            queues = self.lateness.escalate()
            for queue in queues:
                metrics.review_escalations.labels(queue).inc()
            escalated += len(queues)
            if len(queues) < BATCH:
                break
        return escalated

    def _freed(self, request_id: str, pictures: Sequence[PictureRow]) -> None:
        """What a lifted ban kept back; whatever stands in the way, the others go on, and it is tried again."""
        try:
            for picture in pictures:
                self._release(picture)
            self.banned.settle(request_id)
        except Exception as error:  # noqa: BLE001 (told in the log, tried again)
            _log.error("pictures of %s cannot be freed: %s", request_id, type(error).__name__)

    def _released(self, case_id: str) -> bool:
        """One case; whatever stands in its way, the others go on, and it stays due."""
        try:
            for picture in self.cases.allowed(case_id):
                self._release(picture)
            self._lift_what_it_banned(case_id)
            self.cases.settle(case_id)
        except Exception as error:  # noqa: BLE001 (told in the log, tried again)
            _log.error("case %s cannot be released: %s", case_id, type(error).__name__)
            return False
        return True

    def _lift_what_it_banned(self, case_id: str) -> None:
        """A picture that should have passed bans nothing. Before its case is closed, so that a crash leaves it due."""
        for overturned in self.cases.overturned(case_id):
            for banned_id in self.banned.made_from(overturned.picture_id):
                with suppress(AlreadyDecided):  # somebody lifted it this very moment
                    self.banned.disable_entry(banned_id, f"person:{overturned.person_id}", overturned.because)
                self._follow()

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
                    await to_thread.run_sync(self.escalate_late)
                    tell_metrics(await to_thread.run_sync(self.cases.counts), self.cases.queues.names)
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


def tell_metrics(counts: Counts, queues: Sequence[str]) -> None:
    """How much waits, and for how long."""
    for band in Band:
        metrics.review_items.labels(band).set(counts.by_band[band])
    for queue in queues:
        waiting = counts.by_queue.get(queue, InQueue())
        oldest = datetime.fromisoformat(waiting.oldest_at) if waiting.oldest_at else datetime.now(UTC)
        metrics.review_queue_items.labels(queue).set(waiting.open)
        metrics.review_overdue.labels(queue).set(waiting.overdue)
        metrics.review_oldest.labels(queue).set((datetime.now(UTC) - oldest).total_seconds())
        metrics.review_escalations.labels(queue)  # a counter that is there from the start can be watched for a rise
    metrics.review_unattended.set(counts.unattended)


def require_sound(said: Said, source: str) -> None:
    """Whether what is said fits together, in a case of this source. Raises MissingParameter, InvalidValue."""
    if len(said.note) > MAX_NOTE_CHARS:
        raise InvalidValue(f"A note has at most {MAX_NOTE_CHARS} characters.", param="note")
    if unknown := {*said.choices.values()} - {ALLOW, BLOCK, BAN}:
        raise InvalidValue(f"Choose {ALLOW}, {BLOCK} or {BAN}, {len(unknown)} other given.", param="choices")
    if said.choices.get(PROMPT) == BAN:
        raise InvalidValue("Only a picture can be banned.", param="choices")
    blocks = _blocks(said)
    if said.action == "decide" and blocks and said.clause is None:
        raise MissingParameter("Say which rule is broken.", param="clause")
    if said.action == "decide" and not blocks and said.clause is not None:
        raise InvalidValue("What breaks a rule cannot be allowed. Choose that no rule is broken.", param="clause")
    if not said.reason:
        raise MissingParameter("Choose a reason.", param="reason")
    if said.reason not in load_reasons()[_doing(said, source)]:
        raise InvalidValue("This reason does not fit what you do.", param="reason")


def _blocks(said: Said) -> bool:
    return not {BLOCK, BAN}.isdisjoint(said.choices.values())


def ban_end(days: int) -> str:
    """When a ban of so many days from now ends, UTC ISO 8601. Raises InvalidValue for less than 1 or more than 3650."""
    if not 1 <= days <= MAX_BAN_DAYS:
        raise InvalidValue(f"A ban lasts from 1 to {MAX_BAN_DAYS} days.", param="ban_days")
    return (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="microseconds")


def _doing(said: Said, source: str) -> Doing:
    if said.action == "decide":
        return DOINGS.get(source, FIRST)[1 if _blocks(said) else 0]
    return "escalate" if said.action == "escalate" else "skip"
