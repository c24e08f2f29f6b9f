"""`gardefou bench`: what each part costs."""

import json
from typing import Annotated

import typer

from gateway.cli.common import FOUND_PROBLEMS, UNAVAILABLE, USAGE, AsJson, fail, say, told_plainly

group = typer.Typer(no_args_is_help=True, help="Measure.")


@group.command("request")
def bench_request(
    requests: Annotated[int, typer.Option("-n", min=1, help="How many requests of nine pictures.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Time each stage of a request for nine pictures, on a database of its own that is thrown away."""
    with told_plainly(as_json):
        from gateway.bench import measure_requests, table

        measured = measure_requests(requests)
    typer.echo(json.dumps(measured) if as_json else table(measured))


@group.command("prompts")
def bench_prompts(as_json: AsJson = False) -> None:
    """Time the prompt gate: 100 000 made-up terms beside other engines, both stages, and hostile texts."""
    with told_plainly(as_json):
        from gateway.bench import measure_prompts, prompts_table

        measured = measure_prompts()
    typer.echo(json.dumps(measured) if as_json else prompts_table(measured))


@group.command("provenance")
def bench_provenance(
    rounds: Annotated[int, typer.Option("-n", min=1, help="How many times nine pictures.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Time watermark, encoding and content credentials of nine 256x256 pictures."""
    with told_plainly(as_json):
        from gateway.bench import measure_provenance, provenance_table

        measured = measure_provenance(rounds)
    typer.echo(json.dumps(measured) if as_json else provenance_table(measured))


@group.command("line")
def bench_line(
    requests: Annotated[int, typer.Option(min=2, help="How many requests come one after another.")] = 3,
    pictures: Annotated[int, typer.Option(min=1, help="Of each request.")] = 1,
    apart: Annotated[float, typer.Option(min=0, help="Time between them, in shares of one drawing.")] = 1 / 3,
    rounds: Annotated[int, typer.Option(min=1, help="Each way is timed so often.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Time requests to dalle-nano that meet: pictures side by side on one board, and in closed groups."""
    with told_plainly(as_json):
        from gateway.bench import line_table
        from generator.line_speed import measure_line

        measured = measure_line(requests, pictures, apart, rounds)
    typer.echo(json.dumps(measured) if as_json else line_table(measured))


@group.command("pictures")
def bench_pictures(
    model: Annotated[list[str] | None, typer.Option(help="An open_clip architecture as well; several times.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Each side is timed so often.")] = 9,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
    drawing: Annotated[bool, typer.Option(help="Time DALL-E Mini's drawing too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Time the scoring of nine 256x256 pictures, beside a loop over PNG files and beside their drawing."""
    with told_plainly(as_json):
        from gateway.bench import measure_pictures, pictures_table
        from generator.speed import SideDied

        try:
            measured = measure_pictures(model or [], rounds, threads, drawing)
        except SideDied as error:
            fail(f"{error}: too little memory?", UNAVAILABLE, as_json)
    typer.echo(json.dumps(measured) if as_json else pictures_table(measured))


@group.command("generator")
def bench_generator(
    size: Annotated[list[str] | None, typer.Option(help="nano, mini or mega; several times. Default: nano.")] = None,
    pictures: Annotated[list[int] | None, typer.Option(min=1, help="Several times. Default: 1 and 9.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Each part is timed so often.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads of each side.")] = 1,
    float32: Annotated[bool, typer.Option("--float32", help="Ours as on a processor without bfloat16.")] = False,
    as_json: AsJson = False,
) -> None:
    """Time DALL-E Mini's parts at full size with random weights, in turns with min-dalle where it is installed."""
    with told_plainly(as_json):
        from gateway.bench import GENERATOR_SIZES, generator_table, measure_generator
        from generator.speed import SideDied

        if unknown := set(size or ()) - set(GENERATOR_SIZES):
            say(f"unknown size {', '.join(sorted(unknown))}; known: {', '.join(GENERATOR_SIZES)}")
            raise typer.Exit(USAGE)
        try:
            measured = measure_generator(size or ["nano"], pictures or [1, 9], rounds, threads, float32)
        except SideDied as error:
            fail(f"{error}: too little memory?", UNAVAILABLE, as_json)
    typer.echo(json.dumps(measured) if as_json else generator_table(measured))


@group.command("desk")
def bench_desk(
    cases: Annotated[int, typer.Option(min=100, help="How many wait.")] = 100_000,
    rounds: Annotated[int, typer.Option("-n", min=1, help="How often each step is timed.")] = 20,
    database: Annotated[str | None, typer.Option(help="URL of an empty one. Default: SQLite, thrown away.")] = None,
    as_json: AsJson = False,
) -> None:
    """Time the review desk over HTTP with a long queue. Exit code 1 when a page takes longer than it may."""
    with told_plainly(as_json):
        from gateway.desk_bench import DatabaseInUse, desk_table, measure_desk

        try:
            measured = measure_desk(cases, rounds, database)
        except DatabaseInUse as error:
            fail(str(error), USAGE, as_json)
    typer.echo(json.dumps(measured) if as_json else desk_table(measured))
    raise typer.Exit(0 if measured["held"] else FOUND_PROBLEMS)


@group.command("banned")
def bench_banned(
    hashes: Annotated[int, typer.Option(min=1, help="How many pictures are banned.")] = 100_000,
    pictures: Annotated[int, typer.Option("-n", min=1, help="How many pictures are looked for.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Time the search among banned pictures beside a plain scan and faiss. Exit code 1 when they differ."""
    with told_plainly(as_json):
        from safety.evaluation.hash_search import measure_search, search_table

        measured = measure_search(hashes, pictures)
    typer.echo(json.dumps(measured) if as_json else search_table(measured))
    raise typer.Exit(0 if measured["alike"] else FOUND_PROBLEMS)
