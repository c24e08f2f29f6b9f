import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.decide import thresholds_of
from policies.loader import SIZE_LIMIT, PolicyInForce, PolicyInvalid, load_policy, shipped_policies
from policies.signals import Stage
from tests.policies.builders import policy, policy_file

DEFAULT = shipped_policies()["default"].read_text(encoding="utf-8")
DEFAULTS = next(line for line in DEFAULT.splitlines() if line.startswith("    prompt_classifier: {"))
VERSION = next(line for line in DEFAULT.splitlines() if line.startswith("version: "))


def _problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(PolicyInvalid) as invalid:
        load_policy(path)
    return invalid.value.problems


def _file(folder: Path, content: str | bytes) -> Path:
    path = folder / "p.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _changed(folder: Path, *changes: tuple[str, str]) -> Path:
    text = DEFAULT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return _file(folder, text)


def test_a_sound_file_is_the_policy_it_spells(tmp_path: Path) -> None:
    assert load_policy(policy_file(tmp_path)) == policy()


def test_comments_and_layout_do_not_change_the_stamp(tmp_path: Path) -> None:
    commented = _changed(tmp_path, (f"{VERSION}\n", f"# the first\n{VERSION.replace(' ', '   ')}   # still\n\n"))
    assert load_policy(commented).stamp == load_policy(shipped_policies()["default"]).stamp


def test_every_problem_is_listed_with_file_line_and_field(tmp_path: Path) -> None:
    path = _changed(
        tmp_path,
        (VERSION, "version: 0"),
        (DEFAULTS, "    prompt_classifier: {review: .nan, block: 1.5}"),
        ("expect: allow", "expect: alow"),
        ("\nquestions:", "\nquesions:"),
    )
    lines = path.read_text().splitlines()

    def at(word: str) -> str:
        return f"{path}:{next(number for number, line in enumerate(lines, 1) if word in line)}"

    classifier = f"{at('.nan')}: prompt.defaults.prompt_classifier"
    actions = "'allow', 'label', 'confirm', 'review', 'block' or 'escalate'"
    assert _problems(path) == (
        f"{at('version: 0')}: version: should be greater than or equal to 1 (found 0)",
        f"{classifier}.review: should be a finite number (found NaN)",
        f"{classifier}.block: should be less than or equal to 1 (found 1.5)",
        f'{at("alow")}: examples[0].expect: should be {actions} (found "alow")',
        f"{at('quesions')}: quesions: is no field here",
    )


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        pytest.param("self_harm:\n", "selfharm:\n", "prompt.categories.selfharm", "should be 'sexual',", id="unknown"),
        pytest.param("shocking: 2, privacy: 3", "shocking: 2", "severity", "privacy missing", id="removed category"),
        pytest.param(VERSION, f"{VERSION}\nversion: 99", "version", "given twice", id="key given twice"),
        pytest.param(VERSION, "version: 2024-01-01", "version", "should be plain", id="a date"),
        pytest.param(VERSION, "version: yes", "version", "valid integer", id="a bool"),
        pytest.param(VERSION, "version: 0.5", "version", "valid integer", id="a fraction"),
        pytest.param(VERSION, "version: !!int x", "version", "word or a number", id="a tag that lies"),
        pytest.param(VERSION, f"version: {'9' * 5000}", "version", "word or a number", id="an endless number"),
        pytest.param(f"{VERSION}\n", "", "version", "should be given (found nothing)", id="a missing field"),
        pytest.param(
            "self_harm: {image_concepts: not_scored}",
            "self_harm: {image_concepts: ignored}",
            "picture.categories.self_harm.image_concepts",
            "should be 'not_scored'",
            id="another word",
        ),
        pytest.param(
            "{review: 0.25, block: 0.4, escalate",
            "{review: 0.25, block: 0.6, escalate",
            "prompt.categories.sexual_minors.blocklist",
            "0.5 or lower",
            id="below the floor",
        ),
    ],
)
def test_a_problem_names_the_field_and_what_was_expected(
    tmp_path: Path, old: str, new: str, field: str, expected: str
) -> None:
    (problem,) = _problems(_changed(tmp_path, (old, new)))
    _, line, found_field, sentence = problem.split(":", 3)
    assert int(line) > 1
    assert found_field.strip() == field
    assert expected in sentence


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("# nothing\n", id="only a comment"),
        pytest.param("- a\n", id="a list"),
        pytest.param("a: [1, 2\n", id="unclosed"),
        pytest.param(b"a: \xff\n", id="not UTF-8"),
        pytest.param("a: \x00\n", id="control characters"),
        pytest.param('name: "\\ud800"\n', id="half a character"),
        pytest.param("a: &x [1]\nb: [*x, *x]\n", id="aliases"),
        pytest.param("a: *x\n", id="an alias to nothing"),
        pytest.param("[" * 5000 + "\n", id="bottomless"),
        pytest.param("!!python/object/apply:os.system ['true']\n", id="a command"),
        pytest.param("? [a]\n: 1\n", id="a list for a key"),
        pytest.param("a: 1\n---\nb: 2\n", id="two documents"),
        pytest.param(DEFAULT + "#" * SIZE_LIMIT + "\n", id="too large"),
        pytest.param(DEFAULT.rstrip("\n"), id="cut before the last line break"),
    ],
)
def test_what_is_no_policy_is_refused_with_a_place(tmp_path: Path, content: str | bytes) -> None:
    path = _file(tmp_path, content)
    assert all(problem.startswith(f"{path}:") for problem in _problems(path))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert "could not be read" in _problems(tmp_path / "absent.yaml")[0]
    assert "could not be read" in _problems(tmp_path)[0]


def test_a_repeated_key_is_shown_where_it_comes_again(tmp_path: Path) -> None:
    path = _changed(tmp_path, ("examples:\n", "examples:\n  - {prompt: a, expect: allow,\n     prompt: b}\n"))
    line = DEFAULT[: DEFAULT.index("examples:\n")].count("\n") + 3
    assert _problems(path) == (f"{path}:{line}: examples[0].prompt: given twice",)


def test_a_file_may_be_as_large_as_the_limit(tmp_path: Path) -> None:
    padding = SIZE_LIMIT - len(DEFAULT.encode())
    full = _file(tmp_path, DEFAULT + "#" * (padding - 1) + "\n")
    assert load_policy(full).stamp == load_policy(shipped_policies()["default"]).stamp
    assert "at most" in _problems(_file(tmp_path, DEFAULT + "#" * padding + "\n"))[0]


@settings(max_examples=50)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_raises_anything_but_policy_invalid(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    _problems(_file(tmp_path_factory.getbasetemp(), content))


@settings(max_examples=30)
@given(st.integers(0, len(DEFAULT.encode()) - 1))
def test_a_half_written_file_is_refused_or_judges_the_same(
    tmp_path_factory: pytest.TempPathFactory, written: int
) -> None:
    path = _file(tmp_path_factory.getbasetemp(), DEFAULT.encode()[:written])
    whole = load_policy(shipped_policies()["default"])
    try:
        half = load_policy(path)
    except PolicyInvalid:
        return
    assert half.model_copy(update={"examples": whole.examples}) == whole
    assert all(thresholds_of(half, stage) == thresholds_of(whole, stage) for stage in Stage)


def test_a_good_file_replaces_the_running_policy(tmp_path: Path) -> None:
    in_force = PolicyInForce(policy())
    new = in_force.replace_from(policy_file(tmp_path, ("version", 4)))
    assert in_force.policy is new
    assert str(in_force.policy.stamp) == "small@4"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("version", 0), id="a bad file"),
        pytest.param(("severity.hate", 5), id="other content under the same version"),
    ],
)
def test_a_bad_file_leaves_the_running_policy_in_force(tmp_path: Path, change: tuple[str, object]) -> None:
    running = policy()
    in_force = PolicyInForce(running)
    with pytest.raises(PolicyInvalid, match=r"version: should be"):
        in_force.replace_from(policy_file(tmp_path, change))
    assert in_force.policy is running


def test_the_same_file_may_be_put_in_force_again(tmp_path: Path) -> None:
    in_force = PolicyInForce(policy())
    assert in_force.replace_from(policy_file(tmp_path)) == policy()


def test_shipped_policies_do_not_depend_on_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert {*shipped_policies()} == {"default", "strict", "lenient"}
    assert all(os.access(path, os.R_OK) for path in shipped_policies().values())
