"""`gardefou keys`: API keys, and the keys of provenance."""

import json
from typing import Annotated

import typer

from gateway.cli.common import USAGE, AsJson, Data, say, settings_of, told_plainly

group = typer.Typer(no_args_is_help=True, help="API keys, and the keys of provenance.")


@group.command("create")
def create_key(
    data: Data = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="What it opens; repeat it. Default: all but lists:*.")
    ] = None,
) -> None:
    """Make an API key; print it and nothing else."""
    with told_plainly():
        from gateway.assembly import open_keys
        from gateway.store.api_keys import OPERATOR_SCOPES, SCOPES

        if unknown := {*(scopes or ())} - {*SCOPES, *OPERATOR_SCOPES}:
            say(f"unknown scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES + OPERATOR_SCOPES)}")
            raise typer.Exit(USAGE)
        typer.echo(open_keys(settings_of(data=data)).create(name, tuple(scopes) if scopes else SCOPES))


@group.command("init")
def init_keys(data: Data = None, as_json: AsJson = False) -> None:
    """Make the keys that pictures are signed and marked with; keys that are there already are left alone."""
    with told_plainly(as_json):
        from gateway.assembly import keys_folder
        from safety.provenance.keys import fingerprint, make_keys, open_keys

        folder = keys_folder(settings_of(data=data))
        made = not folder.exists() and make_keys(folder)
        root = fingerprint(open_keys(folder).root)
        if as_json:
            typer.echo(json.dumps({"folder": str(folder), "made": made, "root_sha256": root}))
        else:
            typer.echo(f"{'Made' if made else 'Already there'}: {folder}\nroot certificate sha256 {root}")
