"""Read a file that a form sent: one file, bounded in size and time, never written to disk."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from gateway.errors import InvalidValue, MissingParameter, RequestTooLarge, SlowRequest, UnsupportedMediaType

UPLOAD_TYPE = "multipart/form-data"
MAX_FIELDS = 5


async def read_upload(request: Request, field: str, max_bytes: int, seconds: float) -> bytes:
    """The content of the file in a field.

    Raises UnsupportedMediaType, RequestTooLarge, SlowRequest, InvalidValue (no such form), MissingParameter.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != UPLOAD_TYPE:
        raise UnsupportedMediaType(f"Send the picture as a file in the field '{field}' of {UPLOAD_TYPE}.")
    parser = MultiPartParser(request.headers, _bounded(request, max_bytes), max_files=1, max_fields=MAX_FIELDS)
    parser.spool_max_size = max_bytes
    try:
        form = await asyncio.wait_for(parser.parse(), seconds)
    except TimeoutError as error:
        raise SlowRequest("The picture did not arrive in time.") from error
    except MultiPartException as error:
        raise InvalidValue(f"The form could not be read: {error.message}", param=field) from error
    try:
        sent = form.get(field)
        content = await sent.read() if isinstance(sent, UploadFile) else b""
    finally:
        await form.close()
    if not content:
        raise MissingParameter(f"Send a picture in the field '{field}'.", param=field)
    return content


async def _bounded(request: Request, max_bytes: int) -> AsyncGenerator[bytes]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise RequestTooLarge(f"The file is larger than {max_bytes} bytes.")
        yield chunk
