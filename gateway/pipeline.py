"""The path of one request, top to bottom: start reading here.

A prompt is entered in the book, judged, drawn, quarantined; each picture is judged by itself and only then released.
Every arrow is committed before the next step begins, and no database session is held while a picture is made.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

from anyio import CancelScope, to_thread

from gateway import metrics
from gateway.auth import Caller, Confirmations
from gateway.errors import ClassifierUnavailable, ConfirmationRequired, ContentRefused, Draining, NotFound
from gateway.generation import (
    Asked,
    Drawn,
    Fresh,
    Generation,
    Group,
    Kept,
    Undrawn,
    pictures_of,
    told_of,
    translated,
)
from gateway.judging import Judge, Look
from gateway.limits import RequestRate
from gateway.store.decisions import Decisions, Judgement, KeptPicture, Received, State
from gateway.store.ids import new_id
from gateway.store.image_files import ImageFiles
from generator.batcher import WaitingLine
from generator.contract import GeneratedImage, Refusal
from policies.decide import may_be_labelled
from policies.likeness import NOTHING_MEANT, carried
from policies.loader import PolicyInForce
from policies.verdict import Action
from safety.fingerprint import NotHashable, fingerprint
from safety.provenance.layers import Provenance, mark_of
from safety.screen import Pixels

Answers = list[tuple[str, Judgement]]  # decision id, judgement


class Pipeline:
    """Everything a request passes through. There is no other way to the generator."""

    def __init__(self, decisions: Decisions, files: ImageFiles, judge: Judge, line: WaitingLine,
                 policies: PolicyInForce, rate: RequestRate, confirmations: Confirmations,
                 provenance: Provenance) -> None:  # fmt: skip
        self._decisions = decisions
        self._files = files
        self._judge = judge
        self._line = line
        self._policies = policies
        self._rate = rate
        self._confirmations = confirmations
        self._provenance = provenance
        self._running: dict[str, tuple[Generation, asyncio.Task[Generation]]] = {}
        self.draining = False

    async def run(self, asked: Asked, caller: Caller) -> Generation:
        """The whole path. Raises a GatewayError when no picture may be shown; cancelling it ends the request."""
        request_id = await self.start(asked, caller)
        return await self.finish(request_id)

    async def start(self, asked: Asked, caller: Caller) -> str:
        """Enter the request in the book and let it run. Returns its id."""
        request = await self._receive(asked, caller)
        task = asyncio.create_task(self._walk(request), name=request.id)
        self._running[request.id] = (request, task)
        task.add_done_callback(lambda done: self._forget(request.id, done))
        return request.id

    async def finish(self, request_id: str) -> Generation:
        """Wait for a request that runs."""
        return await self._running[request_id][1]

    async def cancel(self, request_id: str, caller: Caller) -> None:
        """Stop a request of one's own; one that is over stays as it is."""
        request, task = self._running.get(request_id, (None, None))
        if request and request.caller != caller:
            raise NotFound("There is no such request.")
        if task:
            task.cancel()

    def share_drawn(self, request_id: str) -> float | None:
        """How much of a request that runs here is drawn, 0..1."""
        request, _ = self._running.get(request_id, (None, None))
        return request.share_drawn if request else None

    async def drain(self, seconds: float) -> None:
        """Take nothing new, let what runs come to its end, and stop the rest."""
        self.draining = True
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def judge(self, asked: Received, texts: Sequence[str], pictures: Sequence[Sequence[Pixels]]) -> Answers:
        """Judge prompts, and pictures of several views by what these mean, without drawing. Every answer is kept."""
        policy = self._policies.policy
        judgements = [await self._judge.prompt(text, policy) for text in texts]
        said = [signal for judgement in judgements for signal in judgement.signals] if texts else NOTHING_MEANT
        judgements += await self._judge.sent_pictures(pictures, policy, said) if pictures else []
        ids = await to_thread.run_sync(self._decisions.judged, asked, policy.stamp, judgements)
        return list(zip(ids, judgements, strict=True))

    async def _walk(self, request: Generation) -> Generation:
        try:
            await self._judge_prompt(request)
            await self._draw(request)
            return await self._conclude(request)
        except (Exception, asyncio.CancelledError) as error:
            with CancelScope(shield=True):
                told = await self._abort(request, error)
            raise told from error

    async def _receive(self, asked: Asked, caller: Caller) -> Generation:
        if self.draining:
            raise Draining("The service is about to restart.", retry_after_s=10)
        self._rate.take(caller)
        policy = self._policies.policy
        answers = self._confirmations.answered(asked.confirmation, caller, asked.prompt, policy.stamp.sha256)
        row = Received(caller.kind, caller.id, asked.surface, asked.model, asked.prompt, asked.count, asked.size,
                       asked.seed, asked.user)  # fmt: skip
        request_id = await to_thread.run_sync(self._decisions.received, row, policy.stamp)
        return Generation(request_id, asked, caller, policy, answers)

    async def _judge_prompt(self, request: Generation) -> None:
        request.judged = await self._judge.prompt(request.asked.prompt, request.policy)
        decided = await to_thread.run_sync(self._decisions.prompt_judged, request.id, request.judged, request.answers)
        request.decision_id, request.confirmed = decided.id, decided.confirmed
        if request.action is None:
            raise ClassifierUnavailable("The prompt could not be judged, so nothing was drawn.", retry_after_s=5)
        if request.action.refuses and not request.confirmed:
            raise request.refused("prompt", "blocked", request.told, decided.id)
        if request.action is Action.CONFIRM and not request.confirmed:
            bound = request.caller, request.asked.prompt, request.policy.stamp.sha256
            raise request.question(self._confirmations.token(decided.id, *bound))

    async def _draw(self, request: Generation) -> None:
        self._line.require_place(request.asked.count)
        await to_thread.run_sync(self._decisions.generating, request.id)
        with metrics.generator_seconds.labels(request.asked.model).time():
            drawing = self._line.draw(pictures_of(request.asked), request.caller.id, request.note_share)
            async with aclosing(drawing) as groups:
                async for group in groups:
                    request.undrawn += await self._note_refusals(request, group)
                    if images := [(index, image) for index, image in group if isinstance(image, GeneratedImage)]:
                        kept = await self._quarantine(request, images)
                        judged = await self._judge_pictures(request, kept)
                        request.pictures += [await self._release(drawn) for drawn in judged]

    async def _note_refusals(self, request: Generation, group: Group) -> list[Undrawn]:
        refused = {index: request.refused_by_model(index, r) for index, r in group if isinstance(r, Refusal)}
        if not refused:
            return []
        ids = await to_thread.run_sync(self._decisions.refused_by_model, request.id, list(refused.values()))
        return [
            Undrawn(index, decision_id, told_of(judged, request.policy).categories)
            for (index, judged), decision_id in zip(refused.items(), ids, strict=True)
        ]

    async def _quarantine(self, request: Generation, images: Sequence[tuple[int, GeneratedImage]]) -> list[Kept]:
        fresh = [Fresh(index, image, new_id("dec")) for index, image in images]
        looks = await self._first_looks(request, fresh)
        pairs = zip(fresh, looks, strict=True)
        kept = [await to_thread.run_sync(self._keep, request, picture, look) for picture, look in pairs]
        await to_thread.run_sync(self._decisions.quarantined, request.id, [picture.row for picture in kept])
        return kept

    async def _first_looks(self, request: Generation, fresh: Sequence[Fresh]) -> list[Look]:
        """Which pictures need the visible label, which comes before the mark: only where a cell may ask for it."""
        if not may_be_labelled(request.policy, carried(request.said)):
            return [Look(label=False)] * len(fresh)
        marked = [await to_thread.run_sync(self._provenance.mark, p.image.pixels, p.decision_id) for p in fresh]
        return await self._judge.looks(marked, request.policy, request.said)

    def _keep(self, request: Generation, fresh: Fresh, look: Look) -> Kept:
        """Label, mark, encode, sign, keep: from here on these are the pixels judged and the bytes served."""
        name, asked, image, provenance = new_id("img"), request.asked, fresh.image, self._provenance
        labelled = provenance.label(image.pixels) if look.label else image.pixels
        pixels = provenance.mark(labelled, fresh.decision_id)
        encoded = replace(image, pixels=pixels).encode(asked.format, provenance.xmp)
        content = provenance.sign(
            encoded, asked.format, [fresh.decision_id], request.policy.stamp.sha256, asked.model, look.label
        )
        row = KeptPicture(name, fresh.index, self._files.quarantine(content), image.seed, asked.format,
                          mark_of(fresh.decision_id))  # fmt: skip
        return Kept(row, content, pixels, fresh.decision_id, look, image.pixels)

    async def _judge_pictures(self, request: Generation, kept: Sequence[Kept]) -> list[Drawn]:
        pixels, looks = [picture.pixels for picture in kept], [picture.look for picture in kept]
        answers = await self._judge.pictures(pixels, request.policy, request.said, looks)
        judged = [picture.judged(answer) for picture, answer in zip(kept, answers, strict=True)]
        await to_thread.run_sync(self._erase, judged)
        by_id = {picture.row.id: answer for picture, answer in zip(kept, judged, strict=True)}
        decided = await to_thread.run_sync(self._decisions.pictures_judged, request.id, by_id, request.hold)
        await to_thread.run_sync(self._note_looks, [one for one in kept if decided[one.row.id][0] is State.HELD])
        return [Drawn(picture, *decided[picture.row.id], told_of(answer, request.policy).categories,
                      answer.verdict is not None) for picture, answer in zip(kept, judged, strict=True)]  # fmt: skip

    def _note_looks(self, held: Sequence[Kept]) -> None:
        """What a person has to look at is looked at once, with all that looks like it."""
        seen: dict[str, str] = {}
        for picture in held:
            with suppress(NotHashable):  # then it is looked at by itself
                if (one := fingerprint(picture.pixels)).is_telling:
                    seen[picture.row.id] = one.hash
        if seen:
            self._decisions.seen_as(seen)

    def _erase(self, judged: Sequence[Judgement]) -> None:
        """What must not be kept is gone before the decision that says so can be read: no crash leaves it behind."""
        for judgement in judged:
            if judgement.picture_sha256 and judgement.verdict and judgement.verdict.hash_only:
                self._files.erase(judgement.picture_sha256)

    async def _release(self, drawn: Drawn) -> Drawn:
        if drawn.state is not State.QUARANTINED:
            return drawn
        await to_thread.run_sync(self._files.release, drawn.picture.row.sha256)
        await to_thread.run_sync(self._decisions.picture_released, drawn.picture.row.id)
        return replace(drawn, state=State.RELEASED)

    async def _conclude(self, request: Generation) -> Generation:
        if not request.pictures:
            refusal = request.nothing_drawn()
            await self._end(request, State.WITHHELD, "blocked_model", refusal.code)
            raise refusal
        return await self._conclude_drawn(request)

    async def _conclude_drawn(self, request: Generation) -> Generation:
        request.pictures.sort(key=lambda drawn: drawn.index)
        states = {drawn.state for drawn in request.pictures}
        state = next(s for s in (State.RELEASED, State.HELD, State.WITHHELD) if s in states)
        await to_thread.run_sync(self._decisions.moved, request.id, State.QUARANTINED, State.PICTURES_JUDGED)
        outcome = {State.RELEASED: "allowed", State.HELD: "held", State.WITHHELD: "blocked_image"}[state]
        refusal = None if state is State.RELEASED else request.nothing_to_show(state)
        await self._end(request, state, outcome, refusal.code if refusal else None)
        if refusal:
            raise refusal
        return request

    async def _abort(self, request: Generation, error: BaseException) -> BaseException:
        """End the request in the book as what happened to it, and say it in the words of the error tree."""
        told = translated(error)
        if request.over:
            return told
        if isinstance(error, ContentRefused):
            await self._end(request, State.WITHHELD, "blocked_prompt", error.code)
        elif isinstance(error, ConfirmationRequired):
            await self._end(request, State.WITHHELD, "unconfirmed", error.code)
        elif isinstance(error, asyncio.CancelledError):
            await self._end(request, State.ABORTED, "cancelled", "cancelled")
        else:
            await self._end(request, State.ABORTED, "error", getattr(told, "code", "internal_error"))
        return told

    async def _end(self, request: Generation, state: State, outcome: str, code: str | None = None) -> None:
        severities = request.policy.severity
        await to_thread.run_sync(self._decisions.finished, request.id, state, outcome, code, severities)
        request.over = True
        metrics.generations.labels(request.asked.surface, request.asked.model, outcome).inc()

    def _forget(self, request_id: str, done: "asyncio.Task[Generation]") -> None:
        self._running.pop(request_id, None)
        if not done.cancelled():
            done.exception()  # told to whoever waits; nobody need wait
