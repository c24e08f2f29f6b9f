"""What the page of care says, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class CareTexts:
    """Every sentence in one language; words in braces are filled in by `str.format`."""

    care: str
    lead: str
    seen_heading: str
    before_pause: str
    in_shift: str
    meter: str
    costs: str
    resting: str
    free: str
    wishes_heading: str
    calm: str
    calm_hint: str
    avoid: str
    avoid_hint: str
    keep: str
    kept: str
    evidence_heading: str
    evidence: tuple[str, ...]
    on_case: str
    pause_on_case: str


ENGLISH = CareTexts(
    care="Care",
    lead="Only you see this page: how much you have looked at is shown to nobody else, and counts for nothing else.",
    seen_heading="What you have seen",
    before_pause="Since your last pause",
    in_shift="In the last {hours} hours",
    meter="{spent} of {budget} points",
    costs="A picture seen as it is costs {most} points in the gravest cases and {least} in mild ones, once per shift. "
    "At {budget} points a pause of {minutes} minutes begins; who looks at nothing for as long has had it.",
    resting="You rest until {time} UTC. Until then pictures stay blurred, and you are given calm cases only.",
    free="Nothing keeps you from going on.",
    wishes_heading="What you want to be given",
    calm="Calm work only",
    calm_hint="Mild cases alone come to you, until you take this back.",
    avoid="Not to me",
    avoid_hint="“Take the next case” leaves these out, and the list shows no pictures of them. Others get them.",
    keep="Keep this",
    kept="Kept.",
    evidence_heading="What is known",
    evidence=(
        "Blurring may reduce what moderators feel without making them slower or less exact (Das, Dang and Lease, HCOMP "
        "2020).",
        "Two studies with 309 and 365 people found no less anxiety, low mood or intruding memories with blurred or "
        "grey pictures (Lewitzka and others, Psychological Research, 2026).",
        "So blur gives you control, and no one should promise more. Seeing less helps more: decide by the sentence and "
        "the signals where they suffice, decide look-alikes together, take pauses.",
    ),
    on_case="{left} points left before a pause",
    pause_on_case="A pause has begun: pictures stay blurred until {time} UTC. What you took you may still decide.",
)

FRENCH = CareTexts(
    care="Soin de soi",
    lead="Vous seul voyez cette page : ce que vous avez regardé n’est montré à personne et ne sert à rien d’autre.",
    seen_heading="Ce que vous avez vu",
    before_pause="Depuis votre dernière pause",
    in_shift="Ces {hours} dernières heures",
    meter="{spent} points sur {budget}",
    costs="Une image vue telle quelle coûte {most} points dans les cas les plus graves et {least} dans les cas légers, "
    "une fois par service. À {budget} points commence une pause de {minutes} minutes ; qui ne regarde rien pendant ce "
    "temps l’a prise.",
    resting="Vous vous reposez jusqu’à {time} UTC. D’ici là les images restent floutées, et seuls des cas calmes vous "
    "sont confiés.",
    free="Rien ne vous empêche de continuer.",
    wishes_heading="Ce que vous voulez recevoir",
    calm="Seulement du travail calme",
    calm_hint="Seuls des cas légers vous sont confiés, jusqu’à ce que vous y renonciez.",
    avoid="Pas pour moi",
    avoid_hint="« Prendre le cas suivant » les laisse de côté, et la liste n’en montre pas d’image. D’autres s’en "
    "chargent.",
    keep="Enregistrer",
    kept="C’est enregistré.",
    evidence_heading="Ce que l’on sait",
    evidence=(
        "Le flou peut atténuer ce que ressentent les modérateurs sans les ralentir ni les rendre moins exacts (Das, "
        "Dang et Lease, HCOMP 2020).",
        "Deux études auprès de 309 et 365 personnes n’ont trouvé ni moins d’anxiété, ni moins de tristesse, ni moins "
        "de souvenirs intrusifs avec des images floutées ou grises (Lewitzka et autres, Psychological Research, 2026).",
        "Le flou vous donne donc un contrôle, et personne ne devrait promettre davantage. Voir moins aide plus : "
        "tranchez d’après la phrase et les signaux quand ils suffisent, traitez ensemble ce qui se ressemble, faites "
        "des pauses.",
    ),
    on_case="encore {left} points avant une pause",
    pause_on_case="Une pause a commencé : les images restent floutées jusqu’à {time} UTC. Ce que vous avez pris, vous "
    "pouvez encore le trancher.",
)

CARE_TEXTS: Mapping[Language, CareTexts] = {"en": ENGLISH, "fr": FRENCH}
