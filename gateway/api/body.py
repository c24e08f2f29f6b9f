"""Read a JSON body as strictly as a parser can: one meaning for every byte, bounded in size and time."""

import asyncio
import json
import math
from collections.abc import Sequence
from email.message import Message
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from gateway.errors import (
    BadRequest,
    InvalidJson,
    InvalidValue,
    MissingParameter,
    RequestTooLarge,
    SlowRequest,
    UnsupportedMediaType,
)

Body = TypeVar("Body", bound=BaseModel)


JSON = "application/json"


async def read_json(request: Request, max_bytes: int, seconds: float) -> dict[str, Any]:
    """The body as an object. Raises UnsupportedMediaType, RequestTooLarge, SlowRequest, InvalidJson, InvalidValue."""
    _, content = await read_body(request, (JSON,), max_bytes, seconds)
    return parse_object(content)


async def read_body(request: Request, accepted: Sequence[str], max_bytes: int, seconds: float) -> tuple[str, bytes]:
    """The body's media type and its bytes. Raises UnsupportedMediaType, RequestTooLarge, SlowRequest."""
    kind = _media_type(request, accepted)
    try:
        return kind, await asyncio.wait_for(_read(request, max_bytes), seconds)
    except TimeoutError as error:
        raise SlowRequest("The request body did not arrive in time.") from error


def parse_object(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises InvalidJson, InvalidValue."""
    parsed = parse_json(content)
    if not isinstance(parsed, dict):
        raise InvalidValue("The body must be a JSON object.")
    return parsed


def parse_json(content: bytes) -> Any:
    """JSON in UTF-8 without duplicate keys, NaN, infinities or absurd nesting. Raises InvalidJson."""
    try:
        text = content.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidJson("The body is not valid JSON in UTF-8.") from error


def validated(model: type[Body], parsed: dict[str, Any]) -> Body:
    """The body as its model. Raises MissingParameter or InvalidValue naming the parameter, never its value."""
    try:
        return model.model_validate({key: value for key, value in parsed.items() if value is not None})
    except ValidationError as error:
        raise _first_problem(error) from None


def _first_problem(error: ValidationError) -> BadRequest:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    param = str(problem["loc"][0]) if problem["loc"] else None
    if problem["type"] == "missing":
        return MissingParameter(f"You must provide a value for '{param}'.", param=param)
    return InvalidValue(f"Invalid value for '{param}': {problem['msg']}.", param=param)


def _media_type(request: Request, accepted: Sequence[str]) -> str:
    header = Message()
    header["content-type"] = request.headers.get("content-type", "none/none")
    kind = header.get_content_type()
    if kind not in accepted:
        raise UnsupportedMediaType(f"Send the body as Content-Type: {' or '.join(accepted[:2])}.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("Compressed request bodies are not supported.")
    return kind


async def _read(request: Request, max_bytes: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(content)


def _too_large(max_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(f"The body is larger than {max_bytes} bytes.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number
