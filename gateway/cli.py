"""The command `gardefou`: serve, draw, check, keys, users, policy, lists, ledger, models, evaluate, bench.

Exit codes: 0 ok, 1 found problems, 2 usage, 3 unavailable, 4 integrity failure. stdout carries answers only.
"""

import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from pydantic import ValidationError

from gateway.settings import Settings, unknown_variables

if TYPE_CHECKING:
    from gateway.assembly import House
    from gateway.store.people import Role

FOUND_PROBLEMS, USAGE, UNAVAILABLE, INTEGRITY = 1, 2, 3, 4
JUDGED_TOGETHER = 32  # prompts of one batch of `check`

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help=__doc__.splitlines()[0], pretty_exceptions_enable=False
)
keys_app = typer.Typer(no_args_is_help=True, help="API keys, and the keys of provenance.")
users_app = typer.Typer(no_args_is_help=True, help="People of the review desk.")
policy_app = typer.Typer(no_args_is_help=True, help="Policies.")
lists_app = typer.Typer(no_args_is_help=True, help="Word lists of your own.")
ledger_app = typer.Typer(no_args_is_help=True, help="The record of every decision.")
models_app = typer.Typer(no_args_is_help=True, help="Model files.")
evaluate_app = typer.Typer(no_args_is_help=True, help="Scorecards of the gates.")
bench_app = typer.Typer(no_args_is_help=True, help="Measure.")
for name, group in (("keys", keys_app), ("users", users_app), ("policy", policy_app), ("lists", lists_app),
                    ("ledger", ledger_app), ("models", models_app), ("evaluate", evaluate_app),
                    ("bench", bench_app)):  # fmt: skip
    app.add_typer(group, name=name)

Dtype = Literal["float32", "float16", "bfloat16"]
Data = Annotated[Path | None, typer.Option("--data", help="Where all state lives. Default: $GARDEFOU_DATA or ./data.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def main() -> None:
    """Entry point of the `gardefou` command."""
    app()


@app.command()
def serve(
    data: Data = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default 8000.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
) -> None:
    """Serve the page and the API."""
    settings = _settings(data=data, port=port, host=host)
    with _told_plainly():
        house = _house(settings)
        first_key = None if house.keys.any_exists() else house.keys.create("first start")
        from gateway.server import serve as listen

        _say(f"gardefou serves http://{settings.host}:{settings.port}  (policy {house.policy_in_force.policy.stamp})")
        if first_key:
            _say(f"API key, shown only this once: {first_key}")
        listen(house)


@keys_app.command("create")
def create_key(
    data: Data = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="What it opens; repeat it. Default: all but lists:*.")
    ] = None,
) -> None:
    """Make an API key; print it and nothing else."""
    with _told_plainly():
        from gateway.assembly import open_keys
        from gateway.store.api_keys import OPERATOR_SCOPES, SCOPES

        if unknown := {*(scopes or ())} - {*SCOPES, *OPERATOR_SCOPES}:
            _say(f"unknown scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES + OPERATOR_SCOPES)}")
            raise typer.Exit(USAGE)
        typer.echo(open_keys(_settings(data=data)).create(name, tuple(scopes) if scopes else SCOPES))


@keys_app.command("init")
def init_keys(data: Data = None, as_json: AsJson = False) -> None:
    """Make the keys that pictures are signed and marked with; keys that are there already are left alone."""
    with _told_plainly(as_json):
        from gateway.assembly import keys_folder
        from safety.provenance.keys import fingerprint, make_keys, open_keys

        folder = keys_folder(_settings(data=data))
        made = not folder.exists() and make_keys(folder)
        root = fingerprint(open_keys(folder).root)
        if as_json:
            typer.echo(json.dumps({"folder": str(folder), "made": made, "root_sha256": root}))
        else:
            typer.echo(f"{'Made' if made else 'Already there'}: {folder}\nroot certificate sha256 {root}")


@users_app.command("create")
def create_user(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, moderator, senior, auditor or admin.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody sign in at /review. Prints what they need for it, this once."""
    with _told_plainly(as_json):
        from gateway.assembly import open_login

        _tell_secrets(asdict(open_login(_settings(data=data)).create(name, _role(role))), as_json)


@users_app.command("list")
def list_users(data: Data = None, as_json: AsJson = False) -> None:
    """Who may sign in, and as what."""
    with _told_plainly(as_json):
        from gateway.assembly import open_login

        for person in open_login(_settings(data=data)).people.all():
            state = "disabled" if person.disabled else "active"
            told = {"id": person.id, "name": person.name, "role": person.role, "state": state}
            typer.echo(json.dumps(told) if as_json else f"{person.name:24} {person.role:10} {state}")


@users_app.command("disable")
def disable_user(name: str, data: Data = None) -> None:
    """Let somebody in no more, at once."""
    with _told_plainly():
        from gateway.assembly import open_login

        open_login(_settings(data=data)).people.disable(name)


@users_app.command("reset")
def reset_user(name: str, data: Data = None, as_json: AsJson = False) -> None:
    """Give somebody a new password and authenticator secret, and let them in again."""
    with _told_plainly(as_json):
        from gateway.assembly import open_login

        _tell_secrets(asdict(open_login(_settings(data=data)).reset(name)), as_json)


@users_app.command("set-role")
def set_role(name: str, role: str, data: Data = None) -> None:
    """Change what somebody may do."""
    with _told_plainly():
        from gateway.assembly import open_login

        open_login(_settings(data=data)).people.set_role(name, _role(role))


@users_app.command("key")
def create_user_key(name: str, data: Data = None) -> None:
    """Make an API key that acts in somebody's name at /api/v1/reviews; print it and nothing else."""
    with _told_plainly():
        from gateway.assembly import open_keys, open_login
        from gateway.store.api_keys import REVIEW_SCOPES

        settings = _settings(data=data)
        person = open_login(settings).people.named(name)
        typer.echo(open_keys(settings).create(f"reviews of {name}", REVIEW_SCOPES, person.id))


@app.command()
def draw(
    prompt: str,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    data: Data = None,
    count: Annotated[int, typer.Option("-n", min=1, max=10, help="How many pictures.")] = 9,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the first picture.")] = None,
    size: Annotated[str, typer.Option(help="One of the generator's sizes.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """The whole path once: judge, draw, judge, record, save."""
    with _told_plainly(as_json):
        from gateway.terminal import draw_once

        settings = _settings(data=data)
        answer = draw_once(_house(settings), prompt, count=count, seed=seed, size=size, out=out)
        typer.echo(json.dumps(answer) if as_json else "\n".join(picture["file"] for picture in answer["pictures"]))


@app.command()
def check(
    prompts: Annotated[list[str] | None, typer.Argument(help="Prompts; none reads one a line from stdin.")] = None,
    policy: Annotated[str | None, typer.Option(help="A policy's name or file.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to judge as well.", exists=True, dir_okay=False)] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep the decisions.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say why: what was seen, scores, words.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Judge prompts without drawing. Exit code 1 when any is not simply allowed or labelled."""
    with _told_plainly(as_json):
        from gateway.terminal import Checker

        checker = Checker(_settings(data=data, policy=policy), record, explain, with_lists=True)
        refused = False
        typed = iter(prompts) if prompts else _lines() if image is None else iter(())
        for batch in _batches(typed):
            for answer in checker.prompts(batch):
                refused |= answer["action"] not in ("allow", "label")
                _tell_check(answer, as_json)
        if image:
            answer = checker.picture(image.read_bytes())
            refused |= answer["action"] not in ("allow", "label")
            _tell_check(answer, as_json)
    raise typer.Exit(FOUND_PROBLEMS if refused else 0)


@policy_app.command("check")
def check_policy(
    names: Annotated[list[str] | None, typer.Argument(help="Names or files; none checks all shipped.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read policies and run their examples."""
    with _told_plainly(as_json):
        from gateway.terminal import Checker
        from policies.loader import shipped_policies

        wrong = []
        for name in names or shipped_policies():
            checker = Checker(_settings(policy=name), record=False)
            examples = checker.policy.examples
            answers = checker.prompts([example.prompt for example in examples])
            found = [
                {"policy": name, "prompt": example.prompt, "expected": example.expect, "found": answer["action"]}
                for example, answer in zip(examples, answers, strict=True)
                if answer["action"] != example.expect
            ]
            wrong += found
            if not as_json:
                typer.echo(
                    f"{checker.policy.stamp}: {len(examples) - len(found)} of {len(examples)} examples as expected"
                )
    for example in wrong if not as_json else []:
        typer.echo(f"  {example['prompt']!r}: expected {example['expected']}, found {example['found']}")
    if as_json:
        typer.echo(json.dumps({"ok": not wrong, "wrong": wrong}))
    raise typer.Exit(FOUND_PROBLEMS if wrong else 0)


ListName = Annotated[str, typer.Argument(metavar="NAME", help="The list's name.")]


@lists_app.command("list")
def list_lists(
    data: Data = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="Also those that the policy brings.")] = False,
    as_json: AsJson = False,
) -> None:
    """The lists in force, and what is refused. Exit code 1 when something is."""
    with _told_plainly(as_json):
        from gateway.list_commands import as_lines, seen

        described = seen(_settings(data=data)).described()
        described["data"] = [one for one in described["data"] if shipped or one["source"] != "shipped"]
    for line in [json.dumps(described)] if as_json else as_lines(described):
        typer.echo(line)
    raise typer.Exit(FOUND_PROBLEMS if described["refused"] else 0)


@lists_app.command("show")
def show_list(
    name: ListName,
    version: Annotated[int | None, typer.Option(help="An older one.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Print a list as it was written."""
    with _told_plainly(as_json):
        from gateway.list_commands import show

        shown = show(_settings(data=data), name, version)
        typer.echo(json.dumps(shown) if as_json else shown["content"], nl=as_json)


@lists_app.command("versions")
def list_versions(name: ListName, data: Data = None, as_json: AsJson = False) -> None:
    """Who changed a list when, oldest first."""
    with _told_plainly(as_json):
        from gateway.list_commands import as_line, versions

        for version in versions(_settings(data=data), name):
            typer.echo(json.dumps(version) if as_json else as_line(version))


@lists_app.command("check")
def check_lists(files: Annotated[list[Path], typer.Argument()], data: Data = None, as_json: AsJson = False) -> None:
    """Whether files can be used, together and beside the lists in force. Changes nothing."""
    with _told_plainly(as_json):
        from gateway.list_commands import check_files

        for told in check_files(_settings(data=data), files):
            typer.echo(json.dumps(told) if as_json else f"{told['file']}: {told['name']}, {told['terms']} terms, sound")


@lists_app.command("add")
def add_list(file: Path, data: Data = None, as_json: AsJson = False) -> None:
    """Store a file as the newest version of its list; a running service takes it up by itself."""
    with _told_plainly(as_json):
        from gateway.list_commands import add_file, as_line

        added = add_file(_settings(data=data), file)
        typer.echo(json.dumps(added) if as_json else as_line(added))


@lists_app.command("remove")
def remove_list(name: ListName, data: Data = None, as_json: AsJson = False) -> None:
    """Take a stored list out of force. Its versions stay."""
    with _told_plainly(as_json):
        from gateway.list_commands import as_line, remove

        removed = remove(_settings(data=data), name)
        typer.echo(json.dumps(removed) if as_json else as_line(removed))


@lists_app.command("restore")
def restore_list(name: ListName, version: int, data: Data = None, as_json: AsJson = False) -> None:
    """Put an older version of a list in force again, as its newest."""
    with _told_plainly(as_json):
        from gateway.list_commands import as_line, restore

        restored = restore(_settings(data=data), name, version)
        typer.echo(json.dumps(restored) if as_json else as_line(restored))


@ledger_app.command("verify")
def verify_ledger(data: Data = None, as_json: AsJson = False) -> None:
    """Recompute the chain. Exit code 4 names the first row that is not what was written."""
    from gateway.assembly import reopen_decisions

    with _told_plainly(as_json):
        broken = reopen_decisions(_settings(data=data)).broken_ledger()
    if as_json:
        typer.echo(json.dumps({"ok": broken is None, "row": broken and broken.row, "why": broken and broken.why}))
    else:
        typer.echo("The ledger is whole." if broken is None else f"The ledger is broken: {broken.row} {broken.why}.")
    raise typer.Exit(INTEGRITY if broken else 0)


@ledger_app.command("list")
def list_decisions(
    data: Data = None, count: Annotated[int, typer.Option("-n", min=1)] = 20, as_json: AsJson = False
) -> None:
    """The newest decisions."""
    from gateway.assembly import reopen_decisions

    with _told_plainly(as_json):
        rows = reopen_decisions(_settings(data=data)).latest(count)
    for row in rows:
        told = row.model_dump(include={"id", "request_id", "stage", "picture_index", "action", "policy", "created_at"})
        told["categories"] = json.loads(row.categories)
        typer.echo(json.dumps(told) if as_json else _line(told))


@models_app.command("list")
def list_models(data: Data = None, as_json: AsJson = False) -> None:
    """Every model that is here, and those that can be pulled."""
    with _told_plainly(as_json):
        from gateway.model_folders import list_models as listed

        for model in listed(_settings(data=data)):
            typer.echo(
                json.dumps(model) if as_json else f"{model['name']:12} {model['state']:9} {model['folder'] or ''}"
            )


@models_app.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="dalle-mini or dalle-mega.")],
    data: Data = None,
    revision: Annotated[str | None, typer.Option(help="A commit of its hub repository. Default: today's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch released weights once; all later work is offline. A pull that was cut goes on where it stopped."""
    with _told_plainly(as_json):
        from gateway.model_folders import pull_model as pulled

        _tell_model(pulled(_settings(data=data), name, revision), as_json)


@models_app.command("convert")
def convert_model(
    source: Annotated[Path, typer.Argument(help="A folder in any layout: released, min-dalle's, or ours.")],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    vqgan: Annotated[Path | None, typer.Option(help="Folder of the picture decoder, when it lies apart.")] = None,
    name: Annotated[str | None, typer.Option(help="The model's name in every record. Default: the folder's.")] = None,
    dtype: Annotated[Dtype | None, typer.Option(help="Of the numbers. Default: as stored.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write DALL-E Mini's weights as safetensors, every tensor checked; all of it or nothing."""
    with _told_plainly(as_json):
        from gateway.model_folders import convert_model as converted

        _tell_model(converted(source, vqgan, out, name, dtype), as_json)


@models_app.command("verify")
def verify_models(
    folders: Annotated[list[Path] | None, typer.Argument(help="None: all that are shipped or were pulled.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Compare model files with their published sha256, and a generator's tensors with its config.json."""
    with _told_plainly(as_json):
        from gateway.model_folders import verify_model, whole_folders

        found = [verify_model(folder) for folder in folders or whole_folders(_settings(data=data))]
    if as_json:
        typer.echo(json.dumps({model.name: model.sha256 for model in found}))
    else:
        typer.echo("\n".join(f"{model.name:12} {model.sha256}" for model in found))


@evaluate_app.command("prompts")
def evaluate_prompts(
    prompts: Annotated[str, typer.Argument(metavar="FILE|BENCHMARK", help="A csv file with a column text, or a name.")],
    benign: Annotated[str | None, typer.Option(help="A file or benchmark whose benign rows set thresholds.")] = None,
    scores: Annotated[Path | None, typer.Option(help="Write one csv line per prompt.", dir_okay=False)] = None,
    plot: Annotated[Path | None, typer.Option(help="Write curves as a PNG.", dir_okay=False)] = None,
    policy: Annotated[str | None, typer.Option(help="A policy's name or file.")] = None,
    benchmarks: Annotated[Path | None, typer.Option(help="Folder of named benchmarks.")] = None,
    as_json: AsJson = False,
) -> None:
    """How well the prompt gate tells unsafe prompts from benign ones, with 95 % intervals.

    FILE is csv or csv.gz in UTF-8: text, and where known unsafe (0 or 1), category and language. BENCHMARK is one of
    --benchmarks, or own (our test part), or own-dev (benign prompts for --benign).
    """
    with _told_plainly(as_json):
        from gateway import evaluate

        folder = benchmarks or evaluate.BENCHMARKS
        evaluate.require_writable(scores, plot)
        asked = evaluate.find_prompts(prompts, folder)
        benign_set = evaluate.find_prompts(benign, folder) if benign else None
        evaluator = evaluate.Evaluator(_settings(policy=policy))
        found = evaluate.evaluate_prompts(evaluator, asked, benign_set, scores, plot)
        typer.echo(json.dumps(evaluate.as_answer(evaluator, found)) if as_json else evaluate.as_page(evaluator, found))


@evaluate_app.command("counterfactuals")
def evaluate_counterfactuals(
    policy: Annotated[str | None, typer.Option(help="A policy's name or file.")] = None, as_json: AsJson = False
) -> None:
    """Harmless prompts about different people: exit code 1 when who they are changes a verdict."""
    with _told_plainly(as_json):
        from gateway import evaluate
        from safety.evaluation.tables import shifts_as_text

        shifts, flipped = evaluate.evaluate_counterfactuals(evaluate.Evaluator(_settings(policy=policy)))
    if as_json:
        typer.echo(json.dumps({"shifts": [asdict(shift) for shift in shifts], "flips": [asdict(p) for p in flipped]}))
    else:
        typer.echo(shifts_as_text(shifts, flipped))
    raise typer.Exit(FOUND_PROBLEMS if flipped else 0)


@evaluate_app.command("provenance")
def evaluate_provenance(
    pictures: Annotated[int, typer.Option("-n", min=1, help="How many pictures to draw.")] = 200,
    keys: Annotated[int, typer.Option(min=1, help="How many other keys to look for.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What each layer of provenance says after what people do to pictures, and how often a mark is seen by mistake."""
    with _told_plainly(as_json):
        from gateway.provenance_scorecard import measure, table

        card = measure(pictures, keys)
    typer.echo(json.dumps(asdict(card)) if as_json else table(card))


@evaluate_app.command("scorecard")
def write_scorecard(
    out: Annotated[Path, typer.Option(help="Folder for the page and its pictures.", file_okay=False)] = Path("docs"),
    policy: Annotated[str | None, typer.Option(help="A policy's name or file.")] = None,
    benchmarks: Annotated[Path | None, typer.Option(help="Folder of named benchmarks.")] = None,
) -> None:
    """Measure all benchmarks, our own test part and peers; write scorecard-prompts.md."""
    with _told_plainly():
        from gateway import evaluate

        folder = benchmarks or evaluate.BENCHMARKS
        if not evaluate.benchmark_files(folder):
            _say(f"no benchmarks in {folder}: only our own test part is measured")
        typer.echo(evaluate.write_scorecard(evaluate.Evaluator(_settings(policy=policy)), folder, out))


@bench_app.command("request")
def bench_request(
    requests: Annotated[int, typer.Option("-n", min=1, help="How many requests of nine pictures.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Time each stage of a request for nine pictures, on a database of its own that is thrown away."""
    with _told_plainly(as_json):
        from gateway.bench import measure_requests, table

        measured = measure_requests(requests)
    typer.echo(json.dumps(measured) if as_json else table(measured))


@bench_app.command("prompts")
def bench_prompts(as_json: AsJson = False) -> None:
    """Time the prompt gate: 100 000 made-up terms beside other engines, both stages, and hostile texts."""
    with _told_plainly(as_json):
        from gateway.bench import measure_prompts, prompts_table

        measured = measure_prompts()
    typer.echo(json.dumps(measured) if as_json else prompts_table(measured))


@bench_app.command("provenance")
def bench_provenance(
    rounds: Annotated[int, typer.Option("-n", min=1, help="How many times nine pictures.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Time watermark, encoding and content credentials of nine 256x256 pictures."""
    with _told_plainly(as_json):
        from gateway.bench import measure_provenance, provenance_table

        measured = measure_provenance(rounds)
    typer.echo(json.dumps(measured) if as_json else provenance_table(measured))


@bench_app.command("generator")
def bench_generator(
    size: Annotated[list[str] | None, typer.Option(help="nano, mini or mega; several times. Default: nano.")] = None,
    pictures: Annotated[list[int] | None, typer.Option(min=1, help="Several times. Default: 1 and 9.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Each part is timed so often.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads of each side.")] = 1,
    float32: Annotated[bool, typer.Option("--float32", help="Ours as on a processor without bfloat16.")] = False,
    as_json: AsJson = False,
) -> None:
    """Time DALL-E Mini's parts at full size with random weights, in turns with min-dalle where it is installed."""
    with _told_plainly(as_json):
        from gateway.bench import GENERATOR_SIZES, generator_table, measure_generator
        from generator.speed import SideDied

        if unknown := set(size or ()) - set(GENERATOR_SIZES):
            _say(f"unknown size {', '.join(sorted(unknown))}; known: {', '.join(GENERATOR_SIZES)}")
            raise typer.Exit(USAGE)
        try:
            measured = measure_generator(size or ["nano"], pictures or [1, 9], rounds, threads, float32)
        except SideDied as error:
            _fail(f"{error}: too little memory?", UNAVAILABLE, as_json)
    typer.echo(json.dumps(measured) if as_json else generator_table(measured))


def _settings(**options: Any) -> Settings:
    unknown = unknown_variables(dict(os.environ))
    if unknown:
        _say(f"unknown setting in the environment: {', '.join(unknown)}")
        raise typer.Exit(USAGE)
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        problem = error.errors()[0]
        _say(f"setting {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}")
        raise typer.Exit(USAGE) from None


def _role(name: str) -> "Role":
    from gateway.store.people import Role

    if name not in set(Role):
        _say(f"unknown role {name}; there are {', '.join(Role)}")
        raise typer.Exit(USAGE)
    return Role(name)


def _tell_secrets(secrets: dict[str, str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(secrets))
        return
    typer.echo(f"password       {secrets['password']}")
    typer.echo(f"authenticator  {secrets['totp_secret']}")
    typer.echo(f"               {secrets['totp_uri']}")
    _say("Shown only this once: keep the password, and enter the secret in an authenticator app.")


def _house(settings: Settings) -> "House":
    from gateway.assembly import build_house

    return build_house(settings)


@contextmanager
def _told_plainly(as_json: bool = False) -> Iterator[None]:
    """Turn what went wrong into one line and the right exit code."""
    warnings.simplefilter("ignore")  # a library's advice to programmers is not for the person at the terminal
    from alembic.util import CommandError

    from gateway.assembly import PolicyUnfit
    from gateway.errors import BadRequest, GatewayError, NotFound
    from generator.contract import GeneratorUnusable
    from generator.hub import HubUnavailable, UnknownRelease
    from generator.supervised import WorkerUnavailable
    from policies.identity import IntegrityFailure
    from policies.loader import PolicyInvalid
    from policies.wordlists import WordlistInvalid
    from safety.evaluation.plots import NothingToPlot
    from safety.evaluation.prompt_rows import UnusableRows
    from safety.evaluation.thresholds import UnusableThresholds
    from safety.picture_files import NotAPicture, PictureTooLarge

    try:
        yield
    except IntegrityFailure as error:
        _fail(str(error), INTEGRITY, as_json)
    except (PolicyInvalid, PolicyUnfit, WordlistInvalid, GeneratorUnusable, UnknownRelease, NotAPicture,
            PictureTooLarge, UnusableRows, UnusableThresholds, NothingToPlot, FileExistsError) as error:  # fmt: skip
        _fail(str(error), USAGE, as_json)
    except NotFound as error:
        _fail(error.message, USAGE, as_json, error.envelope)
    except BadRequest as error:
        _fail(error.message, FOUND_PROBLEMS, as_json, error.envelope)
    except GatewayError as error:
        _fail(error.message, UNAVAILABLE, as_json, error.envelope)
    except (HubUnavailable, OSError, CommandError, WorkerUnavailable) as error:
        _fail(str(error), UNAVAILABLE, as_json)


def _fail(message: str, code: int, as_json: bool, envelope: dict[str, Any] | None = None) -> None:
    _say(message)
    if as_json:
        typer.echo(json.dumps(envelope or {"error": {"message": message}}))
    raise typer.Exit(code)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _lines() -> Iterator[str]:
    return (line.rstrip("\r\n") for line in sys.stdin)


def _batches(prompts: Iterator[str]) -> Iterator[list[str]]:
    """Batches for a file; a person who types gets each answer at once."""
    size = 1 if sys.stdin.isatty() else JUDGED_TOGETHER
    batch: list[str] = []
    for prompt in prompts:
        batch.append(prompt)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _tell_check(answer: dict[str, Any], as_json: bool) -> None:
    from gateway.terminal import as_line

    typer.echo(json.dumps(answer) if as_json else as_line(answer))


def _tell_model(model: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(model))
        return
    typer.echo("\n".join(f"{sha256}  {file}" for file, sha256 in model["files"].items()))
    typer.echo(f"{model['name']} {model['sha256']}: {model['folder']}")


def _line(told: dict[str, Any]) -> str:
    index = "" if told["picture_index"] is None else f" {told['picture_index']}"
    return (
        f"{told['created_at'][:19]}  {told['action']:9} {told['stage'] + index:10} {told['id']}  "
        f"{told['request_id']}  {told['policy']}  {' '.join(told['categories'])}"
    )
