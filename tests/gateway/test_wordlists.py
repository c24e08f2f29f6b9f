"""Operators' lists: in force without a restart, versioned, refused with their line, and never a hole in the gate."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import text

from gateway.store.engine import open_engine, reading
from policies.loader import shipped_policies
from policies.wordlists import WordlistInvalid
from tests.gateway.test_cli import gardefou, lines
from tests.houses import Parts, build, client_of, serving
from tests.wire import Service, assert_error

LISTS = "/api/v1/wordlists"
YAML = {"Content-Type": "application/yaml"}
WORD = "zorblax"
PROMPT = f"a {WORD} on a hill"
SOON = 20.0


def written(name: str = "local", *terms: str, **fields: str) -> str:
    """A list file."""
    head = {"language": "en", "category": "violence"} | fields
    rows = "".join(f"  - {term}\n" for term in terms or (WORD,))
    return f"name: {name}\n" + "".join(f"{key}: {value}\n" for key, value in head.items()) + f"terms:\n{rows}"


def operator(service: Service, *scopes: str) -> dict[str, str]:
    """The header of a key that may change lists."""
    scopes = scopes or ("lists:read", "lists:write")
    return {"Authorization": f"Bearer {service.house.keys.create('operator', scopes)}"}


def eventually(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def is_refused(service: Service, prompt: str = PROMPT) -> bool:
    return service.generate(prompt=prompt).status_code == 400


class Lists:
    """The resource, as an operator sees it."""

    def __init__(self, service: Service) -> None:
        self.client = httpx.Client(base_url=service.url, headers=operator(service), timeout=60)

    def put(self, content: str | bytes, name: str = "local", **headers: str) -> httpx.Response:
        return self.client.put(f"{LISTS}/{name}", content=content, headers=YAML | headers)

    def get(self, name: str = "", **params: Any) -> Any:
        return self.client.get(f"{LISTS}/{name}" if name else LISTS, params=params).json()

    def delete(self, name: str = "local", **headers: str) -> httpx.Response:
        return self.client.delete(f"{LISTS}/{name}", headers=headers)

    def check(self, content: Any, *prompts: str) -> Any:
        return self.client.post(f"{LISTS}/check", json={"list": content, "prompts": prompts}).json()

    def clear(self) -> None:
        for one in self.get()["data"]:
            if one["source"] == "stored":
                assert self.delete(one["name"]).status_code == 200


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The default policy with the lists of one language: those of twelve take a while to be joined."""
    path = tmp_path_factory.mktemp("policy") / "english.yaml"
    default = yaml.safe_load(shipped_policies()["default"].read_text())
    path.write_text(yaml.safe_dump(default | {"blocklists": ["english"]}, allow_unicode=True))
    return str(path)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, policy: str) -> Iterator[Service]:
    parts = Parts()
    data = tmp_path_factory.mktemp("lists")
    (data / "wordlists").mkdir()
    with (
        serving(data, parts, policy=policy, requests_per_minute=100_000, wordlists_seconds=0.05) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


@pytest.fixture
def lists(service: Service) -> Iterator[Lists]:
    lists = Lists(service)
    yield lists
    lists.clear()
    lists.client.close()


@pytest.fixture
def folder(service: Service) -> Iterator[Path]:
    """The folder of list files, empty again at the end."""
    folder = service.house.settings.wordlists_folder
    yield folder
    for path in folder.iterdir():
        path.unlink()
    eventually(lambda: not service.house.lists.in_force.files and not service.house.lists.refused)


# by API


def test_a_list_judges_the_very_next_request_and_no_longer_when_it_is_taken_away(
    service: Service, lists: Lists
) -> None:
    assert not is_refused(service)
    put = lists.put(written())
    assert (put.status_code, put.json()["version"], put.headers["etag"]) == (200, 1, '"1"')
    refused = service.generate(prompt=PROMPT)
    decision_id = refused.json()["error"]["x_gateway"]["decision_id"]
    decision = service.client.get(f"/api/v1/decisions/{decision_id}").json()
    assert decision["models"]["blocklist"] == put.json()["in_force"] == lists.get()["in_force"]
    assert lists.delete().status_code == 200
    assert not is_refused(service)
    assert lists.get()["in_force"] != put.json()["in_force"]


def test_a_list_is_shown_as_it_was_written_with_its_versions(service: Service, lists: Lists) -> None:
    first, second = "# Ours.\n" + written("shown"), written("shown", WORD, "blorptag")
    assert lists.put(first, "shown").status_code == 200
    assert lists.put(second, "shown").status_code == 200
    shown = lists.get("shown")
    assert (shown["content"], shown["version"], shown["terms"], shown["source"]) == (second, 2, 2, "stored")
    assert [kept["version"] for kept in shown["versions"]] == [1, 2]
    assert all(kept["created_by"].startswith("key:") and kept["created_at"] for kept in shown["versions"])
    assert lists.get("shown", version=1)["content"] == first
    assert_error(lists.client.get(f"{LISTS}/shown", params={"version": 3}), 404, "not_found")
    assert_error(lists.client.get(f"{LISTS}/none"), 404, "not_found")


def test_of_a_list_that_was_taken_away_the_versions_stay(lists: Lists) -> None:
    lists.put(written("gone"), "gone")
    lists.delete("gone")
    answer = lists.client.get(f"{LISTS}/gone")
    assert (answer.status_code, answer.json()["removed"], "etag" in answer.headers) == (200, True, False)
    assert [kept.get("removed", False) for kept in answer.json()["versions"]] == [False, True]
    assert lists.get("gone", version=1)["content"] == written("gone")
    assert "gone" not in [one["name"] for one in lists.get()["data"]]


def test_a_list_in_json_is_the_same_list(service: Service, lists: Lists) -> None:
    body = {
        "name": "local",
        "language": "en",
        "category": "violence",
        "terms": [WORD, {"text": ["träx"], "score": 0.9}],
    }
    assert lists.client.put(f"{LISTS}/local", json=body).status_code == 200
    assert is_refused(service)
    assert "träx" in lists.get("local")["content"]


def test_the_same_list_again_is_no_new_version(lists: Lists) -> None:
    assert lists.put(written("again"), "again").json()["version"] == 1
    assert (lists.put(written("again"), "again").status_code, lists.get("again")["version"]) == (200, 1)


def test_shipped_lists_are_shown_and_stay(lists: Lists) -> None:
    assert lists.get("violence_en")["source"] == "shipped"
    assert "terms" in lists.get("violence_en")["content"]
    for refused in (lists.put(written("violence_en"), "violence_en"), lists.delete("violence_en")):
        error = assert_error(refused, 400, "wordlist_invalid")
        assert "shipped list" in error["message"]


def test_if_match_guards_against_lost_updates(lists: Lists) -> None:
    assert lists.put(written("guarded"), "guarded", **{"If-None-Match": "*"}).status_code == 200
    second = written("guarded", "blorptag")
    assert_error(lists.put(second, "guarded", **{"If-None-Match": "*"}), 412, "precondition_failed", "if-match")
    assert_error(lists.put(second, "guarded", **{"If-Match": '"7"'}), 412, "precondition_failed", "if-match")
    assert_error(lists.put(second, "guarded", **{"If-Match": "soon"}), 400, "invalid_value", "if-match")
    assert lists.put(second, "guarded", **{"If-Match": '"1"'}).headers["etag"] == '"2"'
    assert_error(lists.delete("guarded", **{"If-Match": '"1"'}), 412, "precondition_failed", "if-match")
    assert lists.delete("guarded", **{"If-Match": '"2"'}).status_code == 200


def test_of_puts_at_once_on_one_version_one_is_kept(service: Service, lists: Lists) -> None:
    lists.put(written("raced"), "raced")
    with ThreadPoolExecutor(6) as at_once:
        rivals = [written("raced", f"rival{number}word") for number in range(6)]
        answers = list(at_once.map(lambda content: lists.put(content, "raced", **{"If-Match": '"1"'}), rivals))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]
    assert lists.get("raced")["content"] == rivals[[answer.status_code for answer in answers].index(200)]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", LISTS, "lists:read"),
        ("GET", f"{LISTS}/local", "lists:read"),
        ("PUT", f"{LISTS}/local", "lists:write"),
        ("DELETE", f"{LISTS}/local", "lists:write"),
        ("POST", f"{LISTS}/check", "lists:write"),
    ],
)
def test_lists_need_a_key_that_was_made_for_them(service: Service, method: str, path: str, scope: str) -> None:
    other = "lists:write" if scope == "lists:read" else "lists:read"
    with service.unharmed():
        assert_error(httpx.request(method, service.url + path), 401, "invalid_api_key")
        assert_error(service.client.request(method, path), 403, "insufficient_scope")  # an ordinary key
        refused = service.client.request(method, path, headers=operator(service, other))
        assert scope in assert_error(refused, 403, "insufficient_scope")["message"]


BAD: dict[str, tuple[str, int, str]] = {
    "half-written": (written() + "  - {text: [a", 6, "file"),
    "half a name": ("name: lo", 1, "language"),
    "nothing": ("", 1, "file"),
    "unknown category": (written(category="rudeness"), 3, "category"),
    "unknown language": (written(language="tlh"), 2, "language"),
    "unknown field": (written(colour="red"), 4, "colour"),
    "no terms": ("name: local\nlanguage: en\ncategory: hate\nterms: []\n", 4, "terms"),
    "punctuation": (written("local", WORD, "'_-_'"), 6, "terms.1"),
    "one letter": (written("local", "'x!'"), 5, "terms.0"),
    "given twice": (written("local", WORD, WORD.upper()), 6, "terms.1"),
    "long term": (written("local", "a" * 81), 5, "terms.0.text.0"),
    "no word": (written("local", "'?!'"), 5, "terms.0.text.0"),
    "raw NUL": (written("local", "zor\0blax"), 1, "file"),
    "escaped NUL": (written("local", '"zor\\0blax"'), 5, "terms.0"),
    "a date": (written("local", "2026-02-31"), 1, "file"),
    "a number": (written("local", "12345"), 5, "terms.0"),
    "a huge number": (written("local", "9" * 5000), 1, "file"),
    "a tag": (written("local", "!!python/name:os.system x"), 5, "file"),
    "an alias": ("name: &n local\nlanguage: en\ncategory: hate\nterms: [*n]\n", 4, "file"),
    "a key twice": (written() + "terms: [other]\n", 6, "terms"),
    "nested": (written() + "  - " + 100_000 * "[", 1, "file"),
    "score": (written(score=".nan"), 4, "score"),
    "unsafe excuse": (written() + "  - {text: blorptag, unless: [blorptag]}\n", 6, "terms.1"),
    "weak excuse": (written() + "  - {text: blorptag, unless_near: [hill]}\n", 6, "terms.1"),
    "group": (
        written() + "combinations: [{name: both, meet: [nowhere, weapons], category: hate}]\n",
        6,
        "combinations.0.meet",
    ),
    "another name": (written("other"), 1, "name"),
    "the canary": (written("local", "chair"), 1, "terms"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_list_changes_nothing_and_is_told_line_and_field(service: Service, lists: Lists, case: str) -> None:
    content, line, field = BAD[case]
    before = lists.get()
    with service.unharmed():
        error = assert_error(lists.put(content), 400, "wordlist_invalid")
    problem = error["x_gateway"]["problems"][0]
    assert (problem["line"], problem["field"]) == (line, field), problem
    assert problem["expected"]
    assert lists.get() == before


def test_bad_bytes_and_bad_types_change_nothing(service: Service, lists: Lists) -> None:
    before = lists.get()
    with service.unharmed():
        assert_error(lists.put(b"name: \xff"), 400, "invalid_value")
        assert_error(lists.put(written(), **{"Content-Type": "text/plain"}), 415, "unsupported_media_type")
        assert_error(lists.put(written(), **{"Content-Encoding": "gzip"}), 415, "unsupported_media_type")
        assert_error(lists.put(b"#" * ((4 << 20) + 1)), 413, "request_too_large")
        assert_error(lists.put(b"[1]", **{"Content-Type": "application/json"}), 400, "invalid_value")
        assert_error(lists.put(b"{", **{"Content-Type": "application/json"}), 400, "invalid_json")
        surrogate = b'{"name": "local", "language": "en", "category": "hate", "terms": ["zor\\ud800blax"]}'
        assert lists.put(surrogate, **{"Content-Type": "application/json"}).status_code == 400
        assert_error(lists.delete("none"), 404, "not_found")
    assert lists.get() == before


def test_more_than_a_hundred_thousand_terms_are_too_many(service: Service, lists: Lists) -> None:
    with service.unharmed():
        error = assert_error(
            lists.put(written("local", *(f"zo{number}" for number in range(100_001)))), 400, "wordlist_invalid"
        )
    assert "at most 100000 in all lists together (found 100001)" in error["message"]


def test_what_looks_like_a_pattern_is_plain_text(service: Service, lists: Lists) -> None:
    assert lists.put(written("local", r"'zor.*blax'", "'[a-z]+frump'")).status_code == 200
    assert is_refused(service, "a zor.*blax")
    assert not is_refused(service, "a zor and then some blax")
    assert not is_refused(service, "a quiet frump")


def test_a_check_tells_what_a_list_would_do_and_does_nothing(service: Service, lists: Lists) -> None:
    before = lists.get()
    told = lists.check(written(), "a cat", PROMPT, "a naked woman")
    assert (told["ok"], told["problems"], told["terms"]) == (True, [], 1)
    assert (told["newly_refused"], told["no_longer_refused"]) == ([1], [])
    assert told["changed"] == [{"prompt": 1, "before": "allow", "after": "block"}]
    refused = lists.check(written(category="rudeness"))
    assert (refused["ok"], refused["problems"][0]["line"], refused["problems"][0]["field"]) == (False, 3, "category")
    assert lists.get() == before
    assert not is_refused(service)
    lists.put(written())
    assert lists.check(written("local", "blorptag"), PROMPT, "a blorptag")["no_longer_refused"] == [0]


def test_every_change_is_in_the_ledger(service: Service, lists: Lists) -> None:
    lists.put(written("booked"), "booked")
    lists.delete("booked")
    engine = open_engine(service.house.settings.database)
    with reading(engine) as session:
        rows = session.execute(text("SELECT subject, facts FROM ledger WHERE kind = 'wordlist'")).all()
    engine.dispose()
    assert [subject for subject, _ in rows if subject.startswith("booked")] == ["booked@1", "booked@2"]
    assert not any(WORD in facts for _, facts in rows), "the ledger holds digests, never content"
    assert service.house.decisions.broken_ledger() is None


# by file


def test_a_file_comes_into_force_and_goes_while_the_service_runs(service: Service, lists: Lists, folder: Path) -> None:
    path = folder / "local.yaml"
    path.write_text(written("filed"))
    eventually(lambda: is_refused(service))
    shown = lists.get("filed")
    assert (shown["source"], shown["file"], shown["content"]) == ("file", str(path), written("filed"))
    assert_error(lists.delete("filed"), 400, "wordlist_invalid")
    assert str(path) in assert_error(lists.put(written("filed"), "filed"), 400, "wordlist_invalid")["message"]
    path.unlink()
    eventually(lambda: not is_refused(service))


@pytest.mark.parametrize(
    "broken", ["name: filed\nlanguage: e", written("filed", category="rudeness"), written("violence_en")]
)
def test_a_file_that_is_no_list_leaves_its_last_good_self_in_force(
    service: Service, lists: Lists, folder: Path, broken: str
) -> None:
    path = folder / "local.yaml"
    path.write_text(written("filed"))
    eventually(lambda: is_refused(service))
    path.write_text(broken)
    eventually(lambda: lists.get()["refused"])
    (refused,) = lists.get()["refused"]
    assert refused["problems"][0]["list"] == str(path)
    assert is_refused(service)
    path.write_text(written("filed", "blorptag"))
    eventually(lambda: is_refused(service, "a blorptag") and not lists.get()["refused"])
    assert not is_refused(service)


def test_a_file_written_slowly_is_read_when_it_is_whole(service: Service, folder: Path) -> None:
    content = written("slow", *(f"blorptag{number}" for number in range(40)), WORD)
    eventually(lambda: not service.house.lists.in_force.files)
    with (folder / "slow.yaml").open("w") as file:
        for line in content.splitlines(keepends=True):
            file.write(line)
            file.flush()
            seen = service.house.lists.in_force.files.values()
            assert all(len(own.wordlist.terms) == 41 for own in seen), "half of a list was in force"
            time.sleep(0.01)
    eventually(lambda: is_refused(service))


def test_a_list_that_does_not_fit_beside_the_others_is_told_and_later_changes_still_come(
    service: Service, lists: Lists, folder: Path
) -> None:
    lists.put(written("twice"), "twice")
    (folder / "a.yaml").write_text(written("twice", "blorptag"))
    eventually(lambda: lists.get()["refused"])
    assert not is_refused(service, "a blorptag")
    assert lists.put(written("third", "frumplet"), "third").status_code == 200
    assert is_refused(service, "a frumplet")
    lists.delete("twice")
    eventually(lambda: is_refused(service, "a blorptag") and not lists.get()["refused"])


def test_a_service_with_a_broken_file_or_without_its_folder_does_not_start(tmp_path: Path, policy: str) -> None:
    (tmp_path / "wordlists").mkdir()
    path = tmp_path / "wordlists" / "local.yaml"
    path.write_text(written(category="rudeness"))
    with pytest.raises(WordlistInvalid, match=rf"{path}:3: category"):
        build(tmp_path, Parts(), policy=policy)
    with pytest.raises(WordlistInvalid, match="folder: could not be read"):
        build(tmp_path, Parts(), policy=policy, wordlists=tmp_path / "mistyped")


# by command


class Terminal:
    """`gardefou lists`, on the service's own data and policy."""

    def __init__(self, data: Path, policy: str) -> None:
        self.data, self.policy = data, policy

    def __call__(self, *words: str | Path, exit_code: int = 0) -> Any:
        ended = gardefou("lists", *words, "--data", self.data, GARDEFOU_POLICY=self.policy)
        assert ended.exit_code == exit_code, ended.output
        return ended

    def json(self, *words: str | Path) -> list[dict[str, Any]]:
        return lines(self(*words, "--json"))


@pytest.fixture
def terminal(service: Service, policy: str) -> Terminal:
    return Terminal(service.house.settings.data, policy)


def test_what_a_command_changes_a_running_service_takes_up_by_itself(
    service: Service, lists: Lists, terminal: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "local.yaml"
    path.write_text(written("typed"))
    (added,) = terminal.json("add", path)
    assert (added["name"], added["version"], added["created_by"]) == ("typed", 1, "terminal:terminal")
    eventually(lambda: is_refused(service))
    assert terminal("show", "typed").stdout == written("typed")
    assert terminal("list").stdout.startswith("stored   typed ")
    terminal("remove", "typed")
    eventually(lambda: not is_refused(service))
    assert "lists versions typed" in terminal("show", "typed", exit_code=2).stderr
    terminal("restore", "typed", "1")
    eventually(lambda: is_refused(service))
    told = terminal.json("versions", "typed")
    assert [(kept["version"], kept.get("removed"), kept.get("restores")) for kept in told] == [
        (1, None, None), (2, True, None), (3, None, 1)
    ]  # fmt: skip
    assert service.house.decisions.broken_ledger() is None


def test_check_names_file_line_and_field_and_makes_nothing(tmp_path: Path, policy: str) -> None:
    terminal = Terminal(tmp_path / "data", policy)
    sound, broken = tmp_path / "sound.yaml", tmp_path / "broken.yaml"
    sound.write_text(written())
    broken.write_text(written("other", category="rudeness"))
    assert terminal("check", sound).stdout == f"{sound}: local, 1 terms, sound\n"
    assert f"{broken}:3: category: should be" in terminal("check", sound, broken, exit_code=2).stderr
    assert not terminal.data.exists()


def test_files_that_belong_together_are_checked_together(tmp_path: Path, policy: str) -> None:
    rule = "combinations: [{name: both, meet: [hills, beasts], category: violence}]\n"
    (tmp_path / "hills.yaml").write_text(written("hills", "gorse", group="hills"))
    (tmp_path / "beasts.yaml").write_text(written("beasts", "wyrm", group="beasts") + rule)
    terminal = Terminal(tmp_path, policy)
    assert (
        "should name groups of the lists (found hills)"
        in terminal("check", tmp_path / "beasts.yaml", exit_code=2).stderr
    )
    terminal("check", tmp_path / "hills.yaml", tmp_path / "beasts.yaml")


def test_the_list_of_lists_tells_what_is_refused(tmp_path: Path, policy: str) -> None:
    (tmp_path / "wordlists").mkdir()
    (tmp_path / "wordlists" / "local.yaml").write_text(written(category="rudeness"))
    terminal = Terminal(tmp_path, policy)
    assert "wordlists/local.yaml:3: category: should be" in terminal("list", exit_code=1).stdout
    assert "shipped  violence_en" in terminal("list", "--shipped", exit_code=1).stdout


@pytest.mark.parametrize("words", [("show", "none"), ("versions", "none"), ("remove", "none"), ("restore", "none", "1"),
                                   ("remove", "violence_en"), ("add", "none.yaml")])  # fmt: skip
def test_what_is_not_there_or_not_theirs_is_told_in_one_line(
    tmp_path: Path, policy: str, words: tuple[str, ...]
) -> None:
    ended = Terminal(tmp_path, policy)(*words, exit_code=2)
    assert (ended.stdout, ended.stderr.count("\n")) == ("", 1)
