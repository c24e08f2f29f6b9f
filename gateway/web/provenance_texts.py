"""What the page about a picture's origin says, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.provenance import Conclusion, Reason
from gateway.web.texts import Language
from safety.provenance.credentials import Standing


@dataclass(frozen=True, slots=True)
class ProvenanceTexts:
    """Every sentence of the page in one language; words in braces are filled in by `str.format`."""

    heading: str
    introduction: str
    file_label: str
    look: str
    forgotten: str
    conclusions: Mapping[Conclusion, str]
    reasons: Mapping[Reason, str]
    caveat: str
    layers_heading: str
    credentials: str
    standings: Mapping[Standing, str]
    source_type: str
    nothing_said: str
    watermark: str
    mark_found: str
    mark_not_found: str
    book: str
    same_file: str
    known_copy: str
    not_in_book: str
    decision: str
    decisions: str
    decided: str
    another: str
    somebody: str
    errors: Mapping[str, str]


ENGLISH = ProvenanceTexts(
    heading="Does this picture come from here?",
    introduction="Every picture that leaves this service carries signed content credentials and an invisible "
    "watermark. Send a picture, and see what is left of them.",
    file_label="A picture: PNG, JPEG, WebP or GIF, up to 16 MB",
    look="Look",
    forgotten="The picture is looked at and forgotten. Nobody else sees it. If it moves, the watermark is looked for "
    "in its first frame.",
    conclusions={
        Conclusion.OURS: "This picture comes from here",
        Conclusion.FOREIGN: "Somebody else signed this picture",
        Conclusion.INVALID: "Its credentials do not fit the picture",
        Conclusion.NOTHING_FOUND: "Nothing was found",
    },
    reasons={
        Reason.SIGNED: "Its content credentials are ours, and they fit: not a byte was changed since it left.",
        Reason.KNOWN_FILE: "These very bytes left this service. Its credentials cannot be confirmed with today’s keys.",
        Reason.MARKED: "Our watermark is in it and leads to a decision. Its credentials are gone or no longer fit: "
        "it was changed since it left, perhaps only saved again, perhaps more.",
        Reason.MARK_UNREAD: "Our watermark is in it, and it leads to no decision in the book of this service.",
        Reason.ALTERED: "It has content credentials, but they were made for another picture, or it was changed since. "
        "Do not trust what they say.",
        Reason.SIGNED_ELSEWHERE: "Its content credentials fit and name {signer}. Whether that is who they say they "
        "are cannot be checked here.",
        Reason.SAYS_GENERATED: "It says of itself that a model made it. That is not signed: anybody can write it, "
        "and anybody can take it off.",
        Reason.NOTHING: "It has no credentials, no mark of ours and no word about how it was made.",
    },
    caveat="Finding nothing never means that a picture was not made by a model, here or elsewhere: "
    "every layer can be taken off.",
    layers_heading="What each layer says",
    credentials="Content credentials (C2PA)",
    standings={
        Standing.OURS: "ours, and they fit the file",
        Standing.FOREIGN: "they fit the file, signed by {signer}",
        Standing.INVALID: "do not fit the file",
        Standing.ABSENT: "none",
    },
    source_type="Source type (IPTC, unsigned)",
    nothing_said="none",
    watermark="Watermark",
    mark_found="ours: {z} times the noise, where {enough} are enough",
    mark_not_found="none of ours: {z} times the noise, where {enough} would be enough",
    book="The book of this service",
    same_file="has this very file",
    known_copy="knows the picture that this is a copy of",
    not_in_book="does not have it",
    decision="Decision",
    decisions="Decisions",
    decided="Decided",
    another="Look at another picture",
    somebody="somebody who gives no name",
    errors={
        "missing_required_parameter": "No picture was chosen.",
        "unsupported_image": "This is no PNG, JPEG, WebP or GIF picture, or not that alone, or damaged.",
        "image_too_large": "This picture has more pixels than the service looks at.",
        "request_too_large": "This file is larger than 16 MB.",
        "rate_limit_exceeded": "That was a lot in a short time. Wait a moment, then look again.",
        "overloaded": "Many pictures are being looked at right now. Wait a moment, then look again.",
    },
)

FRENCH = ProvenanceTexts(
    heading="Cette image vient-elle d’ici ?",
    introduction="Chaque image qui sort de ce service porte une attestation signée et un filigrane invisible. "
    "Envoyez une image et voyez ce qu’il en reste.",
    file_label="Une image : PNG, JPEG, WebP ou GIF, 16 Mo au plus",
    look="Examiner",
    forgotten="L’image est examinée, puis oubliée. Personne d’autre ne la voit. Si elle est animée, le filigrane est "
    "cherché dans sa première image.",
    conclusions={
        Conclusion.OURS: "Cette image vient d’ici",
        Conclusion.FOREIGN: "Quelqu’un d’autre a signé cette image",
        Conclusion.INVALID: "Son attestation ne correspond pas à l’image",
        Conclusion.NOTHING_FOUND: "Rien n’a été trouvé",
    },
    reasons={
        Reason.SIGNED: "Son attestation est la nôtre et elle correspond : pas un octet n’a changé depuis sa sortie.",
        Reason.KNOWN_FILE: "Ce fichier, octet pour octet, est sorti de ce service. "
        "Les clés actuelles ne permettent pas de confirmer son attestation.",
        Reason.MARKED: "Notre filigrane s’y trouve et mène à une décision. Son attestation a disparu ou ne correspond "
        "plus : l’image a changé depuis sa sortie, peut-être seulement réenregistrée, peut-être davantage.",
        Reason.MARK_UNREAD: "Notre filigrane s’y trouve, mais ne mène à aucune décision dans le registre du service.",
        Reason.ALTERED: "Elle porte une attestation faite pour une autre image, ou elle a changé depuis. "
        "Ne vous fiez pas à ce que dit cette attestation.",
        Reason.SIGNED_ELSEWHERE: "Son attestation correspond et nomme {signer}. Rien ne permet de vérifier ici "
        "que ce nom est le bon.",
        Reason.SAYS_GENERATED: "Elle dit elle-même avoir été produite par un modèle. Ce n’est pas signé : "
        "n’importe qui peut l’écrire, n’importe qui peut l’enlever.",
        Reason.NOTHING: "Elle n’a ni attestation, ni filigrane de chez nous, ni mention de son origine.",
    },
    caveat="Ne rien trouver ne veut jamais dire qu’aucun modèle n’a produit l’image, ici ou ailleurs : "
    "chaque couche peut être enlevée.",
    layers_heading="Ce que dit chaque couche",
    credentials="Attestation de contenu (C2PA)",
    standings={
        Standing.OURS: "la nôtre, et elle correspond au fichier",
        Standing.FOREIGN: "elle correspond au fichier, signée par {signer}",
        Standing.INVALID: "ne correspond pas au fichier",
        Standing.ABSENT: "aucune",
    },
    source_type="Type de source (IPTC, non signé)",
    nothing_said="aucun",
    watermark="Filigrane",
    mark_found="le nôtre : {z} fois le bruit, là où {enough} suffisent",
    mark_not_found="aucun de chez nous : {z} fois le bruit, là où {enough} suffiraient",
    book="Le registre du service",
    same_file="contient ce fichier même",
    known_copy="connaît l’image dont celle-ci est une copie",
    not_in_book="ne le contient pas",
    decision="Décision",
    decisions="Décisions",
    decided="Décidée le",
    another="Examiner une autre image",
    somebody="quelqu’un qui ne dit pas son nom",
    errors={
        "missing_required_parameter": "Aucune image n’a été choisie.",
        "unsupported_image": "Ce n’est pas une image PNG, JPEG, WebP ou GIF, ou pas seulement, ou elle est abîmée.",
        "image_too_large": "Cette image a plus de pixels que le service n’en examine.",
        "request_too_large": "Ce fichier dépasse 16 Mo.",
        "rate_limit_exceeded": "Cela fait beaucoup en peu de temps. Patientez un instant, puis recommencez.",
        "overloaded": "Beaucoup d’images sont examinées en ce moment. Patientez un instant, puis recommencez.",
    },
)

PROVENANCE_TEXTS: Mapping[Language, ProvenanceTexts] = {"en": ENGLISH, "fr": FRENCH}
