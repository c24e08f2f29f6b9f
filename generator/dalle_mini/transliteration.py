"""Any text in ASCII, spelt as the captions were on which the released networks were trained.

Those were spelt by Unidecode, which is GPL. anyascii (ISC) agrees with it on nearly every Latin letter; the tables here
hold the rest of what people type: Greek, the Cyrillic of Slavic languages, punctuation, money, fractions and arrows.
Other scripts are spelt by anyascii alone and may read otherwise than the original read them.
"""

import unicodedata
from collections.abc import Iterator

from anyascii import anyascii

_GREEK = {"β": "b", "η": "e", "Ξ": "ks", "υ": "u", "φ": "ph", "χ": "kh"}
_GREEK_BLOCKS = (*range(0x386, 0x3CF), *range(0x1F00, 0x2000))

_CYRILLIC = {
    "й": "i",
    "ю": "iu",
    "я": "ia",
    "ё": "io",
    "ѐ": "ie",
    "ї": "yi",
    "ґ": "g'",
    "ѓ": "gj",
    "ќ": "kj",
    "ћ": "tsh",
}

_SIGNS = {
    "\u200b": " ",
    "·": "*",
    "—": "--",
    "―": "--",
    "¢": "c/",
    "£": "ps",
    "¥": "y=",
    "₽": "r",
    "₪": "ns",
    "₺": "l",
    "₴": "uah",
    "§": "ss",
    "×": "x",
    "№": "no. ",
    "℃": "degc",
    "℉": "degf",
    "¼": " 1/4",
    "½": " 1/2",
    "¾": " 3/4",
    "⅓": " 1/3 ",
    "⅔": " 2/3 ",
    "←": "-",
    "→": "-",
    "↑": "|",
    "↓": "|",
    "⇐": "=",
    "⇒": "=",
    "⇔": "=",
    "ə": "@",
    "ʃ": "s",
    "ʒ": "z",
}


def _greek_letters() -> Iterator[tuple[str, str]]:
    """Accents and breathings leave no trace: ἡ is η."""
    for code in _GREEK_BLOCKS:
        letter = unicodedata.normalize("NFD", chr(code))[0]
        if letter.isalpha():
            yield chr(code), _GREEK.get(letter) or _GREEK.get(letter.lower()) or anyascii(letter)


_SPELT = {letter: spelt for small, spelt in (_CYRILLIC | _SIGNS).items() for letter in (small, small.upper())}
_TABLE = str.maketrans(dict(_greek_letters()) | _SPELT)


def transliterate(text: str) -> str:
    """`Ελλάδα, ёж` -> `Ellada, iozh`; letters of the tables come out in lower case."""
    spelt: str = anyascii(text.translate(_TABLE))
    return spelt
