"""Judges what somebody wrote who named the tiles of generator.training.naming_test."""

import csv
import itertools
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from generator.training.concepts import Concept, without_article
from policies.identity import ModelIdentity

Accepted = frozenset[tuple[str, str]]  # (as said, main English name), both folded


class UnusableNames(ValueError):
    """A file of names, of accepted words or a key cannot be read as one. The message says which and why."""


@dataclass(frozen=True, slots=True)
class Tile:
    """tile: its number, from 1. things: main English names of what was asked for. never_seen: not together."""

    tile: int
    prompt: str
    things: tuple[str, ...]
    never_seen: bool


@dataclass(frozen=True, slots=True)
class Key:
    """model: name and sha256 of what drew the tiles."""

    model: ModelIdentity
    tiles: tuple[Tile, ...]

    def write(self, path: Path) -> None:
        """As JSON."""
        tiles = [
            {"tile": tile.tile, "prompt": tile.prompt, "things": tile.things, "never_seen": tile.never_seen}
            for tile in self.tiles
        ]
        model = {"name": self.model.name, "sha256": self.model.sha256}
        path.write_text(json.dumps({"model": model, "tiles": tiles}, ensure_ascii=False, indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> "Key":
        """Raises OSError, ValueError, KeyError or TypeError for a file that is no key."""
        kept = json.loads(path.read_text("utf-8"))
        tiles = (
            Tile(each["tile"], each["prompt"], tuple(each["things"]), each["never_seen"]) for each in kept["tiles"]
        )
        return cls(ModelIdentity(**kept["model"]), tuple(tiles))


@dataclass(frozen=True, slots=True)
class Judged:
    """said: what was written for the tile, without blanks. found: the things of the tile that were named."""

    tile: Tile
    said: tuple[str, ...]
    found: frozenset[str]

    @property
    def right(self) -> bool:
        """All that was asked for was named; of a single thing, by the first word written."""
        return len(self.found) == len(self.tile.things)


def folded(name: str) -> str:
    """ "Une Tête-de-mort" -> "tete de mort": no article, accent, hyphen or plural s."""
    bare = without_article(" ".join(name.casefold().replace("’", "'").split()))
    plain = unicodedata.normalize("NFKD", bare.replace("œ", "oe"))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(word.removesuffix("s") for word in letters.replace("-", " ").replace("'", " ").split())


def known_names(concepts: Sequence[Concept]) -> Mapping[str, frozenset[str]]:
    """Main English name -> every name and plural of the thing in both languages, folded."""
    return {
        concept.names["en"][0]: frozenset(
            map(folded, (*concept.names["en"], *concept.names["fr"], *concept.plurals.values()))
        )
        for concept in concepts
    }


def _rows(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = set(columns) - set(reader.fieldnames or ())
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableNames(f"{path}: {error}") from error
    if missing:
        raise UnusableNames(f"{path} lacks the column {', '.join(sorted(missing))}")
    return rows


def read_key(path: Path) -> Key:
    """Raises OSError, UnusableNames."""
    try:
        return Key.read(path)
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableNames(f"{path} is no key of a naming test: {error}") from error


def read_names(path: Path) -> dict[int, tuple[str, ...]]:
    """Columns number, thing1, thing2: what was written for each tile. Raises OSError, UnusableNames."""
    names: dict[int, tuple[str, ...]] = {}
    for row in _rows(path, ("number", "thing1", "thing2")):
        number = (row["number"] or "").strip()
        if not number.isdecimal() or int(number) in names:
            raise UnusableNames(f"{path}: {number!r} is no number of a tile, or comes twice")
        written = ((row[column] or "").strip() for column in ("thing1", "thing2"))
        names[int(number)] = tuple(word for word in written if word)
    return names


def read_accepted(path: Path) -> Accepted:
    """Columns said, meant: words that a person takes to mean a thing of the list. Raises OSError, UnusableNames."""
    return frozenset((folded(row["said"]), folded(row["meant"])) for row in _rows(path, ("said", "meant")))


def judge(
    key: Key, names: Mapping[int, tuple[str, ...]], known: Mapping[str, frozenset[str]], accepted: Accepted
) -> list[Judged]:
    """One judgement per tile of the key. Nothing written is nothing named. Raises UnusableNames for unknown tiles."""
    if unknown := names.keys() - {tile.tile for tile in key.tiles}:
        raise UnusableNames(f"no tile has the number {', '.join(map(str, sorted(unknown)))}")
    if strange := {thing for tile in key.tiles for thing in tile.things} - known.keys():
        raise UnusableNames(f"the key speaks of what is not in the list: {', '.join(sorted(strange))}")

    def names_it(said: str, thing: str) -> bool:
        return folded(said) in known[thing] or (folded(said), folded(thing)) in accepted

    def found(tile: Tile, said: tuple[str, ...]) -> frozenset[str]:
        counted = said[: len(tile.things)]  # of a single thing the first word alone: no second guess
        pairings = (zip(counted, order, strict=False) for order in itertools.permutations(tile.things))
        named = (frozenset(thing for word, thing in pairing if names_it(word, thing)) for pairing in pairings)
        return max(named, key=len)

    said = {tile.tile: names.get(tile.tile, ()) for tile in key.tiles}
    return [Judged(tile, said[tile.tile], found(tile, said[tile.tile])) for tile in key.tiles]
