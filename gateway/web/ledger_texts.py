"""What the page of the ledger says, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class LedgerTexts:
    """Every sentence in one language; words in braces are filled in by `str.format`."""

    ledger: str
    lead: str
    footer: str
    filters: str
    kind: str
    about: str
    about_hint: str
    since: str
    until: str
    show: str
    clear: str
    newest: str
    newer: str
    older: str
    rows_in_all: str
    nothing: str
    canonical: str
    hash: str
    previous: str
    by: str
    belongs: str
    intact: str
    altered: str
    unjoined: str
    open_case: str
    open_decision: str
    verification: str
    verify: str
    verify_lead: str
    running: str
    refresh: str
    never: str
    whole: str
    broken: str
    see_row: str
    failed: str
    verified_at: str
    head: str
    export: str
    export_lead: str
    what: str
    whats: Mapping[str, str]
    form: str
    forms: Mapping[str, str]
    download: str
    kinds: Mapping[str, str]


ENGLISH = LedgerTexts(
    ledger="Ledger",
    lead="Every act of the service is a row that holds the hash of the row before. It keeps digests, no prompt and no "
    "picture.",
    footer="This page shows no prompt and no picture, so looking at it is not recorded. Verifying and exporting are.",
    filters="Show only",
    kind="Kind",
    about="About",
    about_hint="About: the id of a request, decision, picture, case, appeal or person",
    since="From",
    until="To",
    show="Show",
    clear="Show all",
    newest="Newest",
    newer="Newer",
    older="Older",
    rows_in_all="{count} rows in all",
    nothing="No row fits.",
    canonical="What is hashed, behind the hash of the row before",
    hash="Hash",
    previous="Hash of the row before",
    by="by {name}",
    belongs="All about it",
    intact="Its hash fits what it says, and it names the row before.",
    altered="Its hash does not fit what it says.",
    unjoined="It does not name the hash of the row before.",
    open_case="The case",
    open_decision="The decision's page",
    verification="Verification",
    verify="Verify now",
    verify_lead="Recomputes the whole chain and compares it with every request, decision, picture, review, ban, "
    "appeal and report, as {command} does. Its result is recorded.",
    running="Verifying: {done} of {total} rows.",
    refresh="Look again",
    never="It was not verified from here yet.",
    whole="The ledger is whole.",
    broken="The ledger is broken. First row that is not what was written: {row}",
    see_row="Show it",
    failed="The last verification could not be finished. Try again.",
    verified_at="Verified on {at} by {name}, through row {through}.",
    head="Hash of that row:",
    export="Export",
    export_lead="What the filters above let through, oldest first, without a limit. That you exported it is recorded. "
    "In CSV, a cell that a spreadsheet could run begins with an apostrophe; JSONL is exact.",
    what="What",
    whats={"ledger": "rows of the ledger", "decisions": "decisions"},
    form="As",
    forms={"csv": "CSV", "jsonl": "JSONL"},
    download="Download",
    kinds={
        "received": "request came in", "decided": "decision", "picture": "picture kept", "moved": "moved on",
        "key_created": "API key created", "wordlist": "word list changed", "person": "account changed",
        "signed_in": "signed in", "claimed": "case taken", "viewed": "case read", "revealed": "picture looked at",
        "escalated": "case went to the seniors by itself",
        "reviewed": "review", "banned": "pictures banned", "ban_lifted": "ban lifted", "appealed": "appeal",
        "appeal_ended": "appeal ended", "reported": "report", "batch": "batch",
        "verified": "ledger verified", "exported": "exported", "webhook": "webhook changed",
        "golden": "golden case", "golden_retired": "golden case retired",
    },
)  # fmt: skip

FRENCH = LedgerTexts(
    ledger="Registre",
    lead="Chaque acte du service est une ligne qui porte l’empreinte de la ligne d’avant. Elle garde des empreintes, "
    "aucune phrase et aucune image.",
    footer="Cette page ne montre ni phrase ni image : la regarder n’est pas consigné. Vérifier et exporter le sont.",
    filters="Montrer seulement",
    kind="Nature",
    about="À propos de",
    about_hint="À propos de : l’identifiant d’une demande, décision, image ou personne, d’un cas ou d’un appel",
    since="Du",
    until="Au",
    show="Montrer",
    clear="Tout montrer",
    newest="Les plus récentes",
    newer="Plus récentes",
    older="Plus anciennes",
    rows_in_all="{count} lignes en tout",
    nothing="Aucune ligne ne correspond.",
    canonical="Ce dont l’empreinte est prise, derrière celle de la ligne d’avant",
    hash="Empreinte",
    previous="Empreinte de la ligne d’avant",
    by="par {name}",
    belongs="Tout à ce sujet",
    intact="Son empreinte correspond à son contenu, et elle nomme la ligne d’avant.",
    altered="Son empreinte ne correspond pas à son contenu.",
    unjoined="Elle ne nomme pas l’empreinte de la ligne d’avant.",
    open_case="Le cas",
    open_decision="La page de la décision",
    verification="Vérification",
    verify="Vérifier maintenant",
    verify_lead="Recalcule toute la chaîne et la compare à chaque demande, décision, image, examen, bannissement, "
    "appel et signalement, comme {command}. Le résultat est consigné.",
    running="Vérification en cours : {done} lignes sur {total}.",
    refresh="Regarder de nouveau",
    never="Il n’a pas encore été vérifié d’ici.",
    whole="Le registre est intact.",
    broken="Le registre est rompu. Première ligne qui n’est pas ce qui fut écrit : {row}",
    see_row="La montrer",
    failed="La dernière vérification n’a pas pu aboutir. Réessayez.",
    verified_at="Vérifié le {at} par {name}, jusqu’à la ligne {through}.",
    head="Empreinte de cette ligne :",
    export="Exporter",
    export_lead="Ce que les filtres ci-dessus laissent passer, du plus ancien au plus récent, sans limite. L’export "
    "est consigné. En CSV, une cellule qu’un tableur pourrait exécuter commence par une apostrophe ; JSONL est exact.",
    what="Quoi",
    whats={"ledger": "lignes du registre", "decisions": "décisions"},
    form="En",
    forms={"csv": "CSV", "jsonl": "JSONL"},
    download="Télécharger",
    kinds={
        "received": "demande reçue", "decided": "décision", "picture": "image gardée", "moved": "étape franchie",
        "key_created": "clé d’API créée", "wordlist": "liste de mots modifiée", "person": "compte modifié",
        "signed_in": "connexion", "claimed": "cas pris", "viewed": "cas lu", "revealed": "image regardée",
        "escalated": "cas passé de lui-même aux seniors",
        "reviewed": "examen", "banned": "images bannies", "ban_lifted": "bannissement levé", "appealed": "appel",
        "appeal_ended": "appel terminé", "reported": "signalement", "batch": "lot", "verified": "registre vérifié",
        "exported": "export", "webhook": "webhook modifié",
        "golden": "cas étalon", "golden_retired": "cas étalon retiré",
    },
)  # fmt: skip

LEDGER_TEXTS: Mapping[Language, LedgerTexts] = {"en": ENGLISH, "fr": FRENCH}
