"""`gardefou ledger`: the record of every decision."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from gateway.cli.common import INTEGRITY, USAGE, AsJson, Data, fail, settings_of, told_plainly
from gateway.export_words import Form, What

DAY = ["%Y-%m-%d"]

group = typer.Typer(no_args_is_help=True, help="The record of every decision.")


@group.command("verify")
def verify_ledger(data: Data = None, as_json: AsJson = False) -> None:
    """Recompute the chain. Exit code 4 names the first row that is not what was written."""
    from gateway.assembly import reopen_decisions

    with told_plainly(as_json):
        broken = reopen_decisions(settings_of(data=data)).broken_ledger()
    if as_json:
        typer.echo(json.dumps({"ok": broken is None, "row": broken and broken.row, "why": broken and broken.why}))
    else:
        typer.echo("The ledger is whole." if broken is None else f"The ledger is broken: {broken.row} {broken.why}.")
    raise typer.Exit(INTEGRITY if broken else 0)


@group.command("list")
def list_decisions(
    data: Data = None, count: Annotated[int, typer.Option("-n", min=1)] = 20, as_json: AsJson = False
) -> None:
    """The newest decisions."""
    from gateway.assembly import reopen_decisions

    with told_plainly(as_json):
        rows = reopen_decisions(settings_of(data=data)).latest(count)
    for row in rows:
        told = row.model_dump(include={"id", "request_id", "stage", "picture_index", "action", "policy", "created_at"})
        told["categories"] = json.loads(row.categories)
        typer.echo(json.dumps(told) if as_json else _line(told))


@group.command("export")
def export(
    what: Annotated[What, typer.Argument(help="The chain itself, or every decision.")] = What.LEDGER,
    form: Annotated[Form, typer.Option("--format", help="csv is for spreadsheets, jsonl is exact.")] = Form.JSONL,
    kind: Annotated[str | None, typer.Option(help="Rows of this kind alone.")] = None,
    about: Annotated[str | None, typer.Option(help="About this request, decision, case or person alone.")] = None,
    since: Annotated[datetime | None, typer.Option("--from", formats=DAY, help="First day, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=DAY, help="Last day, UTC.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write the ledger, or the decisions, to stdout, oldest first, however long it is. --json is --format jsonl."""
    from gateway.assembly import reopen_ledger
    from gateway.exports import pieces
    from gateway.store.ledger import KINDS
    from gateway.store.ledger_pages import Wanted

    with told_plainly(as_json):
        if kind is not None and kind not in KINDS:
            fail(f"There are no rows of the kind {kind}: {', '.join(sorted(KINDS))}", USAGE, as_json)
        days = since and since.date(), until and until.date()
        pages = reopen_ledger(settings_of(data=data))
        for piece in pieces(pages, what, Form.JSONL if as_json else form, Wanted(kind, about, *days)):
            typer.echo(piece, nl=False)


def _line(told: dict[str, Any]) -> str:
    index = "" if told["picture_index"] is None else f" {told['picture_index']}"
    return (
        f"{told['created_at'][:19]}  {told['action']:9} {told['stage'] + index:10} {told['id']}  "
        f"{told['request_id']}  {told['policy']}  {' '.join(told['categories'])}"
    )
