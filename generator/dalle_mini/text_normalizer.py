"""What DALL-E Mini does to a prompt before reading it: the steps of its training (dalle_mini/model/text.py).

Two deliberate differences: `<person>` always becomes "a person" (the original draws among three words at random), and
scripts other than Latin, Greek and Cyrillic are spelt by another library (generator.dalle_mini.transliteration).
"""

import html
import math
import re
from collections.abc import Callable, Sequence

import emoji
import ftfy

from generator.dalle_mini.transliteration import transliterate

_KEPT = "xtokx"  # stands around what punctuation rules must not touch
_NOT_WORD = re.compile(r"[^a-zA-Z0-9']+")

Step = Callable[[str], str]


class HashtagSplitter:
    """Cuts "dogonmoon" into "dog on moon": the cheapest cut, a word costing the log of its rank (Zipf)."""

    def __init__(self, words: Sequence[str]) -> None:
        """words: most frequent first."""
        self._costs = {word: math.log(rank) for rank, word in enumerate(words, 1)}
        self._longest = max(map(len, words), default=1)

    def _last_word(self, text: str, end: int, costs: list[float]) -> tuple[float, int]:
        return min(
            (costs[end - length] + self._costs.get(text[end - length : end], math.inf), length)
            for length in range(1, min(end, self._longest) + 1)
        )

    def _words(self, text: str) -> list[str]:
        costs, lengths = [0.0], [0]
        for end in range(1, len(text) + 1):
            cost, length = self._last_word(text, end, costs)
            costs.append(cost)
            lengths.append(length)
        words: list[str] = []
        end = len(text)
        while end:
            word = text[end - lengths[end] : end]
            if words and word[-1].isdigit() and words[-1][0].isdigit():  # the digits of a number stay together
                words[-1] = word + words[-1]
            else:
                words.append(word)
            end -= lengths[end]
        return words[::-1]

    def __call__(self, text: str) -> str:
        """Words with spaces between; what the list cannot spell falls into single letters, as in the original."""
        return " ".join(word for part in _NOT_WORD.split(text) for word in self._words(part))


def _substitute(pattern: str, replacement: str) -> Step:
    compiled = re.compile(pattern)
    return lambda text: compiled.sub(replacement, text)


def _unescape(text: str) -> str:
    return html.unescape(html.unescape(text))


def _drop_outer_commas(text: str) -> str:
    return text.strip().removesuffix(",").removeprefix(",").strip()


_FOLD: tuple[Step, ...] = (ftfy.fix_text, _unescape, emoji.demojize, transliterate, str.lower)

_REMOVE: tuple[Step, ...] = (
    _substitute(r"<person>([,\s]*(and)*[,\s]*<person>)+", " people "),
    _substitute(r"<person>", " a person "),
    _substitute(r"\A\s*\[\d+\]", ""),
    _substitute(r"\[\d+\]\s*\Z", ""),
    _substitute(r"<[^<]+?>", " "),
    _substitute(r"http\S+", ""),
)

_PROTECT: tuple[Step, ...] = (
    _substitute(r"(\d),(\d{3})", r"\1\2"),
    _substitute(r"(\d),(\d{3})", r"\1\2"),
    _substitute(r"(\w)\.(\w)", rf"\1{_KEPT}dot{_KEPT}\2"),
    _substitute(r"'(?=([stdm]|(ll)|(re)|(ve))\b)", f"{_KEPT}quote{_KEPT}"),
    _substitute(r"(\d)/(\d)", rf"\1{_KEPT}slash{_KEPT}\2"),
    _substitute(r"(\w)-(\w)", r"\1 \2"),
    _substitute(r"([%&/$*])", r" \1 "),
)

_PUNCTUATE: tuple[Step, ...] = (
    _substitute(r"[_#\\]", " "),
    _substitute(r"['\"`]", ' " '),
    _substitute(r"[()[\].,|:;?!=+~\-/{}]", ","),
    _substitute(f"{_KEPT}dot{_KEPT}", "."),
    _substitute(f"{_KEPT}quote{_KEPT}", "'"),
    _substitute(f"{_KEPT}slash{_KEPT}", "/"),
)

_SQUEEZE: tuple[Step, ...] = (
    _substitute(r"(\D)\1{3,}", r"\1"),
    _substitute(r'(\s*"+\s*)+', ' " '),
    _substitute(r"(\s*,+\s*)+", ", "),
    _substitute(r"\s+", " "),
    _drop_outer_commas,
)

_HASHTAG = re.compile(r"#(\w+)")


class TextNormalizer:
    """Prompt -> the text the network was trained on; any string gives one, with a space in front."""

    def __init__(self, split_hashtag: HashtagSplitter | None = None) -> None:
        """split_hashtag: without one, "#dogonmoon" is read as one word."""
        self._split_hashtag = split_hashtag

    def _expand_hashtags(self, text: str) -> str:
        split = self._split_hashtag
        return text if split is None else _HASHTAG.sub(lambda match: split(match[1]), text)

    def __call__(self, prompt: str) -> str:
        """`Sunset, in the mountains!` -> ` sunset, in the mountains`."""
        text = prompt
        for step in (*_FOLD, *_REMOVE, *_PROTECT, self._expand_hashtags, *_PUNCTUATE, *_SQUEEZE):
            text = step(text)
        return f" {text}"
