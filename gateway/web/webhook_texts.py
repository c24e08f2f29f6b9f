"""What the page of webhooks says, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.store.tables import WebhookRow
from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class WebhookTexts:
    """Every sentence of the page in one language; words in braces are filled in by `str.format`."""

    heading: str
    lead: str
    none: str
    states: Mapping[str, str]
    events: Mapping[str, str]
    results: Mapping[str, str]
    told: str
    of_key: str
    of_all: str
    waiting: str
    last: str
    never: str
    failing_since: str
    resume: str
    log: str
    no_messages: str
    to: str
    made: str
    next_try: str
    attempts: str
    one_attempt: str
    no_attempts: str
    resend: str
    show: str
    everything: str
    older: str
    done: Mapping[str, str]

    def of(self, row: WebhookRow) -> str:
        """What a webhook is told."""
        whose = self.of_key.format(key=row.key_id) if row.key_id else self.of_all
        return self.told.format(whose=whose, events=", ".join(self.events[event] for event in row.events.split()))


ENGLISH = WebhookTexts(
    heading="Webhooks",
    lead="Addresses that are told what becomes of pictures and appeals. They are added, and given a new secret, with "
    "the command",
    none="Nobody is told anything.",
    states={
        "active": "works",
        "failing": "failing",
        "paused": "takes nothing",
        "gone": "wants no more",
        "waiting": "waits",
        "delivered": "delivered",
        "given_up": "given up",
    },
    events={
        "picture.held": "a picture waits for a person",
        "picture.released": "a picture was released afterwards",
        "picture.withheld": "a held picture stays back",
        "picture.withdrawn": "a released picture was withdrawn",
        "appeal.decided": "an appeal was decided",
    },
    results={
        "delivered": "taken",
        "refused": "refused",
        "redirected": "redirected, not followed",
        "gone": "wants no more",
        "timed_out": "no answer in time",
        "unreachable": "no connection",
        "not_allowed": "leads inside, or without https",
    },
    told="Told {whose}: {events}.",
    of_key="of what the key {key} asked for",
    of_all="of everything",
    waiting="Waiting",
    last="Last attempt",
    never="none yet",
    failing_since="Failing since",
    resume="Try again now",
    log="Messages",
    no_messages="No message.",
    to="To",
    made="Made",
    next_try="Next attempt",
    attempts="{count} attempts",
    one_attempt="1 attempt",
    no_attempts="no attempt yet",
    resend="Send again",
    show="Show",
    everything="all",
    older="Older messages",
    done={"resumed": "It is tried again.", "resent": "It is sent again."},
)

FRENCH = WebhookTexts(
    heading="Webhooks",
    lead="Les adresses qui apprennent ce que deviennent les images et les appels. On les ajoute, et on change leur "
    "secret, avec la commande",
    none="Personne n’est informé.",
    states={
        "active": "fonctionne",
        "failing": "en échec",
        "paused": "ne reçoit rien",
        "gone": "n’en veut plus",
        "waiting": "en attente",
        "delivered": "remis",
        "given_up": "abandonné",
    },
    events={
        "picture.held": "une image attend une personne",
        "picture.released": "une image a été publiée après coup",
        "picture.withheld": "une image en attente est retenue",
        "picture.withdrawn": "une image publiée a été retirée",
        "appeal.decided": "un appel a été tranché",
    },
    results={
        "delivered": "reçu",
        "refused": "refusé",
        "redirected": "redirigé, non suivi",
        "gone": "n’en veut plus",
        "timed_out": "pas de réponse à temps",
        "unreachable": "pas de connexion",
        "not_allowed": "mène à l’intérieur, ou sans https",
    },
    told="Apprend {whose} : {events}.",
    of_key="de ce que la clé {key} a demandé",
    of_all="de tout",
    waiting="En attente",
    last="Dernier essai",
    never="aucun encore",
    failing_since="En échec depuis",
    resume="Réessayer maintenant",
    log="Messages",
    no_messages="Aucun message.",
    to="À",
    made="Créé",
    next_try="Prochain essai",
    attempts="{count} essais",
    one_attempt="1 essai",
    no_attempts="aucun essai encore",
    resend="Renvoyer",
    show="Afficher",
    everything="tous",
    older="Messages plus anciens",
    done={"resumed": "On réessaie.", "resent": "Il est renvoyé."},
)

WEBHOOK_TEXTS: Mapping[Language, WebhookTexts] = {"en": ENGLISH, "fr": FRENCH}
