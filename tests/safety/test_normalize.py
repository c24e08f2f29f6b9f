import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safety.normalize import SPELLED, NormalizedPrompt, fold_term, normalize

HOMOGLYPHS = {"a": "а", "e": "е", "o": "о", "p": "р", "c": "с", "x": "х"}  # Cyrillic


def _shifted(word: str, first: int) -> str:
    return "".join(chr(first + ord(letter) - ord("a")) for letter in word)


def _shown(prompt: NormalizedPrompt) -> str:
    return " | ".join(view.text for view in prompt.views)


SURE = {
    "capitals": "DRAGON",
    "zero width space": "dra\u200bgon",
    "zero width joiner": "dra\u200dgon",
    "soft hyphen": "dra\u00adgon",
    "word joiner": "dra\u2060gon",
    "left-to-right mark": "dr\u200eagon",
    "Hangul filler": "dra\u3164gon",
    "variation selector": "dra\ufe0fgon",
    "nul": "dra\0gon",
    "Cyrillic look-alikes": "drаgоn",
    "Greek capital look-alikes": "DRΑGOΝ",
    "Armenian look-alike": "dragoո",
    "fullwidth": _shifted("dragon", 0xFF41),
    "circled": _shifted("dragon", 0x24D0),
    "negative circled": _shifted("dragon", 0x1F150),
    "negative squared": _shifted("dragon", 0x1F170),
    "regional indicators": _shifted("dragon", 0x1F1E6),
    "mathematical bold": _shifted("dragon", 0x1D41A),
    "mathematical fraktur": _shifted("dragon", 0x1D51E),
    "small capitals": "ᴅʀᴀɢᴏɴ",
    "superscript": "ᵈʳᵃᵍᵒⁿ",
    "accents": "drágöñ",
    "stacked marks": "d\u0336r\u0336a\u0336g\u0336o\u0336n\u0336",
    "marks of another script": "dra\u093cgon",
    "leetspeak": "dr4g0n",
    "spaced": "d r a g o n",
    "dotted": "d.r.a.g.o.n",
    "underscored": "d_r_a_g_o_n",
    "emoji between": "d🔥r🔥a🔥g🔥o🔥n",
    "stretched": "draaagoonnn",
    "weights": "(dragon:1.3)",
    "brackets": "((dragon))",
    "square weights": "[dragon:0.5]",
    "alternatives": "[dragon|dog]",
    "tag block": _shifted("dragon", 0xE0061),
    "entities": "d&#114;a&#x67;on",
    "entity in an entity": "d&amp;#114;agon",
    "percent": "d%72agon",
    "percent twice": "d%2572agon",
    "backslash": "d\\u0072agon",
}


@pytest.mark.parametrize("disguised", SURE.values(), ids=SURE.keys())
def test_classifiers_read_the_word_behind_a_sure_disguise(disguised: str) -> None:
    assert "dragon" in normalize(f"a photo of a {disguised} on a chair").folded.split()


VIEWED = {
    "hyphen": ("dra-gon", "dragon"),
    "weights in parts": ("(dra:1.0)(gon:1.0)", "dragon"),
    "inner bracket": ("d[r]agon", "dragon"),
    "leading digit": ("5nak3", "snake"),
    "one for l": ("ki11er", "killer"),
    "right-to-left override": ("\u202enogard\u202c", "dragon"),
    "override to the end of the line": ("\u202erevir eht yb nogard\n", "dragon"),
    "invisible letters between visible ones": ("dra\U000e0062\U000e0061gon", "dragon"),
    "whole word of look-alikes": ("СОСО", "coco"),
    "three letters": ("k.i.t", "kit"),
    "markup": ("dra<b>gon</b>", "dragon"),
    "a special token": ("dra<|endoftext|>gon", "dragon"),
    "stretched and doubled": ("puuuppppyyyy", "puppy"),
}


@pytest.mark.parametrize(("disguised", "word"), VIEWED.values(), ids=VIEWED.keys())
def test_a_view_shows_the_word_behind_a_doubtful_disguise(disguised: str, word: str) -> None:
    prompt = normalize(f"a photo of {disguised} on the chair")

    assert any(word in view.text.split() for view in prompt.views)


READ_AS_WORDS = {
    "spaced without gaps": "n a k e d w o m a n o n t h e b e a c h",
    "spaced with wide gaps": "n a k e d   w o m a n   o n   t h e   b e a c h",
    "dotted without gaps": "n.a.k.e.d.w.o.m.a.n.o.n.t.h.e.b.e.a.c.h",
    "run together": "nakedwomanonthebeach",
    "run together in capitals": "NAKEDWOMANONTHEBEACH",
    "base64": "bmFrZWQgd29tYW4gb24gdGhlIGJlYWNo",
    "hexadecimal": "6e616b656420776f6d616e206f6e20746865206265616368",
}


@pytest.mark.parametrize("typed", READ_AS_WORDS.values(), ids=READ_AS_WORDS.keys())
def test_classifiers_read_the_words_of_text_without_word_limits(typed: str) -> None:
    assert normalize(typed).folded == "naked woman on the beach"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a photo of bmFrZWQgbWFu here", "a photo of naked man here"),
        ("edun namow a dna", "nude woman a and"),
        ("a nvde man", "a nude man"),
        ("a picture of an edun man", "a picture of an nude man"),
        ("blovvjob", "blowjob"),
        ("rnasturbation", "masturbation"),
        ("a dlldo", "a dildo"),
        ("nakedwoman", "naked woman"),
        ("masturb ation scene", "masturbation scene"),
        ("anxrq jbzna", "naked woman"),
        ("pǝʞɐu woman", "naked woman"),
        ("|\\|4|<3|) man", "naked man"),
        ("na\nked man", "naked man"),
    ],
)
def test_a_view_shows_known_words_behind_words_that_are_none(typed: str, read: str) -> None:
    assert read in [view.text for view in normalize(typed).views]


@pytest.mark.parametrize(
    "prompt",
    [
        "the pen\nis on the table",
        "nevertheless a therapist in a woodcutter's grandmotherly counterrevolutionary mood",
        "anticonstitutionnellement, une grenouille internationalement reconnue",
        "Donaudampfschifffahrtsgesellschaftskapitän",
        "a setup with cooks and titles, stability, bobs",
        "hex code 20261124 and cafe0123, serial 1234567890",
        "a hut in Nizhnevartovsk, in Llanfairpwllgwyngyll",
    ],
)
def test_words_that_are_long_rare_or_broken_honestly_are_left_alone(prompt: str) -> None:
    names = {view.name for view in normalize(prompt).views}

    assert names.isdisjoint({"deciphered", "unbroken", "words_turned", "text_turned", "rotated"})
    assert len(normalize(prompt).folded.split()) == len(prompt.split())


def test_terms_are_looked_for_inside_text_without_end() -> None:
    endless = "lorem" * 20 + "dragonfly" + "ipsum" * 20

    assert [view.text for view in normalize(endless).views if view.name == SPELLED] == [f"{endless} "]


@pytest.mark.parametrize(
    "prompt",
    [
        "weihnachtsmarktbesucher am bundesautobahnkreuz bei sonnenuntergang",
        "desafortunadamente, paisagem extraordinariamente colorida",
        "il precipitevolissimevolmente gatto, een participatiemaatschappij, cumprimentaremos",
        "der dekan im park",
    ],
)
def test_classifiers_read_long_words_of_other_languages_as_they_stand(prompt: str) -> None:
    assert normalize(prompt).folded == prompt


def test_a_leading_article_does_not_join_spaced_letters() -> None:
    assert normalize("a k i t t e n").folded == "a kitten"


def test_runs_of_single_letters_are_kept_apart_for_terms_without_spaces() -> None:
    prompt = normalize("paint a b i g c a t now")

    assert [view.text for view in prompt.views if view.name == SPELLED] == ["abigcat"]


HONEST = (
    "сова сидит на ветке дерева под луной",
    "ἡ γλαῦξ κάθεται εἰς τὸ δένδρον",
    "кошка и собака",
    "猫が窓辺で眠っている",
    "一只熊猫在竹林里吃竹子",
    "고양이가 창가에서 자고 있다",
    "خريطة قديمة على طاولة",
    "एक बिल्ली खिड़की पर सो रही है",
    "แมวนอนบนเก้าอี้",
)


@pytest.mark.parametrize("prompt", HONEST)
def test_honest_text_in_another_script_is_not_turned_into_latin_letters(prompt: str) -> None:
    assert not any(char.isascii() and char.isalpha() for char in _shown(normalize(prompt)))


def test_hindi_vowel_signs_and_cyrillic_short_i_are_letters_not_decoration() -> None:
    assert normalize("हिन्दी").folded == "हिन्दी"
    assert normalize("чай").folded == "чай"
    assert normalize("чаи\u0306").folded == "чай"


@pytest.mark.parametrize(
    "prompt",
    [
        "a 4k render of a lake, 35mm, f1.8, 8k",
        "world war ii museum, chapter xiii",
        "50% of the cake",
        "🇫🇷 flag",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f flag",
    ],
)
def test_honest_signs_survive(prompt: str) -> None:
    shown = "".join(char for char in prompt if not 0xE0000 <= ord(char) < 0xE0080)

    assert normalize(prompt).folded == shown


def test_emoji_stay_for_classifiers() -> None:
    assert normalize("a 🐱 on a 🛋️").folded == "a 🐱 on a 🛋"


TRICKY = st.text(
    st.sampled_from("aeknsd 0134&#x;%56\\u()[]:.|-_*'!@$<>{}\n\u202e\u202c\u200b\u0301аеΝпЖक़ﬁ＆％１①🇳🇦🔥\U000e0061ß")
)


@given(st.text() | TRICKY)
@example("&amp;amp;amp;amp;amp;amp;lt;")
@example("% 2 5 6 9 & # 1 0 5 ;")
@example("n b s p; & n b s p ;")
def test_normalising_twice_changes_nothing(prompt: str) -> None:
    folded = normalize(prompt).folded

    assert normalize(folded).folded == folded


@given(st.text() | TRICKY)
def test_every_character_of_every_view_comes_from_somewhere_in_the_prompt(prompt: str) -> None:
    for view in normalize(prompt).views:
        assert len(view.origin) == len(view.text)
        assert all(0 <= place < len(prompt) for place in view.origin)


@given(st.text(st.sampled_from("abcdefg ,.'"), max_size=60))
def test_plain_words_are_only_lowered(prompt: str) -> None:
    words = " ".join(word for word in prompt.split() if word.isalpha() and len(set(word)) == len(word) > 1)

    assert [view.text for view in normalize(words.upper()).views] == ([words] if words else [])


@given(
    st.text(st.sampled_from("aabcil 13,.!?'é"))
    | st.lists(st.sampled_from(["nude", "a", "on", "ked", "na", " ", "dekan"])).map("".join)
)
def test_the_short_way_for_plain_words_reads_like_the_long_one(prompt: str) -> None:
    """An override with nothing behind it changes nothing, but asks for all the steps."""
    short, long = normalize(prompt), normalize(prompt + "\u202e")

    assert long.folded == short.folded
    in_order = [view for view in long.views if not view.name.startswith("reversed")]
    assert [view.text for view in in_order] == [view.text for view in short.views]


@given(st.lists(st.sampled_from(["a", "big", "cat", "4k", "n.o.w", "wow-wow", "sooo"]), min_size=1))
def test_spans_lead_back_to_what_was_typed(words: list[str]) -> None:
    prompt = " ".join([*words, "zebra"])

    for view in normalize(prompt).views:
        start = view.text.find("zebra")
        if start >= 0:
            first, last = view.span(start, start + 5)
            assert prompt[first:last] == "zebra"


def test_the_span_of_an_encoded_word_holds_the_encoding() -> None:
    prompt = "a &#107;&#105;&#116; here"
    view = normalize(prompt).views[0]
    start = view.text.index("kit")

    first, last = view.span(start, start + 3)

    assert prompt[first:last].startswith("&#107;&#105;&#116;")


@pytest.mark.parametrize(
    ("name", "unit", "characters"),
    [
        ("letters", "a", 20_000),
        ("combining marks", "\u0301\u0323", 100_000),
        ("spaced letters", "n o w ", 20_000),
        ("entities", "&amp;", 20_000),
        ("percent signs", "%25", 20_000),
        ("brackets", "((", 20_000),
        ("leetspeak", "n0w ", 20_000),
        ("stretched", "nooow", 20_000),
        ("overrides", "\u202ea", 20_000),
        ("tags", "\U000e0061b", 20_000),
        ("mixed scripts", "nоw ", 20_000),
        ("stars", "n*", 20_000),
        ("fused words", "womannakedonthebeach ", 20_000),
        ("fused words without end", "womannakedonthebeach", 20_000),
        ("wide gaps", "n  o w ", 20_000),
        ("unknown words", "xqzt wvk ", 20_000),
        ("halves", "na ked ", 20_000),
        ("base64", "bmFrZWQgbWFu ", 20_000),
        ("hexadecimal", "6e6f77 6e616b65 ", 20_000),
        ("letters of several signs", "|\\|", 20_000),
        ("upside down", "ʍou ", 20_000),
        ("broken lines", "na\nked\n", 20_000),
    ],
)
def test_time_grows_no_faster_than_the_prompt(name: str, unit: str, characters: int) -> None:
    """Eight times the text takes about eight times as long (64 times if a step were quadratic)."""
    long = "x" + unit * (characters // len(unit))
    short = long[: len(long) // 8]

    assert _seconds(long) < 24 * _seconds(short) + 0.02, name


def _seconds(prompt: str) -> float:
    times = []
    for _ in range(2):
        start = time.process_time()
        normalize(prompt)
        times.append(time.process_time() - start)
    return min(times)


def test_listed_terms_are_folded_like_prompts() -> None:
    assert fold_term("À l’Œil-nu") == "a l oeil nu"
