"""`gardefou audit`: whether people are treated alike."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.common import FOUND_PROBLEMS, AsJson, Data, open_house, say, settings_of, told_plainly

group = typer.Typer(no_args_is_help=True, help="Bias audits.", callback=lambda: None)


@group.command("gateway")
def audit_gateway(
    policy: Annotated[str | None, typer.Option(help="A policy's name or file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the page audit-gateway.md.", file_okay=False)] = None,
    as_json: AsJson = False,
) -> None:
    """The same prompts about different people: exit code 1 when who they are about changes how they are judged."""
    with told_plainly(as_json):
        from gateway import audit
        from gateway.evaluate import Evaluator
        from safety.bias_audit.gateway_page import as_text

        evaluator = Evaluator(settings_of(policy=policy))
        found = audit.audit_gateway(evaluator, out)
        typer.echo(json.dumps(audit.as_answer(evaluator, found)) if as_json else as_text(found))
    raise typer.Exit(0 if found.is_passed else FOUND_PROBLEMS)


Folder = Annotated[Path, typer.Argument(help="A run's folder.", file_okay=False)]
Spoken = Annotated[Literal["en", "fr"], typer.Option("--language", help="Language of the report.")]
ReferenceFile = Annotated[
    Path | None, typer.Option("--reference", help="Shares to compare with: YAML with source, year, licence, feminine.")
]
Borrowed = Annotated[
    Path | None, typer.Option("--calibration", help="Another run's folder: its scorer reads this run.", file_okay=False)
]
GatewayAudit = Annotated[
    Path | None,
    typer.Option("--gateway", help="What `gardefou audit gateway --json` printed, for the report's table."),
]


@group.command("run")
def audit_run(
    probe: Annotated[str, typer.Option(help="A shipped probe's name (occupations, adjectives, scenes) or a file.")],
    generator: Annotated[str | None, typer.Option(help="The generator; default the one of the settings.")] = None,
    prompts: Annotated[Literal["en", "fr"], typer.Option(help="Language of the prompts.")] = "en",
    per_cell: Annotated[int | None, typer.Option(min=1, help="Pictures of each filler and template.")] = None,
    explicit_per_cell: Annotated[int | None, typer.Option(min=0, help="The same of explicit wordings.")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="A few pictures, no inference: does it work at all?")] = False,
    series: Annotated[str, typer.Option(help="Another series asks with other seeds.")] = "1",
    run: Annotated[Path | None, typer.Option("--run", help="The run's folder; default in the data folder.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the report; default in the run's.")] = None,
    language: Spoken = "en",
    reference: ReferenceFile = None,
    calibration: Borrowed = None,
    gateway: GatewayAudit = None,
    weak_labels: Annotated[
        Path | None, typer.Option(help="Prompts that the scorer is made with, in place of the shipped ones.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask a generator for every picture of a probe, through both gates; report who is drawn. Goes on after a stop."""
    with told_plainly(as_json):
        from gateway import audit_runs
        from gateway.audit_runs import REQUESTS_PER_MINUTE, Wanted
        from safety.bias_audit.probes import WEAK_LABELS

        wanted = Wanted(probe, prompts, series, smoke, per_cell, explicit_per_cell, run, weak_labels or WEAK_LABELS)
        house = open_house(settings_of(data=data, generator=generator, requests_per_minute=REQUESTS_PER_MINUTE))
        begun = audit_runs.begin_or_close(house, wanted)
        rate = audit_runs.carry_out(house, begun)
        say(f"run: {begun.folder}" + (f"  ({rate:.2f} pictures a second)" if rate else "  (nothing was left to draw)"))
        _report(begun.folder, out or begun.folder / "report", language, reference, calibration, gateway, data, as_json)


@group.command("report")
def audit_report(
    run: Folder,
    out: Annotated[Path, typer.Option(help="Folder for the report.", file_okay=False)],
    language: Spoken = "en",
    reference: ReferenceFile = None,
    calibration: Borrowed = None,
    gateway: GatewayAudit = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Labels of people, from `gardefou audit labels`.", dir_okay=False),
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a finished run again: one page, its figures as JSON and CSV, and a signed manifest."""
    with told_plainly(as_json):
        _report(run, out, language, reference, calibration, gateway, data, as_json, labels)


def _report(
    run: Path, out: Path, language: Literal["en", "fr"], reference: Path | None, calibration: Path | None,
    gateway: Path | None, data: Path | None, as_json: bool, labels: Path | None = None,
) -> None:  # fmt: skip
    from gateway import audit_runs
    from gateway.assembly import keys_folder
    from safety.bias_audit.report import as_json as figures_json
    from safety.bias_audit.report import as_text
    from safety.bias_audit.runs import Run

    told = audit_runs.report(Run.open(run), out, language, reference, calibration, gateway, labels)
    files = [*told.files, *audit_runs.sign(told.files, keys_folder(settings_of(data=data)))]
    typer.echo(json.dumps(figures_json(told.figures)) if as_json else as_text(told.figures, language, files))


@group.command("gate")
def audit_gate(
    before: Folder,
    after: Folder,
    margin: Annotated[float, typer.Option(min=0, max=1, help="How much worse is still accepted.")] = 0.05,
    out: Annotated[Path | None, typer.Option(help="Folder for a signed page of it.", file_okay=False)] = None,
    language: Spoken = "en",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """May the second version follow the first? Exit code 0 pass, 1 fail, 2 inconclusive or not to be compared."""
    with told_plainly(as_json):
        from gateway import audit_runs
        from gateway.assembly import keys_folder
        from safety.bias_audit.gate_page import write_gate_page

        found = audit_runs.compare(before, after, margin)
        if out:
            audit_runs.sign(write_gate_page(found, out, language), keys_folder(settings_of(data=data)))
        answers = found.answers
        typer.echo(
            json.dumps({"outcome": found.outcome, **{name: asdict(answer) for name, answer in answers.items()}})
            if as_json
            else "\n".join([str(found.outcome), *(audit_runs.gate_line(name, told) for name, told in answers.items())])
        )
    raise typer.Exit(found.outcome.exit_code)


@group.command("labels")
def audit_labels(
    run: Annotated[str, typer.Argument(help="A run's name: its folder's, in the data folder.")],
    out: Annotated[Path, typer.Option(help="The CSV to write.", dir_okay=False)],
    data: Data = None,
) -> None:
    """Write what people said of a run's pictures at the review desk, where two agreed or a third settled it."""
    with told_plainly():
        from gateway.assembly import open_audits
        from safety.bias_audit.labels import write_labels

        audits = open_audits(settings_of(data=data))
        count = write_labels(audits.agreed(run), out)
        typer.echo(f"{out}: {count} labels")


@group.command("verify")
def audit_verify(
    report: Annotated[Path, typer.Argument(help="A report's folder.", file_okay=False)], data: Data = None
) -> None:
    """Whether a report's files are the ones that this service signed. Exit code 4 when one is not."""
    with told_plainly():
        from gateway import audit_runs
        from gateway.assembly import keys_folder

        names = audit_runs.verified(report, keys_folder(settings_of(data=data)))
        typer.echo(f"signed by this service: {', '.join(names)}")


@group.command("selftest")
def audit_selftest(
    out: Annotated[Path | None, typer.Option(help="Folder for the page audit-selftest.md.", file_okay=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Audit generators whose bias was planted: exit code 1 when the audit does not say what is true of them."""
    with told_plainly(as_json):
        from safety.bias_audit.planted import selftest

        found = selftest.run(each=lambda title: say(f"done: {title}"))
        if out:
            selftest.write_page(found, out)
        typer.echo(json.dumps(selftest.as_answer(found)) if as_json else selftest.as_text(found))
    raise typer.Exit(0 if found.is_passed else FOUND_PROBLEMS)
