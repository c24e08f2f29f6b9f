"""What the page of a case says about looking twice: the answers of two who differ, and the form of a golden case."""

from collections.abc import Mapping

from gateway.assembly import House
from gateway.store.cases import CaseFile
from gateway.store.copies import FIRST_LOOKS, answers_of
from gateway.store.people import Duty, Person
from gateway.store.tables import ReviewRow
from gateway.web.agreement_texts import AGREEMENT_TEXTS
from gateway.web.texts import Language
from policies.reasons import load_reasons

Said = tuple[str, list[tuple[int, str]], str, str | None]  # which answer, (picture's number, answer) each, why, clause


def looks_context(house: House, person: Person, language: Language, file: CaseFile) -> dict[str, object]:
    """Whatever the templates need. May block."""
    is_golden = person.may(Duty.SEE_AGREEMENT) and house.together.golden.marked(file.case.id) is not None
    numbers = {picture.id: picture.index + 1 for picture in file.pictures}
    return {
        "a": AGREEMENT_TEXTS[language],
        "two_answers": [
            _said(which, review, numbers, language)
            for which, review in zip(("first", "second"), file.answers, strict=False)
        ],
        "is_golden": is_golden,
        "golden_choices": [] if is_golden else _to_state(person, file, numbers),
    }


def _said(which: str, review: ReviewRow, numbers: Mapping[str, int], language: Language) -> Said:
    answers = answers_of(review.choices).items()
    said = sorted((numbers[picture], answer.value) for picture, answer in answers if picture in numbers)
    return which, said, _why(review, language), review.clause


def _why(review: ReviewRow, language: Language) -> str:
    known = {name: text for reasons in load_reasons().values() for name, text in reasons.items()}
    text = known.get(review.reason or "")
    return text.in_language(language).replace("{clause}", "").strip() if text else ""


def _to_state(person: Person, file: CaseFile, numbers: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """(picture, its number, what was decided) for each of which a right answer can be stated."""
    case = file.case
    fits = case.state == "closed" and case.source in FIRST_LOOKS and not case.restricted and not case.again_of
    deciding = next((review for review in file.reviews if review.id == case.review_id), None)
    if not fits or not person.may(Duty.MARK_GOLDEN) or deciding is None or file.request.prompt is None:
        return []
    answers = answers_of(deciding.choices)
    return sorted(
        ((picture, numbers[picture], answer.value) for picture, answer in answers.items()), key=lambda one: one[1]
    )
