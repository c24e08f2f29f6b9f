"""What all commands share: settings, options, and how an error is told."""

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from gateway.settings import Settings, unknown_variables

if TYPE_CHECKING:
    from gateway.assembly import House

FOUND_PROBLEMS, USAGE, UNAVAILABLE, INTEGRITY = 1, 2, 3, 4

Data = Annotated[Path | None, typer.Option("--data", help="Where all state lives. Default: $GARDEFOU_DATA or ./data.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def settings_of(**options: Any) -> Settings:
    """Settings from the environment and what was typed. Exits with 2 and one line when they cannot be used."""
    unknown = unknown_variables(dict(os.environ))
    if unknown:
        say(f"unknown setting in the environment: {', '.join(unknown)}")
        raise typer.Exit(USAGE)
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        say(f"setting {where}: {problem['msg']}" if where else f"settings: {problem['msg']}")
        raise typer.Exit(USAGE) from None


def open_house(settings: Settings) -> "House":
    """The whole service. Raises what build_house raises."""
    from gateway.assembly import build_house

    return build_house(settings)


@contextmanager
def told_plainly(as_json: bool = False) -> Iterator[None]:
    """Turn what went wrong into one line and the right exit code."""
    warnings.simplefilter("ignore")  # a library's advice to programmers is not for the person at the terminal
    from alembic.util import CommandError

    from gateway.assembly import PolicyUnfit
    from gateway.errors import BadRequest, GatewayError, NotFound
    from gateway.terminal import NothingToJudge
    from generator.contract import GeneratorUnusable
    from generator.hub import HubUnavailable, UnknownRelease
    from generator.supervised import WorkerUnavailable
    from generator.training.naming import UnusableNames
    from policies.identity import IntegrityFailure
    from policies.loader import PolicyInvalid
    from policies.wordlists import WordlistInvalid
    from safety.bias_audit.analysis import NothingToRead
    from safety.bias_audit.gate import NotComparable
    from safety.bias_audit.gateway_table import NotAGatewayAudit
    from safety.bias_audit.labels import LabelsUnusable
    from safety.bias_audit.probes import ProbeInvalid
    from safety.bias_audit.runs import RunUnusable
    from safety.evaluation.plots import NothingToPlot
    from safety.evaluation.prompt_rows import UnusableRows
    from safety.evaluation.thresholds import UnusableThresholds
    from safety.hash_exchange import HashesRefused
    from safety.picture_files.refusals import NotAPicture, PictureTooLarge

    try:
        yield
    except IntegrityFailure as error:
        fail(str(error), INTEGRITY, as_json)
    except (
        PolicyInvalid,
        PolicyUnfit,
        WordlistInvalid,
        HashesRefused,
        GeneratorUnusable,
        UnknownRelease,
        NotAPicture,
        PictureTooLarge,
        UnusableNames,
        UnusableRows,
        UnusableThresholds,
        NothingToPlot,
        NothingToJudge,
        NothingToRead,
        NotComparable,
        NotAGatewayAudit,
        ProbeInvalid,
        LabelsUnusable,
        RunUnusable,
        FileExistsError,
    ) as error:
        fail(str(error), USAGE, as_json)
    except NotFound as error:
        fail(error.message, USAGE, as_json, error.envelope)
    except BadRequest as error:
        fail(error.message, FOUND_PROBLEMS, as_json, error.envelope)
    except GatewayError as error:
        fail(error.message, UNAVAILABLE, as_json, error.envelope)
    except (HubUnavailable, OSError, CommandError, WorkerUnavailable) as error:
        fail(str(error), UNAVAILABLE, as_json)


def fail(message: str, code: int, as_json: bool, envelope: dict[str, Any] | None = None) -> None:
    """One line on stderr, an error object on stdout when JSON was asked for, and the exit code."""
    say(message)
    if as_json:
        typer.echo(json.dumps(envelope or {"error": {"message": message}}))
    raise typer.Exit(code)


def say(text: str) -> None:
    """To the person, on stderr: stdout carries answers only."""
    typer.echo(text, err=True)
