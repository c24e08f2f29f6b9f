"""What people type every day: serve, draw, check."""

import json
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.common import FOUND_PROBLEMS, AsJson, Data, open_house, say, settings_of, told_plainly

JUDGED_TOGETHER = 32  # prompts of one batch of `check`


def serve(
    data: Data = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default 8000.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
) -> None:
    """Serve the page and the API."""
    settings = settings_of(data=data, port=port, host=host)
    with told_plainly():
        house = open_house(settings)
        first_key = None if house.keys.any_exists() else house.keys.create("first start")
        from gateway.server import serve as listen

        say(f"gardefou serves http://{settings.host}:{settings.port}  (policy {house.policy_in_force.policy.stamp})")
        if first_key:
            say(f"API key, shown only this once: {first_key}")
        listen(house)


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
    with told_plainly(as_json):
        from gateway.terminal import draw_once

        settings = settings_of(data=data)
        answer = draw_once(open_house(settings), prompt, count=count, seed=seed, size=size, out=out)
        typer.echo(json.dumps(answer) if as_json else "\n".join(picture["file"] for picture in answer["pictures"]))


def check(
    prompts: Annotated[list[str] | None, typer.Argument(help="Prompts; none reads one a line from stdin.")] = None,
    policy: Annotated[str | None, typer.Option(help="A policy's name or file.")] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            help="A picture to judge as well, as one drawn for the prompts, or a folder of them; repeat it.",
            exists=True,
        ),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep the decisions.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say why: what was seen, scores, words.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Judge prompts and pictures without drawing. Exit code 1 when any is not simply allowed or labelled."""
    with told_plainly(as_json):
        from gateway.terminal import Checker, picture_files

        pictures = picture_files(image or [])
        refused = False
        typed = iter(prompts) if prompts else _lines() if image is None else iter(())
        with Checker(settings_of(data=data, policy=policy), record, explain, with_lists=True) as checker:
            judged = (answer for batch in _batches(typed) for answer in checker.prompts(batch))
            for answer in chain(judged, (checker.picture(path, prompts or ()) for path in pictures)):
                refused |= answer["action"] not in ("allow", "label")
                _tell_check(answer, as_json)
    raise typer.Exit(FOUND_PROBLEMS if refused else 0)


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
