"""How far people agree, in figures: for everybody's decisions, and for one's own. Never one person beside another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from sqlalchemy import Engine

from gateway.store.agreement import Agreement, GoldenAnswer, Looked, Pair, Unit
from gateway.store.desk_numbers import DeskNumbers
from gateway.store.golden import Golden
from policies.verdict import Action
from safety.evaluation.agreement import LEAST_CASES, MISSING, Answers, alpha_of_cases, kappa_of_cases
from safety.evaluation.statistics import Estimate, exact_share

PERIODS = (30, 90, 365)  # days that the pages offer
EVERYTHING = "all"  # the row of all categories
ANSWERS = (Action.ALLOW, Action.BLOCK)


class Together:
    """What the desk keeps of people deciding together."""

    def __init__(self, engine: Engine) -> None:
        self.agreement = Agreement(engine)
        self.golden = Golden(engine)
        self.numbers = DeskNumbers(engine)


@dataclass(frozen=True, slots=True)
class Row:
    """One category, or all of them. cases, pictures: looked at twice. Figures are None where there is too little.

    same: the share of pictures that two answered alike. right: the share of golden cases that were answered rightly.
    """

    category: str
    cases: int
    pictures: int
    same: Estimate | None
    kappa: Estimate | None
    alpha: Estimate | None
    golden: int
    right: Estimate | None

    @property
    def too_few(self) -> bool:
        """Whether there are fewer cases than a figure needs."""
        return self.cases < LEAST_CASES


@dataclass(frozen=True, slots=True)
class Week:
    """What was looked at twice in the week that begins on this Monday, YYYY-MM-DD in UTC."""

    monday: str
    pictures: int
    same: Estimate


def rows_of(looked: Looked) -> list[Row]:
    """All categories together first, then each that came up, by name."""
    names = {unit.category for unit in looked.units} | {answer.category for answer in looked.golden}
    return [_row(EVERYTHING, looked), *(_row(name, _only(looked, name)) for name in sorted(names))]


def weeks_of(pairs: Sequence[Pair]) -> list[Week]:
    """Oldest first; weeks in which nothing was looked at twice are left out."""
    by_week: dict[str, list[bool]] = {}
    for pair in pairs:
        by_week.setdefault(_monday(pair.at), []).append(pair.agreed)
    shares = {monday: exact_share(sum(agreed), len(agreed)) for monday, agreed in by_week.items()}
    return [Week(monday, len(by_week[monday]), share) for monday, share in sorted(shares.items()) if share]


def since(days: int) -> str:
    """So many days ago, UTC ISO 8601."""
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")


def _row(category: str, looked: Looked) -> Row:
    pairs, golden = looked.pairs, looked.golden
    cases = _numbers([pair.case_id for pair in pairs])
    enough = len(np.unique(cases)) >= LEAST_CASES
    first, second = _codes([pair.first for pair in pairs]), _codes([pair.second for pair in pairs])
    return Row(
        category, len(np.unique(cases)), len(pairs),
        exact_share(sum(pair.agreed for pair in pairs), len(pairs)) if enough else None,
        kappa_of_cases(first, second, cases), _alpha(looked.units), len(golden), _right(golden),
    )  # fmt: skip


def _alpha(units: Sequence[Unit]) -> Estimate | None:
    width = max((len(unit.answers) for unit in units), default=0)
    told = [[*_codes(unit.answers), *[MISSING] * (width - len(unit.answers))] for unit in units]
    answers = np.array(told, np.int64).reshape(len(units), width)
    return alpha_of_cases(answers, _numbers([unit.case_id for unit in units]))


def _right(golden: Sequence[GoldenAnswer]) -> Estimate | None:
    return exact_share(sum(answer.right for answer in golden), len(golden)) if len(golden) >= LEAST_CASES else None


def figures_of(look: Callable[[], Looked]) -> tuple[list[Row], list[Week]]:
    """What both the pages and the API tell, by category and by week. Resamples, so it belongs into a thread."""
    looked = look()
    return rows_of(looked), weeks_of(looked.pairs)


def _only(looked: Looked, category: str) -> Looked:
    return Looked(
        [pair for pair in looked.pairs if pair.category == category],
        [unit for unit in looked.units if unit.category == category],
        [answer for answer in looked.golden if answer.category == category],
    )


def _codes(answers: Sequence[Action]) -> Answers:
    return np.array([ANSWERS.index(answer) for answer in answers], np.int64)


def _numbers(names: Sequence[str]) -> Answers:
    known: Mapping[str, int] = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([known[name] for name in names], np.int64)


def _monday(moment: str) -> str:
    day = date.fromisoformat(moment[:10])
    return (day - timedelta(days=day.weekday())).isoformat()
