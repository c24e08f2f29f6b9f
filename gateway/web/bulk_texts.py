"""What the pages of batches and the palette say, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class BulkTexts:
    """Every sentence in one language; words in braces are filled in by `str.format`."""

    batches: str
    batches_lead: str
    no_batches: str
    older: str
    batch: str
    states: Mapping[str, str]
    state_told: Mapping[str, str]
    acts: Mapping[str, str]

    part_of: str
    proposals: str
    together: str
    select: str
    selected: str
    select_hint: str
    preview_heading: str
    preview_lead: str
    cases_count: str
    one_case: str
    in_pictures: str
    looked_at: str
    of_categories: str
    of_sources: str
    fitting: str
    nothing_fits: str
    left_out: str
    why_not: Mapping[str, str]
    taken_by: str
    act: str
    clause_if: str
    reasons_for: Mapping[str, str]
    decide: str
    second_needed: str
    allow_note: str
    give_back: str
    lost: str

    proposed_by: str
    until: str
    note: str
    confirm: str
    reject: str
    take_back: str
    wait_for_second: str
    decided_of: str
    outcomes: Mapping[str, str]
    revert: str
    revert_again: str
    revert_note: str
    undone: Mapping[str, str]
    errors: Mapping[str, str]

    palette: str
    palette_open: str
    palette_hint: str
    palette_none: str
    palette_one: str
    palette_found: str
    palette_case: str
    palette_batch: str
    palette_decision: str
    palette_page: str
    palette_action: str
    not_found: str


ENGLISH = BulkTexts(
    batches="Batches",
    batches_lead="Cases that were decided together. Each can be reverted as a whole.",
    no_batches="Nothing has been decided together yet.",
    older="Older batches",
    batch="Batch",
    states={
        "draft": "preview",
        "proposed": "waits for a second person",
        "decided": "decided",
        "rejected": "rejected",
        "reverted": "reverted",
        "ended": "ended by itself",
    },
    state_told={
        "proposed": "{maker} proposed this. Nothing has been decided; the cases stay in the queue meanwhile.",
        "decided": "Decided by {maker}.",
        "confirmed": "Proposed by {maker}, confirmed by {second}.",
        "rejected": "Proposed by {maker}, rejected by {second}. Nothing was decided.",
        "taken_back": "{maker} took this proposal back. Nothing was decided.",
        "reverted": "Reverted by {reverter}.",
        "ended": "Nobody confirmed this in time. Nothing was decided.",
    },
    acts={"block": "Block", "allow": "Allow", "escalate": "Escalate"},
    part_of="Looked at together with other cases:",
    proposals="Batches that wait for a second person: {count}",
    together="Decide together",
    select="Select case {case}",
    selected="{count} of at most {most} selected",
    select_hint="Select cases to decide them together.",
    preview_heading="Look through, then decide together",
    preview_lead="Nothing is decided yet. The cases are yours while you look through them.",
    cases_count="{count} cases",
    one_case="1 case",
    in_pictures="pictures: {count}",
    looked_at="seen clearly by you: {seen} of {count}",
    of_categories="Categories",
    of_sources="Held because of",
    fitting="To be decided",
    nothing_fits="None of these cases can be decided together.",
    left_out="Left out",
    why_not={
        "decided_before": "has been decided already",
        "restricted": "may show a child, never together with others",
        "by_itself": "an appeal or a report: decided by itself",
        "taken": "somebody else was working on it",
        "for_a_senior": "is for a senior moderator",
        "changed": "has other pictures than at the preview",
        "not_looked_at": "not every picture was seen clearly before allowing it",
    },
    taken_by="{name} works on it",
    act="What to do with every case",
    clause_if="if you block",
    reasons_for={"block": "To block", "allow": "To allow", "escalate": "To escalate"},
    decide="Decide {count}",
    second_needed="More than {alone} cases: a second person has to confirm.",
    allow_note="Only what you have seen clearly, every picture of it, is allowed; the rest is left out.",
    give_back="Decide none of it",
    lost="Your time with these cases ran out. What is still free when you decide is decided; the rest is left out.",
    proposed_by="Proposed",
    until="until {until} UTC",
    note="Note",
    confirm="Confirm, and decide {count}",
    reject="Reject",
    take_back="Take the proposal back",
    wait_for_second="Somebody else has to confirm or reject this.",
    decided_of="{decided} of {cases} decided",
    outcomes={"decided": "decided"},
    revert="Revert this batch",
    revert_again="Revert what was under way",
    revert_note="Whatever still stands as the batch left it waits for a person again; pictures that were released are "
    "shown no more. What somebody changed since is left as it is.",
    undone={
        "reverted": "reverted: waits again",
        "changed_since": "left: somebody changed it since",
        "appealed": "left: an appeal waits for a person",
        "under_way": "left: was just being released",
    },
    errors={
        "nothing_left": "No case is left that could be decided so. Nothing was changed.",
        "already_decided": "This batch has been decided, or is over. Nothing was changed.",
        "invalid_value": "The choices do not fit together: to block needs the broken rule, and the reason has to fit.",
        "missing_required_parameter": "Something is missing: what to do, the reason, and to block the broken rule.",
        "too_many": "Select from 1 to {most} cases.",
    },
    palette="Find a page, a case or an action",
    palette_open="Find",
    palette_hint="Type to filter; arrows to choose, Enter to go, Escape to close.",
    palette_none="Nothing of that name",
    palette_one="1 result",
    palette_found="{count} results",
    palette_case="Open case {id}",
    palette_batch="Open batch {id}",
    palette_decision="Open decision {id}",
    palette_page="page",
    palette_action="action",
    not_found="There is no case of that name, or more than one begins so.",
)

FRENCH = BulkTexts(
    batches="Lots",
    batches_lead="Des cas tranchés ensemble. Chaque lot peut être annulé en entier.",
    no_batches="Rien n’a encore été tranché ensemble.",
    older="Lots plus anciens",
    batch="Lot",
    states={
        "draft": "aperçu",
        "proposed": "attend une deuxième personne",
        "decided": "tranché",
        "rejected": "refusé",
        "reverted": "annulé",
        "ended": "expiré",
    },
    state_told={
        "proposed": "{maker} propose ceci. Rien n’est décidé ; les cas restent dans la file en attendant.",
        "decided": "Tranché par {maker}.",
        "confirmed": "Proposé par {maker}, confirmé par {second}.",
        "rejected": "Proposé par {maker}, refusé par {second}. Rien n’a été décidé.",
        "taken_back": "{maker} a retiré cette proposition. Rien n’a été décidé.",
        "reverted": "Annulé par {reverter}.",
        "ended": "Personne n’a confirmé à temps. Rien n’a été décidé.",
    },
    acts={"block": "Bloquer", "allow": "Autoriser", "escalate": "Transmettre"},
    part_of="Examiné avec d’autres cas :",
    proposals="Lots qui attendent une deuxième personne : {count}",
    together="Décider ensemble",
    select="Sélectionner le cas {case}",
    selected="{count} sur {most} au plus",
    select_hint="Sélectionnez des cas pour en décider ensemble.",
    preview_heading="Parcourir, puis décider ensemble",
    preview_lead="Rien n’est encore décidé. Les cas sont à vous pendant que vous les parcourez.",
    cases_count="{count} cas",
    one_case="1 cas",
    in_pictures="images : {count}",
    looked_at="vues nettement par vous : {seen} sur {count}",
    of_categories="Catégories",
    of_sources="Retenus à cause de",
    fitting="À trancher",
    nothing_fits="Aucun de ces cas ne peut être tranché ensemble.",
    left_out="Laissés de côté",
    why_not={
        "decided_before": "déjà tranché",
        "restricted": "pourrait montrer un enfant, jamais avec d’autres",
        "by_itself": "appel ou signalement : tranché à part",
        "taken": "quelqu’un d’autre s’en occupait",
        "for_a_senior": "pour un modérateur confirmé",
        "changed": "n’a plus les mêmes images qu’à l’aperçu",
        "not_looked_at": "chaque image doit être vue nettement avant d’autoriser",
    },
    taken_by="{name} s’en occupe",
    act="Que faire de chaque cas",
    clause_if="pour bloquer",
    reasons_for={"block": "Pour bloquer", "allow": "Pour autoriser", "escalate": "Pour transmettre"},
    decide="Décider ({count})",
    second_needed="Plus de {alone} cas : une deuxième personne doit confirmer.",
    allow_note="Seul est autorisé ce que vous avez vu nettement, image par image ; le reste est laissé de côté.",
    give_back="Ne rien décider",
    lost="Votre temps sur ces cas est écoulé. Ce qui sera encore libre sera tranché ; le reste, laissé de côté.",
    proposed_by="Proposé",
    until="jusqu’au {until} UTC",
    note="Note",
    confirm="Confirmer et décider ({count})",
    reject="Refuser",
    take_back="Retirer la proposition",
    wait_for_second="Quelqu’un d’autre doit confirmer ou refuser.",
    decided_of="{decided} tranchés sur {cases}",
    outcomes={"decided": "tranché"},
    revert="Annuler ce lot",
    revert_again="Annuler ce qui était en cours",
    revert_note="Ce qui est resté tel que le lot l’a laissé attend de nouveau une personne ; les images déjà montrées "
    "ne le sont plus. Ce que quelqu’un a changé depuis reste tel quel.",
    undone={
        "reverted": "annulé : attend de nouveau",
        "changed_since": "laissé : changé depuis par quelqu’un",
        "appealed": "laissé : un appel attend une personne",
        "under_way": "laissé : était en train d’être montré",
    },
    errors={
        "nothing_left": "Plus aucun cas ne peut être tranché ainsi. Rien n’a changé.",
        "already_decided": "Ce lot a été tranché, ou a expiré. Rien n’a changé.",
        "invalid_value": "Ces choix ne vont pas ensemble : pour bloquer, il faut la règle enfreinte, "
        "et le motif doit convenir.",
        "missing_required_parameter": "Il manque quelque chose : que faire, le motif et, pour bloquer, "
        "la règle enfreinte.",
        "too_many": "Sélectionnez de 1 à {most} cas.",
    },
    palette="Trouver une page, un cas ou une action",
    palette_open="Trouver",
    palette_hint="Tapez pour filtrer ; flèches pour choisir, Entrée pour y aller, Échap pour fermer.",
    palette_none="Rien de ce nom",
    palette_one="1 résultat",
    palette_found="{count} résultats",
    palette_case="Ouvrir le cas {id}",
    palette_batch="Ouvrir le lot {id}",
    palette_decision="Ouvrir la décision {id}",
    palette_page="page",
    palette_action="action",
    not_found="Aucun cas de ce nom, ou plusieurs commencent ainsi.",
)

BULK_TEXTS: Mapping[Language, BulkTexts] = {"en": ENGLISH, "fr": FRENCH}
