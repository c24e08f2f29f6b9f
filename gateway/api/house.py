"""What every route needs: the house, the caller, the language."""

from typing import Annotated, cast

from fastapi import Depends, Request

from gateway.assembly import House
from gateway.auth import Caller, caller_of


def the_house(request: Request) -> House:
    """The parts of the running service."""
    return cast(House, request.app.state.house)


TheHouse = Annotated[House, Depends(the_house)]


async def the_caller(request: Request, house: TheHouse) -> Caller:
    """The holder of the API key. Raises InvalidKey."""
    caller = await caller_of(request, house.keys)
    request.state.caller = caller
    return caller


TheCaller = Annotated[Caller, Depends(the_caller)]
