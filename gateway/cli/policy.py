"""`gardefou policy`: the written policies."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import FOUND_PROBLEMS, AsJson, Data, settings_of, told_plainly

if TYPE_CHECKING:
    from policies.compare import Difference

group = typer.Typer(no_args_is_help=True, help="Policies.")


@group.command("check")
def check_policy(
    names: Annotated[list[str] | None, typer.Argument(help="Names or files; none checks all shipped.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read policies and run their examples."""
    with told_plainly(as_json):
        from gateway.terminal import Checker
        from policies.loader import shipped_policies

        wrong = []
        for name in names or shipped_policies():
            checker = Checker(settings_of(policy=name), record=False)
            examples, found = len(checker.policy.examples), checker.wrong_examples()
            wrong += found
            if not as_json:
                typer.echo(f"{checker.policy.stamp}: {examples - len(found)} of {examples} examples as expected")
    for example in wrong if not as_json else []:
        typer.echo(f"  {example['prompt']!r}: expected {example['expected']}, found {example['found']}")
    if as_json:
        typer.echo(json.dumps({"ok": not wrong, "wrong": wrong}))
    raise typer.Exit(FOUND_PROBLEMS if wrong else 0)


@group.command("replay")
def replay_policy(
    policy: Annotated[str, typer.Argument(help="A policy's name or file.")],
    data: Data = None,
    count: Annotated[int, typer.Option("-n", min=1, help="How many of the newest decisions.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """What another policy would have done: with the newest decisions, and with all that people have judged.

    Recorded signals are judged anew; nothing is drawn, scored or recorded. Intervals hold 95 %.
    """
    with told_plainly(as_json):
        from gateway.replay import as_page, replay

        found = replay(settings_of(data=data), policy, count)
    typer.echo(json.dumps(asdict(found)) if as_json else as_page(found))


@group.command("diff")
def diff_policies(old: str, new: str, as_json: AsJson = False) -> None:
    """What a policy says otherwise than another, by name or file. Exit code 1 when anything differs."""
    with told_plainly(as_json):
        from gateway.assembly import policy_path
        from policies.compare import differences
        from policies.loader import load_policy

        one, other = load_policy(policy_path(old)), load_policy(policy_path(new))
        found = differences(one, other)
    if as_json:
        told = {"old": asdict(one.stamp), "new": asdict(other.stamp), "differences": [_told(each) for each in found]}
        typer.echo(json.dumps(told))
    else:
        typer.echo(f"{one.stamp} -> {other.stamp}: {len(found) or 'no'} difference{'s' * (len(found) != 1)}")
        for each in found:
            typer.echo(f"  {_line(each)}")
    raise typer.Exit(FOUND_PROBLEMS if found else 0)


def _told(difference: "Difference") -> dict[str, object]:
    from policies.compare import in_words

    said = {"before": in_words(difference.before), "after": in_words(difference.after)}
    return {name: getattr(difference, name) for name in ("kind", "where", "subjects", "effect")} | said


def _line(difference: "Difference") -> str:
    told = _told(difference)
    place = " ".join([difference.kind, *difference.where])
    about = f" ({', '.join(difference.subjects)})" if difference.subjects else ""
    change = f"{told['before'] or 'nothing'} -> {told['after'] or 'nothing'}"
    return f"{difference.effect:8}  {place}{about}: {change}"
