"""`gardefou users`: people of the review desk."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.common import USAGE, AsJson, Data, say, settings_of, told_plainly

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.store.people import Role

group = typer.Typer(no_args_is_help=True, help="People of the review desk.")

Subject = Annotated[str | None, typer.Option(help="What the sign-in provider calls them: its `sub`.")]
Email = Annotated[str | None, typer.Option(help="The address that the sign-in provider has verified.")]


@group.command("create")
def create_user(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, moderator, senior, auditor or admin.")],
    subject: Subject = None,
    email: Email = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody sign in at /review. Prints what they need for it, this once.

    With --subject or --email they sign in with the provider, and get no password: `gardefou users reset` gives one.
    """
    with told_plainly(as_json):
        from gateway.assembly import open_identities, open_login

        settings = settings_of(data=data)
        issuer = _issuer(settings, subject, email) if subject or email else None
        if issuer:  # before there is an account whose password nobody was told
            open_identities(settings).require_free(issuer, subject, email)
        secrets = open_login(settings).create(name, _role(role))
        if issuer is None:
            _tell_secrets(asdict(secrets), as_json)
        else:
            open_identities(settings).link(name, issuer, subject, email)


@group.command("link")
def link_user(name: str, subject: Subject = None, email: Email = None, data: Data = None) -> None:
    """Let somebody sign in with the provider: as this subject, or as whoever comes first with this verified address."""
    with told_plainly():
        from gateway.assembly import open_identities

        settings = settings_of(data=data)
        open_identities(settings).link(name, _issuer(settings, subject, email), subject, email)


@group.command("unlink")
def unlink_user(name: str, data: Data = None) -> None:
    """Let somebody sign in with the provider no more."""
    with told_plainly():
        from gateway.assembly import open_identities

        open_identities(settings_of(data=data)).unlink(name)


@group.command("identities")
def list_identities(data: Data = None, as_json: AsJson = False) -> None:
    """Who people are at the sign-in provider."""
    with told_plainly(as_json):
        from gateway.assembly import open_identities

        for one in open_identities(settings_of(data=data)).all():
            known = one.subject or f"expected with {one.email}"
            typer.echo(json.dumps(asdict(one)) if as_json else f"{one.name:24} {known}  {one.issuer}")


@group.command("list")
def list_users(data: Data = None, as_json: AsJson = False) -> None:
    """Who may sign in, and as what."""
    with told_plainly(as_json):
        from gateway.assembly import open_grants, open_login

        settings = settings_of(data=data)
        granted = open_grants(settings).of_everybody()
        for person in open_login(settings).people.all():
            state, queues = "disabled" if person.disabled else "active", granted.get(person.id, [])
            told = {"id": person.id, "name": person.name, "role": person.role, "state": state, "queues": queues}
            line = f"{person.name:24} {person.role:10} {state:10} {' '.join(queues)}".rstrip()
            typer.echo(json.dumps(told) if as_json else line)


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


@group.command("grant")
def grant_queue(name: str, queue: str, data: Data = None) -> None:
    """Let somebody work in a queue of the review desk that is not open to all."""
    with told_plainly():
        from gateway.assembly import open_grants

        open_grants(settings_of(data=data)).grant(name, queue)


@group.command("revoke")
def revoke_queue(name: str, queue: str, data: Data = None) -> None:
    """Take that back, at once: what they work on there goes back to the queue."""
    with told_plainly():
        from gateway.assembly import open_grants

        open_grants(settings_of(data=data)).revoke(name, queue)


@group.command("key")
def create_user_key(name: str, data: Data = None) -> None:
    """Make an API key that acts in somebody's name at /api/v1/reviews; print it and nothing else."""
    with told_plainly():
        from gateway.assembly import open_keys, open_login
        from gateway.store.api_keys import REVIEW_SCOPES

        settings = settings_of(data=data)
        person = open_login(settings).people.named(name)
        typer.echo(open_keys(settings).create(f"reviews of {name}", REVIEW_SCOPES, person.id))


def _issuer(settings: "Settings", subject: str | None, email: str | None) -> str:
    """The provider that the settings name. Exits with 2 without one, or unless one thing is said of the person."""
    if settings.oidc_issuer is None:
        say("no sign-in provider is set: GARDEFOU_OIDC_ISSUER")
        raise typer.Exit(USAGE)
    if bool(subject) == bool(email):
        say("say either --subject or --email")
        raise typer.Exit(USAGE)
    return settings.oidc_issuer


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
