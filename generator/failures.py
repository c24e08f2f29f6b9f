"""What may be told of an exception that a model threw: type and place, never its words, which may quote a prompt."""

import traceback


def place_of(error: BaseException) -> str:
    """The lines of code it came through."""
    return "".join(traceback.format_tb(error.__traceback__))
