"""The command `gardefou`: answers alone on stdout, what went wrong in one line on stderr, and the right exit code."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner, Result

from gateway.assembly import migrate, shipped_models
from gateway.cli import app
from gateway.store.api_keys import ApiKeys
from gateway.store.decisions import Decisions
from gateway.store.engine import open_engine
from policies.identity import MANIFEST, sha256_of, write_manifest
from policies.loader import shipped_policies
from tests.gateway.test_ledger import released_request
from tests.generator import tiny
from tests.generator.hub_server import serving

KEY = re.compile(r"gk_local_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}_[0-9a-f]{6}\n\Z")

real_models = pytest.mark.skipif(
    not all((folder / MANIFEST).is_file() for folder in shipped_models()), reason="the models are not made yet"
)


def gardefou(*arguments: str | Path, stdin: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, env=environment)


def lines(ended: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose book holds one released request."""
    url = f"sqlite:///{tmp_path / 'gardefou.db'}"
    migrate(url)
    engine = open_engine(url)
    released_request(Decisions(engine, "ins", b"key"))
    engine.dispose()
    return tmp_path


def edit(data: Path) -> None:
    with open_engine(f"sqlite:///{data / 'gardefou.db'}").begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_no_UPDATE")
        connection.exec_driver_sql("UPDATE ledger SET facts = '{}' WHERE seq = 2")


# usage


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["draw"], ["serve", "--port", "many"], ["keys", "create", "--wrong"]]
)
def test_what_is_no_command_is_a_usage_error(arguments: list[str]) -> None:
    ended = gardefou(*arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""


@pytest.mark.parametrize("command", [["serve"], ["keys", "create"], ["ledger", "verify"], ["check", "a cat"]])
def test_an_unknown_variable_is_named_and_nothing_starts(command: list[str], tmp_path: Path) -> None:
    ended = gardefou(*command, GARDEFOU_PORTT="1", GARDEFOU_DATA=str(tmp_path / "data"))
    assert ended.exit_code == 2
    assert "GARDEFOU_PORTT" in ended.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("name", "value"), [("GARDEFOU_PORT", "99999"), ("GARDEFOU_GATE_SECONDS", "0")])
def test_a_setting_out_of_range_is_a_usage_error_that_names_it(name: str, value: str, tmp_path: Path) -> None:
    ended = gardefou("keys", "create", "--data", tmp_path, **{name: value})
    assert ended.exit_code == 2
    assert name.removeprefix("GARDEFOU_").lower() in ended.stderr


def test_an_unknown_generator_is_a_usage_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    ended = gardefou("draw", "a cat", "--out", tmp_path, "--data", tmp_path, GARDEFOU_GENERATOR="dalle-9")
    assert ended.exit_code == 2
    assert "dalle-nano" in ended.stderr


# keys


def test_keys_create_prints_a_key_that_opens_and_nothing_else(tmp_path: Path) -> None:
    ended = gardefou("keys", "create", "--data", tmp_path)
    assert ended.exit_code == 0
    assert KEY.match(ended.stdout)
    assert ended.stderr == ""
    keys = ApiKeys(
        open_engine(f"sqlite:///{tmp_path / 'gardefou.db'}"), bytes.fromhex((tmp_path / "secret").read_text())
    )
    assert keys.authenticate(ended.stdout.strip())
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


# ledger


def test_keys_init_makes_the_keys_of_provenance_once(tmp_path: Path) -> None:
    first, second = (lines(gardefou("keys", "init", "--data", tmp_path, "--json"))[0] for _ in range(2))
    assert (first["made"], second["made"]) == (True, False)
    assert first["root_sha256"] == second["root_sha256"]
    assert (tmp_path / "keys" / "root.key").stat().st_mode & 0o777 == 0o600


def test_ledger_verify_says_that_all_is_whole(data: Path) -> None:
    ended = gardefou("ledger", "verify", "--data", data)
    assert (ended.exit_code, ended.stdout) == (0, "The ledger is whole.\n")


def test_ledger_verify_ends_with_4_and_names_the_row(data: Path) -> None:
    edit(data)
    ended = gardefou("ledger", "verify", "--data", data)
    assert ended.exit_code == 4
    assert "ledger row 2 was edited" in ended.stdout
    (told,) = lines(gardefou("ledger", "verify", "--data", data, "--json"))
    assert (told["ok"], told["row"]) == (False, "ledger row 2")


@pytest.mark.parametrize("command", ["verify", "list", "export"])
def test_a_folder_without_a_book_is_not_called_whole(command: str, tmp_path: Path) -> None:
    ended = gardefou("ledger", command, "--data", tmp_path / "mistyped")
    assert ended.exit_code == 3
    assert "mistyped" in ended.stderr
    assert not (tmp_path / "mistyped").exists()


def test_ledger_list_tells_the_newest_decisions_first(data: Path) -> None:
    told = lines(gardefou("ledger", "list", "--data", data, "--json"))
    assert [(row["stage"], row["action"]) for row in told] == [("picture", "allow"), ("prompt", "allow")]
    assert len(gardefou("ledger", "list", "--data", data, "-n", "1").stdout.splitlines()) == 1


# policy


def test_ledger_export_writes_every_row_as_it_was_hashed_and_only_that(data: Path) -> None:
    exported = lines(gardefou("ledger", "export", "--data", data))
    assert [row["seq"] for row in exported] == [*range(1, 12)]
    decided = gardefou("ledger", "export", "decisions", "--data", data, "--format", "csv")
    assert decided.stdout.splitlines()[0].startswith('"seq","id","request_id"')
    assert len(decided.stdout.splitlines()) == 3
    kinds = {row["kind"] for row in lines(gardefou("ledger", "export", "--data", data, "--kind", "moved"))}
    assert kinds == {"moved"}
    assert gardefou("ledger", "export", "--data", data, "--to", "2020-01-01").stdout == ""


@pytest.mark.parametrize("option", [["--format", "xlsx"], ["--from", "yesterday"], ["--kind", "gossip"]])
def test_ledger_export_of_what_does_not_exist_is_a_usage_error(option: list[str], data: Path) -> None:
    assert gardefou("ledger", "export", "--data", data, *option).exit_code == 2


def test_policy_check_of_a_broken_file_names_file_and_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    sound = shipped_policies()["default"].read_text()
    line = next(number for number, text in enumerate(sound.splitlines(), 1) if text.startswith("version: "))
    broken.write_text(re.sub(r"^version: \d+$", "version: one", sound, flags=re.MULTILINE))
    ended = gardefou("policy", "check", broken)
    assert ended.exit_code == 2
    assert f"{broken}:{line}: version" in ended.stderr
    assert ended.stdout == ""


def test_policy_diff_says_what_is_stricter_and_ends_with_1_when_anything_differs() -> None:
    ended = gardefou("policy", "diff", "default", "strict")
    assert ended.exit_code == 1
    assert "stricter  cell any lifelike (private_person): review -> block" in ended.stdout
    same = gardefou("policy", "diff", "strict", "strict", "--json")
    assert (same.exit_code, json.loads(same.stdout)["differences"]) == (0, [])


def test_policy_check_of_no_file_is_a_usage_error(tmp_path: Path) -> None:
    ended = gardefou("policy", "check", tmp_path / "none.yaml")
    assert ended.exit_code == 2
    assert "none.yaml" in ended.stderr


# models


@real_models
def test_models_verify_names_every_model_with_its_hash() -> None:
    ended = gardefou("models", "verify", "--json")
    assert ended.exit_code == 0
    assert len(json.loads(ended.stdout)) == len(shipped_models())


@real_models
def test_a_pulled_model_is_listed_verified_and_drawn_with(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(tmp_path / "hub") as hub:
        ended = gardefou("models", "pull", "dalle-mini", "--data", data, "--json", GARDEFOU_HUB=hub.address)
    told = json.loads(ended.stdout)
    assert sha256_of(data / "models" / "dalle-mini" / "tokenizer.json") == told["files"]["tokenizer.json"]
    states = {row["name"]: row["state"] for row in lines(gardefou("models", "list", "--data", data, "--json"))}
    assert (states["dalle-mini"], states["dalle-mega"]) == ("pulled", "absent")
    verified = json.loads(gardefou("models", "verify", "--data", data, "--json").stdout)
    assert verified["dalle-mini"] == told["sha256"]
    gardefou("draw", "a cat", "-n", "1", "--data", data, "--out", tmp_path / "out", GARDEFOU_GENERATOR="dalle-mini")
    assert "picture" in {row["stage"] for row in lines(gardefou("ledger", "list", "--data", data, "--json"))}


def test_a_model_that_cannot_be_pulled_ends_with_the_right_exit_code(tmp_path: Path) -> None:
    unknown = gardefou("models", "pull", "dalle-giga", "--data", tmp_path)
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    unreachable = gardefou("models", "pull", "dalle-mini", "--data", tmp_path, GARDEFOU_HUB="http://127.0.0.1:9")
    assert (unreachable.exit_code, unreachable.stdout) == (3, "")
    assert "no answer" in unreachable.stderr


def test_a_converted_folder_lists_its_files_and_verifies(tmp_path: Path) -> None:
    source, out = tiny.write_folder(tmp_path / "tiny"), tmp_path / "half"
    ended = gardefou("models", "convert", source, "--out", out, "--dtype", "bfloat16")
    assert ended.exit_code == 0
    assert f"{sha256_of(out / 'transformer.safetensors')}  transformer.safetensors" in ended.stdout
    assert gardefou("models", "verify", out).exit_code == 0
    assert gardefou("models", "convert", source, "--out", out).exit_code == 2


def test_tensors_that_do_not_fit_their_config_are_an_integrity_failure(tmp_path: Path) -> None:
    folder = tiny.write_folder(tmp_path / "tiny")
    (folder / "config.json").write_text(json.dumps(tiny.TRANSFORMER_KEYS | {"decoder_ffn_dim": 44}))
    write_manifest(folder, "tiny")
    ended = gardefou("models", "verify", folder)
    assert ended.exit_code == 4
    assert "config.json says (44, 32)" in ended.stderr


def test_keys_create_makes_a_key_that_opens_only_what_it_should(tmp_path: Path) -> None:
    ended = gardefou("keys", "create", "--data", tmp_path, "--scope", "images:generate", "--scope", "decisions:read")
    secret = bytes.fromhex((tmp_path / "secret").read_text())
    holder = ApiKeys(open_engine(f"sqlite:///{tmp_path / 'gardefou.db'}"), secret).authenticate(ended.stdout.strip())
    assert holder is not None
    assert holder.scopes == {"images:generate", "decisions:read"}
    unknown = gardefou("keys", "create", "--data", tmp_path, "--scope", "everything")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "decisions:explain" in unknown.stderr
    assert gardefou("keys", "create", "--data", tmp_path, "--scope", "lists:write").exit_code == 0


# check and draw, with the shipped models


@real_models
def test_check_judges_a_line_of_stdin_each_and_ends_with_1_when_one_is_refused(tmp_path: Path) -> None:
    prompts = "a cat on a chair\na naked woman\nun chat 🐈\n"
    ended = gardefou("check", "--json", stdin=prompts, GARDEFOU_DATA=str(tmp_path / "data"))
    assert ended.exit_code == 1
    answers = lines(ended)
    assert [answer["prompt"] for answer in answers] == prompts.splitlines()
    assert [answer["action"] for answer in answers] == ["allow", "block", "allow"]
    for answer in answers:
        assert answer["policy"].startswith("default@")
        assert 0 <= answer["score"] <= 1
        assert {signal["source"] for signal in answer["signals"]} == {
            "blocklist",
            "prompt_classifier",
            "negative_prompt",
            "language",
            "private_names",
        }
    assert answers[1]["categories"] == ["sexual"]
    assert not (tmp_path / "data").exists()


@real_models
def test_check_of_arguments_records_when_asked_and_judges_a_picture_as_well(tmp_path: Path) -> None:
    picture = tmp_path / "red.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    data = tmp_path / "data"
    ended = gardefou("check", "a cat", "a dog", "--image", picture, "--record", "--json", "--data", data)
    cat, dog, red = lines(ended)
    assert (cat["prompt"], cat["action"], dog["prompt"], dog["action"]) == ("a cat", "allow", "a dog", "allow")
    assert red["stage"] == "picture"
    assert ended.exit_code == (0 if red["action"] in ("allow", "label") else 1)
    kept = lines(gardefou("ledger", "list", "--data", data, "--json"))
    assert {row["id"] for row in kept} == {answer["decision_id"] for answer in (cat, dog, red)}
    assert gardefou("ledger", "verify", "--data", data).exit_code == 0


@real_models
def test_check_reads_texts_of_any_length_and_says_which_cannot_be_judged(tmp_path: Path) -> None:
    long = "a quiet meadow with flowers, " * 60
    ended = gardefou("check", "--json", "--data", tmp_path, stdin=f"{long}\n\nbell\x07\na cat\n")
    meadow, empty, bell, cat = lines(ended)
    assert (meadow["action"], cat["action"], ended.exit_code) == ("allow", "allow", 1)
    for unread in (empty, bell):
        assert (unread["action"], unread["error"]["code"]) == ("review", "invalid_value"), "no verdict is no refusal"


@real_models
def test_check_explains_what_was_seen_each_score_beside_its_thresholds_and_the_words(tmp_path: Path) -> None:
    ended = gardefou("check", "--explain", "beheading of a prisoner", "--data", tmp_path)
    assert ended.exit_code == 1
    assert re.search(r"^    seen   violence +blocklist +'beheading' at 0-9$", ended.stdout, re.MULTILINE)
    assert re.search(r"^    score  gore +prompt_classifier +0\.\d{3} block \(review [\d.]+, block ", ended.stdout, re.M)
    assert re.search(r"^    word   \w+ +prompt_classifier +\+0\.\d{3} '\w+'$", ended.stdout, re.MULTILINE)
    (answer,) = lines(gardefou("check", "--explain", "--json", "beheading of a prisoner", "--data", tmp_path))
    assert answer["explanation"].keys() == {"reasons", "matches", "scores", "words"}
    assert {weight["text"] for weight in answer["explanation"]["words"]["weights"]} == {
        "beheading", "of", "a", "prisoner"
    }  # fmt: skip


@real_models
def test_check_judges_by_the_operators_lists_and_not_at_all_when_one_is_broken(tmp_path: Path) -> None:
    (tmp_path / "wordlists").mkdir()
    path = tmp_path / "wordlists" / "local.yaml"
    path.write_text("name: local\nlanguage: en\ncategory: violence\nterms: [zorblax]\n")
    (answer,) = lines(gardefou("check", "--json", "a zorblax on a hill", "--data", tmp_path))
    assert (answer["action"], answer["categories"]) == ("block", ["violence"])
    path.write_text("name: local\nlanguage: en\ncategory: rudeness\nterms: [zorblax]\n")
    ended = gardefou("check", "a cat", "--data", tmp_path)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"{path}:3: category" in ended.stderr


@real_models
def test_check_says_when_a_prompt_is_to_be_confirmed(tmp_path: Path) -> None:
    policy = yaml.safe_load(shipped_policies()["default"].read_text())
    policy["prompt"]["categories"]["shocking"]["prompt_classifier"] = {"confirm": 1e-9, "block": 0.9}
    (tmp_path / "asking.yaml").write_text(yaml.safe_dump(policy))
    ended = gardefou("check", "--json", "a cat", "--policy", tmp_path / "asking.yaml")
    (answer,) = lines(ended)
    assert (answer["action"], answer["categories"], ended.exit_code) == ("confirm", ["shocking"], 1)


@real_models
def test_check_of_pictures_goes_on_after_what_is_refused_and_says_why(tmp_path: Path) -> None:
    """Rows 35 to 37 at the terminal."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    Image.new("RGB", (64, 64), "red").save(folder / "a.png")
    (folder / "b.gif").write_bytes((folder / "a.png").read_bytes() + b"<script>")
    (folder / "c.jpg").write_bytes(b"<svg/>")
    Image.new("1", (20_000, 20_000)).save(folder / "below" / "d.png")
    (folder / "e.webp").write_bytes((folder / "a.png").read_bytes()[:60])
    (folder / "notes.txt").write_text("not a picture, and not called one")
    ended = gardefou("check", "--image", folder, "--image", folder / "a.png", "--json", "--data", tmp_path / "data")
    answers = lines(ended)
    names = [Path(answer["file"]).name for answer in answers]
    assert names == ["a.png", "b.gif", "d.png", "c.jpg", "e.webp", "a.png"]
    told = {Path(answer["file"]).name: answer.get("error", {}) for answer in answers}
    assert told["a.png"] == {}
    assert {name: error["code"] for name, error in told.items() if error} == {
        "b.gif": "unsupported_image", "c.jpg": "unsupported_image", "d.png": "image_too_large",
        "e.webp": "unsupported_image",
    }  # fmt: skip
    assert {told[name]["reason"] for name in ("b.gif", "c.jpg", "e.webp")} == {
        "extra_bytes", "unknown_format", "truncated"
    }  # fmt: skip
    assert all(answer["action"] == "review" for answer in answers if "error" in answer)
    assert ended.exit_code == 1


@real_models
def test_check_of_a_folder_without_pictures_says_so_in_one_line(tmp_path: Path) -> None:
    ended = gardefou("check", "--image", tmp_path, "--data", tmp_path / "data")
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)


@real_models
def test_draw_writes_what_was_released_and_refuses_what_is_refused(tmp_path: Path) -> None:
    out, data = tmp_path / "out", tmp_path / "data"
    ended = gardefou("draw", "a red apple", "--out", out, "-n", "2", "--seed", "7", "--data", data, "--json")
    answer = json.loads(ended.stdout)
    if ended.exit_code == 0:
        assert len(answer["pictures"]) + len(answer["withheld"]) == answer["requested"] == 2
        assert sorted(str(path) for path in out.iterdir()) == sorted(p["file"] for p in answer["pictures"])
        for path in out.iterdir():
            assert Image.open(path).format == "PNG"
    else:
        assert answer["error"]["code"] == "content_policy_violation"
    refused = gardefou("draw", "a naked woman", "--out", out / "none", "--data", data, "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["x_gateway"]["stage"] == "prompt"
    assert not (out / "none").exists()
    assert gardefou("ledger", "verify", "--data", data).exit_code == 0


@real_models
def test_serve_says_when_its_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ended = gardefou("serve", "--port", str(other.getsockname()[1]), "--data", tmp_path)
    assert ended.exit_code == 3
    assert "address" in ended.stderr.lower()
