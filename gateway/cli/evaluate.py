"""`gardefou evaluate`: scorecards of the gates."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.common import AsJson, Data, say, settings_of, told_plainly

group = typer.Typer(no_args_is_help=True, help="Scorecards of the gates.")


@group.command("prompts")
def evaluate_prompts(
    prompts: Annotated[str, typer.Argument(metavar="FILE|BENCHMARK", help="A csv file with a column text, or a name.")],
    benign: Annotated[str | None, typer.Option(help="A file or benchmark whose benign rows set thresholds.")] = None,
    scores: Annotated[Path | None, typer.Option(help="Write one csv line per prompt.", dir_okay=False)] = None,
    plot: Annotated[Path | None, typer.Option(help="Write curves as a PNG.", dir_okay=False)] = None,
    policy: Annotated[str | None, typer.Option(help="A policy's name or file.")] = None,
    benchmarks: Annotated[Path | None, typer.Option(help="Folder of named benchmarks.")] = None,
    as_json: AsJson = False,
) -> None:
    """How well the prompt gate tells unsafe prompts from benign ones, with 95 % intervals.

    FILE is csv or csv.gz in UTF-8: text, and where known unsafe (0 or 1), category and language. BENCHMARK is one of
    --benchmarks, or own (our test part), or own-dev (benign prompts for --benign).
    """
    with told_plainly(as_json):
        from gateway import evaluate

        folder = benchmarks or evaluate.BENCHMARKS
        evaluate.require_writable(scores, plot)
        asked = evaluate.find_prompts(prompts, folder)
        benign_set = evaluate.find_prompts(benign, folder) if benign else None
        evaluator = evaluate.Evaluator(settings_of(policy=policy))
        found = evaluate.evaluate_prompts(evaluator, asked, benign_set, scores, plot)
        typer.echo(json.dumps(evaluate.as_answer(evaluator, found)) if as_json else evaluate.as_page(evaluator, found))


@group.command("pictures")
def evaluate_pictures(
    pictures: Annotated[Path, typer.Argument(metavar="DIR|CSV", help="Labelled pictures.")],
    fit: Annotated[
        Path | None, typer.Option(help="Fit the banks to the model and write its calibration.", dir_okay=False)
    ] = None,
    scores: Annotated[Path | None, typer.Option(help="Write one csv line per picture.", dir_okay=False)] = None,
    plot: Annotated[Path | None, typer.Option(help="Write ROC and reliability as a PNG.", dir_okay=False)] = None,
    model: Annotated[
        str | None, typer.Option(help="A folder or an open_clip architecture. Default: the service's.")
    ] = None,
    pretrained: Annotated[str | None, typer.Option(help="Its tag or file.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="What --fit wrote for it.")] = None,
    as_json: AsJson = False,
) -> None:
    """How well the picture gate tells each subject, with 95 % intervals; with --fit it chooses the thresholds first.

    CSV, or DIR/labels.csv: file, shows (subjects, separated by spaces), and where needed unclear and use (calibrate or
    evaluate). A DIR of folders names its subjects: weapons/, person+gore/, benign/.
    """
    with told_plainly(as_json):
        from gateway import evaluate_pictures as pictured
        from gateway.evaluate import require_writable
        from safety.evaluation.picture_rows import read_pictures

        require_writable(fit, scores, plot)
        settings = settings_of(
            picture_scorer=model, picture_scorer_pretrained=pretrained, picture_calibration=calibration
        )
        found = pictured.evaluate_pictures(settings, read_pictures(pictures), fit, scores, plot)
        typer.echo(json.dumps(pictured.as_answer(found)) if as_json else pictured.as_page(found))


@group.command("from-desk")
def evaluate_from_desk(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Where prompts.csv and pictures.csv are written.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write what people decided at the review desk as labelled sets, for `evaluate prompts` and `evaluate pictures`.

    Erased requests and whatever may show a child are left out. Pictures stay where they are and are only named.
    """
    with told_plainly(as_json):
        from gateway.desk_labels import write_labels

        written = write_labels(settings_of(data=data), out)
    if as_json:
        typer.echo(json.dumps(asdict(written)))
    else:
        typer.echo(f"{written.prompts} prompts in {out / 'prompts.csv'}, {written.pictures} pictures in "
                   f"{out / 'pictures.csv'}, {written.left_out} left out")  # fmt: skip


@group.command("provenance")
def evaluate_provenance(
    pictures: Annotated[int, typer.Option("-n", min=1, help="How many pictures to draw.")] = 200,
    keys: Annotated[int, typer.Option(min=1, help="How many other keys to look for.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What each layer of provenance says after what people do to pictures, and how often a mark is seen by mistake."""
    with told_plainly(as_json):
        from gateway.provenance_scorecard import measure, table

        card = measure(pictures, keys)
    typer.echo(json.dumps(asdict(card)) if as_json else table(card))


@group.command("drawings")
def evaluate_drawings(
    folder: Annotated[Path | None, typer.Option(help="Other dalle-nano weights.", file_okay=False)] = None,
    scenes: Annotated[int, typer.Option(min=2, help="Scenes of each kind and language.")] = 60,
    artwork: Annotated[
        Path | None, typer.Option(help="Folder for the original artwork, to measure beside.", file_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Are dalle-nano's pictures what was asked for, as clip-nano sees them; and do they vary?"""
    with told_plainly(as_json):
        from gateway.drawing_scorecard import drawings_as_json, drawings_as_page, measure_drawings

        originals = None
        if artwork:
            from generator.training.originals import originals_from

            originals = originals_from(artwork)
        card = measure_drawings(folder, scenes, originals)
    typer.echo(json.dumps(drawings_as_json(card)) if as_json else drawings_as_page(card))


@group.command("naming")
def evaluate_naming(
    names: Annotated[Path, typer.Argument(help="csv with columns number, thing1, thing2.", dir_okay=False)],
    key: Annotated[Path, typer.Option(help="The key that generator.training.naming_test wrote.", dir_okay=False)],
    accepted: Annotated[
        Path | None, typer.Option(help="csv with columns said, meant: words a person accepts.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How many pictures somebody named right who saw only the pictures, with exact 95 % intervals."""
    with told_plainly(as_json):
        from gateway.drawing_scorecard import naming_as_json, naming_as_page, score_names

        score = score_names(names, key, accepted)
    typer.echo(json.dumps(naming_as_json(score)) if as_json else naming_as_page(score))


@group.command("scorecard")
def write_scorecard(
    out: Annotated[Path, typer.Option(help="Folder for the page and its pictures.", file_okay=False)] = Path("docs"),
    policy: Annotated[str | None, typer.Option(help="A policy's name or file.")] = None,
    benchmarks: Annotated[Path | None, typer.Option(help="Folder of named benchmarks.")] = None,
) -> None:
    """Measure all benchmarks, our own test part and peers; write scorecard-prompts.md."""
    with told_plainly():
        from gateway import evaluate

        folder = benchmarks or evaluate.BENCHMARKS
        if not evaluate.benchmark_files(folder):
            say(f"no benchmarks in {folder}: only our own test part is measured")
        typer.echo(evaluate.write_scorecard(evaluate.Evaluator(settings_of(policy=policy)), folder, out))
