"""GET /v1/models: what can be asked for."""

from typing import Any

from fastapi import APIRouter

from gateway.api.house import TheCaller, TheHouse
from gateway.errors import ModelNotFound

router = APIRouter()


@router.get("/v1/models")
async def list_models(house: TheHouse, _: TheCaller) -> dict[str, Any]:
    """The generator that draws."""
    return {"object": "list", "data": [_model(house.generator.identity.name)]}


@router.get("/v1/models/{model_id}")
async def one_model(model_id: str, house: TheHouse, _: TheCaller) -> dict[str, Any]:
    """The generator, by its name or an alias."""
    name = house.generator.identity.name
    if model_id not in (name, *house.settings.model_aliases):
        raise ModelNotFound(f"The model does not exist. Known: {name}.", param="model")
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "gardefou"}
