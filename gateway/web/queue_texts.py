"""What the page of the queues says, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web.texts import Language


@dataclass(frozen=True, slots=True)
class QueueTexts:
    """Every sentence in one language; words in braces are filled in by `str.format`."""

    queues: str
    all_queues: str
    closed: str
    late: str
    one_alike: str
    alike: str
    unattended: str
    more: str
    first_page: str
    end: str
    views: str
    save_view: str
    view_name: str
    view_name_hint: str
    save: str
    delete: str
    delete_named: str
    not_kept: str


QUEUE_TEXTS: Mapping[Language, QueueTexts] = {
    "en": QueueTexts(
        queues="Queues",
        all_queues="All queues",
        closed="granted to you, or open to your role: not everybody sees this queue",
        late="{count} overdue",
        one_alike="and one that looks the same",
        alike="and {count} that look the same",
        unattended="{count} cases wait that nobody with an account may decide. Appoint a senior, or grant their queue.",
        more="Further down the queue",
        first_page="Back to the front",
        end="Nothing waits behind this.",
        views="Your views",
        save_view="Keep these filters",
        view_name="Name",
        view_name_hint="Only you see it.",
        save="Keep",
        delete="Delete",
        delete_named="Delete the view {name}",
        not_kept="Not kept: a name has 1 to 40 characters, and nobody keeps more than 20 views.",
    ),
    "fr": QueueTexts(
        queues="Files",
        all_queues="Toutes les files",
        closed="attribuée à vous ou ouverte à votre rôle : tout le monde ne voit pas cette file",
        late="{count} en retard",
        one_alike="et un qui lui ressemble",
        alike="et {count} qui lui ressemblent",
        unattended="{count} cas attendent que personne, parmi les comptes, ne peut trancher. Nommez un senior "
        "ou attribuez leur file.",
        more="Plus loin dans la file",
        first_page="Retour au début",
        end="Rien n’attend après ceci.",
        views="Vos vues",
        save_view="Garder ces filtres",
        view_name="Nom",
        view_name_hint="Vous seul la voyez.",
        save="Garder",
        delete="Supprimer",
        delete_named="Supprimer la vue {name}",
        not_kept="Non gardé : un nom a de 1 à 40 caractères, et personne ne garde plus de 20 vues.",
    ),
}
