"""The process that reads pictures: it may die, hang, swell or lie, and the next picture is read all the same."""

import asyncio
import io
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from PIL import Image

from gateway.decoding import Decoder, DecoderEnded, DecoderProcess
from gateway.errors import GatewayError, ImageTooLarge, Overloaded, UnsupportedImage

MAX_PIXELS = 1_000_000


def picture(width: int = 32) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 32), "red").save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder(MAX_PIXELS, seconds=5, wait_seconds=60) as decoder:
        yield decoder


def read(decoder: Decoder, content: bytes) -> Any:
    try:
        return asyncio.run(decoder.read(content, "image"))
    except GatewayError as error:
        return error


def dying(of: signal.Signals) -> Callable[[DecoderProcess], Any]:
    def answer(process: DecoderProcess) -> Any:
        os.kill(process.pid, of)
        return process._channel.receive()

    return answer


def test_a_process_is_started_with_the_first_picture_and_kept(decoder: Decoder) -> None:
    assert decoder._idle == []
    assert read(decoder, picture()).views[0][:, 3, 3].tolist() == [255, 0, 0]
    (first,) = decoder._idle
    read(decoder, picture(40))
    assert decoder._idle == [first]


@pytest.mark.parametrize(
    ("of", "told", "reason"),
    [
        (signal.SIGSEGV, UnsupportedImage, "unreadable"),
        (signal.SIGPROF, UnsupportedImage, "too_slow"),
        (signal.SIGKILL, Overloaded, None),
    ],
)
def test_a_picture_that_ends_its_process_is_told_apart_from_our_own_trouble(
    decoder: Decoder, of: signal.Signals, told: type[GatewayError], reason: str | None
) -> None:
    with patch.object(DecoderProcess, "_answer", dying(of)):
        error = read(decoder, picture())
    assert isinstance(error, told)
    assert error.facts.get("reason") == reason
    assert read(decoder, picture()).views


def test_a_process_that_dies_of_an_earlier_picture_costs_the_next_one_nothing(decoder: Decoder) -> None:
    read(decoder, picture())
    os.kill(decoder._idle[0].pid, signal.SIGKILL)
    assert read(decoder, picture()).views


def test_more_memory_than_a_decoder_may_take_is_too_large(decoder: Decoder) -> None:
    with patch.object(DecoderProcess, "_answer", side_effect=DecoderEnded("memory", "as told")):
        assert isinstance(read(decoder, picture()), ImageTooLarge)


def test_no_process_to_be_had_is_our_trouble(decoder: Decoder) -> None:
    with patch("gateway.decoding.start", side_effect=OSError("no more processes")):
        assert isinstance(read(decoder, picture()), Overloaded)
    assert read(decoder, picture()).views


def test_more_pictures_than_may_wait_are_sent_away(decoder: Decoder) -> None:
    async def crowd() -> list[Any]:
        return await asyncio.gather(*(decoder.read(picture(), "image") for _ in range(40)), return_exceptions=True)

    answers = asyncio.run(crowd())
    busy = [answer for answer in answers if isinstance(answer, Overloaded)]
    assert busy
    assert len(busy) < len(answers)
    assert all(answer.retry_after_s for answer in busy)
