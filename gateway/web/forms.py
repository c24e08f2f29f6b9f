"""Read what a form of the page sent: bounded in size and time, and nothing but plain fields."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from gateway.errors import InvalidValue, RequestTooLarge, SlowRequest, UnsupportedMediaType

FORM_TYPE = "application/x-www-form-urlencoded"
MAX_FIELDS = 20


async def read_form(
    request: Request, max_bytes: int, seconds: float, max_fields: int = MAX_FIELDS
) -> Mapping[str, str]:
    """Field -> value; of a field sent twice, the last.

    Raises UnsupportedMediaType, RequestTooLarge, SlowRequest, InvalidValue (not UTF-8, or too many fields).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise UnsupportedMediaType(f"Send the form as {FORM_TYPE}.")
    try:
        content = await asyncio.wait_for(_read(request, max_bytes), seconds)
        return dict(parse_qsl(content.decode(), keep_blank_values=True, errors="strict", max_num_fields=max_fields))
    except TimeoutError as error:
        raise SlowRequest("The form did not arrive in time.") from error
    except ValueError as error:
        raise InvalidValue("The form could not be read.") from error


async def _read(request: Request, max_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > max_bytes:
            raise RequestTooLarge(f"The form is larger than {max_bytes} bytes.")
    return bytes(content)
