"""What the pages about deciding together say, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class AgreementTexts:
    """Every sentence of these pages in one language; words in braces are filled in by `str.format`."""

    agreement: str
    numbers: str
    lead_all: str
    lead_own: str
    period: str
    days: str
    everybody: str
    table_all: str
    table_own: str
    category: str
    all_categories: str
    cases: str
    pictures: str
    same: str
    kappa: str
    alpha: str
    golden_right: str
    too_few: str
    not_defined: str
    to: str
    how_to_read: str
    nothing_twice: str
    weekly: str
    week: str
    same_share: str
    low: str
    high: str
    interval: str
    as_table: str
    disagreements: str
    no_disagreements: str
    sides: Mapping[str, str]
    waits: str
    settled_otherwise: str
    golden_cases: str
    golden_lead: str
    no_golden: str
    golden_tally: str
    retire: str
    numbers_lead: str
    queues: str
    queue: str
    opened: str
    decided: str
    waited_half: str
    waited_most: str
    overturned: str
    of_appeals: str
    daily: str
    day: str
    own_numbers: str
    own_lead: str
    own_daily: str
    did: Mapping[str, str]
    own_overturned: str
    own_same: str
    own_golden: str
    seconds: str
    two_answers: str
    one_said: str
    picture_said: str
    answers: Mapping[str, str]
    make_golden: str
    golden_hint: str
    right_answer: str
    is_golden: str
    decimal: str


ENGLISH = AgreementTexts(
    agreement="Agreement",
    numbers="Numbers",
    lead_all="Of the decided cases {share} come up again for somebody else, who is not told. This is how often two "
    "people said the same, and how far that goes beyond chance.",
    lead_own="Some of what you decide comes up again for somebody else, and you meet what others decided. Neither is "
    "told. This is how far you and they agree; nobody else is shown it with your name.",
    period="Time",
    days="{count} days",
    everybody="Everybody",
    table_all="Looked at by two people or more",
    table_own="What you and somebody else looked at",
    category="Held for",
    all_categories="everything",
    cases="Cases",
    pictures="Pictures",
    same="Same answer",
    kappa="Cohen’s kappa",
    alpha="Krippendorff’s alpha",
    golden_right="Golden cases right",
    too_few="too few",
    not_defined="not defined",
    to="to",
    how_to_read="1 is perfect agreement, 0 is what chance alone would do. Intervals hold 95 % and resample cases. "
    "Below {least} cases no figure is shown; where everybody gave the same answer, none is defined.",
    nothing_twice="Nothing was looked at twice in this time.",
    weekly="Same answer, by week",
    week="Week from",
    same_share="Same answer",
    low="At least",
    high="At most",
    interval="95 % interval",
    as_table="The numbers as a table",
    disagreements="Where two differ",
    no_disagreements="No two people differ.",
    sides={
        "first": "settled: the first answer stands",
        "second": "settled: the second answer was right",
        "each": "settled: the one in one picture, the other in another",
    },
    waits="waits for a senior moderator",
    settled_otherwise="settled by something else",
    golden_cases="Golden cases",
    golden_lead="Decided cases with a right answer. They come up among the others and change nothing.",
    no_golden="No case is golden. Make one from the page of a decided case.",
    golden_tally="{right} of {answers} answered rightly",
    retire="Retire",
    numbers_lead="What came in, what was decided, and how long people waited. Nobody is compared with anybody.",
    queues="Queues",
    queue="Queue",
    opened="Opened",
    decided="Decided",
    waited_half="Half waited less than",
    waited_most="Nine in ten waited less than",
    overturned="Overturned on appeal",
    of_appeals="{overturned} of {heard}",
    daily="Opened and decided, by day",
    day="Day",
    own_numbers="Your own",
    own_lead="Only you see these.",
    own_daily="Decided by you, by day",
    did={"decide": "decided", "escalate": "escalated", "skip": "skipped", "undo": "taken back"},
    own_overturned="overturned on appeal",
    own_same="same answer as somebody else",
    own_golden="golden cases right",
    seconds="{count} s",
    two_answers="Two people differ",
    one_said="{which} answer",
    picture_said="Picture {number}: {answer}",
    answers={"allow": "allow", "block": "block", "first": "First", "second": "Second"},
    make_golden="Make this a golden case",
    golden_hint="It will come up again for others, who are not told. State the right answer.",
    right_answer="Right answer for picture {number}",
    is_golden="This is a golden case.",
    decimal=".",
)

FRENCH = AgreementTexts(
    agreement="Accord",
    numbers="Chiffres",
    lead_all="Parmi les cas tranchés, {share} reviennent devant quelqu’un d’autre, qui ne le sait pas. Voici combien "
    "de fois deux personnes ont dit la même chose, et à quel point cela dépasse le hasard.",
    lead_own="Une partie de ce que vous tranchez revient devant quelqu’un d’autre, et vous rencontrez ce que d’autres "
    "ont tranché. Personne n’est prévenu. Voici votre accord avec les autres ; il n’est montré qu’à vous.",
    period="Durée",
    days="{count} jours",
    everybody="Tout le monde",
    table_all="Vu par deux personnes ou plus",
    table_own="Ce que vous et quelqu’un d’autre avez vu",
    category="Retenu pour",
    all_categories="tout",
    cases="Cas",
    pictures="Images",
    same="Même réponse",
    kappa="Kappa de Cohen",
    alpha="Alpha de Krippendorff",
    golden_right="Cas étalons justes",
    too_few="trop peu",
    not_defined="non défini",
    to="à",
    how_to_read="1 est un accord parfait, 0 ce que ferait le hasard. Les intervalles sont à 95 %, en rééchantillonnant "
    "les cas. Au-dessous de {least} cas, aucun chiffre n’est montré ; si tous ont dit la même chose, il n’y en a pas.",
    nothing_twice="Rien n’a été vu deux fois pendant cette durée.",
    weekly="Même réponse, par semaine",
    week="Semaine du",
    same_share="Même réponse",
    low="Au moins",
    high="Au plus",
    interval="intervalle à 95 %",
    as_table="Les chiffres en tableau",
    disagreements="Là où deux avis diffèrent",
    no_disagreements="Aucun désaccord.",
    sides={
        "first": "tranché : la première réponse reste",
        "second": "tranché : la seconde réponse était juste",
        "each": "tranché : l’une pour une image, l’autre pour une autre",
    },
    waits="attend une modération confirmée",
    settled_otherwise="réglé autrement",
    golden_cases="Cas étalons",
    golden_lead="Des cas tranchés dont la réponse est connue. Ils reviennent parmi les autres et ne changent rien.",
    no_golden="Aucun cas étalon. On en fait un depuis la page d’un cas tranché.",
    golden_tally="{right} réponses justes sur {answers}",
    retire="Retirer",
    numbers_lead="Ce qui est arrivé, ce qui a été tranché, et l’attente. Personne n’est comparé à personne.",
    queues="Files",
    queue="File",
    opened="Arrivés",
    decided="Tranchés",
    waited_half="La moitié a attendu moins de",
    waited_most="Neuf sur dix ont attendu moins de",
    overturned="Infirmés en appel",
    of_appeals="{overturned} sur {heard}",
    daily="Arrivés et tranchés, par jour",
    day="Jour",
    own_numbers="Les vôtres",
    own_lead="Vous seul les voyez.",
    own_daily="Tranchés par vous, par jour",
    did={"decide": "tranchés", "escalate": "transmis", "skip": "passés", "undo": "repris"},
    own_overturned="infirmés en appel",
    own_same="même réponse que quelqu’un d’autre",
    own_golden="cas étalons justes",
    seconds="{count} s",
    two_answers="Deux avis diffèrent",
    one_said="{which} réponse",
    picture_said="Image {number} : {answer}",
    answers={"allow": "autoriser", "block": "bloquer", "first": "Première", "second": "Seconde"},
    make_golden="En faire un cas étalon",
    golden_hint="Il reviendra devant d’autres, qui ne le sauront pas. Donnez la bonne réponse.",
    right_answer="Bonne réponse pour l’image {number}",
    is_golden="C’est un cas étalon.",
    decimal=",",
)

AGREEMENT_TEXTS: Mapping[Language, AgreementTexts] = {"en": ENGLISH, "fr": FRENCH}
