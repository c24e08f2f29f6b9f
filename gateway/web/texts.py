"""What the studio says, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "fr"]

LANGUAGES: tuple[Language, ...] = ("en", "fr")


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt to click, and the language it is written in."""

    prompt: str
    language: Language


@dataclass(frozen=True, slots=True)
class Texts:
    """Every sentence of the page in one language; words in braces are filled in by `str.format`."""

    language: Language
    title: str
    heading: str
    introduction: str
    skip: str
    prompt_label: str
    run: str
    examples_heading: str
    examples: tuple[Example, ...]

    reading: str
    drawing: str
    checking: str
    ready: str
    elapsed: str
    usually: str
    longer: str
    progress_label: str
    cancel: str
    refresh_note: str

    your_prompt: str
    finished_all: str
    finished_some: str
    tally_withheld: str
    tally_held: str
    tally_failed: str
    grid_label: str
    run_again: str
    run_again_note: str
    save_sheet: str
    save_picture: str
    enlarge: str
    close: str
    previous: str
    next: str
    back: str
    picture_of: str
    picture_alt: str

    pane_drawing: str
    pane_checking: str
    pane_withheld: str
    pane_held: str
    pane_failed: str
    pane_stopped: str
    why: str
    why_heading: str
    withheld_picture: str
    held_picture: str
    failed_picture: str
    picture_numbers: str
    pictures_numbers: str

    refused_heading: str
    refused_undisclosed: str
    refused_next: str
    overturned: str
    draw_now: str
    statement_link: str
    appeal_link: str
    report_link: str
    asked_heading: str
    asked_undisclosed: str
    asked_next: str
    asked_yes: str
    asked_rephrase: str
    marked: str
    unread_language: str
    unread_drawn: str
    all_withheld_heading: str
    all_withheld_next: str
    held_heading: str
    held_undisclosed: str
    held_explained: str
    cancelled_heading: str
    cancelled_explained: str
    failed_heading: str
    failed_explained: str
    try_again: str
    kept: str
    reference: str
    policy: str
    error_code: str

    missing_heading: str
    missing_explained: str
    home: str

    footer_what: str
    footer_decisions: str
    footer_model: str
    footer_origin: str
    language_label: str
    other_language: str
    colours_label: str
    colours_auto: str
    colours_light: str
    colours_dark: str

    categories: Mapping[str, str]
    errors: Mapping[str, str]
    error_otherwise: str

    def category(self, name: str) -> str:
        """A category's everyday name; its own name when this page does not know it."""
        return self.categories.get(name, name.replace("_", " "))

    def error(self, code: str | None) -> str:
        """What went wrong, told to a person rather than to a program."""
        return self.errors.get(code or "", self.error_otherwise)

    def estimate(self, seconds: float) -> str:
        """How long it usually takes, rounded to what a measured estimate is worth."""
        return self.usually.format(seconds=round_up(seconds))


def round_up(seconds: float) -> int:
    """Whole seconds up to 10, fives up to a minute, tens beyond; never less than 1."""
    step = 1 if seconds <= 10 else 5 if seconds <= 60 else 10
    return max(1, -int(-seconds // step) * step)


# Things that dalle-nano draws well (generator/dalle_mini/nano/MODEL_CARD.md).
_ENGLISH_EXAMPLES = tuple(
    Example(prompt, "en")
    for prompt in (
        "a lion",
        "a cat on the beach",
        "a red apple",
        "a fox in the snow",
        "an owl",
        "a birthday cake",
    )
)
_FRENCH_EXAMPLES = tuple(
    Example(prompt, "fr")
    for prompt in (
        "un tournesol",
        "un panda",
        "une pizza",
        "un renard dans la neige",
        "une pastèque sur la plage",
        "un chat sur la plage",
    )
)

ENGLISH = Texts(
    language="en",
    title="gardefou",
    heading="Nine pictures from one sentence",
    introduction="Write what you would like to see. Your sentence is checked before anything is drawn, "
    "and every picture before it reaches you.",
    skip="Skip to the pictures",
    prompt_label="What should be drawn?",
    run="Run",
    examples_heading="Nine to start with: press one to draw it",
    examples=_ENGLISH_EXAMPLES + _FRENCH_EXAMPLES[:3],
    reading="Reading your sentence",
    drawing="Drawing",
    checking="Checking the pictures",
    ready="{ready} of {asked} ready",
    elapsed="{seconds} s so far",
    usually="usually about {seconds} s",
    longer="longer than usual, still working",
    progress_label="How much of the pictures is drawn",
    cancel="Cancel",
    refresh_note="This page refreshes by itself.",
    your_prompt="You asked for",
    finished_all="Nine pictures, drawn in {seconds} s",
    finished_some="{ready} of {asked} pictures",
    tally_withheld="{count} withheld",
    tally_held="{count} waiting for a person",
    tally_failed="{count} not drawn",
    grid_label="The nine pictures",
    run_again="Run again",
    run_again_note="same sentence, nine new pictures",
    save_sheet="Save the sheet",
    save_picture="Save this picture",
    enlarge="Enlarge",
    close="Close",
    previous="Previous",
    next="Next",
    back="Back to the nine",
    picture_of="Picture {number} of {asked}",
    picture_alt="{prompt} – picture {number} of {asked}",
    pane_drawing="Drawing",
    pane_checking="Checking",
    pane_withheld="Withheld",
    pane_held="Waiting for a person",
    pane_failed="Not drawn",
    pane_stopped="Stopped",
    why="Why?",
    why_heading="What is missing, and why",
    withheld_picture="This may show something that the service does not show.",
    held_picture="The checks were not sure here. A moderator has to look first.",
    failed_picture="Something broke on the way. That says nothing about your sentence.",
    picture_numbers="Picture {numbers}",
    pictures_numbers="Pictures {numbers}",
    refused_heading="This one stays undrawn",
    refused_undisclosed="This service does not draw this.",
    refused_next="Nothing was drawn. Your sentence is still in the box above: change it and run it again. "
    "Your next sentence is judged on its own.",
    overturned="A person looked at the refusal again: it was wrong. You may have this drawn now.",
    draw_now="Draw it now",
    statement_link="Reasons, and how to appeal",
    appeal_link="Appeal",
    report_link="Report this picture",
    asked_heading="Did you mean this?",
    asked_undisclosed="The service is not sure that this is what you want to see.",
    asked_next="Nothing was drawn yet. Your yes is recorded with the decision, and every picture is still checked.",
    asked_yes="Yes, draw it",
    asked_rephrase="Change the sentence",
    marked="What was noticed",
    unread_language="The checks do not read the language this seems to be written in. Try English or French.",
    unread_drawn="The checks do not read this language well, so look twice.",
    all_withheld_heading="None of the pictures can be shown",
    all_withheld_next="Your sentence was fine, the pictures were not. "
    "Running it again draws new ones, and another wording may help.",
    held_heading="A person should look at this first",
    held_undisclosed="The checks were not sure.",
    held_explained="The pictures wait for a moderator and are not shown until then. "
    "Another wording may go straight through.",
    cancelled_heading="Stopped",
    cancelled_explained="You stopped this one. Your sentence is still in the box above.",
    failed_heading="That did not work, and it is not your fault",
    failed_explained="This says nothing about your sentence.",
    try_again="Try again",
    kept="Your sentence is still in the box.",
    reference="Reference",
    policy="Policy",
    error_code="Code",
    missing_heading="No such drawing here",
    missing_explained="The address may be mistyped, or the drawing belongs to another browser. "
    "Only the browser that asked can see it.",
    home="Draw something",
    footer_what="gardefou is a guard rail between people and a model that draws: it judges every "
    "sentence and "
    "every picture by a written policy.",
    footer_decisions="Every decision is recorded with its reference, so that it can be looked into later.",
    footer_model="The models here are nano models: small, trained on emoji artwork. "
    "Expect emoji, not photographs, and expect mistakes.",
    footer_origin="Does a picture come from here?",
    language_label="Language",
    other_language="Français",
    colours_label="Colours",
    colours_auto="as the system",
    colours_light="light",
    colours_dark="dark",
    categories={
        "sexual": "sexual content",
        "sexual_minors": "sexual content about minors",
        "violence": "violence",
        "gore": "gore",
        "hate": "hate",
        "harassment": "harassment",
        "self_harm": "self-harm",
        "weapons": "weapons",
        "illicit": "crime",
        "deception": "deception",
        "shocking": "shocking content",
        "privacy": "privacy",
    },
    errors={
        "missing_required_parameter": "The box is empty. Write a few words about what you would like to see.",
        "prompt_too_long": "That is longer than the service can read. Try a shorter sentence.",
        "invalid_value": "The service could not read this. Try plain words.",
        "unsupported_media_type": "The form did not come in the way this page sends it. Press Run here instead.",
        "request_timeout": "The form took too long to arrive. Press Run once more.",
        "confirmation_invalid": "That question is no longer open. Press Run to be asked again.",
        "csrf_failed": "This page had been open for too long, or came from elsewhere. Press Run once more.",
        "rate_limit_exceeded": "That was a lot in a short time. Wait a moment, then press Run again.",
        "request_too_large": "That is more than the service accepts at once. Try a shorter sentence.",
        "overloaded": "Many people are drawing right now. Wait a moment, then press Run again.",
        "draining": "The service is restarting. Press Run again in half a minute.",
        "classifier_unavailable": "The checks could not be made, and nothing is shown unchecked.",
        "generation_failed": "The model that draws did not manage it.",
        "database_unavailable": "The service cannot record decisions right now, so it does not draw.",
        "storage_full": "The service has no room left for pictures right now.",
        "crashed": "The service restarted while it was drawing.",
    },
    error_otherwise="Something broke on our side.",
)

FRENCH = Texts(
    language="fr",
    title="gardefou",
    heading="Neuf images pour une phrase",
    introduction="Écrivez ce que vous aimeriez voir. Votre phrase est vérifiée avant tout dessin, "
    "et chaque image avant de vous parvenir.",
    skip="Aller aux images",
    prompt_label="Que faut-il dessiner ?",
    run="Dessiner",
    examples_heading="Neuf idées pour commencer : touchez-en une pour la dessiner",
    examples=_FRENCH_EXAMPLES + _ENGLISH_EXAMPLES[3:],
    reading="Lecture de votre phrase",
    drawing="Dessin en cours",
    checking="Vérification des images",
    ready="{ready} sur {asked} prêtes",
    elapsed="{seconds} s écoulées",
    usually="d’ordinaire environ {seconds} s",
    longer="plus long que d’ordinaire, toujours en cours",
    progress_label="Part des images déjà dessinée",
    cancel="Annuler",
    refresh_note="Cette page s’actualise toute seule.",
    your_prompt="Vous avez demandé",
    finished_all="Neuf images, dessinées en {seconds} s",
    finished_some="{ready} images sur {asked}",
    tally_withheld="non montrées : {count}",
    tally_held="en attente d’un regard humain : {count}",
    tally_failed="non dessinées : {count}",
    grid_label="Les neuf images",
    run_again="Redessiner",
    run_again_note="même phrase, neuf nouvelles images",
    save_sheet="Enregistrer la planche",
    save_picture="Enregistrer cette image",
    enlarge="Agrandir",
    close="Fermer",
    previous="Précédente",
    next="Suivante",
    back="Retour aux neuf",
    picture_of="Image {number} sur {asked}",
    picture_alt="{prompt} – image {number} sur {asked}",
    pane_drawing="En dessin",
    pane_checking="En vérification",
    pane_withheld="Non montrée",
    pane_held="Attend un regard humain",
    pane_failed="Non dessinée",
    pane_stopped="Arrêtée",
    why="Pourquoi ?",
    why_heading="Ce qui manque, et pourquoi",
    withheld_picture="Il se peut qu’on y voie quelque chose que ce service ne montre pas.",
    held_picture="Les vérifications hésitent ici. Un modérateur doit d’abord regarder.",
    failed_picture="Un incident est survenu en route. Cela ne dit rien de votre phrase.",
    picture_numbers="Image {numbers}",
    pictures_numbers="Images {numbers}",
    refused_heading="Celle-ci ne sera pas dessinée",
    refused_undisclosed="Ce service ne dessine pas cela.",
    refused_next="Rien n’a été dessiné. Votre phrase est restée dans le champ ci-dessus : "
    "modifiez-la et relancez. "
    "La prochaine phrase sera jugée pour elle-même.",
    overturned="Une personne a réexaminé le refus : c’était une erreur. Vous pouvez maintenant faire dessiner "
    "cette phrase.",
    draw_now="Dessiner maintenant",
    statement_link="Les motifs, et comment faire appel",
    appeal_link="Faire appel",
    report_link="Signaler cette image",
    asked_heading="Est-ce bien cela ?",
    asked_undisclosed="Le service n’est pas sûr que ce soit ce que vous voulez voir.",
    asked_next="Rien n’est encore dessiné. Votre oui est enregistré avec la décision, et chaque image reste vérifiée.",
    asked_yes="Oui, le dessiner",
    asked_rephrase="Modifier la phrase",
    marked="Ce qui a été remarqué",
    unread_language="Les vérifications ne lisent pas la langue dans laquelle ceci semble écrit. "
    "Essayez en français ou en anglais.",
    unread_drawn="Les vérifications lisent mal cette langue : regardez-y à deux fois.",
    all_withheld_heading="Aucune des images ne peut être montrée",
    all_withheld_next="Votre phrase convenait, les images non. "
    "Redessiner en crée d’autres, et une autre formulation peut aider.",
    held_heading="Une personne doit d’abord regarder cette demande",
    held_undisclosed="Les vérifications hésitent.",
    held_explained="Les images attendent un modérateur et ne sont pas montrées d’ici là. "
    "Une autre formulation passera peut-être tout de suite.",
    cancelled_heading="Arrêté",
    cancelled_explained="Vous avez arrêté ce dessin. Votre phrase est restée dans le champ ci-dessus.",
    failed_heading="Cela n’a pas marché, et vous n’y êtes pour rien",
    failed_explained="Cela ne dit rien de votre phrase.",
    try_again="Réessayer",
    kept="Votre phrase est restée dans le champ.",
    reference="Référence",
    policy="Règles",
    error_code="Code",
    missing_heading="Aucun dessin à cette adresse",
    missing_explained="L’adresse est peut-être mal recopiée, ou le dessin appartient à un autre navigateur. "
    "Seul le navigateur qui l’a demandé peut le voir.",
    home="Dessiner quelque chose",
    footer_what="gardefou est un garde-fou entre les gens et un modèle qui dessine : il juge chaque "
    "phrase et "
    "chaque image selon des règles écrites.",
    footer_decisions="Chaque décision est enregistrée avec sa référence, pour pouvoir être examinée plus tard.",
    footer_model="Les modèles employés ici sont des modèles « nano » : petits, entraînés sur des "
    "dessins d’emoji. "
    "Attendez-vous à des emoji, non à des photos, et à des erreurs.",
    footer_origin="Cette image vient-elle d’ici ?",
    language_label="Langue",
    other_language="English",
    colours_label="Couleurs",
    colours_auto="du système",
    colours_light="claires",
    colours_dark="sombres",
    categories={
        "sexual": "contenu sexuel",
        "sexual_minors": "contenu sexuel sur des mineurs",
        "violence": "violence",
        "gore": "scènes sanglantes",
        "hate": "haine",
        "harassment": "harcèlement",
        "self_harm": "automutilation",
        "weapons": "armes",
        "illicit": "délits",
        "deception": "tromperie",
        "shocking": "contenu choquant",
        "privacy": "vie privée",
    },
    errors={
        "missing_required_parameter": "Le champ est vide. Écrivez en quelques mots ce que vous aimeriez voir.",
        "prompt_too_long": "C’est plus long que ce que le service peut lire. Essayez une phrase plus courte.",
        "invalid_value": "Le service n’a pas pu lire ce texte. Essayez des mots simples.",
        "unsupported_media_type": "Le formulaire n’est pas arrivé comme cette page l’envoie. Relancez d’ici.",
        "request_timeout": "Le formulaire a mis trop longtemps à arriver. Relancez une fois.",
        "confirmation_invalid": "Cette question n’est plus ouverte. Relancez pour qu’elle vous soit reposée.",
        "csrf_failed": "Cette page était ouverte depuis trop longtemps, ou venait d’ailleurs. Relancez une fois.",
        "rate_limit_exceeded": "Cela fait beaucoup en peu de temps. Patientez un instant, puis relancez.",
        "request_too_large": "C’est plus que ce que le service accepte d’un coup. Essayez une phrase plus courte.",
        "overloaded": "Beaucoup de monde dessine en ce moment. Patientez un instant, puis relancez.",
        "draining": "Le service redémarre. Relancez dans une demi-minute.",
        "classifier_unavailable": "Les vérifications n’ont pas pu se faire, et rien n’est montré sans elles.",
        "generation_failed": "Le modèle qui dessine n’y est pas parvenu.",
        "database_unavailable": "Le service ne peut pas enregistrer ses décisions : il ne dessine donc pas.",
        "storage_full": "Le service n’a plus de place pour les images en ce moment.",
        "crashed": "Le service a redémarré pendant le dessin.",
    },
    error_otherwise="Un incident s’est produit chez nous.",
)

TEXTS: Mapping[Language, Texts] = {"en": ENGLISH, "fr": FRENCH}


def negotiate(accept_language: str) -> Language:
    """French when an Accept-Language header prefers it to English, else English (RFC 9110, 12.5.4)."""
    wishes = dict.fromkeys(LANGUAGES, 0.0)
    for wish in accept_language[:1000].split(","):
        tag, _, quality = wish.strip().partition(";")
        for language in LANGUAGES:
            if tag.split("-")[0].strip().lower() == language:
                wishes[language] = max(wishes[language], _quality(quality))
    return "fr" if wishes["fr"] > wishes["en"] else "en"


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
