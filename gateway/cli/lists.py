"""`gardefou lists`: the operator's word lists."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.common import FOUND_PROBLEMS, AsJson, Data, settings_of, told_plainly

group = typer.Typer(no_args_is_help=True, help="Word lists of your own.")


ListName = Annotated[str, typer.Argument(metavar="NAME", help="The list's name.")]


@group.command("list")
def list_lists(
    data: Data = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="Also those that the policy brings.")] = False,
    as_json: AsJson = False,
) -> None:
    """The lists in force, and what is refused. Exit code 1 when something is."""
    with told_plainly(as_json):
        from gateway.list_commands import as_lines, seen

        described = seen(settings_of(data=data)).described()
        described["data"] = [one for one in described["data"] if shipped or one["source"] != "shipped"]
    for line in [json.dumps(described)] if as_json else as_lines(described):
        typer.echo(line)
    raise typer.Exit(FOUND_PROBLEMS if described["refused"] else 0)


@group.command("show")
def show_list(
    name: ListName,
    version: Annotated[int | None, typer.Option(help="An older one.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Print a list as it was written."""
    with told_plainly(as_json):
        from gateway.list_commands import show

        shown = show(settings_of(data=data), name, version)
        typer.echo(json.dumps(shown) if as_json else shown["content"], nl=as_json)


@group.command("versions")
def list_versions(name: ListName, data: Data = None, as_json: AsJson = False) -> None:
    """Who changed a list when, oldest first."""
    with told_plainly(as_json):
        from gateway.list_commands import as_line, versions

        for version in versions(settings_of(data=data), name):
            typer.echo(json.dumps(version) if as_json else as_line(version))


@group.command("check")
def check_lists(files: Annotated[list[Path], typer.Argument()], data: Data = None, as_json: AsJson = False) -> None:
    """Whether files can be used, together and beside the lists in force. Changes nothing."""
    with told_plainly(as_json):
        from gateway.list_commands import check_files

        for told in check_files(settings_of(data=data), files):
            typer.echo(json.dumps(told) if as_json else f"{told['file']}: {told['name']}, {told['terms']} terms, sound")


@group.command("add")
def add_list(file: Path, data: Data = None, as_json: AsJson = False) -> None:
    """Store a file as the newest version of its list; a running service takes it up by itself."""
    with told_plainly(as_json):
        from gateway.list_commands import add_file, as_line

        added = add_file(settings_of(data=data), file)
        typer.echo(json.dumps(added) if as_json else as_line(added))


@group.command("remove")
def remove_list(name: ListName, data: Data = None, as_json: AsJson = False) -> None:
    """Take a stored list out of force. Its versions stay."""
    with told_plainly(as_json):
        from gateway.list_commands import as_line, remove

        removed = remove(settings_of(data=data), name)
        typer.echo(json.dumps(removed) if as_json else as_line(removed))


@group.command("restore")
def restore_list(name: ListName, version: int, data: Data = None, as_json: AsJson = False) -> None:
    """Put an older version of a list in force again, as its newest."""
    with told_plainly(as_json):
        from gateway.list_commands import as_line, restore

        restored = restore(settings_of(data=data), name, version)
        typer.echo(json.dumps(restored) if as_json else as_line(restored))
