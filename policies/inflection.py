"""Forms of a listed word by the simple rules of its language; irregular forms are listed by hand."""

import re
from collections.abc import Callable, Iterable
from itertools import product
from typing import Literal

Language = Literal["en", "fr", "es", "de", "it", "pt", "nl", "pl", "ar", "ru", "zh", "ja", "any"]
WITHOUT_SMALL_WORDS = frozenset(("zh", "ja", "any"))
"""Languages that no small words between spaces tell: `only_in_language` cannot be judged."""

Inflection = Literal["none", "noun", "verb", "adjective"]

Endings = tuple[tuple[str, str], ...]
"""Pairs of an ending and those that take its place, by spaces; `-` is none at all. The first that fits counts."""

ENGLISH_SHORT_VERB = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]")


def inflect(text: str, language: Language, inflection: Inflection) -> tuple[str, ...]:
    """All forms of a word or phrase, itself first. Too many forms do no harm: nobody types the wrong ones."""
    form = RULES.get((language, inflection))
    return tuple(dict.fromkeys((text, *form(text)))) if form else (text,)


def _english_plural(text: str) -> str:
    if re.search(r"(s|x|z|ch|sh)$", text):
        return text + "es"
    return text[:-1] + "ies" if re.search(r"[^aeiou]y$", text) else text + "s"


def _english_noun(text: str) -> list[str]:
    return [_english_plural(text)]


def _english_verb(text: str) -> list[str]:
    """The first word of a phrase is its verb."""
    verb, *rest = text.split(" ")
    stem = _english_stem(verb)
    forms = [_english_plural(verb), f"{stem}ed", f"{stem}ing"]
    return [" ".join((form, *rest)) for form in forms]


def _english_stem(verb: str) -> str:
    if verb.endswith("e"):
        return verb[:-1]
    return verb + verb[-1] if ENGLISH_SHORT_VERB.fullmatch(verb) else verb


def _french_plural(word: str) -> str:
    if word[-1] in "sxz":
        return word
    if re.search(r"(eau|eu)$", word):
        return word + "x"
    return word[:-2] + "aux" if word.endswith("al") else word + "s"


def _french_noun(text: str) -> list[str]:
    """The plural of the first word, and of all words: armes à feu, femmes nues."""
    words = text.split(" ")
    return [" ".join((_french_plural(words[0]), *words[1:])), " ".join(map(_french_plural, words))]


FRENCH_FEMININES = (
    ("e", "e"), ("el", "elle"), ("en", "enne"), ("on", "onne"), ("if", "ive"), ("eux", "euse"),
    ("eur", "euse"), ("er", "ère"), ("et", "ette"),
)  # fmt: skip


def _french_feminine(word: str) -> str:
    for ending, feminine in FRENCH_FEMININES:
        if word.endswith(ending):
            return word.removesuffix(ending) + feminine
    return word + "e"


def _french_adjective(text: str) -> list[str]:
    forms = (text, _french_feminine(text))
    return [forms[1], *map(_french_plural, forms)]


FRENCH_FIRST_GROUP = (
    "e",
    "es",
    "ent",
    "ons",
    "ez",
    "é",
    "ée",
    "és",
    "ées",
    "ant",
    "ait",
    "aient",
    "a",
    "era",
)


def _french_verb(text: str) -> list[str]:
    """Verbs in -er; the first word of a phrase is its verb."""
    verb, *rest = text.split(" ")
    stem = verb.removesuffix("er")
    if stem == verb:
        return []
    soft = stem + "e" if stem.endswith("g") else stem
    forms = [(soft if ending[0] in "ao" else stem) + ending for ending in FRENCH_FIRST_GROUP]
    return [" ".join((form, *rest)) for form in forms]


SPANISH_NOUN: Endings = (
    ("z", "ces"), ("a", "as"), ("e", "es"), ("i", "is"), ("o", "os"), ("u", "us"), ("s", "s ses"), ("", "es"),
)  # fmt: skip
SPANISH_ADJECTIVE: Endings = (
    ("o", "a os as"), ("or", "ora ores oras"), ("ón", "ona ones onas"), ("e", "es"), ("a", "as"), ("", "es"),
)  # fmt: skip
SPANISH_VERB: Endings = (
    ("ar", "a an ando ado ada ados adas ó aron aba aban arla arlo arse ándola ándolo ándose"),
    ("er", "e en iendo ido ida idos idas ió ieron ía ían erla erlo erse iéndola iéndolo iéndose"),
    ("ir", "e en iendo ido ida idos idas ió ieron ía ían irla irlo irse iéndola iéndolo iéndose"),
)
ITALIAN_NOUN: Endings = (
    ("ista", "isti iste"), ("co", "chi ci"), ("go", "ghi gi"), ("ca", "che"), ("ga", "ghe"), ("cia", "ce cie"),
    ("gia", "ge gie"), ("io", "i"), ("o", "i"), ("a", "e"), ("e", "i"),
)  # fmt: skip
ITALIAN_ADJECTIVE: Endings = (("co", "ca chi ci che"), ("go", "ga ghi ghe"), ("o", "a i e"), ("e", "i"), ("a", "i e"))
ITALIAN_VERB: Endings = (
    ("are", "a ano ando ato ata ati ate ava avano arla arlo arsi andola andolo"),
    ("ere", "e ono endo uto uta uti ute eva evano erla erlo ersi endola endolo"),
    ("ire", "e isce ono iscono endo ito ita iti ite iva ivano irla irlo irsi endola endolo"),
)
PORTUGUESE_NOUN: Endings = (
    ("ão", "ões ãos ães"), ("m", "ns"), ("al", "ais"), ("el", "eis"), ("ol", "ois"), ("il", "is"), ("r", "res"),
    ("z", "zes"), ("s", "ses"), ("", "s"),
)  # fmt: skip
PORTUGUESE_ADJECTIVE: Endings = (
    ("ão", "ona ões onas"), ("or", "ora ores oras"), ("o", "a os as"), ("al", "ais"), ("el", "eis"), ("", "s"),
)  # fmt: skip
PORTUGUESE_VERB: Endings = (
    ("ar", "a am ando ado ada ados adas ou aram ava avam"),
    ("er", "e em endo ido ida idos idas eu eram ia iam"),
    ("ir", "e em indo ido ida idos idas iu iram ia iam"),
)
GERMAN_NOUN: Endings = (
    ("in", "innen"), ("e", "en er"), ("er", "ern ers"), ("el", "eln els"), ("s", "se sen"), ("", "e en er s es ern"),
)  # fmt: skip
GERMAN_ADJECTIVE: Endings = (("e", "er en em es"), ("", "e er en em es"))
GERMAN_VERB: Endings = (
    ("ten", "te tet tete teten tend tende tenden tender tendes"),
    ("den", "de det dete deten dend dende denden dender dendes"),
    ("en", "e t te ten end ende enden ender endes"),
    ("n", "e t te ten nd nde nden nder"),
)
POLISH_NOUN: Endings = (
    ("ka", "ki kę ką ce ko ek kom kami kach"), ("ga", "gi gę gą dze go g gom gami gach"),
    ("ja", "ji ję ją jo jom jami jach"), ("cja", "cji cję cją"), ("ia", "i ię ią io iom iami iach"),
    ("a", "y i ę ą ie e o - om ami ach"), ("ie", "ia iu iem iom iami iach"), ("o", "a u em ie - om ami ach"),
    ("e", "a u em i om ami ach"), ("ek", "ka kowi kiem ku ki ków kom kami kach"), ("ść", "ści ścią"),
    ("ec", "ca cowi cem cu cy ców com cami cach"), ("ń", "ni nią nie nia"), ("ć", "ci cią cie ciami"),
    ("", "a u owi em iem ie y i ów om ami ach e"),
)  # fmt: skip
POLISH_ADJECTIVE: Endings = (
    ("y", "a e ego ej emu ym ymi ych ą i"), ("i", "a ia e ie ego iego ej iej iemu im imi ich ą ią y"),
    ("a", "y e ego ej emu ym ymi ych ą i"),
)  # fmt: skip
POLISH_VERB: Endings = (
    ("ować", "uje ują ował owała owali owały ując ujący ująca owany owana owane owani owanie"),
    ("ać", "a ają ał ała ali ały ając ający ająca any ana ane ani anie"),
    ("ić", "i ą ił iła ili iły iąc iący iąca ony ona one eni enie"),
    ("yć", "y ą ył yła yli yły ąc ący ąca ony ona one eni enie"),
)
RUSSIAN_NOUN: Endings = (
    ("ая", "ой ую ые ых ыми ый ое ого ому ым"), ("ый", "ая ое ые ого ой ому ую ым ыми ых ом"),
    ("ий", "ая яя ее ое ие ого его ой ей ому ему ую юю им ими их ом ем"),
    ("ой", "ая ое ые ие ого ому ую ым им ыми ими ых их ом"), ("ое", "ого ому ым ом ые ых ыми"),
    ("ка", "ки ке ку кой ок ек кам ками ках"), ("ия", "ии ию ией ий иям иями иях"),
    ("я", "и е ю ей ёй ь ям ями ях"), ("а", "ы и е у ой ей - ам ами ах"), ("ие", "ия ию ием ии ий"),
    ("о", "а у ом е - ам ами ах"), ("ь", "и ью я ю ем ей ям ями ях"), ("й", "я ю ем и ев ям ями ях"),
    ("ец", "ца цу цем цом це цы цев цам цами цах"), ("ок", "ка ку ком ке ки ков кам ками ках"),
    ("", "а у ом ем е ы и ов ей ам ами ах"),
)  # fmt: skip
RUSSIAN_VERB: Endings = (
    ("овать", "ует уют овал овала овали уя ующий ующая ующие ованный ованная ованные"),
    ("ать", "ает ают ал ала али ая ающий ающая ающие анный анная анные анного"),
    ("ить", "ит ят ил ила или я ящий ящая ённый ённая ённые енный енная енные"),
    ("еть", "еет еют ел ела ели ит ят"), ("уть", "ет ут ул ула ули утый утая утые"),
)  # fmt: skip


def _replaced(word: str, endings: Endings) -> list[str]:
    for ending, others in endings:
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            return [stem + other.strip("-") for other in others.split()]
    return []


def _romance_noun(endings: Endings) -> Callable[[str], list[str]]:
    """The plural of the first word, and of all words: armas de fuego, mujeres desnudas."""

    def forms(text: str) -> list[str]:
        first, *rest = text.split(" ")
        plurals = [" ".join((plural, *rest)) for plural in _replaced(first, endings)]
        return [*plurals, *map(" ".join, product(*(_replaced(word, endings) for word in (first, *rest))))]

    return forms


def _first_word(endings: Endings) -> Callable[[str], list[str]]:
    """The first word of a phrase is its verb, or the adjective."""

    def forms(text: str) -> list[str]:
        first, *rest = text.split(" ")
        return [" ".join((form, *rest)) for form in _replaced(first, endings)]

    return forms


def _last_word(inflected: Callable[[str], Iterable[str]]) -> Callable[[str], list[str]]:
    """Where adjectives stand before the noun, it is the last word of a phrase."""

    def forms(text: str) -> list[str]:
        *rest, last = text.split(" ")
        return [" ".join((*rest, form)) for form in inflected(last)]

    return forms


def _german_verb(text: str) -> list[str]:
    """Verbs that begin with an unstressed syllable make their participle without ge-."""
    stem = re.sub("e?n$", "", text)
    ending = "et" if stem.endswith(("t", "d")) else "t"
    participle = stem + ending if re.match("(be|ent|er|ver|zer)", stem) else f"ge{stem}{ending}"
    return [*_replaced(text, GERMAN_VERB), participle, *(participle + case for case in ("e", "en", "er", "es"))]


def _dutch_stem(word: str) -> str:
    """The word as it stands before -en or -e: pik, pikk-; baas, baz-."""
    if re.search(r"(?<![aeiou])[aeiou][bdfgklmnprst]$", word):
        return word + word[-1]
    long_vowel = re.fullmatch(r"(.*[^aeiou])([aeou])\2([bcdfgklmnprst])", word)
    return "".join(long_vowel.groups()) if long_vowel else word


def _dutch_noun(word: str) -> list[str]:
    return [word + "n", word + "s"] if word.endswith("e") else [_dutch_stem(word) + "en", word + "s", word + "en"]


def _dutch_adjective(word: str) -> list[str]:
    return [_dutch_stem(word) + "e", word + "e"]


def _dutch_verb(word: str) -> list[str]:
    stem = re.sub(r"(.)\1$", r"\1", word.removesuffix("en"))
    participles = [f"ge{stem}{ending}" for ending in ("t", "d", "te", "de")]
    return [stem, stem + "t", stem + "te", stem + "de", word + "d", word + "de", *participles]


def _russian(endings: Endings) -> Callable[[str], list[str]]:
    """Every word of a phrase in every case; ё is typed as е more often than not."""

    def forms(text: str) -> list[str]:
        every = [[word, *_replaced(word, endings)] for word in text.split(" ")]
        cases = list(map(" ".join, product(*every)))
        return [*cases, *(case.replace("ё", "е") for case in cases)]

    return forms


ARABIC_SPELLINGS = str.maketrans("أإآ", "ااا")


def _arabic_noun(text: str) -> list[str]:
    """With the article, with the words that are written together with it, and in the spelling of everyday typing."""
    definite = " ".join("ال" + word for word in text.split(" "))
    plural = [text[:-1] + "ات", text[:-1] + "ه"] if text.endswith("ة") else []
    bare = [text, *plural, definite]
    joined = [particle + form for particle in "وبل" for form in bare] + ["لل" + definite.removeprefix("ال")]
    return [spelled for form in (*bare, *joined) for spelled in (form, form.translate(ARABIC_SPELLINGS))]


def _arabic_adjective(text: str) -> list[str]:
    """Also feminine and plural."""
    return [form for word in (text, *(text + ending for ending in ("ة", "ين", "ون"))) for form in _arabic_noun(word)]


RULES: dict[tuple[str, str], Callable[[str], list[str]]] = {
    ("en", "noun"): _english_noun,
    ("en", "verb"): _english_verb,
    ("fr", "noun"): _french_noun,
    ("fr", "verb"): _french_verb,
    ("fr", "adjective"): _french_adjective,
    ("es", "noun"): _romance_noun(SPANISH_NOUN),
    ("es", "adjective"): _first_word(SPANISH_ADJECTIVE),
    ("es", "verb"): _first_word(SPANISH_VERB),
    ("it", "noun"): _romance_noun(ITALIAN_NOUN),
    ("it", "adjective"): _first_word(ITALIAN_ADJECTIVE),
    ("it", "verb"): _first_word(ITALIAN_VERB),
    ("pt", "noun"): _romance_noun(PORTUGUESE_NOUN),
    ("pt", "adjective"): _first_word(PORTUGUESE_ADJECTIVE),
    ("pt", "verb"): _first_word(PORTUGUESE_VERB),
    ("de", "noun"): _last_word(lambda word: _replaced(word, GERMAN_NOUN)),
    ("de", "adjective"): _first_word(GERMAN_ADJECTIVE),
    ("de", "verb"): _last_word(_german_verb),
    ("nl", "noun"): _last_word(_dutch_noun),
    ("nl", "adjective"): _last_word(_dutch_adjective),
    ("nl", "verb"): _last_word(_dutch_verb),
    ("pl", "noun"): _first_word(POLISH_NOUN),
    ("pl", "adjective"): _first_word(POLISH_ADJECTIVE),
    ("pl", "verb"): _first_word(POLISH_VERB),
    ("ru", "noun"): _russian(RUSSIAN_NOUN),
    ("ru", "adjective"): _russian(RUSSIAN_NOUN),
    ("ru", "verb"): _first_word(RUSSIAN_VERB),
    ("ar", "noun"): _arabic_noun,
    ("ar", "adjective"): _arabic_adjective,
}
"""Chinese and Japanese words do not change."""
