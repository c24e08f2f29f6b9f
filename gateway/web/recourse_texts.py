"""What the pages of decisions, appeals and reports say, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class RecourseTexts:
    """Every sentence of these pages in one language; words in braces are filled in by `str.format`."""

    heading: str
    lead: str
    subjects: Mapping[str, str]
    actions: Mapping[str, str]
    decided: str
    rule: str
    why: str
    who: str
    when: str
    policy: str
    reference: str
    by_person: str
    by_machine: str
    undisclosed: str
    standing: str
    now: Mapping[str, str]
    yours: str
    replaced: str
    appeal_heading: str
    appeal_lead: str
    appeal_label: str
    appeal_hint: str
    appeal_send: str
    until: str
    filed: str
    filed_lead: str
    ended: Mapping[str, str]
    ended_on: str
    note: str
    not_restored: str
    why_not: Mapping[str, str]
    report_heading: str
    report_lead: str
    report_reasons: Mapping[str, str]
    report_reason: str
    report_note: str
    report_send: str
    report_this: str
    report_filed: str
    report_filed_lead: str
    report_kept: str
    report_withdrawn: str
    keep_address: str
    missing: str
    no_decision: str
    no_report: str
    no_picture: str
    home: str
    errors: Mapping[str, str]
    error_otherwise: str

    def error(self, code: str) -> str:
        """What stood in the way."""
        return self.errors.get(code, self.error_otherwise)


ENGLISH = RecourseTexts(
    heading="What was decided, and why",
    lead="Every decision of this service has a page like this one. Whoever has its address can read it and appeal.",
    subjects={"prompt": "A sentence that somebody wanted drawn", "picture": "Picture {number} of a request"},
    actions={
        "allow": "allowed",
        "label": "allowed, with a label",
        "confirm": "asked whether it was meant so",
        "review": "held for a person to look at",
        "block": "refused",
        "escalate": "refused, and looked into",
        "none": "could not be judged, so it was not shown",
    },
    decided="{subject}: {action}",
    rule="Rule",
    why="Reason",
    who="Decided by",
    when="Decided on",
    policy="Policy",
    reference="Reference",
    by_person="a person",
    by_machine="automatic checks, without a person",
    undisclosed="This service does not make this. Which rule it is, the policy keeps to itself.",
    standing="Now:",
    now={
        "": "",
        "released": "The picture is shown.",
        "restored": "The picture has been brought back and is shown.",
        "withheld": "The picture is withheld.",
        "withdrawn": "The picture was shown, and has been withdrawn.",
        "held": "The picture waits for a person.",
        "quarantined": "The picture is being made ready.",
        "ask_again": "The sentence should not have been refused. Whoever asked may have it drawn now.",
    },
    yours="Go to your drawing",
    replaced="A later decision took the place of this one:",
    appeal_heading="Appeal",
    appeal_lead="If you think this was wrong, say why. Somebody who had no part in the decision will look again.",
    appeal_label="Why was it wrong?",
    appeal_hint="Read by the moderators and nobody else. Please leave out what would tell who you are.",
    appeal_send="Appeal",
    until="You can appeal until {date}.",
    filed="Your appeal waits for a person",
    filed_lead="Come back to this address to read how it ended.",
    ended={
        "upheld": "The appeal was heard, and the decision stays",
        "overturned": "The appeal was heard, and the decision was wrong",
    },
    ended_on="Ended on",
    note="In their own words",
    not_restored="The picture cannot be shown again: it is not on the disk any more as it was drawn.",
    why_not={
        "question": "Nothing was refused here: somebody only asked what would be decided. There is nothing to appeal.",
        "nothing_refused": "Nothing was refused by this decision, so there is nothing to appeal.",
        "by_model": "The model that draws refused by its own rules. An appeal here cannot change that; "
        "another wording may help.",
        "final": "This decision ended an appeal, and is final.",
        "appealed": "",
        "replaced": "That one can be appealed, not this one.",
        "too_late": "The time to appeal is over.",
    },
    report_heading="Report a picture",
    report_lead="Is something wrong with a picture that came from here? Say what, and a person will look. "
    "Nothing is removed by a report alone.",
    report_reasons={
        "sexual": "It is sexual",
        "child": "It shows a child in a sexual way",
        "violence": "It is violent or cruel",
        "hate": "It is hateful",
        "real_person": "It shows a real person, or could be taken for real",
        "crime": "It helps with a crime",
        "other": "Something else",
    },
    report_reason="What is wrong?",
    report_note="Anything to add? (may stay empty)",
    report_send="Report",
    report_this="Report this picture",
    report_filed="Thank you: a person will look at it",
    report_filed_lead="Until then the picture stays where it is.",
    report_kept="A person has looked: the picture stays",
    report_withdrawn="A person has looked: the picture was withdrawn",
    keep_address="Keep the address of this page: what becomes of it will stand here.",
    missing="Not here",
    no_decision="There is no decision of this name. The address may be mistyped.",
    no_report="There is no report of this name. The address may be mistyped.",
    no_picture="There is no such picture, or it is not shown any more.",
    home="Draw something",
    errors={
        "missing_required_parameter": "Something is missing. Fill it in and send it again.",
        "invalid_value": "The service could not read this. Try plain words.",
        "prompt_too_long": "That is longer than the service can read. Try to say it shorter.",
        "csrf_failed": "This page had been open for too long, or came from elsewhere. Send it once more.",
        "rate_limit_exceeded": "That was a lot in a short time. Wait a while, then send it again.",
        "request_too_large": "That is more than the service accepts at once.",
        "not_appealable": "This decision cannot be appealed, or not any more.",
        "database_unavailable": "The service cannot record anything right now. Nothing was sent.",
    },
    error_otherwise="That did not work. Nothing was sent.",
)

FRENCH = RecourseTexts(
    heading="Ce qui a été décidé, et pourquoi",
    lead="Chaque décision de ce service a une page comme celle-ci. Qui en a l’adresse peut la lire et faire appel.",
    subjects={"prompt": "Une phrase que quelqu’un voulait voir dessinée", "picture": "Image {number} d’une demande"},
    actions={
        "allow": "autorisé",
        "label": "autorisé, avec une étiquette",
        "confirm": "question posée : est-ce bien ce qui était voulu ?",
        "review": "retenu pour qu’une personne regarde",
        "block": "refusé",
        "escalate": "refusé, et examiné de près",
        "none": "n’a pas pu être jugé, donc pas montré",
    },
    decided="{subject} : {action}",
    rule="Règle",
    why="Motif",
    who="Décidé par",
    when="Décidé le",
    policy="Règles",
    reference="Référence",
    by_person="une personne",
    by_machine="des vérifications automatiques, sans intervention humaine",
    undisclosed="Ce service ne crée pas cela. Les règles ne précisent pas laquelle s’applique.",
    standing="Maintenant :",
    now={
        "": "",
        "released": "L’image est montrée.",
        "restored": "L’image a été rétablie et est montrée.",
        "withheld": "L’image est écartée.",
        "withdrawn": "L’image a été montrée, puis retirée.",
        "held": "L’image attend qu’une personne regarde.",
        "quarantined": "L’image est en préparation.",
        "ask_again": "La phrase n’aurait pas dû être refusée. Qui l’a demandée peut maintenant la faire dessiner.",
    },
    yours="Aller à votre dessin",
    replaced="Une décision plus récente a remplacé celle-ci :",
    appeal_heading="Faire appel",
    appeal_lead="Si vous pensez que c’était une erreur, dites pourquoi. Quelqu’un qui n’a pas pris part à la décision "
    "regardera de nouveau.",
    appeal_label="Pourquoi était-ce une erreur ?",
    appeal_hint="Lu par la modération et personne d’autre. N’écrivez rien qui dise qui vous êtes.",
    appeal_send="Faire appel",
    until="Vous pouvez faire appel jusqu’au {date}.",
    filed="Votre appel attend qu’une personne l’examine",
    filed_lead="Revenez à cette adresse pour lire la réponse.",
    ended={
        "upheld": "L’appel a été examiné : la décision est maintenue",
        "overturned": "L’appel a été examiné : la décision était une erreur",
    },
    ended_on="Tranché le",
    note="En toutes lettres",
    not_restored="L’image ne peut plus être montrée : elle n’est plus sur le disque telle qu’elle a été dessinée.",
    why_not={
        "question": "Rien n’a été refusé ici : quelqu’un a seulement demandé ce qui serait décidé.",
        "nothing_refused": "Cette décision n’a rien refusé : il n’y a pas lieu de faire appel.",
        "by_model": "Le modèle qui dessine a refusé selon ses propres règles. Un appel n’y peut rien ; "
        "une autre formulation peut aider.",
        "final": "Cette décision a tranché un appel, et elle est définitive.",
        "appealed": "",
        "replaced": "C’est contre celle-là que l’on peut faire appel.",
        "too_late": "Le délai pour faire appel est écoulé.",
    },
    report_heading="Signaler une image",
    report_lead="Quelque chose ne va pas dans une image venue d’ici ? Dites quoi, et une personne regardera. "
    "Un signalement seul ne retire rien.",
    report_reasons={
        "sexual": "Elle est sexuelle",
        "child": "Elle sexualise un enfant",
        "violence": "Elle est violente ou cruelle",
        "hate": "Elle est haineuse",
        "real_person": "Elle montre une personne réelle, ou pourrait passer pour vraie",
        "crime": "Elle aide à commettre un délit",
        "other": "Autre chose",
    },
    report_reason="Qu’est-ce qui ne va pas ?",
    report_note="Quelque chose à ajouter ? (facultatif)",
    report_send="Signaler",
    report_this="Signaler cette image",
    report_filed="Merci : une personne va regarder",
    report_filed_lead="D’ici là, l’image reste où elle est.",
    report_kept="Une personne a regardé : l’image reste",
    report_withdrawn="Une personne a regardé : l’image a été retirée",
    keep_address="Gardez l’adresse de cette page : la suite y sera écrite.",
    missing="Rien ici",
    no_decision="Aucune décision ne porte ce nom. L’adresse est peut-être mal tapée.",
    no_report="Aucun signalement ne porte ce nom. L’adresse est peut-être mal tapée.",
    no_picture="Il n’y a pas d’image de ce nom, ou elle n’est plus montrée.",
    home="Dessiner quelque chose",
    errors={
        "missing_required_parameter": "Il manque quelque chose. Complétez, puis envoyez de nouveau.",
        "invalid_value": "Le service n’a pas pu lire cela. Essayez des mots simples.",
        "prompt_too_long": "C’est plus long que ce que le service peut lire. Essayez plus court.",
        "csrf_failed": "Cette page était ouverte depuis trop longtemps, ou venait d’ailleurs. Envoyez encore une fois.",
        "rate_limit_exceeded": "C’était beaucoup en peu de temps. Attendez un peu, puis envoyez de nouveau.",
        "request_too_large": "C’est plus que ce que le service accepte en une fois.",
        "not_appealable": "On ne peut pas, ou plus, faire appel de cette décision.",
        "database_unavailable": "Le service ne peut rien consigner en ce moment. Rien n’a été envoyé.",
    },
    error_otherwise="Cela n’a pas marché. Rien n’a été envoyé.",
)

RECOURSE_TEXTS: Mapping[Language, RecourseTexts] = {"en": ENGLISH, "fr": FRENCH}
