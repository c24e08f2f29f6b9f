import gzip
from pathlib import Path

import pytest

from safety.evaluation import prompt_rows
from safety.evaluation.prompt_rows import PromptRow, UnusableRows, read_prompt_set


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_what_a_file_says_of_a_prompt_is_read(tmp_path: Path) -> None:
    rows = "text,unsafe,category,lang\na knife,1,violence| weapons,en\nun chat,0,,fr\nquoi ?,,,\n"
    prompts = read_prompt_set(write(tmp_path / "mine.csv", rows))
    assert prompts.name == "mine"
    assert prompts.rows == (
        PromptRow("a knife", True, "en", ("violence", "weapons")),
        PromptRow("un chat", False, "fr"),
        PromptRow("quoi ?"),
    )
    assert prompts.benign.texts == ["un chat", "quoi ?"]


def test_a_text_alone_is_enough_and_keeps_its_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    content = '\ufefftext\r\n"a, ""b""\r\nc"\r\n\r\n d \r\n'
    assert read_prompt_set(write(tmp_path / "a.csv", content)).texts == ['a, "b"\r\nc', " d "]


def test_packed_files_and_the_column_hateful_are_read_and_the_name_tells_the_language(tmp_path: Path) -> None:
    path = write(tmp_path / "test_fr.csv.gz", gzip.compress(b"text,hateful\nbonjour,0\n", mtime=0))
    assert read_prompt_set(path).rows == (PromptRow("bonjour", False, "fr"),)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no column"),
        ("prompt,unsafe\na,1\n", 'no column "text"; its columns are prompt, unsafe'),
        ("text,unsafe\n", "holds no rows"),
        ("text,unsafe\na,0\nb,maybe\n", "line 3: unsafe is 'maybe'"),
        ("text,unsafe\na,nan\n", "line 2: unsafe is 'nan'"),
        ("text,unsafe\na,0.5\n", "line 2: unsafe is '0.5'"),
        ("unsafe,text\n1\n", "line 2: fewer fields"),
        ("text,unsafe\na,0,0\n", "line 2: more fields"),
        ('text\n"never closed\n', "unexpected end of data"),
        ("text\n" + "a" * 200_000, "field larger"),
        (b"text\na\ncaf\xe9\n", r"line 3: not UTF-8 \(byte 0xe9\)"),
        ("text\na\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_the_place_is_named(
    content: str | bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(UnusableRows, match=told):
        read_prompt_set(write(tmp_path / "bad.csv", content))


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"text\na\n" * 1000, mtime=0)[:-20]])
def test_a_packed_file_that_is_broken_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnusableRows, match="cannot be read"):
        read_prompt_set(write(tmp_path / "bad.csv.gz", content))


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_a_huge_file_is_refused_though_it_is_small_when_packed(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_rows, "MAX_BYTES", 1_000_000)
    content = b"text\n" + b"aaaa\n" * 300_000
    path = write(tmp_path / f"huge{suffix}", gzip.compress(content) if suffix.endswith("gz") else content)
    with pytest.raises(UnusableRows, match="more than 1 MB"):
        read_prompt_set(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableRows, match="does not exist"):
        read_prompt_set(tmp_path / "none.csv")
    with pytest.raises(UnusableRows, match="is no file"):
        read_prompt_set(tmp_path)
