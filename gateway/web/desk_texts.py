"""What the review desk says, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class DeskTexts:
    """Every sentence of the desk in one language; words in braces are filled in by `str.format`."""

    desk: str
    skip: str
    footer: str
    queue: str
    sign_in: str
    sign_in_lead: str
    sign_in_or: str
    sign_in_with: str
    name: str
    password: str
    code: str
    code_note: str
    sign_out: str
    signed_in_as: str
    roles: Mapping[str, str]

    waiting_heading: str
    nothing_waits: str
    nothing_waits_lead: str
    bands: Mapping[str, str]
    sources: Mapping[str, str]
    all: str
    unknown_category: str
    oldest: str
    overdue: str
    overdue_count: str
    next: str
    filters: str
    category: str
    source: str
    urgency: str
    apply: str
    one_picture: str
    pictures: str
    waited: str
    worked_on: str
    escalated: str
    restricted: str
    minutes: str
    hours: str
    days: str
    just_now: str

    case: str
    prompt: str
    prompt_erased: str
    invisible: str
    why_held: str
    rule_line: str
    could_not_judge: str
    signals: str
    all_signals: str
    score: str
    threshold: str
    policy: str
    pictures_heading: str
    picture: str
    released_already: str
    withheld_already: str
    reveal: str
    hide: str
    reveal_note: str
    blurred_alt: str
    clear_alt: str
    nobody_sees: str
    two_needed: str
    second_needed: str
    allow: str
    block: str
    ban: str
    ban_for: str
    ban_hint: str
    ban_time: str
    alike: str
    alike_hint: str
    allow_all: str
    block_all: str
    decide_heading: str
    clause: str
    no_clause: str
    choose: str
    rules_in_words: str
    reason: str
    to_block: str
    to_allow: str
    note: str
    note_hint: str
    submit: str
    escalate: str
    escalate_why: str
    skip_case: str
    skip_why: str
    give_back: str
    lease: str
    lease_lost: str
    take: str
    taken: str
    read_only: str
    decided_state: str
    settling_state: str
    closed_state: str
    timeline: str
    events: Mapping[str, str]
    stages: Mapping[str, str]
    actions: Mapping[str, str]
    person_unknown: str

    webhooks: str
    banned: str
    banned_lead: str
    nothing_banned: str
    ban_states: Mapping[str, str]
    ban_sources: Mapping[str, str]
    ban_hash: str
    ban_added: str
    ban_ends: str
    ban_no_end: str
    ban_held: str
    ban_lifted: str
    ban_lifted_because: str
    lift_ban: str
    lift_why: str
    older: str

    done: Mapping[str, str]
    done_allowed: str
    done_second: str
    done_blocked: Mapping[str, str]
    done_overturned: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    appeals: str
    agreement: str
    numbers: str
    reports: str
    policies: str
    ledger: str
    appeal_says: str
    appealed: str
    barred: str
    reports_say: str
    one_report: str
    report_count: str
    report_reasons: Mapping[str, str]
    about_prompt: str
    note_public: str
    undo: str

    keys_heading: str
    keys: Mapping[str, str]
    keys_on: str
    keys_off: str
    close: str
    missing_heading: str
    missing_lead: str
    back: str
    errors: Mapping[str, str]
    error_otherwise: str

    def error(self, code: str) -> str:
        """What stood in the way."""
        return self.errors.get(code, self.error_otherwise)

    def words_for(self, source: str) -> Mapping[str, str]:
        """What it is called to allow and to block in a case of this source."""
        plain = {"allow": self.allow, "block": self.block, "to_allow": self.to_allow, "to_block": self.to_block}
        return self.words.get(source, plain)


KEYS = (
    "j",
    "k",
    "1",
    "2",
    "5",
    "a",
    "b",
    "space",
    "c",
    "r",
    "m",
    "enter",
    "3",
    "4",
    "n",
    "u",
    "x",
    "d",
    "esc",
    "ctrl k",
    "?",
)

ENGLISH = DeskTexts(
    desk="Review desk",
    skip="Skip to the content",
    footer="Blurred, grey pictures give you control over what you see. Studies disagree on whether they protect: take "
    "breaks, and skip what you would rather not see. Whatever is looked at or decided here is recorded.",
    queue="Queue",
    sign_in="Sign in",
    sign_in_lead="The review desk is where people decide what the automatic checks could not.",
    sign_in_or="or",
    sign_in_with="Sign in with {provider}",
    name="Name",
    password="Password",  # noqa: S106 (a label)
    code="Code of the authenticator",
    code_note="Six digits",
    sign_out="Sign out",
    signed_in_as="{name}, {role}",
    roles={
        "viewer": "viewer",
        "moderator": "moderator",
        "senior": "senior moderator",
        "auditor": "auditor",
        "admin": "administrator",
    },
    waiting_heading="What waits for a person",
    nothing_waits="Nothing waits",
    nothing_waits_lead="When the checks are not sure of a picture, it comes here.",
    bands={"urgent": "urgent", "high": "high", "normal": "normal"},
    sources={
        "prompt": "the sentence",
        "picture": "the picture",
        "unjudged": "could not be judged",
        "appeal": "an appeal",
        "report": "a user report",
        "disagreement": "two who differ",
    },
    all="all",
    unknown_category="no category",
    oldest="oldest: {age}",
    overdue="overdue",
    overdue_count="{count} overdue",
    next="Take the next case",
    filters="Show only",
    category="Category",
    source="Held because of",
    urgency="Urgency",
    apply="Show",
    one_picture="1 picture",
    pictures="{count} pictures",
    waited="waiting for {age}",
    worked_on="{name} works on it",
    escalated="for a senior",
    restricted="shown to nobody",
    minutes="{count} min",
    hours="{count} h",
    days="{count} d",
    just_now="under a minute",
    case="Case",
    prompt="Somebody asked for",
    prompt_erased="The sentence was erased.",
    invisible="invisible character {name}",
    why_held="Why it waits",
    rule_line="{category} {score}, from {threshold}",
    could_not_judge="The checks could not judge it ({why}).",
    signals="What the checks saw",
    all_signals="All that was reported",
    score="score",
    threshold="{action} from {value}",
    policy="Policy",
    pictures_heading="Pictures",
    picture="Picture {number}",
    released_already="Released already",
    withheld_already="Withheld already",
    reveal="Show clearly",
    hide="Blur again",
    reveal_note="Recorded; blurs again after 10 seconds.",
    blurred_alt="Picture {number}, blurred and grey",
    clear_alt="Picture {number}",
    nobody_sees="This may sexualise a child, so nobody is shown its pictures. Decide by the sentence and the signals; "
    "when in doubt, block.",
    two_needed="To allow it takes two people. One is enough to block.",
    second_needed="{name} would allow it. It takes a second person.",
    allow="Allow",
    block="Block",
    ban="Ban look-alikes",
    ban_for="Look-alikes stay banned",
    ban_hint="if you ban",
    ban_time="for {days} days",
    alike="Looks nearly the same: {count}",
    alike_hint="What is ticked is decided the same way, each with a decision of its own.",
    allow_all="Allow all",
    block_all="Block all",
    decide_heading="Decide",
    clause="Rule that is broken",
    no_clause="no rule is broken",
    choose="choose",
    rules_in_words="The rules in words",
    reason="Reason, told to whoever asked",
    to_block="To block",
    to_allow="To allow",
    note="Note for the team",
    note_hint="Stays here",
    submit="Decide and take the next",
    escalate="Escalate",
    escalate_why="What for",
    skip_case="Skip",
    skip_why="Why",
    give_back="Give it back",
    lease="Yours for",
    lease_lost="Your time with this case ran out, and it went back to the queue. What you filled in is still here.",
    take="Take this case",
    taken="{name} works on this case at the moment.",
    read_only="You may read this case.",
    decided_state="Waits for a decision",
    settling_state="Decided, can still be taken back",
    closed_state="Decided",
    timeline="What happened",
    events={
        "received": "The request came in",
        "judged": "The checks on {stage}: {action}",
        "unjudged": "The checks on {stage} had no answer",
        "decided": "{who} decided on {stage}: {action}",
        "opened": "The case was opened",
        "claimed": "{who} took the case",
        "viewed": "{who} read the case",
        "escalated": "it waited for too long and went to the seniors by itself",
        "revealed": "{who} looked at picture {number}",
        "decide": "{who} decided the case",
        "escalate": "{who} escalated the case",
        "skip": "{who} skipped the case: {reason}",
        "undo": "{who} took the decision back",
        "propose": "{who} proposed a decision for this case and others",
        "revert": "{who} reverted the batch that it was decided in",
        "closed": "The case was closed",
    },
    stages={"prompt": "the sentence", "picture": "picture {number}"},
    actions={
        "allow": "allow",
        "label": "label",
        "confirm": "ask first",
        "review": "a person must look",
        "block": "block",
        "escalate": "block, and look into it",
        "none": "no answer",
    },
    person_unknown="somebody",
    webhooks="Webhooks",
    banned="Banned pictures",
    banned_lead="Whatever looks like one of these is kept back. Lifting a ban frees what only it kept back.",
    nothing_banned="No picture is banned.",
    ban_states={"stands": "in force", "ended": "ended", "lifted": "lifted"},
    ban_sources={"desk": "from the desk", "import": "imported", "terminal": "from the terminal"},
    ban_hash="Hash",
    ban_added="Added",
    ban_ends="Ends",
    ban_no_end="no end",
    ban_held="Pictures kept back",
    ban_lifted="The ban is lifted. Pictures looked at again: {count}.",
    ban_lifted_because="Lifted because",
    lift_ban="Lift the ban",
    lift_why="Why",
    older="Older bans",
    done={
        "decide": "Blocked.",
        "escalate": "Escalated: a senior moderator will decide.",
        "skip": "Skipped: somebody else will see it.",
        "undo": "Taken back.",
    },
    done_allowed="Allowed. It is released in {seconds} s.",
    done_second="Noted. A second person has to allow it as well.",
    done_blocked={"appeal": "Upheld: the first decision stays.", "report": "Withdrawn: the picture is shown no more."},
    done_overturned={
        "appeal": "Overturned. It takes effect in {seconds} s.",
        "report": "The picture stays. The case is closed in {seconds} s.",
    },
    words={
        "appeal": {"allow": "Overturn", "block": "Uphold", "to_allow": "To overturn", "to_block": "To uphold"},
        "report": {"allow": "Keep", "block": "Withdraw", "to_allow": "To keep", "to_block": "To withdraw"},
    },
    appeals="Appeals",
    agreement="Agreement",
    numbers="Numbers",
    reports="Reports",
    policies="Policies",
    ledger="Ledger",
    appeal_says="Somebody appeals",
    appealed="Appealed decision",
    barred="You took part in what is looked at again: somebody else decides this.",
    reports_say="What people report",
    one_report="1 report",
    report_count="{count} reports",
    report_reasons={
        "sexual": "sexual",
        "child": "a child in a sexual way",
        "violence": "violent or cruel",
        "hate": "hateful",
        "real_person": "a real person, or could be taken for real",
        "crime": "helps with a crime",
        "other": "something else",
    },
    about_prompt="The refusal of the sentence",
    note_public="Words to whoever appealed",
    undo="Undo",
    keys_heading="Keys",
    keys={
        "j": "next picture; next case of the queue",
        "k": "previous picture; previous case of the queue",
        "1": "allow this picture",
        "2": "block this picture",
        "5": "block this picture and ban its look-alikes",
        "a": "allow all",
        "b": "block all",
        "space": "show this picture clearly, or blur it again",
        "c": "choose the rule",
        "r": "choose the reason",
        "m": "write a note",
        "enter": "decide and take the next case",
        "3": "escalate",
        "4": "skip",
        "n": "take the next case (in the queue)",
        "u": "undo",
        "x": "select this case in the queue; with shift, all up to it",
        "d": "decide the selected cases together",
        "esc": "leave a field; give the case back",
        "ctrl k": "find a page, a case or an action",
        "?": "this list",
    },
    keys_on="Keys: on",
    keys_off="Keys: off",
    close="Close",
    missing_heading="Not here",
    missing_lead="There is no such case, or its picture no longer waits.",
    back="Back to the queue",
    errors={
        "sign_in_failed": "Name, password or code is wrong. A code works only once: wait for the next one.",
        "sign_in_required": "You are signed out. Sign in again.",
        "sign_in_not_completed": "That sign-in did not come to its end, or came back twice. Begin again.",
        "sign_in_unknown": "You are known there, and no account here is linked to that. Ask an administrator.",
        "sign_in_provider_unavailable": "The sign-in provider cannot be reached. Name, password and code work here.",
        "rate_limit_exceeded": "Too many attempts. Wait a minute.",
        "csrf_failed": "This page had been open for too long, or came from elsewhere. Try once more.",
        "separation_of_duties": "Somebody else has to do this: it is not part of your role, or you did the first part.",
        "case_taken": "Somebody else works on this case at the moment.",
        "lease_lost": "Your time with this case ran out, and it went back to the queue. What you filled in is here.",
        "not_found": "There is nothing here, or no longer.",
        "already_decided": "This case has been decided already. Nothing was changed.",
        "missing_required_parameter": "Something is missing: each picture, the rule and the reason have to be chosen.",
        "pause_needed": "You have seen a good deal that is hard to look at. Rest, or take calm work meanwhile.",
        "too_little_detail": "The picture has too little detail to be known again: block it without a ban.",
        "invalid_value": "The choices do not fit together: a broken rule blocks, and the reason has to fit.",
        "database_unavailable": "The service cannot record decisions right now. Nothing was changed.",
    },
    error_otherwise="That did not work. Nothing was changed.",
)

FRENCH = DeskTexts(
    desk="Modération",
    skip="Aller au contenu",
    footer="Les images floues et grises vous laissent maître de ce que vous voyez. Les études ne s’accordent pas sur "
    "leur effet protecteur : faites des pauses, et passez ce que vous préférez ne pas voir. Tout ce qui est regardé ou "
    "décidé ici est consigné.",
    queue="File",
    sign_in="Se connecter",
    sign_in_lead="Ici, des personnes décident de ce que les vérifications automatiques n’ont pas su trancher.",
    sign_in_or="ou",
    sign_in_with="Se connecter avec {provider}",
    name="Nom",
    password="Mot de passe",  # noqa: S106 (a label)
    code="Code de l’authentificateur",
    code_note="Six chiffres",
    sign_out="Se déconnecter",
    signed_in_as="{name}, {role}",
    roles={
        "viewer": "lecture",
        "moderator": "modération",
        "senior": "modération confirmée",
        "auditor": "audit",
        "admin": "administration",
    },
    waiting_heading="Ce qui attend un regard humain",
    nothing_waits="Rien n’attend",
    nothing_waits_lead="Quand les vérifications hésitent devant une image, elle arrive ici.",
    bands={"urgent": "urgent", "high": "élevé", "normal": "normal"},
    sources={
        "prompt": "la phrase",
        "picture": "l’image",
        "unjudged": "n’a pas pu être jugée",
        "appeal": "un appel",
        "report": "un signalement",
        "disagreement": "deux avis différents",
    },
    all="tout",
    unknown_category="sans catégorie",
    oldest="le plus ancien : {age}",
    overdue="en retard",
    overdue_count="{count} en retard",
    next="Prendre le prochain cas",
    filters="Montrer seulement",
    category="Catégorie",
    source="Retenu à cause de",
    urgency="Urgence",
    apply="Montrer",
    one_picture="1 image",
    pictures="{count} images",
    waited="attend depuis {age}",
    worked_on="{name} s’en occupe",
    escalated="pour un modérateur confirmé",
    restricted="montré à personne",
    minutes="{count} min",
    hours="{count} h",
    days="{count} j",
    just_now="moins d’une minute",
    case="Cas",
    prompt="Quelqu’un a demandé",
    prompt_erased="La phrase a été effacée.",
    invisible="caractère invisible {name}",
    why_held="Pourquoi cela attend",
    rule_line="{category} {score}, à partir de {threshold}",
    could_not_judge="Les vérifications n’ont pas pu juger ({why}).",
    signals="Ce que les vérifications ont vu",
    all_signals="Tout ce qui a été signalé",
    score="score",
    threshold="{action} à partir de {value}",
    policy="Règles",
    pictures_heading="Images",
    picture="Image {number}",
    released_already="Déjà montrée",
    withheld_already="Déjà écartée",
    reveal="Montrer nettement",
    hide="Flouter de nouveau",
    reveal_note="Consigné ; redevient flou après 10 secondes.",
    blurred_alt="Image {number}, floue et grise",
    clear_alt="Image {number}",
    nobody_sees="Cela pourrait sexualiser un enfant : ses images ne sont montrées à personne. Décidez d’après la "
    "phrase et les signaux ; dans le doute, bloquez.",
    two_needed="Pour autoriser, il faut deux personnes. Pour bloquer, une suffit.",
    second_needed="{name} autoriserait. Il faut une deuxième personne.",
    allow="Autoriser",
    block="Bloquer",
    ban="Bannir les semblables",
    ban_for="Les semblables restent bannis",
    ban_hint="si vous bannissez",
    ban_time="pendant {days} jours",
    alike="Presque identiques : {count}",
    alike_hint="Ce qui est coché est tranché de même, chaque cas avec sa propre décision.",
    allow_all="Tout autoriser",
    block_all="Tout bloquer",
    decide_heading="Décider",
    clause="Règle enfreinte",
    no_clause="aucune règle n’est enfreinte",
    choose="choisir",
    rules_in_words="Les règles en toutes lettres",
    reason="Motif, communiqué à qui a demandé",
    to_block="Pour bloquer",
    to_allow="Pour autoriser",
    note="Note pour l’équipe",
    note_hint="Reste ici",
    submit="Décider et prendre le suivant",
    escalate="Transmettre",
    escalate_why="Pour quelle raison",
    skip_case="Passer",
    skip_why="Pourquoi",
    give_back="Le rendre",
    lease="À vous pendant",
    lease_lost="Votre temps sur ce cas est écoulé : il est revenu dans la file. Ce que vous avez rempli est resté ici.",
    take="Prendre ce cas",
    taken="{name} s’occupe de ce cas en ce moment.",
    read_only="Vous pouvez lire ce cas.",
    decided_state="Attend une décision",
    settling_state="Décidé, peut encore être repris",
    closed_state="Décidé",
    timeline="Ce qui s’est passé",
    events={
        "received": "La demande est arrivée",
        "judged": "Vérifications sur {stage} : {action}",
        "unjudged": "Les vérifications sur {stage} n’ont pas répondu",
        "decided": "{who} a décidé sur {stage} : {action}",
        "opened": "Le cas a été ouvert",
        "claimed": "{who} a pris le cas",
        "viewed": "{who} a lu le cas",
        "escalated": "il a attendu trop longtemps et est passé de lui-même aux seniors",
        "revealed": "{who} a regardé l’image {number}",
        "decide": "{who} a tranché le cas",
        "escalate": "{who} a transmis le cas",
        "skip": "{who} a passé le cas : {reason}",
        "undo": "{who} a repris la décision",
        "propose": "{who} a proposé une décision pour ce cas et d’autres",
        "revert": "{who} a annulé le lot qui l’avait tranché",
        "closed": "Le cas a été clos",
    },
    stages={"prompt": "la phrase", "picture": "l’image {number}"},
    actions={
        "allow": "autoriser",
        "label": "étiqueter",
        "confirm": "demander d’abord",
        "review": "une personne doit regarder",
        "block": "bloquer",
        "escalate": "bloquer et examiner",
        "none": "pas de réponse",
    },
    person_unknown="quelqu’un",
    webhooks="Webhooks",
    banned="Images bannies",
    banned_lead="Ce qui ressemble à l’une d’elles est retenu. Lever un bannissement libère ce que lui seul retenait.",
    nothing_banned="Aucune image n’est bannie.",
    ban_states={"stands": "en vigueur", "ended": "terminé", "lifted": "levé"},
    ban_sources={"desk": "depuis la modération", "import": "importé", "terminal": "depuis le terminal"},
    ban_hash="Empreinte",
    ban_added="Ajouté",
    ban_ends="Fin",
    ban_no_end="sans fin",
    ban_held="Images retenues",
    ban_lifted="Le bannissement est levé. Images réexaminées : {count}.",
    ban_lifted_because="Levé parce que",
    lift_ban="Lever le bannissement",
    lift_why="Pourquoi",
    older="Bannissements plus anciens",
    done={
        "decide": "Bloqué.",
        "escalate": "Transmis : un modérateur confirmé tranchera.",
        "skip": "Passé : quelqu’un d’autre le verra.",
        "undo": "Repris.",
    },
    done_allowed="Autorisé. Montré dans {seconds} s.",
    done_second="Noté. Une deuxième personne doit aussi autoriser.",
    done_blocked={
        "appeal": "Maintenu : la première décision reste.",
        "report": "Retirée : l’image n’est plus montrée.",
    },
    done_overturned={
        "appeal": "Annulé. Cela prend effet dans {seconds} s.",
        "report": "L’image reste. Le cas sera clos dans {seconds} s.",
    },
    words={
        "appeal": {"allow": "Annuler", "block": "Maintenir", "to_allow": "Pour annuler", "to_block": "Pour maintenir"},
        "report": {"allow": "Garder", "block": "Retirer", "to_allow": "Pour garder", "to_block": "Pour retirer"},
    },
    appeals="Appels",
    agreement="Accord",
    numbers="Chiffres",
    reports="Signalements",
    policies="Politiques",
    ledger="Registre",
    appeal_says="Quelqu’un fait appel",
    appealed="Décision contestée",
    barred="Vous avez pris part à ce qui est réexaminé : quelqu’un d’autre tranche.",
    reports_say="Ce qui est signalé",
    one_report="1 signalement",
    report_count="{count} signalements",
    report_reasons={
        "sexual": "sexuelle",
        "child": "sexualise un enfant",
        "violence": "violente ou cruelle",
        "hate": "haineuse",
        "real_person": "une personne réelle, ou pourrait passer pour vraie",
        "crime": "aide à commettre un délit",
        "other": "autre chose",
    },
    about_prompt="Le refus de la phrase",
    note_public="Réponse à qui a fait appel",
    undo="Annuler",
    keys_heading="Touches",
    keys={
        "j": "image suivante ; cas suivant de la file",
        "k": "image précédente ; cas précédent de la file",
        "1": "autoriser cette image",
        "2": "bloquer cette image",
        "5": "bloquer cette image et bannir ses semblables",
        "a": "tout autoriser",
        "b": "tout bloquer",
        "space": "montrer cette image nettement, ou la flouter de nouveau",
        "c": "choisir la règle",
        "r": "choisir le motif",
        "m": "écrire une note",
        "enter": "décider et prendre le cas suivant",
        "3": "transmettre",
        "4": "passer",
        "n": "prendre le prochain cas (dans la file)",
        "u": "annuler",
        "x": "sélectionner ce cas dans la file ; avec maj, tous jusqu’à lui",
        "d": "décider ensemble des cas sélectionnés",
        "esc": "quitter un champ ; rendre le cas",
        "ctrl k": "trouver une page, un cas ou une action",
        "?": "cette liste",
    },
    keys_on="Touches : actives",
    keys_off="Touches : inactives",
    close="Fermer",
    missing_heading="Rien ici",
    missing_lead="Ce cas n’existe pas, ou son image n’attend plus.",
    back="Retour à la file",
    errors={
        "sign_in_failed": "Nom, mot de passe ou code incorrect. Un code ne sert qu’une fois : attendez le suivant.",
        "sign_in_required": "Vous êtes déconnecté. Reconnectez-vous.",
        "sign_in_not_completed": "Cette connexion n’a pas abouti, ou est revenue deux fois. Recommencez.",
        "sign_in_unknown": "Vous êtes connu là-bas, mais aucun compte d’ici n’y est lié. Demandez à un administrateur.",
        "sign_in_provider_unavailable": "Le fournisseur d’identité ne répond pas. Nom, mot de passe et code servent.",
        "rate_limit_exceeded": "Trop d’essais. Attendez une minute.",
        "csrf_failed": "Cette page était ouverte depuis trop longtemps, ou venait d’ailleurs. Réessayez une fois.",
        "separation_of_duties": "Quelqu’un d’autre doit le faire : votre rôle ne le prévoit pas, ou vous avez fait le "
        "premier pas.",
        "case_taken": "Quelqu’un d’autre s’occupe de ce cas en ce moment.",
        "lease_lost": "Votre temps sur ce cas est écoulé : il est revenu dans la file. Votre saisie est restée ici.",
        "not_found": "Il n’y a rien ici, ou plus rien.",
        "already_decided": "Ce cas a déjà été tranché. Rien n’a changé.",
        "missing_required_parameter": "Il manque quelque chose : choisissez pour chaque image, la règle et le motif.",
        "pause_needed": "Vous avez vu beaucoup de choses pénibles. Reposez-vous, ou prenez des cas calmes entre-temps.",
        "too_little_detail": "L’image a trop peu de détails pour être reconnue : bloquez-la sans bannir.",
        "invalid_value": "Ces choix ne vont pas ensemble : une règle enfreinte bloque, et le motif doit convenir.",
        "database_unavailable": "Le service ne peut pas consigner de décision en ce moment. Rien n’a changé.",
    },
    error_otherwise="Cela n’a pas marché. Rien n’a changé.",
)

DESK_TEXTS: Mapping[Language, DeskTexts] = {"en": ENGLISH, "fr": FRENCH}
