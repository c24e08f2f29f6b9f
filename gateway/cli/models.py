"""`gardefou models`: model files."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gateway.cli.common import AsJson, Data, settings_of, told_plainly

Dtype = Literal["float32", "float16", "bfloat16"]

group = typer.Typer(no_args_is_help=True, help="Model files.")


@group.command("list")
def list_models(data: Data = None, as_json: AsJson = False) -> None:
    """Every model that is here, and those that can be pulled."""
    with told_plainly(as_json):
        from gateway.model_folders import list_models as listed

        for model in listed(settings_of(data=data)):
            typer.echo(
                json.dumps(model) if as_json else f"{model['name']:12} {model['state']:9} {model['folder'] or ''}"
            )


@group.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="dalle-mini or dalle-mega.")],
    data: Data = None,
    revision: Annotated[str | None, typer.Option(help="A commit of its hub repository. Default: today's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch released weights once; all later work is offline. A pull that was cut goes on where it stopped."""
    with told_plainly(as_json):
        from gateway.model_folders import pull_model as pulled

        _tell_model(pulled(settings_of(data=data), name, revision), as_json)


@group.command("convert")
def convert_model(
    source: Annotated[Path, typer.Argument(help="A folder in any layout: released, min-dalle's, or ours.")],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    vqgan: Annotated[Path | None, typer.Option(help="Folder of the picture decoder, when it lies apart.")] = None,
    name: Annotated[str | None, typer.Option(help="The model's name in every record. Default: the folder's.")] = None,
    dtype: Annotated[Dtype | None, typer.Option(help="Of the numbers. Default: as stored.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write DALL-E Mini's weights as safetensors, every tensor checked; all of it or nothing."""
    with told_plainly(as_json):
        from gateway.model_folders import convert_model as converted

        _tell_model(converted(source, vqgan, out, name, dtype), as_json)


@group.command("verify")
def verify_models(
    folders: Annotated[list[Path] | None, typer.Argument(help="None: all that are shipped or were pulled.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Compare model files with their published sha256, and a generator's tensors with its config.json."""
    with told_plainly(as_json):
        from gateway.model_folders import verify_model, whole_folders

        found = [verify_model(folder) for folder in folders or whole_folders(settings_of(data=data))]
    if as_json:
        typer.echo(json.dumps({model.name: model.sha256 for model in found}))
    else:
        typer.echo("\n".join(f"{model.name:12} {model.sha256}" for model in found))


def _tell_model(model: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(model))
        return
    typer.echo("\n".join(f"{sha256}  {file}" for file, sha256 in model["files"].items()))
    typer.echo(f"{model['name']} {model['sha256']}: {model['folder']}")
