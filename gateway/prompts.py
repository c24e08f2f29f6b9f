"""What a prompt may look like before anything is made of it."""

import re
import unicodedata

from gateway.errors import BadRequest, InvalidValue, PromptTooLong
from safety.prompt_syntax import split_prompt

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LONGEST_JUDGED = 32_000  # the highest that the setting max_prompt_chars may be
UNFOLDED_GROWTH = 2  # one character may stand for 18; a text of such characters would cost 18 times its length
BLANK_LETTERS = frozenset("ᅠᅟㅤﾠ⠀")  # Hangul fillers and the empty Braille cell draw nothing


def checked_prompt(prompt: str, max_chars: int, param: str = "prompt", *, is_drawn: bool = True) -> str:
    """The prompt in NFC. Raises PromptTooLong (code points after NFC) or InvalidValue.

    is_drawn: it must say what should be seen, not only what should not.
    """
    if any("\ud800" <= char <= "\udfff" for char in prompt):
        raise InvalidValue("The text holds half of a surrogate pair: it is not valid Unicode.", param=param)
    if CONTROLS.search(prompt):
        raise InvalidValue("The text holds control characters.", param=param)
    prompt = unicodedata.normalize("NFC", prompt)
    if len(unicodedata.normalize("NFKC", prompt)) > UNFOLDED_GROWTH * max_chars:
        raise PromptTooLong("The text unfolds to far more characters than it shows.", param=param)
    if len(prompt) > max_chars:
        raise PromptTooLong(f"The text has {len(prompt)} characters; at most {max_chars} are allowed.", param=param)
    if not any(_is_visible(char) for char in prompt):
        raise InvalidValue("The text is empty.", param=param)
    if is_drawn and not any(_is_visible(char) for char in split_prompt(prompt).positive):
        raise InvalidValue("The text says only what should not be seen. Say what should be seen, too.", param=param)
    return prompt


def why_unreadable(prompt: str) -> BadRequest | None:
    """Why a text cannot be judged. Its length is no reason: nothing is drawn, and the gates read all of it."""
    try:
        checked_prompt(prompt, LONGEST_JUDGED)
    except BadRequest as problem:
        return problem
    return None


def _is_visible(char: str) -> bool:
    """Unicode tags draw nothing, but carry text that is judged."""
    is_tag = 0xE0020 <= ord(char) <= 0xE007E
    return is_tag or (unicodedata.category(char)[0] not in "ZCM" and char not in BLANK_LETTERS)
