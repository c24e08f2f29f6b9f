"""What the page of a case shows: the prompt with its hidden parts made visible, the signals beside their thresholds,
and what happened so far."""

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from gateway.store.cases import CaseFile
from gateway.store.decisions import found_by, leading_reasons
from gateway.store.tables import DecisionRow, PictureRow
from gateway.store.views import Found
from gateway.web.desk_texts import DeskTexts
from gateway.web.texts import Texts
from policies.reasons import told
from policies.signals import Stage

TOLD_FROM = 0.05  # a score below it is not worth a bar
MOST_BARS = 8
HIDDEN = ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")  # Unicode categories of what a reader cannot see
# Letters and marks without a shape: grapheme joiner, Hangul fillers, a blank Braille pattern, variation selectors.
BLANK = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0") | {chr(point) for point in range(0xFE00, 0xFE10)}


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt. kind: text | mark (a check saw it) | chip (it cannot be seen). text of a chip: U+XXXX."""

    kind: str
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One signal beside the thresholds that judged it. score: 0 to 1, None when it was no number."""

    subject: str
    source: str
    score: float | None
    thresholds: tuple[tuple[str, float], ...]

    @property
    def met(self) -> bool:
        """Whether it led to anything; what is no number did."""
        return self.score is None or any(not (self.score < value) for _, value in self.thresholds)


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of a case. decision: the one it rests on."""

    row: PictureRow
    decision: DecisionRow | None
    bars: tuple[Bar, ...]

    @property
    def number(self) -> int:
        """Counted from 1."""
        return self.row.index + 1


def segments(prompt: str, found: Sequence[Found]) -> list[Segment]:
    """The prompt in pieces, in order; together the visible ones are the prompt as it was typed."""
    marked = {place for hit in found for place in range(hit.start, hit.end)}
    pieces: list[Segment] = []
    for place, character in enumerate(prompt):
        piece = _piece(character, "mark" if place in marked else "text")
        if pieces and piece.kind != "chip" and pieces[-1].kind == piece.kind:
            pieces[-1] = Segment(piece.kind, pieces[-1].text + piece.text)
        else:
            pieces.append(piece)
    return pieces


def _piece(character: str, kind: str) -> Segment:
    if character not in BLANK and unicodedata.category(character) not in HIDDEN:
        return Segment(kind, character)
    return Segment("chip", f"U+{ord(character):04X}", unicodedata.name(character, "").lower())


def bars(decision: DecisionRow | None) -> tuple[Bar, ...]:
    """Every signal of a decision, the ones that led to it first."""
    if decision is None:
        return ()
    thresholds = json.loads(decision.thresholds)
    found = [_bar(decision.stage, signal, thresholds) for signal in json.loads(decision.signals)]
    return tuple(sorted(found, key=lambda bar: (not bar.met, -(bar.score or 0), bar.subject, bar.source)))


def telling(found: Sequence[Bar]) -> list[Bar]:
    """The bars that are worth a look."""
    return [bar for bar in found if bar.met or (bar.score or 0) >= TOLD_FROM][:MOST_BARS]


def _bar(stage: str, signal: Mapping[str, object], thresholds: Mapping[str, float]) -> Bar:
    subject, source, score = str(signal["subject"]), str(signal["source"]), signal["score"]
    places = (f"{stage}/{subject}/{source}/", f"{stage}/{subject}/")
    in_force = [(name.removeprefix(place), value) for place in places for name, value in thresholds.items()
                if name.startswith(place) and "/" not in name.removeprefix(place)]  # fmt: skip
    number = float(score) if isinstance(score, int | float) else None
    return Bar(subject, source, number, tuple(sorted(in_force, key=lambda pair: pair[1])))


def shown(file: CaseFile) -> list[Shown]:
    """The pictures, each with what was seen in it."""
    decisions = [file.decisions.get(picture.decision_id or "") for picture in file.pictures]
    return [Shown(row, made, bars(made)) for row, made in zip(file.pictures, decisions, strict=True)]


def why_held(file: CaseFile, texts: Texts, desk: DeskTexts) -> list[tuple[str, str]]:
    """(rule, what met it) of the prompt and of the pictures that wait; of several by one rule the first."""
    behind = [file.prompt_decision, *(file.decisions.get(picture.decision_id or "") for picture in file.at_stake)]
    lines: dict[str, str] = {}
    for decision in behind:
        if decision is not None and (decision.action == "none" or decision.failure):
            lines.setdefault("", desk.could_not_judge.format(why=(decision.failure or "").partition(":")[0]))
        elif decision is not None and decision.action not in ("allow", "label"):
            for reason in leading_reasons(decision):
                lines.setdefault(reason["rule"], _met(reason, texts, desk))
    return list(lines.items())


def _met(reason: Mapping[str, object], texts: Texts, desk: DeskTexts) -> str:
    category = texts.category(str(reason["category"])) if reason["category"] else desk.unknown_category
    return desk.rule_line.format(
        category=category, score=f"{reason['score']:.2f}", threshold=f"{reason['threshold']:g}"
    )


def prompt_segments(file: CaseFile) -> list[Segment]:
    """The prompt of a case in pieces; none once it was erased."""
    found = found_by(file.prompt_decision) if file.prompt_decision else ()
    return segments(file.request.prompt or "", found)


def age(since: str, desk: DeskTexts) -> str:
    """How long ago, in one unit."""
    passed = datetime.now(UTC) - datetime.fromisoformat(since)
    if passed >= timedelta(days=2):
        return desk.days.format(count=passed.days)
    if passed >= timedelta(hours=2):
        return desk.hours.format(count=int(passed.total_seconds() // 3600))
    minutes = int(passed.total_seconds() // 60)
    return desk.minutes.format(count=minutes) if minutes else desk.just_now


def is_overdue(due_at: str) -> bool:
    """Whether somebody should have looked by now."""
    return datetime.fromisoformat(due_at) < datetime.now(UTC)


def timeline(file: CaseFile, names: Mapping[str, str], language: str, desk: DeskTexts) -> list[tuple[str, str]]:
    """(UTC ISO 8601, sentence) of everything that happened, oldest first; what repeats itself is told once."""
    events = sorted([*_request_events(file, names, desk), *_desk_events(file, names, language, desk)])
    return [next(same) for _, same in groupby(events, key=lambda event: event[1])]


def _request_events(file: CaseFile, names: Mapping[str, str], desk: DeskTexts) -> Iterator[tuple[str, str]]:
    say = desk.events
    yield file.request.created_at, say["received"]
    for row in file.decisions.values():
        place = {"number": (row.picture_index or 0) + 1}
        stage = desk.stages["prompt" if row.stage == Stage.PROMPT else "picture"].format(**place)
        kind = "decided" if row.decided_by else "unjudged" if row.action == "none" else "judged"
        who = names.get(row.decided_by or "", desk.person_unknown)
        yield row.created_at, say[kind].format(stage=stage, who=who, action=desk.actions[row.action])
    yield file.case.opened_at, say["opened"]
    if file.case.closed_at:
        yield file.case.closed_at, say["closed"]


def _desk_events(file: CaseFile, names: Mapping[str, str], language: str, desk: DeskTexts) -> Iterator[tuple[str, str]]:
    numbers = {picture.id: picture.index + 1 for picture in file.pictures}
    for event in file.events:
        who = names.get(json.loads(event.facts)["by"], desk.person_unknown)
        yield event.at, desk.events[event.kind].format(who=who, number=numbers.get(event.subject, ""))
    for review in file.reviews:
        who = names.get(review.person_id, desk.person_unknown)
        reason = told("skip", review.reason, language, "") if review.action == "skip" and review.reason else ""
        yield review.created_at, desk.events[review.action].format(who=who, reason=reason)
