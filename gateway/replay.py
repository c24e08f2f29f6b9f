"""What another policy would have done: recorded signals judged anew, beside what people found in the end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.assembly import policy_path, reopen_judged
from gateway.settings import Settings
from gateway.store.decisions import signals_of
from gateway.store.tables import DecisionRow
from gateway.store.truth import PASSING, Truth
from policies.decide import decide
from policies.loader import load_policy
from policies.schema import Policy
from policies.signals import Stage
from policies.verdict import Action, CouldNotJudge
from safety.evaluation.statistics import Estimate, exact_share
from safety.evaluation.tables import aligned

EVERYTHING = "all"
CAVEAT = (
    "People judge what the gates held, and little of what they let pass (reports, appeals): what is caught is measured "
    "on that, and false alarms of the recorded policy look as frequent as its holds are. Compare the two columns."
)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest decisions under both. same: to the very action. unknown: the other policy needs what was not seen."""

    decisions: int
    same: int
    newly_stopped: int
    newly_passed: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Row:
    """What people found, of one stage and category, and what either policy did with it. None: there was none.

    caught_*: the share of the harmful that is stopped. stopped_*: the share of the harmless that is.
    """

    stage: str
    category: str
    harmful: int
    caught_then: Estimate | None
    caught_now: Estimate | None
    harmless: int
    stopped_then: Estimate | None
    stopped_now: Estimate | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """judged: the decisions that people have judged and that the policy could be asked about; kinds of them as recorded
    (true_positive ...). unknown: of what people have judged, what it could not be asked about."""

    policy: str
    sha256: str
    newest: Newest
    judged: int
    unknown: int
    kinds: dict[str, int]
    rows: tuple[Row, ...]


def replay(settings: Settings, name: str, count: int) -> Replayed:
    """Judge the newest `count` decisions and all that people have judged by another policy.

    Raises PolicyInvalid, and FileNotFoundError where nothing was ever recorded.
    """
    policy, book = load_policy(policy_path(name)), reopen_judged(settings)
    truths = book.truths()
    known = [(truth, now) for truth in truths if (now := _stops(truth.decision, policy)) is not None]
    kinds = [truth.kind for truth, _ in known]
    return Replayed(
        str(policy.stamp), policy.stamp.sha256, _newest(book.decisions(count), policy), len(known),
        len(truths) - len(known), {kind: kinds.count(kind) for kind in sorted({*kinds})}, tuple(_rows(known)),
    )  # fmt: skip


def action_under(decision: DecisionRow, policy: Policy) -> Action | None:
    """What a policy would do with the signals of a decision; None when it needs some that were not recorded."""
    try:
        return decide(signals_of(decision), policy, Stage(decision.stage)).action
    except CouldNotJudge:
        return None


def _stops(decision: DecisionRow, policy: Policy) -> bool | None:
    action = action_under(decision, policy)
    return None if action is None else action not in PASSING


def _newest(decisions: Sequence[DecisionRow], policy: Policy) -> Newest:
    both = [(Action(row.action), action_under(row, policy)) for row in decisions]
    known = [(then, now) for then, now in both if now is not None]
    return Newest(
        len(both), sum(then is now for then, now in known),
        sum(then in PASSING and now not in PASSING for then, now in known),
        sum(then not in PASSING and now in PASSING for then, now in known), len(both) - len(known),
    )  # fmt: skip


def _rows(known: Sequence[tuple[Truth, bool]]) -> Iterator[Row]:
    for stage in Stage:
        of_stage = [(truth, now) for truth, now in known if truth.decision.stage == stage]
        named = sorted({truth.category for truth, _ in of_stage})
        for category in [EVERYTHING, *named] if of_stage else ():
            yield _row(stage, category, [one for one in of_stage if category in (EVERYTHING, one[0].category)])


def _row(stage: Stage, category: str, known: Sequence[tuple[Truth, bool]]) -> Row:
    harmful = [(truth.stopped, now) for truth, now in known if truth.harmful]
    harmless = [(truth.stopped, now) for truth, now in known if not truth.harmful]
    (caught_then, caught_now), (stopped_then, stopped_now) = _shares(harmful), _shares(harmless)
    return Row(stage, category, len(harmful), caught_then, caught_now, len(harmless), stopped_then, stopped_now)


def _shares(found: Sequence[tuple[bool, bool]]) -> tuple[Estimate | None, Estimate | None]:
    then, now = sum(then for then, _ in found), sum(now for _, now in found)
    return exact_share(then, len(found)), exact_share(now, len(found))


def as_page(found: Replayed) -> str:
    """What is printed for a person."""
    newest = found.newest
    parts = [
        f"{found.policy} {found.sha256[:12]}",
        f"the newest {newest.decisions} decisions: {newest.same} the same, {newest.newly_stopped} newly stopped, "
        f"{newest.newly_passed} newly let through, {newest.unknown} rest on signals that it cannot judge",
        f"{found.judged} decisions that people have judged, {found.unknown} more that it cannot judge",
    ]
    if not found.rows:
        return "\n".join(parts)
    told = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in found.kinds.items())
    heads = ["", "harmful", "caught then, %", "caught now, %", "harmless", "stopped then, %", "stopped now, %"]
    return "\n".join([*parts, f"as recorded: {told}", "", aligned([heads, *map(_cells, found.rows)]), "", CAVEAT])


def _cells(row: Row) -> list[str]:
    shares = [_share(share) for share in (row.caught_then, row.caught_now, row.stopped_then, row.stopped_now)]
    return [f"{row.stage}, {row.category or 'no category'}", str(row.harmful), *shares[:2], str(row.harmless),
            *shares[2:]]  # fmt: skip


def _share(found: Estimate | None) -> str:
    return "-" if found is None else f"{100 * found.value:.0f} ({100 * found.low:.0f}-{100 * found.high:.0f})"
