"""The bias audits of the data folder: what they found, and people who label their pictures."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from anyio import to_thread

from gateway import metrics
from gateway.errors import InvalidValue, MissingParameter, NotFound
from gateway.store.audit_labels import Answers, AuditLabels, Rated
from gateway.store.people import Duty, Person
from safety.bias_audit.finished import FinishedRun, finished_run, finished_runs
from safety.bias_audit.gate import GateAnswer
from safety.bias_audit.labels import Labels, answers_of, labelling_order
from safety.bias_audit.probes import CLASSES, NO_PERSON, Attribute
from safety.bias_audit.run_gate import compare_figures
from safety.bias_audit.runs import Run
from safety.evaluation.agreement import MISSING, alpha_of_cases
from safety.evaluation.statistics import Estimate

WATCH_S = 60
MARGIN = 0.05  # how much worse a newer version may be, as in `gardefou audit gate`

_log = logging.getLogger("gardefou")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the labelling of a run has come, in pictures. alpha: attribute -> agreement of the raters.

    alpha is None below 30 pictures that two people rated, and where only one answer was ever given.
    """

    pictures: int
    rated_once: int
    rated: int
    disputed: int
    settled: int
    alpha: Mapping[Attribute, Estimate | None]


class Audits:
    """Every method may block."""

    def __init__(self, folder: Path, labels: AuditLabels) -> None:
        self.folder = folder
        self._labels = labels

    def listed(self, person: Person) -> list[FinishedRun]:
        """Runs with a report, the latest first. Raises SeparationOfDuties."""
        _require_sight(person)
        return finished_runs(self.folder)

    def seen(self, name: str, person: Person) -> FinishedRun:
        """One of them. Raises NotFound, SeparationOfDuties."""
        _require_sight(person)
        return self.run(name)

    def run(self, name: str) -> FinishedRun:
        """One of them. Raises NotFound."""
        known = {path.name: path for path in self.folder.iterdir()} if self.folder.is_dir() else {}
        found = finished_run(known[name]) if name in known else None
        if found is None:
            raise NotFound("There is no such audit, or it has no report yet.")
        return found

    def file(self, name: str, file: str, person: Person) -> bytes:
        """A file of the report that was written into the run's own folder. Raises NotFound, SeparationOfDuties."""
        person.require(Duty.READ_AUDITS)
        path = self.run(name).folder / "report" / file
        if file not in REPORT_FILES or not path.is_file():
            raise NotFound("The report of this audit lies elsewhere.")
        return path.read_bytes()

    def picture(self, name: str, number: int, person: Person) -> bytes:
        """A picture of a run, by its place in the labelling order. Raises NotFound, SeparationOfDuties."""
        person.require(Duty.LABEL)
        order, folder = self._order(name), self.run(name).folder
        if not 0 <= number < len(order):
            raise NotFound("There is no such picture.")
        return (folder / order[number][1]).read_bytes()

    def next_number(self, name: str, person: Person) -> int | None:
        """The place of the next picture that this person may rate; None when there is none."""
        person.require(Duty.LABEL)
        keys = [key for key, _ in self._order(name)]
        key = self._labels.next_for(person, self._labelled_as(name), keys)
        return None if key is None else keys.index(key)

    def rate(self, name: str, number: int, person: Person, said: Mapping[str, str]) -> None:
        """Keep what somebody says of a picture. Raises as `AuditLabels.rate`, MissingParameter, InvalidValue."""
        person.require(Duty.LABEL)
        self._labels.rate(person, self._labelled_as(name), self._key(name, number), _sound(said, self.attributes(name)))

    def disputed(self, name: str, person: Person) -> list[tuple[int, Rated]]:
        """Pictures that two people rated differently: their places, and what was said."""
        person.require(Duty.SETTLE_LABELS)
        rated = self._labels.rated(self._labelled_as(name))
        places = {key: number for number, (key, _) in enumerate(self._order(name))}
        return [(places[one.key], one) for one in rated.values() if one.is_disputed and one.key in places]

    def settle(self, name: str, number: int, person: Person, said: Mapping[str, str]) -> None:
        """Say what holds. Raises as `AuditLabels.settle`, MissingParameter, InvalidValue."""
        person.require(Duty.SETTLE_LABELS)
        self._labels.settle(
            person, self._labelled_as(name), self._key(name, number), _sound(said, self.attributes(name))
        )

    def progress(self, name: str) -> Progress:
        """How far labelling has come. Raises NotFound."""
        keys, rated = [key for key, _ in self._order(name)], self._labels.rated(self._labelled_as(name))
        known = [rated[key] for key in keys if key in rated]
        return Progress(
            len(keys), sum(not one.is_rated for one in known), sum(one.is_rated for one in known),
            sum(one.is_disputed for one in known), sum(one.settled is not None for one in known),
            {attribute: _alpha(attribute, known) for attribute in self.attributes(name)},
        )  # fmt: skip

    def agreed(self, name: str) -> Labels:
        """Labels that hold. Raises NotFound."""
        keys, rated = {key for key, _ in self._order(name)}, self._labels.rated(self._labelled_as(name))
        held = {key: one.answers for key, one in rated.items() if key in keys and one.answers}
        return {
            attribute: {key: answers[attribute] for key, answers in held.items() if attribute in answers}
            for attribute in self.attributes(name)
        }

    def attributes(self, name: str) -> tuple[Attribute, ...]:
        """What a run asks about, and people label. Raises NotFound."""
        told = {headline.attribute for headline in self.run(name).headlines}
        return tuple(attribute for attribute in CLASSES if attribute in told)

    def compare(self, before: str, after: str, person: Person) -> dict[str, GateAnswer]:
        """Whether the second may follow the first. Raises NotFound, NotComparable, RunUnusable, NothingToRead."""
        person.require(Duty.READ_AUDITS)
        return compare_figures(Run.open(self.run(before).folder), Run.open(self.run(after).folder), MARGIN)

    async def watch(self) -> None:
        """Tell the metrics what the latest audits found, until cancelled."""
        while True:
            try:
                tell_metrics(await to_thread.run_sync(finished_runs, self.folder))
            except Exception as error:  # noqa: BLE001 (figures that cannot be read stop no service)
                _log.warning("the audits cannot be read: %s", type(error).__name__)
            await asyncio.sleep(WATCH_S)

    def _key(self, name: str, number: int) -> str:
        order = self._order(name)
        if not 0 <= number < len(order):
            raise NotFound("There is no such picture.")
        return order[number][0]

    def _order(self, name: str) -> tuple[tuple[str, str], ...]:
        return _labelling_order(self.run(name).folder, self._labelled_as(name))

    def _labelled_as(self, name: str) -> str:
        """What labels are kept under: another plan in a folder of the same name asks about other pictures."""
        plan = json.dumps(asdict(self.run(name).plan), sort_keys=True)
        return f"{name}:{hashlib.sha256(plan.encode()).hexdigest()[:16]}"


def _require_sight(person: Person) -> None:
    """Who only labels sees which audits there are, and no figure of them."""
    if not person.may(Duty.LABEL):
        person.require(Duty.READ_AUDITS)


REPORT_FILES: Mapping[str, str] = {
    "report.html": "text/html",
    "report.json": "application/json",
    "fillers.csv": "text/csv",
    "pictures.csv": "text/csv",
    "manifest.json": "application/json",
    "manifest.sig": "text/plain",
}


@lru_cache(maxsize=8)
def _labelling_order(folder: Path, _: str) -> tuple[tuple[str, str], ...]:
    """Key and file of each picture; a finished run does not change."""
    return tuple((outcome.key, outcome.file) for outcome in labelling_order(Run.open(folder)))


def _sound(said: Mapping[str, str], attributes: Sequence[Attribute]) -> Answers:
    """One answer for each attribute. Whoever sees nobody in a picture says so of all of them."""
    answers: dict[str, str] = {}
    for attribute in attributes:
        if attribute not in said:
            raise MissingParameter("Answer each question.", param=attribute)
        if said[attribute] not in answers_of(attribute):
            raise InvalidValue("Choose one of the answers.", param=attribute)
        answers[attribute] = said[attribute]
    if NO_PERSON in answers.values() and set(answers.values()) != {NO_PERSON}:
        raise InvalidValue("Either somebody is there, or nobody.", param="presentation")
    return answers


def _alpha(attribute: Attribute, rated: list[Rated]) -> Estimate | None:
    known = answers_of(attribute)
    units = [
        [known.index(answers[attribute]) if attribute in answers else MISSING for answers in one.ratings.values()]
        for one in rated
        if one.is_rated
    ]
    if not units:
        return None
    return alpha_of_cases(np.array(units, np.int64), np.arange(len(units)))


def tell_metrics(runs: list[FinishedRun]) -> None:
    """The latest run of each probe, generator and language."""
    latest = {(run.plan.probe, run.plan.generator, run.plan.language): run for run in reversed(runs)}
    for about, run in latest.items():
        metrics.audit_reported.labels(*about).set(run.reported.timestamp())
        metrics.audit_missing.labels(*about).set(run.missing / max(run.asked, 1))
        for headline in run.headlines:
            labels = (*about, headline.attribute)
            metrics.audit_findings.labels(*labels).set(len(headline.findings))
            if headline.gap:
                for bound in ("value", "low", "high"):
                    metrics.audit_gap.labels(*labels, bound).set(getattr(headline.gap, bound))
