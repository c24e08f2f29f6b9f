"""`gardefou users`: people of the review desk."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import USAGE, AsJson, Data, say, settings_of, told_plainly

if TYPE_CHECKING:
    from gateway.store.people import Role

group = typer.Typer(no_args_is_help=True, help="People of the review desk.")


@group.command("create")
def create_user(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, moderator, senior, auditor or admin.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody sign in at /review. Prints what they need for it, this once."""
    with told_plainly(as_json):
        from gateway.assembly import open_login

        _tell_secrets(asdict(open_login(settings_of(data=data)).create(name, _role(role))), as_json)


@group.command("list")
def list_users(data: Data = None, as_json: AsJson = False) -> None:
    """Who may sign in, and as what."""
    with told_plainly(as_json):
        from gateway.assembly import open_login

        for person in open_login(settings_of(data=data)).people.all():
            state = "disabled" if person.disabled else "active"
            told = {"id": person.id, "name": person.name, "role": person.role, "state": state}
            typer.echo(json.dumps(told) if as_json else f"{person.name:24} {person.role:10} {state}")


@group.command("disable")
def disable_user(name: str, data: Data = None) -> None:
    """Let somebody in no more, at once."""
    with told_plainly():
        from gateway.assembly import open_login

        open_login(settings_of(data=data)).people.disable(name)


@group.command("reset")
def reset_user(name: str, data: Data = None, as_json: AsJson = False) -> None:
    """Give somebody a new password and authenticator secret, and let them in again."""
    with told_plainly(as_json):
        from gateway.assembly import open_login

        _tell_secrets(asdict(open_login(settings_of(data=data)).reset(name)), as_json)


@group.command("set-role")
def set_role(name: str, role: str, data: Data = None) -> None:
    """Change what somebody may do."""
    with told_plainly():
        from gateway.assembly import open_login

        open_login(settings_of(data=data)).people.set_role(name, _role(role))


@group.command("key")
def create_user_key(name: str, data: Data = None) -> None:
    """Make an API key that acts in somebody's name at /api/v1/reviews; print it and nothing else."""
    with told_plainly():
        from gateway.assembly import open_keys, open_login
        from gateway.store.api_keys import REVIEW_SCOPES

        settings = settings_of(data=data)
        person = open_login(settings).people.named(name)
        typer.echo(open_keys(settings).create(f"reviews of {name}", REVIEW_SCOPES, person.id))


def _role(name: str) -> "Role":
    from gateway.store.people import Role

    if name not in set(Role):
        say(f"unknown role {name}; there are {', '.join(Role)}")
        raise typer.Exit(USAGE)
    return Role(name)


def _tell_secrets(secrets: dict[str, str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(secrets))
        return
    typer.echo(f"password       {secrets['password']}")
    typer.echo(f"authenticator  {secrets['totp_secret']}")
    typer.echo(f"               {secrets['totp_uri']}")
    say("Shown only this once: keep the password, and enter the secret in an authenticator app.")
