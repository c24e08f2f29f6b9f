"""`gardefou banned`: pictures whose look-alikes are held back."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.common import AsJson, Data, settings_of, told_plainly
from policies.signals import Category

group = typer.Typer(no_args_is_help=True, help="Banned pictures.")

OfCategory = Annotated[
    Category | None, typer.Option("--category", help="What a picture without a category is bad for.")
]
Days = Annotated[int | None, typer.Option("--days", min=1, max=3650, help="How long. Default: until it is lifted.")]


@group.command("list")
def list_bans(
    offset: Annotated[int, typer.Option(min=0, help="Start after so many.")] = 0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """The newest fifty, those that ended too."""
    with told_plainly(as_json):
        from gateway.ban_commands import as_line, listed

        told = listed(settings_of(data=data), offset)
        for line in [json.dumps(told)] if as_json else map(as_line, told["data"]):
            typer.echo(line)


@group.command("add")
def add_picture(
    picture: Path, category: Annotated[Category, typer.Option(help="What it is bad for.")],
    reason: Annotated[str, typer.Option(help="For the people who read the list.")],
    days: Days = None, data: Data = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Ban a picture file; a running service takes it up by itself."""
    with told_plainly(as_json):
        from gateway.ban_commands import add

        _say(add(settings_of(data=data), picture, category, reason, days), as_json)


@group.command("disable")
def disable(
    ban: str, why: Annotated[str, typer.Option(help="Why.")], data: Data = None, as_json: AsJson = False
) -> None:
    """Lift a ban. What only it kept back goes free as soon as a service runs."""
    with told_plainly(as_json):
        from gateway.ban_commands import lift

        _say(lift(settings_of(data=data), ban, why), as_json)


@group.command("import")
def import_file(file: Path, category: OfCategory = None, data: Data = None, as_json: AsJson = False) -> None:
    """Take hashes from a ThreatExchange JSON or CSV file: all of it or nothing."""
    with told_plainly(as_json):
        from gateway.ban_commands import take

        _say(take(settings_of(data=data), file, category), as_json)


@group.command("export")
def export_file(
    data: Data = None, as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of JSON.")] = False
) -> None:
    """Print the bans in force in the shape of ThreatExchange."""
    with told_plainly():
        from gateway.ban_commands import exported

        typer.echo(exported(settings_of(data=data), as_csv), nl=False)


def _say(told: dict[str, Any], as_json: bool) -> None:
    typer.echo(json.dumps(told) if as_json else ", ".join(f"{name} {value}" for name, value in told.items()))
