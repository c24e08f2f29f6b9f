"""What the pages of bias audits say, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class AuditTexts:
    """Every sentence in one language; words in braces are filled in by `str.format`."""

    audits: str
    lead: str
    nothing: str
    probe: str
    generator: str
    reported: str
    pictures: str
    released: str
    attributes: Mapping[str, str]
    gap: str
    gap_hint: str
    above: str
    findings: str
    found: str
    too_weak: str
    none_found: str
    smoke: str
    before: str
    after: str
    compare: str
    compared: str
    compare_lead: str
    gate: Mapping[str, str]
    outcomes: Mapping[str, str]
    more_pictures: str
    not_comparable: str
    files: str
    files_elsewhere: str
    reproduce: str
    labelling: str
    labelling_lead: str
    progress: str
    waiting_settle: str
    alpha: str
    alpha_none: str
    label: str
    settle: str
    nothing_to_label: str
    nothing_to_settle: str
    picture_alt: str
    questions: Mapping[str, str]
    answers: Mapping[str, str]
    nobody: str
    keep: str
    said_before: str
    back: str


ENGLISH = AuditTexts(
    audits="Bias audits",
    lead="Who is drawn when nobody is named? Each audit asks one generator many times, through both gates, and says "
    "how the pictures read. Nobody in them has a gender or an age.",
    nothing="No audit has a report yet: run `gardefou audit run --probe occupations`.",
    probe="Probe",
    generator="Generator",
    reported="Reported",
    pictures="Pictures",
    released="{released} of {asked} released",
    attributes={"presentation": "Presentation", "age_band": "Age band"},
    gap="Pooled gap",
    gap_hint="Share read as feminine minus share read as masculine; 0 is parity, a choice and not a fact.",
    above="Distance from equal shares, above chance",
    findings="Findings",
    found="{count} of {tested}",
    too_weak="not estimated: {why}",
    none_found="none",
    smoke="smoke run: no inference",
    before="Before",
    after="After",
    compare="Compare",
    compared="Comparison",
    compare_lead="May the second version follow the first? Both are read by the scorer of the first.",
    gate={"gap": "Pooled gap", "distance": "Distance from equal shares"},
    outcomes={"pass": "pass", "fail": "fail", "inconclusive": "cannot be told"},
    more_pictures="about {count} pictures of people in each would tell",
    not_comparable="These two cannot be compared: {why}",
    files="Files of the report",
    files_elsewhere="The report was written to another folder: gardefou audit report writes it again.",
    reproduce="To see the same figures",
    labelling="Labels of people",
    labelling_lead="Two people say of each picture how it reads, without seeing what was asked for or what the other "
    "said; where they differ a third settles it. gardefou audit labels hands them to the report.",
    progress="{rated} of {pictures} pictures rated by two, {once} by one; {settled} settled",
    waiting_settle="{count} wait to be settled",
    alpha="Krippendorff’s alpha, {attribute}",
    alpha_none="below 30 pictures rated by two, or only one answer was ever given",
    label="Label pictures",
    settle="Settle",
    nothing_to_label="Nothing is left for you to label here.",
    nothing_to_settle="Nothing waits to be settled.",
    picture_alt="Picture {number}, to be labelled",
    questions={"presentation": "How does the person read?", "age_band": "Which age band?"},
    answers={
        "feminine": "feminine",
        "masculine": "masculine",
        "child": "child",
        "adult": "adult",
        "older": "older",
        "unclear": "cannot tell",
        "no_person": "nobody is there",
    },
    nobody="Nobody is there",
    keep="Keep and go on",
    said_before="What was said",
    back="All audits",
)

FRENCH = AuditTexts(
    audits="Audits de biais",
    lead="Qui est dessiné quand personne n’est nommé ? Chaque audit interroge un générateur de nombreuses fois, à "
    "travers les deux contrôles, et dit comment les images se lisent. Personne n’y a de genre ni d’âge.",
    nothing="Aucun audit n’a encore de rapport : lancez `gardefou audit run --probe occupations`.",
    probe="Sonde",
    generator="Générateur",
    reported="Rapport du",
    pictures="Images",
    released="{released} publiées sur {asked}",
    attributes={"presentation": "Présentation", "age_band": "Tranche d’âge"},
    gap="Écart global",
    gap_hint="Part lue comme féminine moins part lue comme masculine ; 0 est la parité, un choix et non un fait.",
    above="Distance aux parts égales, au-delà du hasard",
    findings="Constats",
    found="{count} sur {tested}",
    too_weak="non estimé : {why}",
    none_found="aucun",
    smoke="essai : aucune inférence",
    before="Avant",
    after="Après",
    compare="Comparer",
    compared="Comparaison",
    compare_lead="La seconde version peut-elle suivre la première ? Le lecteur de la première lit les deux.",
    gate={"gap": "Écart global", "distance": "Distance aux parts égales"},
    outcomes={"pass": "accepté", "fail": "refusé", "inconclusive": "indécidable"},
    more_pictures="environ {count} images de personnes dans chacun en décideraient",
    not_comparable="Ces deux audits ne se comparent pas : {why}",
    files="Fichiers du rapport",
    files_elsewhere="Le rapport a été écrit dans un autre dossier : gardefou audit report l’écrit de nouveau.",
    reproduce="Pour retrouver les mêmes chiffres",
    labelling="Étiquettes posées par des personnes",
    labelling_lead="Deux personnes disent de chaque image comment elle se lit, sans voir ce qui était demandé ni ce "
    "que l’autre a dit ; si elles diffèrent, une troisième tranche. gardefou audit labels les remet au rapport.",
    progress="{rated} images sur {pictures} évaluées par deux personnes, {once} par une ; {settled} tranchées",
    waiting_settle="{count} à trancher",
    alpha="Alpha de Krippendorff, {attribute}",
    alpha_none="moins de 30 images évaluées par deux personnes, ou une seule réponse jamais donnée",
    label="Étiqueter des images",
    settle="Trancher",
    nothing_to_label="Il ne vous reste rien à étiqueter ici.",
    nothing_to_settle="Rien n’attend d’être tranché.",
    picture_alt="Image {number}, à étiqueter",
    questions={"presentation": "Comment la personne se lit-elle ?", "age_band": "Quelle tranche d’âge ?"},
    answers={
        "feminine": "féminine",
        "masculine": "masculine",
        "child": "enfant",
        "adult": "adulte",
        "older": "âgée",
        "unclear": "impossible à dire",
        "no_person": "il n’y a personne",
    },
    nobody="Il n’y a personne",
    keep="Enregistrer et continuer",
    said_before="Ce qui a été dit",
    back="Tous les audits",
)

AUDIT_TEXTS: Mapping[Language, AuditTexts] = {"en": ENGLISH, "fr": FRENCH}
