from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from safety.evaluation.picture_rows import PictureRows, read_pictures
from safety.evaluation.prompt_rows import UnusableRows


def a_picture(path: Path, colour: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 12), colour).save(path)
    return path


def a_csv(folder: Path, content: str) -> Path:
    for name in ("a.png", "b.png", "c.jpg"):
        a_picture(folder / name)
    (folder / "labels.csv").write_text(content, encoding="utf-8")
    return folder / "labels.csv"


def answers(rows: PictureRows, subject: str) -> list[float]:
    return [float(answer) for answer in rows.labelled.answers[subject]]


def test_a_csv_says_what_each_picture_shows_and_what_is_unclear(tmp_path: Path) -> None:
    path = a_csv(tmp_path, "file,shows,unclear,use\na.png,weapons person,gore,evaluate\nb.png,,,calibrate\n")
    rows = read_pictures(path)
    assert answers(rows, "weapons") == [1, 0]
    assert answers(rows, "person") == [1, 0]
    assert np.isnan(answers(rows, "gore")[0])
    assert answers(rows, "sexual") == [0, 0]
    assert [row.file.name for row in rows.of_use("evaluate").rows] == ["a.png"]
    assert rows.labelled.pictures[0].shape == (3, 12, 16)


def test_a_folder_with_labels_is_the_same_as_its_csv(tmp_path: Path) -> None:
    path = a_csv(tmp_path, "file,shows\na.png,weapons\nb.png,\n")
    assert read_pictures(tmp_path).rows == read_pictures(path).rows
    assert read_pictures(tmp_path).name == tmp_path.name


def test_a_folder_of_folders_says_what_its_names_say_and_nothing_else(tmp_path: Path) -> None:
    a_picture(tmp_path / "benign" / "a.png")
    a_picture(tmp_path / "weapons+person" / "b.webp")
    rows = read_pictures(tmp_path)
    assert answers(rows, "weapons") == [0, 1]
    assert answers(rows, "gore")[0] == 0
    assert np.isnan(answers(rows, "gore")[1])


def test_sexual_minors_follows_from_a_child_and_something_sexual(tmp_path: Path) -> None:
    content = "file,shows,unclear\na.png,child sexual,\nb.png,child,sexual\nc.jpg,sexual,\n"
    shown, unknown, absent = answers(read_pictures(a_csv(tmp_path, content)), "sexual_minors")
    assert (shown, absent) == (1, 0)
    assert np.isnan(unknown)


def test_where_no_use_is_stated_it_is_a_matter_of_the_name_alone(tmp_path: Path) -> None:
    for number in range(40):
        a_picture(tmp_path / "benign" / f"{number}.png")
    before = {row.file.name: row.use for row in read_pictures(tmp_path).rows}
    assert set(before.values()) == {"calibrate", "evaluate"}
    a_picture(tmp_path / "benign" / "another.png")
    after = {row.file.name: row.use for row in read_pictures(tmp_path).rows}
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no column file, shows"),
        ("file\na.png\n", "no column shows"),
        ("file,shows\n", "holds no pictures"),
        ("file,shows\na.png,weapons\nb.png,guns\n", "line 3: no subject guns; subjects: sexual"),
        ("file,shows\nmissing.png,weapons\n", "line 2: there is no file"),
        ("file,shows,unclear\na.png,gore,gore\n", "line 2: gore is both shown and unclear"),
        ("file,shows,use\na.png,gore,train\n", "line 2: use is 'train'"),
        ("file,shows\na.png\n", "line 2: fewer fields"),
        ("file,shows\na.png,gore,1\n", "line 2: more fields"),
        ('file,shows\n"a.png,gore\n', "unexpected end of data"),
    ],
)
def test_a_wrong_row_is_told_by_its_line(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(UnusableRows, match=told):
        read_pictures(a_csv(tmp_path, content))


def test_what_is_no_picture_is_told_by_its_line_when_it_is_read(tmp_path: Path) -> None:
    path = a_csv(tmp_path, "file,shows\na.png,\nb.png,gore\n")
    (tmp_path / "b.png").write_bytes(b"no picture")
    pictures = read_pictures(path).labelled.pictures
    assert pictures[0].shape == (3, 12, 16)
    with pytest.raises(UnusableRows, match=r"line 3: .*b.png cannot be judged"):
        pictures[1]


def test_nothing_and_unreadable_text_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableRows, match="does not exist"):
        read_pictures(tmp_path / "absent")
    with pytest.raises(UnusableRows, match="holds no pictures"):
        read_pictures(tmp_path)
    (tmp_path / "bad.csv").write_bytes(b"file,shows\n\xff")
    with pytest.raises(UnusableRows, match="not UTF-8"):
        read_pictures(tmp_path / "bad.csv")
    a_picture(tmp_path / "guns" / "a.png")
    with pytest.raises(UnusableRows, match="no subject guns"):
        read_pictures(tmp_path)
