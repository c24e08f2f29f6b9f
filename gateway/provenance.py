"""Whose picture is this? What each layer says of a file, looked up in the book, and what follows from it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from anyio import to_thread

from gateway import metrics
from gateway.decoding import Decoder
from gateway.errors import Overloaded
from gateway.store.decisions import Decisions, Origin
from safety.picture_files.pixels import SentPicture
from safety.provenance.credentials import Standing
from safety.provenance.layers import Provenance, Seen

PLACES = 2  # files looked at at once; each takes a core and the memory of a decoded picture
MAX_FILE_BYTES = 16 << 20
FIELD = "image"
GENERATED = {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia"}  # IPTC's terms


class Conclusion(StrEnum):
    """What may be said of a file."""

    OURS = "ours"
    FOREIGN = "foreign"
    INVALID = "invalid"
    NOTHING_FOUND = "nothing_found"


class Reason(StrEnum):
    """What a conclusion rests on; the first that holds, in this order.

    SIGNED: our credentials fit the file. KNOWN_FILE: the book has these very bytes. MARKED: our watermark leads to a
    decision. MARK_UNREAD: our watermark is there, its decision is not in this book. ALTERED: there are credentials,
    they do not fit the file. SIGNED_ELSEWHERE: somebody else's fit. SAYS_GENERATED: it says so, unsigned. NOTHING.
    """

    SIGNED = "signed"
    KNOWN_FILE = "known_file"
    MARKED = "marked"
    MARK_UNREAD = "mark_unread"
    ALTERED = "altered"
    SIGNED_ELSEWHERE = "signed_elsewhere"
    SAYS_GENERATED = "says_generated"
    NOTHING = "nothing"

    @property
    def conclusion(self) -> Conclusion:
        """What follows from it."""
        if self in (Reason.SAYS_GENERATED, Reason.NOTHING):
            return Conclusion.NOTHING_FOUND
        others = {Reason.ALTERED: Conclusion.INVALID, Reason.SIGNED_ELSEWHERE: Conclusion.FOREIGN}
        return others.get(self, Conclusion.OURS)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found out about a file. origin: what the book says of it, if it is a released picture or its copy."""

    seen: Seen
    origin: Origin | None
    reason: Reason

    @property
    def decision_ids(self) -> tuple[str, ...]:
        """The decisions that it goes back to."""
        if self.seen.credential.decision_ids:
            return self.seen.credential.decision_ids
        return (self.origin.decision_id,) if self.origin else ()


class Verifier:
    """Looks at files that anybody sends, a few at a time."""

    def __init__(
        self, provenance: Provenance, decisions: Decisions, decoder: Decoder, sizes: Sequence[str], seconds: float
    ) -> None:
        """sizes: those we draw, "256x256". seconds: how long a file may wait for its turn."""
        self._provenance = provenance
        self._decisions = decisions
        self._sizes = sizes
        self._decoder = decoder
        self._seconds = seconds
        self._places = asyncio.Semaphore(PLACES)

    async def verify(self, content: bytes) -> Verification:
        """Look, look up, conclude. Raises UnsupportedImage, ImageTooLarge, Overloaded."""
        try:
            await asyncio.wait_for(self._places.acquire(), self._seconds)
        except TimeoutError as error:
            raise Overloaded("Many pictures are being looked at right now.", retry_after_s=5) from error
        try:
            picture = await self._decoder.read(content, FIELD)
            found = await to_thread.run_sync(self._verify, content, picture)
        finally:
            self._places.release()
        metrics.provenance_checks.labels(found.reason.conclusion).inc()
        return found

    def _verify(self, content: bytes, picture: SentPicture) -> Verification:
        seen = self._provenance.look(content, picture, self._sizes)
        origin = self._decisions.origin(sha256=seen.sha256, mark=seen.mark.text)
        return Verification(seen, origin, _reason(seen, origin))


def _reason(seen: Seen, origin: Origin | None) -> Reason:
    standing = seen.credential.standing
    holds = {
        Reason.SIGNED: standing is Standing.OURS,
        Reason.KNOWN_FILE: origin is not None and origin.same_file,
        Reason.MARKED: origin is not None,
        Reason.MARK_UNREAD: seen.mark.found,
        Reason.ALTERED: standing is Standing.INVALID,
        Reason.SIGNED_ELSEWHERE: standing is Standing.FOREIGN,
        Reason.SAYS_GENERATED: seen.source_type in GENERATED,
        Reason.NOTHING: True,
    }
    return next(reason for reason, held in holds.items() if held)
