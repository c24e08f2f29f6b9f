"""What the terminal commands do: the same path and the same judgements as the service."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console

from gateway.assembly import House, build_screen, open_decisions, open_decoder, policy_path, require_reports, see_lists
from gateway.auth import Caller
from gateway.errors import BadRequest, GatewayError, ImageTooLarge, InvalidValue
from gateway.explanation import CLASSIFIER, explain, gravest_category
from gateway.generation import Asked, Drawn, Generation, Undrawn
from gateway.judging import Judge
from gateway.prompts import checked_prompt, why_unreadable
from gateway.provenance import MAX_FILE_BYTES
from gateway.settings import Settings
from gateway.store.decisions import Judgement, Received, State, as_decision
from policies.decide import decide
from policies.likeness import NOTHING_MEANT, carried
from policies.loader import load_policy
from policies.schema import Example, Policy
from policies.signals import Category, Descriptor, Signal, Stage, Subject
from policies.verdict import UNSUPPORTED_LANGUAGE, Verdict
from safety.screen import Pixels

TERMINAL = Caller("terminal", "terminal")
PICTURE_SUFFIXES = {".png", ".apng", ".jpg", ".jpeg", ".jfif", ".webp", ".gif"}
DESCRIBERS = {"realism": Descriptor.PHOTOREALISM, "person": Descriptor.PERSON}
"""What checks of pictures report beside categories, for pictures that only an example describes."""
LEAST_TOLD = 0.01  # scores and weights below are noise to a person; --json has them all


def draw_once(house: House, prompt: str, *, count: int, seed: int | None, size: str, out: Path) -> dict[str, Any]:
    """Run one request and write what was released. Returns what `draw --json` prints. Raises GatewayError."""
    sizes = house.generator.sizes
    if size not in ("auto", *sizes):
        raise InvalidValue(f"Unknown size {size}. Supported: auto, {', '.join(sizes)}.", param="size")
    asked = Asked(
        prompt=checked_prompt(prompt, house.settings.max_prompt_chars), count=count, seed=seed, surface="terminal",
        size=sizes[0] if size == "auto" else size, model=house.generator.identity.name,
    )  # fmt: skip
    generation = asyncio.run(_run(house, asked))
    out.mkdir(parents=True, exist_ok=True)
    return {
        "request_id": generation.id,
        "policy": str(generation.policy.stamp),
        "requested": count,
        "pictures": [_save(drawn, out) for drawn in generation.pictures if drawn.state is State.RELEASED],
        "withheld": [_told(place) for place in generation.kept_back],
    }


async def _run(house: House, asked: Asked) -> Generation:
    async with house:
        with Console(file=sys.stderr).status(f"drawing {asked.count} pictures"):
            return await house.pipeline.run(asked, TERMINAL)


def _save(drawn: Drawn, out: Path) -> dict[str, Any]:
    path = out / f"{drawn.index}-{drawn.seed}.png"
    path.write_bytes(drawn.content)
    return {"index": drawn.index, "seed": drawn.seed, "file": str(path), "decision_id": drawn.decision_id}


def _told(place: Drawn | Undrawn) -> dict[str, Any]:
    return {
        "index": place.index,
        "outcome": place.state,
        "categories": list(place.categories),
        "decision_id": place.decision_id,
    }


class NothingToJudge(Exception):
    """A folder holds no picture files."""


def picture_files(named: list[Path]) -> list[Path]:
    """The files, and in place of a folder the picture files anywhere below it, by name. Raises NothingToJudge."""
    files: list[Path] = []
    for path in named:
        inside = sorted(_below(path)) if path.is_dir() else [path]
        if not inside:
            raise NothingToJudge(f"{path} holds no {', '.join(sorted(PICTURE_SUFFIXES))} file")
        files += inside
    return files


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())


def _content(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ImageTooLarge(f"The file has more than {MAX_FILE_BYTES} bytes.", param="image")
    return path.read_bytes()


class Checker:
    """Judges prompts and pictures with the settings' policy and models. `with` it.

    record: keep the decisions. explain: say why, each word's weight included. with_lists: by the operator's own word
    lists as well. Raises WordlistInvalid when one of them cannot be used: the service would not start with it.
    """

    def __init__(self, settings: Settings, record: bool, explain: bool = False, with_lists: bool = False) -> None:
        self.policy = load_policy(policy_path(settings.policy))
        screen = build_screen(settings, self.policy)
        require_reports(self.policy, screen)
        self._judge = Judge(screen, settings.gate_seconds, settings.picture_batch)
        self._decoder = open_decoder(settings)
        if with_lists:
            see_lists(settings, self.policy, self._judge.exchange).start()
        self._decisions = open_decisions(settings) if record else None
        self._explain = explain

    def prompts(self, prompts: list[str]) -> list[dict[str, Any]]:
        """One answer per prompt, in order; a prompt that the API would refuse unread says so in `error`."""
        sound = {i: prompt for i, prompt in enumerate(prompts) if why_unreadable(prompt) is None}
        judged = asyncio.run(self._judge.prompts(list(sound.values()), self.policy)) if sound else []
        judgements = dict(zip(sound, judged, strict=True))
        return [self._answer(prompt, judgements.get(i)) for i, prompt in enumerate(prompts)]

    def __enter__(self) -> "Checker":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._decoder.close()

    def picture(self, path: Path, prompts: Sequence[str] = ()) -> dict[str, Any]:
        """The answer for a picture; one that the API would refuse says so in `error`.

        prompts: what it was drawn for, if that is known: whom they mean counts.
        Raises OSError when the file cannot be read, Overloaded when the decoder fails.
        """
        named = {"stage": "picture", "file": str(path)}
        try:
            picture = asyncio.run(self._decoder.read(_content(path), "image"))
        except BadRequest as refused:
            return self._unjudged("", refused) | named
        judgement = asyncio.run(self._judged(picture.views, prompts))
        facts = picture.facts
        looked_at = {"format": facts.format, "frames": facts.frames, "frames_judged": facts.frames_judged,
                     "views_judged": len(picture.views)}  # fmt: skip
        return self._answer("", judgement) | named | looked_at

    async def _judged(self, views: Sequence[Pixels], prompts: Sequence[str]) -> Judgement:
        judged = await self._judge.prompts(prompts, self.policy) if prompts else []
        said = [signal for judgement in judged for signal in judgement.signals] if prompts else NOTHING_MEANT
        return (await self._judge.sent_pictures([views], self.policy, said))[0]

    def wrong_examples(self) -> list[dict[str, Any]]:
        """The policy's examples that turn out otherwise, with what was found."""
        examples = self.policy.examples
        judged = asyncio.run(self._judge.prompts([example.prompt for example in examples], self.policy))
        found = [_verdict_of(example, judgement, self.policy)
                 for example, judgement in zip(examples, judged, strict=True)]  # fmt: skip
        return [
            {"policy": self.policy.name, "prompt": example.prompt, "expected": _expected(example), "found": _told_of(v)}
            for example, v in zip(examples, found, strict=True)
            if v is None or v.action != example.expect or (example.rule and example.rule not in _rules(v))
        ]

    def _answer(self, prompt: str, judgement: Judgement | None) -> dict[str, Any]:
        if judgement is None:
            return self._unjudged(prompt, why_unreadable(prompt))
        answer = _verdict(judgement) | {"prompt": prompt, "policy": str(judgement.policy)}
        if self._decisions:
            kept = Received("terminal", "terminal", "check", "none", prompt, 0, "none", None)
            answer["decision_id"] = self._decisions.judged(kept, judgement.policy, [judgement])[0]
        if self._explain:
            answer["explanation"] = self._explained(prompt, judgement)
        return answer

    def _unjudged(self, prompt: str, problem: GatewayError | None) -> dict[str, Any]:
        told = {"code": problem.code, "message": problem.message, **problem.facts} if problem else {}
        return {"prompt": prompt, "action": "review", "categories": [], "score": 1.0, "signals": [], "error": told,
                "policy": str(self.policy.stamp)}  # fmt: skip

    def _explained(self, prompt: str, judgement: Judgement) -> dict[str, Any]:
        decision = as_decision("", judgement)
        category = gravest_category(decision) if prompt else None
        weights = asyncio.run(self._judge.weigh(prompt, category, CLASSIFIER)) if category else None
        return explain(decision, prompt, weights)


def _verdict_of(example: Example, judgement: Judgement, policy: Policy) -> Verdict | None:
    """Of the prompt or, when the example has one and the prompt may be drawn, of its picture."""
    verdict = judgement.verdict
    if example.picture is None or verdict is None or verdict.action.refuses:
        return verdict
    asked = policy.picture
    scored: set[tuple[str, Subject]] = {(source, category) for category, row in asked.table.items() for source in row}
    described: set[tuple[str, Subject]] = {
        (check, subject) for check, subject in DESCRIBERS.items() if check in asked.checks
    }
    seen = [Signal(source, s, example.picture.get(s, 0.0)) for source, s in sorted(scored | described)]
    return decide([*seen, *carried(judgement.signals)], policy, Stage.PICTURE)


def _rules(verdict: Verdict) -> list[str]:
    return [reason.rule for reason in verdict.reasons]


def _expected(example: Example) -> str:
    return f"{example.expect} by {example.rule}" if example.rule else str(example.expect)


def _told_of(verdict: Verdict | None) -> str:
    """What the policy did, and by which rules."""
    return " by ".join([verdict.action, *filter(None, [", ".join(_rules(verdict))])]) if verdict else "no verdict"


def _verdict(judgement: Judgement) -> dict[str, Any]:
    """What could not be judged is held for a person, and says why."""
    verdict = judgement.verdict
    unsafe = [signal.score for signal in judgement.signals if isinstance(signal.subject, Category)]
    return {
        "action": verdict.action if verdict else "review",
        "categories": list(verdict.categories) if verdict else [],
        "score": max(unsafe, default=1.0),
        "signals": [
            {
                "source": signal.source,
                "category": signal.subject,
                "score": signal.score,
                "evidence": signal.evidence,
                "spans": [[span.start, span.end] for span in signal.spans],
            }
            for signal in judgement.signals
        ],
        "rules": [reason.rule for reason in verdict.reasons] if verdict else [],
        **({"reason": UNSUPPORTED_LANGUAGE} if verdict and verdict.in_unread_language else {}),
        **({"failure": judgement.failure} if judgement.failure else {}),
    }


def as_line(answer: dict[str, Any]) -> str:
    """One line for a person on what was made of a prompt, and beneath it why, if that was asked."""
    unread = answer.get("error", {}).get("message")
    language = ["language not read"] if "reason" in answer else []
    found = unread or ", ".join([*answer["categories"], *language]) or "nothing found"
    named = answer.get("file") or repr(answer["prompt"])
    line = f"{answer['action']:9} {answer['score']:.3f}  {found:24} {named}"
    if answer.get("frames", 1) > 1:
        line += f"  ({answer['frames_judged']} of {answer['frames']} frames judged)"
    return "\n".join([line, *_why(answer.get("explanation"))])


def _why(explanation: dict[str, Any] | None) -> Iterator[str]:
    """What was seen where, scores beside thresholds, words with their weight."""
    if explanation is None:
        return
    for match in explanation["matches"]:
        start, end = match["span"]
        yield f"    seen   {match['category']:16} {match['source']:18} {match['text']!r} at {start}-{end}"
    for reason in explanation["reasons"]:
        yield f"    reason {reason['category'] or '-':16} {reason['rule']:38} {reason['action']}"
    for score in (score for score in explanation["scores"] if score["score"] >= LEAST_TOLD):
        in_force = ", ".join(f"{action} {value:g}" for action, value in score["thresholds"].items())
        told = f"{score['score']:.3f} {score['action']} ({in_force})"
        yield f"    score  {score['subject']:16} {score['source']:18} {told}"
    words = explanation["words"] or {"weights": []}
    for weight in (weight for weight in words["weights"] if weight["drop"] >= LEAST_TOLD):
        yield f"    word   {words['category']:16} {words['source']:18} {weight['drop']:+.3f} {weight['text']!r}"
