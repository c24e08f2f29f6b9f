"""`gardefou webhooks`: addresses that are told what happens, and what became of each message."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.common import USAGE, AsJson, Data, say, settings_of, told_plainly

if TYPE_CHECKING:
    from gateway.store.outbox import Event
    from gateway.store.webhooks import Delivery, Standing
    from gateway.webhooks import Told

BY = "terminal"

group = typer.Typer(no_args_is_help=True, help="Addresses that are told what happens.")


@group.command("add")
def add_webhook(
    url: str,
    events: Annotated[
        list[str] | None, typer.Option("--event", help="What to tell, as picture.held; repeat it. Default: all.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only of what this API key asked for: its id.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Tell an address from now on. Prints the secret that its messages are signed with, this once."""
    with told_plainly(as_json):
        from gateway.assembly import open_webhooks

        _say_secret(open_webhooks(settings_of(data=data)).add(url, _events(events), key, BY), as_json)


@group.command("list")
def list_webhooks(data: Data = None, as_json: AsJson = False) -> None:
    """Who is told what, and whether it arrives."""
    with told_plainly(as_json):
        from gateway.assembly import open_webhooks

        for standing in open_webhooks(settings_of(data=data)).rows.all():
            typer.echo(json.dumps(_standing(standing)) if as_json else _line(standing))


@group.command("remove")
def remove_webhook(webhook: str, data: Data = None) -> None:
    """Tell it nothing more; what still waits is given up."""
    with told_plainly():
        from gateway.assembly import open_webhooks

        open_webhooks(settings_of(data=data)).rows.remove(webhook, BY)


@group.command("rotate")
def rotate_secret(webhook: str, data: Data = None, as_json: AsJson = False) -> None:
    """Make a new secret and print it. For a day, messages are signed with the one before as well."""
    with told_plainly(as_json):
        from gateway.assembly import open_webhooks

        _say_secret(open_webhooks(settings_of(data=data)).rotate(webhook, BY), as_json)


@group.command("resume")
def resume_webhook(webhook: str, data: Data = None) -> None:
    """Tell one that failed or wanted no more again, at once."""
    with told_plainly():
        from gateway.assembly import open_webhooks

        open_webhooks(settings_of(data=data)).rows.resume(webhook, BY)


@group.command("deliveries")
def list_deliveries(
    webhook: Annotated[str | None, typer.Option(help="Of this webhook alone.")] = None,
    state: Annotated[str | None, typer.Option(help="waiting, delivered or given_up.")] = None,
    offset: Annotated[int, typer.Option(min=0, help="Start after so many.")] = 0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """The newest fifty messages, with every attempt."""
    with told_plainly(as_json):
        from gateway.assembly import open_webhooks

        rows = open_webhooks(settings_of(data=data)).rows
        for delivery in rows.deliveries(webhook, state, offset):
            for line in [json.dumps(_delivery(delivery))] if as_json else _lines(delivery):
                typer.echo(line)


@group.command("resend")
def resend_message(message: str, data: Data = None) -> None:
    """Deliver a message once more, under its own webhook-id."""
    with told_plainly():
        from gateway.assembly import open_webhooks

        open_webhooks(settings_of(data=data)).rows.resend(message, BY)


def _events(names: list[str] | None) -> "list[Event]":
    from gateway.store.outbox import Event

    if unknown := {*(names or ())} - {*Event}:
        say(f"unknown event {', '.join(sorted(unknown))}; there are {', '.join(Event)}")
        raise typer.Exit(USAGE)
    return [event for event in Event if not names or event in names]


def _say_secret(told: "Told", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"id": told.row.id, "secret": told.secret}))
        return
    typer.echo(f"id      {told.row.id}\nsecret  {told.secret}")
    say("Shown only this once: give it to whoever receives the messages.")


def _standing(standing: "Standing") -> dict[str, Any]:
    row, last = standing.row, standing.last
    return {
        "id": row.id, "url": row.url, "events": row.events.split(), "key_id": row.key_id, "state": standing.state,
        "waiting": standing.waiting, "failing_since": row.failing_since,
        "last": {"at": last.at, "result": last.result, "status": last.status} if last else None,
    }  # fmt: skip


def _line(standing: "Standing") -> str:
    last = standing.last.result if standing.last else "-"
    return f"{standing.row.id}  {standing.state:8}  waiting {standing.waiting}  last {last}  {standing.row.url}"


def _delivery(delivery: "Delivery") -> dict[str, Any]:
    row = delivery.message
    tried = [attempt.model_dump(include={"at", "result", "status", "seconds"}) for attempt in delivery.attempts]
    return {
        "id": row.id, "webhook_id": row.webhook_id, "event": row.event, "subject": row.subject, "state": row.state,
        "created_at": row.created_at, "next_at": row.next_at if row.state == "waiting" else None, "attempts": tried,
    }  # fmt: skip


def _lines(delivery: "Delivery") -> list[str]:
    row = delivery.message
    attempts = [
        f"    {tried.at}  {tried.result}  {tried.status or '-'}  {tried.seconds:.2f} s" for tried in delivery.attempts
    ]
    return [f"{row.created_at}  {row.id}  {row.event:17}  {row.state:9}  {row.subject}", *attempts]
