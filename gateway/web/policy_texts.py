"""What the pages of the policies say, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class PolicyTexts:
    """Every sentence in one language; words in braces are filled in by `str.format`."""

    policies: str
    lead: str
    read_only: str
    in_force: str
    others: str
    on_record: str
    on_record_lead: str
    version: str
    digest: str
    file: str
    first_used: str
    last_used: str
    requests: str
    never_used: str
    unreadable: str
    changed: str
    read: str
    compare: str
    compare_with: str
    compared: str
    same: str
    effects: Mapping[str, str]
    kinds: Mapping[str, str]
    nothing: str
    said: Mapping[str, str]
    places: Mapping[str, str]
    stages: Mapping[str, str]
    judges: Mapping[str, str]
    thresholds_lead: str
    severity: str
    not_required: str
    unread: str
    unread_lead: str
    combined: str
    keeps_hash: str
    and_: str
    likeness: str
    likeness_lead: str
    who: str
    context: str
    any_context: str
    look: str
    look_needs: str
    near: str
    near_takes: Mapping[str, str]
    evidence: str
    with_letters: str
    other: str
    second_opinions: str
    no_second_opinions: str
    languages: str
    always: str
    disclosure: str
    disclosures: Mapping[str, str]
    messages: str
    questions: str
    examples: str
    fired: str
    fired_lead: str
    counted_at: str
    rule: str
    check: str
    week: str
    month: str
    allowed: str
    blocked: str
    undecided: str
    nothing_fired: str
    silent: str
    scroll: str
    missing: str
    subjects: Mapping[str, str]


ENGLISH = PolicyTexts(
    policies="Policies",
    lead="A check says what it saw; a policy says what follows.",
    read_only="These pages only read. Which policy is in force is chosen where the service is started: "
    "{command}. Every decision names the policy that took it.",
    in_force="In force",
    others="Other policies",
    on_record="On record",
    on_record_lead="Every version that requests were judged by, last used first.",
    version="Version",
    digest="Digest of its content",
    file="File",
    first_used="First used",
    last_used="Last used",
    requests="Requests",
    never_used="not yet",
    unreadable="cannot be read",
    changed="The file of the policy in force has changed since it was loaded. What was loaded stays in force.",
    read="Read",
    compare="Compare",
    compare_with="Compare with",
    compared="What {other} says otherwise",
    same="They say the same.",
    effects={"stricter": "stricter", "milder": "milder", "mixed": "stricter for some scores, milder for others",
             "other": "different"},
    kinds={
        "threshold": "Thresholds", "rule": "Rules", "cell": "Likeness matrix", "likeness": "Evidence for the matrix",
        "check": "Checks", "required": "Required reports", "blocklist": "Lists", "severity": "Severity",
        "disclosure": "Disclosure", "message": "Messages", "question": "Questions", "examples": "Examples",
    },
    nothing="nothing",
    said={"in force": "in force", "asked": "asked", "a report is required": "a report is required",
          "none": "nothing is told", "category": "the category is told", "span": "the place in the sentence is told",
          "review": "a person looks", "stricter": "the stricter cell"},
    places={"any": "in any context", "drawn": "drawn", "lifelike": "lifelike", "photoreal": "photoreal",
            "evidence": "counts as meant", "near": "near the next look", "take": "what is done",
            "likeness": "likeness", "child": "child", "uncalibrated": "without calibration",
            "unsupported_language": "unread language", "nobody": "nobody in particular"},
    stages={"prompt": "sentence", "picture": "picture"},
    judges={"prompt": "How a sentence is judged", "picture": "How a picture is judged"},
    thresholds_lead="Scores run from 0 to 1. Each bar shows from which score on an action follows; below the first "
    "mark nothing does. Categories that are judged alike stand together, each with its severity.",
    severity="severity {value} of 5",
    not_required="no report required",
    unread="A language that the classifier does not read",
    unread_lead="How surely a sentence is in none of the languages that the classifier was trained in.",
    combined="Signals that mean more together",
    keeps_hash="only the hash of the picture is kept",
    and_="and",
    likeness="Likeness matrix",
    likeness_lead="Whom the sentence means, and how much the picture passes for a photograph of a person.",
    who="The sentence means",
    context="in the context of",
    any_context="any",
    look="How it looks",
    look_needs="{look}: photograph from {photorealism}, person from {person}",
    near="Within {within} of the next look: {take}.",
    near_takes={"stricter": "the stricter cell counts", "review": "a person looks, no more"},
    evidence="From which score somebody counts as meant, and something as told or shown:",
    with_letters="{action}, with the letters AI",
    other="Everything else",
    second_opinions="Second opinions on pictures",
    no_second_opinions="none",
    languages="Word lists",
    always="common always is",
    disclosure="What a refused caller is told:",
    disclosures={"none": "nothing", "category": "the category", "span": "the category and where it was seen"},
    messages="What the public reads",
    questions="What the public is asked first:",
    examples="Examples that the policy is tested with",
    fired="How often each rule fired",
    fired_lead="Decisions of this very version that name the rule. How they ended: a person allowed or blocked the "
    "picture or overturned the refusal afterwards; a sentence that a person must look at counts as allowed when one of "
    "its pictures was.",
    counted_at="Counted at {at}.",
    rule="Rule",
    check="Check",
    week="7 days",
    month="30 days",
    allowed="allowed by a person",
    blocked="blocked by a person",
    undecided="no person decided",
    nothing_fired="No rule of this version fired in the last 30 days.",
    silent="Rules that did not fire in 30 days: {count}",
    scroll="Table, can be scrolled sideways",
    missing="There is no such policy here.",
    subjects={
        "photorealism": "looks like a photograph", "person": "shows a person", "unread_language": "unread language",
        "public_figure": "a public figure", "role_holder": "whoever holds an office",
        "described_likeness": "somebody by description", "private_person": "a private person",
        "nobody": "nobody in particular", "election": "an election", "crime": "a crime", "endorsement": "endorsement",
        "medical": "medicine",
    },
)  # fmt: skip

FRENCH = PolicyTexts(
    policies="Politiques",
    lead="Une vérification dit ce qu’elle a vu ; la politique dit ce qui s’ensuit.",
    read_only="Ces pages ne font que lire. La politique en vigueur se choisit au démarrage du service : {command}. "
    "Chaque décision nomme la politique qui l’a prise.",
    in_force="En vigueur",
    others="Autres politiques",
    on_record="Au registre",
    on_record_lead="Toutes les versions qui ont jugé des demandes, la dernière utilisée d’abord.",
    version="Version",
    digest="Empreinte du contenu",
    file="Fichier",
    first_used="Première utilisation",
    last_used="Dernière utilisation",
    requests="Demandes",
    never_used="pas encore",
    unreadable="illisible",
    changed="Le fichier de la politique en vigueur a changé depuis son chargement. Ce qui fut chargé reste en vigueur.",
    read="Lire",
    compare="Comparer",
    compare_with="Comparer avec",
    compared="Ce que {other} dit autrement",
    same="Elles disent la même chose.",
    effects={"stricter": "plus strict", "milder": "plus souple",
             "mixed": "plus strict pour certains scores, plus souple pour d’autres", "other": "différent"},
    kinds={
        "threshold": "Seuils", "rule": "Règles", "cell": "Matrice de ressemblance",
        "likeness": "Indices pour la matrice", "check": "Vérifications", "required": "Résultats exigés",
        "blocklist": "Listes", "severity": "Gravité", "disclosure": "Ce qui est dit", "message": "Messages",
        "question": "Questions", "examples": "Exemples",
    },
    nothing="rien",
    said={"in force": "en vigueur", "asked": "demandée", "a report is required": "un résultat est exigé",
          "none": "rien n’est dit", "category": "la catégorie est dite", "span": "l’endroit de la phrase est dit",
          "review": "une personne regarde", "stricter": "la case la plus stricte"},
    places={"any": "dans tout contexte", "drawn": "dessinée", "lifelike": "vraisemblable",
            "photoreal": "photographique", "evidence": "compte comme visé",
            "near": "près de l’aspect suivant",
            "take": "ce qui est fait", "likeness": "ressemblance", "child": "enfant", "uncalibrated": "sans étalonnage",
            "unsupported_language": "langue non lue", "nobody": "personne en particulier"},
    stages={"prompt": "phrase", "picture": "image"},
    judges={"prompt": "Comment une phrase est jugée", "picture": "Comment une image est jugée"},
    thresholds_lead="Les scores vont de 0 à 1. Chaque barre montre à partir de quel score une action s’ensuit ; avant "
    "le premier repère, aucune. Les catégories jugées de la même façon sont réunies, chacune avec sa gravité.",
    severity="gravité {value} sur 5",
    not_required="aucun résultat exigé",
    unread="Une langue que le classificateur ne lit pas",
    unread_lead="Avec quelle certitude une phrase n’est dans aucune des langues apprises par le classificateur.",
    combined="Signaux qui, réunis, en disent davantage",
    keeps_hash="seule l’empreinte de l’image est gardée",
    and_="et",
    likeness="Matrice de ressemblance",
    likeness_lead="Qui la phrase désigne, et à quel point l’image passe pour la photographie d’une personne.",
    who="La phrase désigne",
    context="dans le contexte",
    any_context="tout contexte",
    look="Aspect",
    look_needs="{look} : photographie à partir de {photorealism}, personne à partir de {person}",
    near="À {within} ou moins de l’aspect suivant : {take}.",
    near_takes={"stricter": "la case la plus stricte compte", "review": "une personne regarde, pas davantage"},
    evidence="À partir de quel score quelqu’un compte comme visé, et quelque chose comme dit ou montré :",
    with_letters="{action}, avec les lettres AI",
    other="Tout le reste",
    second_opinions="Seconds avis sur les images",
    no_second_opinions="aucun",
    languages="Listes de mots",
    always="common l’est toujours",
    disclosure="Ce qui est dit en cas de refus :",
    disclosures={"none": "rien", "category": "la catégorie", "span": "la catégorie et l’endroit de la phrase"},
    messages="Ce que lit le public",
    questions="Ce qui est d’abord demandé au public :",
    examples="Exemples qui servent à tester la politique",
    fired="Combien de fois chaque règle a joué",
    fired_lead="Les décisions de cette version même qui nomment la règle. Leur issue : une personne a ensuite "
    "autorisé ou bloqué l’image, ou annulé le refus ; une phrase qu’une personne doit regarder compte comme autorisée "
    "si l’une de ses images l’a été.",
    counted_at="Compté à {at}.",
    rule="Règle",
    check="Vérification",
    week="7 jours",
    month="30 jours",
    allowed="autorisé par une personne",
    blocked="bloqué par une personne",
    undecided="aucune personne n’a décidé",
    nothing_fired="Aucune règle de cette version n’a joué ces 30 derniers jours.",
    silent="Règles qui n’ont pas joué en 30 jours : {count}",
    scroll="Tableau, peut défiler sur le côté",
    missing="Cette politique n’existe pas ici.",
    subjects={
        "photorealism": "a l’air d’une photographie", "person": "montre une personne",
        "unread_language": "langue non lue", "public_figure": "une personnalité publique",
        "role_holder": "qui exerce une fonction", "described_likeness": "quelqu’un par description",
        "private_person": "une personne privée", "nobody": "personne en particulier", "election": "une élection",
        "crime": "un crime", "endorsement": "publicité", "medical": "médecine",
    },
)  # fmt: skip

POLICY_TEXTS: Mapping[Language, PolicyTexts] = {"en": ENGLISH, "fr": FRENCH}
