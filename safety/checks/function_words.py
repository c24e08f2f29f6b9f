"""The small words of each language, folded: enough to tell whether a listed word is meant in its own language."""

from collections.abc import Mapping
from itertools import chain


def _words(listing: str) -> frozenset[str]:
    return frozenset(listing.split())


# The commonest words, also those that several languages share; none that is another sort of word elsewhere.
FUNCTION_WORDS: Mapping[str, frozenset[str]] = {
    "en": _words("the of with and at is for to by from an in each his her it"),
    "fr": _words("le la les un une des du de d l et en dans avec sur au aux sa son que se"),
    "es": _words("el la los las un una unos unas de del al en con y por para que su sus sobre se es lo"),
    "de": _words("der die das den dem des ein eine einen einem einer und mit auf im vom von zu zum zur bei ist nicht"),
    "it": _words("il lo la gli le un uno una di del della dei delle nel nella con per su sul sulla che e alla dal"),
    "pt": _words("o os um uma umas uns de da dos das em na nas com e por para que ao seu sua se pelo pela"),
    "nl": _words("de het een en van op met te bij naar voor aan uit zijn niet dat door deze onder"),
    "pl": _words("w z na o po pod przed przy sie nie jest oraz za dla od ze jej jego ktory ktora"),
    "ru": _words("в на и с к по у о из под за для от не со во над при его ее"),
    "ar": _words("في من على مع إلى عن و هذا هذه التي الذي بين"),
}

# Two of these anywhere tell the language of prompts that are lists of words; English borrows one at most.
UNMISTAKABLE_WORDS: Mapping[str, frozenset[str]] = {
    language: words
    - frozenset(chain.from_iterable(FUNCTION_WORDS[other] for other in FUNCTION_WORDS if other != language))
    for language, words in FUNCTION_WORDS.items()
} | {"fr": _words("le les une des du et dans avec sur aux")}

LANGUAGES_OF: Mapping[str, tuple[str, ...]] = {
    word: tuple(language for language, words in FUNCTION_WORDS.items() if word in words)
    for word in chain.from_iterable(FUNCTION_WORDS.values())
}
