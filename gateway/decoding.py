"""Read pictures from strangers: in processes of their own that may crash, hang or swell without any harm to us.

A decoder starts with the first picture and stays. One that ends is replaced with the next picture.
"""

import asyncio
import fcntl
import logging
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from threading import Timer
from types import TracebackType
from typing import Any

from anyio import to_thread

from gateway import metrics
from gateway.errors import GatewayError, ImageTooLarge, Overloaded, UnsupportedImage
from generator.channel import Channel, Garbled
from generator.processes import start
from safety.picture_files.pixels import SentPicture, assembled
from safety.picture_files.reading import Facts, View
from safety.picture_files.refusals import WORDS, NotAPicture, PictureTooLarge, Why

DECODERS = 2  # pictures read at once; each takes a core
MOST_WAITING = 16  # more are told at once to come back
PATIENCE = 4  # times the computing time that a picture may wait for a processor
BASE_BYTES = 192 << 20  # address space of an idle decoder, with room
WORK_PER_PIXEL = 24  # a frame as it was unpacked, flattened and turned, as bytes, and in the room
BYTES_PER_PIXEL = 3  # of a view
KEPT_BYTES = 16 << 20  # of a room, from one picture to the next
RETRY_S = 5.0

_log = logging.getLogger("gardefou")


class DecoderEnded(Exception):
    """why: crashed, slow, memory; or hung, killed, lost, which are no fault of the file."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


class Room:
    """Memory that a decoder puts pixels into and we take them out of: a pipe would take as long as the decoding."""

    def __init__(self, size: int) -> None:
        """Raises OSError."""
        self.descriptor = _memory_file()
        self._size = size
        os.ftruncate(self.descriptor, size)
        self._memory = mmap.mmap(self.descriptor, size)
        _seal(self.descriptor)

    def part(self, start: int, size: int) -> memoryview:
        """To be copied at once, as the decoder may write there again. Raises ValueError beyond the end."""
        if start + size > self._size:
            raise ValueError("a view reaches beyond the room")
        return memoryview(self._memory)[start : start + size]

    def clear(self, used: int) -> None:
        """Give what a large picture used back to the machine."""
        if used > KEPT_BYTES and sys.platform == "linux":
            self._memory.madvise(mmap.MADV_REMOVE)

    def close(self) -> None:
        """The memory goes with the last view of it."""
        os.close(self.descriptor)


def _memory_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("pictures", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:  # noqa: RET505 (mypy knows an else of another platform)
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


def _seal(descriptor: int) -> None:
    """A decoder that was taken over must not cut off the memory that we read: that would end us with SIGBUS."""
    if sys.platform == "linux":
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)


class DecoderProcess:
    """One life of a decoder. One thread at a time may `read`."""

    def __init__(self, max_pixels: int) -> None:
        """max_pixels: the most it will ever be asked for. Raises OSError when no process can be started."""
        self.has_read = False
        self._hung = False
        self._room = Room(BYTES_PER_PIXEL * max_pixels)
        ours, theirs = Pipe()
        self._channel = Channel(ours)
        memory_bytes = BASE_BYTES + WORK_PER_PIXEL * max_pixels
        try:
            given = theirs.fileno(), self._room.descriptor
            self._process = start("gateway.decoder_process", given, subprocess.DEVNULL, str(memory_bytes))
        except BaseException:
            self._channel.close()
            self._room.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def read(self, content: bytes, max_pixels: int, seconds: float) -> SentPicture:
        """seconds: of computing. Raises NotAPicture, PictureTooLarge; DecoderEnded, and then it is of no more use."""
        watch = Timer(seconds * PATIENCE, self._give_up)
        watch.daemon = True
        watch.start()
        try:
            self._channel.send("read", content, max_pixels, seconds)
            picture = self._answer()
            self._room.clear(BYTES_PER_PIXEL * picture.pixels)
        except (EOFError, OSError) as error:
            raise self._how_it_ended() from error
        except (Garbled, ValueError) as error:
            if isinstance(error, NotAPicture | PictureTooLarge):
                raise
            raise DecoderEnded("crashed", f"it does not speak as agreed: {error}") from error
        finally:
            watch.cancel()
            self.has_read = True
        return picture

    def _answer(self) -> SentPicture:
        match self._channel.receive():
            case ["facts", str(name), int(frames), int(judged), bytes(xmp)]:
                return assembled(Facts(name, frames, judged, xmp), self._views())
            case other:
                raise self._refusal(other)

    def _views(self) -> Iterator[View]:
        at = 0
        while True:
            match self._channel.receive():
                case ["view", int(width), int(height)] if width > 0 and height > 0:
                    size = BYTES_PER_PIXEL * width * height
                    yield View(width, height, self._room.part(at, size))
                    at += size
                case ["read"]:
                    return
                case other:
                    raise self._refusal(other)

    def _refusal(self, message: list[Any]) -> Exception:
        match message:
            case ["refused", str(why)] if why in set(Why):
                return NotAPicture(Why(why))
            case ["too_large", str(words)]:
                return PictureTooLarge(words)
            case ["memory"]:
                return DecoderEnded("memory", "it needed more memory than it may take")
            case _:
                return Garbled(f"a {message[0]!r} of {len(message)} parts")

    def _give_up(self) -> None:
        self._hung = True
        self._process.kill()

    def _how_it_ended(self) -> DecoderEnded:
        """After the line was cut."""
        self._process.kill()
        code = -self._process.wait()
        if self._hung:
            return DecoderEnded("hung", "no answer in time")
        if code == signal.SIGPROF:
            return DecoderEnded("slow", "it took too long")
        if code == signal.SIGKILL:
            return DecoderEnded("killed", "something else ended it; most likely the machine is short of memory")
        return DecoderEnded("crashed", f"ended by signal: {signal.strsignal(code)}" if code > 0 else f"exit {-code}")

    def end(self) -> None:
        """Stop it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._channel.close()
        self._room.close()


def _whose_fault(why: str) -> Exception:
    """What to tell of a decoder that ended: the file's fault, or ours."""
    match why:
        case "crashed":
            return NotAPicture(Why.UNREADABLE)
        case "slow":
            return NotAPicture(Why.TOO_SLOW)
        case "memory":
            return PictureTooLarge("reading it takes more memory than a picture may")
        case _:
            return _trouble()


class Decoder:
    """Reads pictures, a few at a time. `close` it, or `with` it."""

    def __init__(self, max_pixels: int, seconds: float, wait_seconds: float) -> None:
        """max_pixels: of all views of a picture. seconds: of computing. wait_seconds: for a turn."""
        self._max_pixels = max_pixels
        self._seconds = seconds
        self._wait_seconds = wait_seconds
        self._places = asyncio.Semaphore(DECODERS)
        self._waiting = 0
        self._idle: list[DecoderProcess] = []

    async def read(self, content: bytes, param: str, max_pixels: int | None = None) -> SentPicture:
        """A picture's views. param: the field it came in. max_pixels: fewer than for a picture alone.

        Raises UnsupportedImage, ImageTooLarge; Overloaded when the fault is ours.
        """
        await self._take_place()
        try:
            with metrics.decoder_seconds.time():
                picture = await to_thread.run_sync(self.read_now, content, max_pixels)
        except (NotAPicture, PictureTooLarge) as refusal:
            raise told(refusal, param) from refusal
        finally:
            self._places.release()
        return picture

    async def _take_place(self) -> None:
        if self._waiting >= MOST_WAITING:
            raise _busy()
        self._waiting += 1
        try:
            await asyncio.wait_for(self._places.acquire(), self._wait_seconds)
        except TimeoutError as error:
            raise _busy() from error
        finally:
            self._waiting -= 1

    def read_now(self, content: bytes, max_pixels: int | None = None) -> SentPicture:
        """The same without a turn; blocks. Raises NotAPicture, PictureTooLarge, Overloaded.

        A decoder that ends may have been spoilt by an earlier file: only a fresh one tells whose fault it is.
        """
        most = self._max_pixels if max_pixels is None else max_pixels
        while True:
            decoder = self._decoder()
            is_fresh = not decoder.has_read
            try:
                picture = decoder.read(content, most, self._seconds)
            except (NotAPicture, PictureTooLarge):
                self._idle.append(decoder)
                raise
            except DecoderEnded as ended:
                decoder.end()
                metrics.decoder_ends.labels(ended.why).inc()
                _log.warning("a decoder ended over %d bytes: %s", len(content), ended)
                if is_fresh or ended.why in ("slow", "hung"):
                    raise _whose_fault(ended.why) from ended
            except BaseException:
                decoder.end()
                raise
            else:
                self._idle.append(decoder)
                return picture

    def _decoder(self) -> DecoderProcess:
        with suppress(IndexError):
            return self._idle.pop()
        try:
            return DecoderProcess(self._max_pixels)
        except OSError as error:
            _log.error("no decoder could be started: %s", error)
            raise _trouble() from error

    def close(self) -> None:
        """Stop the decoders."""
        while self._idle:
            self._idle.pop().end()

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def told(refusal: NotAPicture | PictureTooLarge, param: str) -> GatewayError:
    """A refusal in the words of the error tree."""
    if isinstance(refusal, PictureTooLarge):
        metrics.pictures_refused.labels("too_large").inc()
        return ImageTooLarge(f"Too large: {refusal}.", param=param)
    metrics.pictures_refused.labels(refusal.why).inc()
    return UnsupportedImage(WORDS[refusal.why], param=param, facts={"reason": refusal.why})


def _busy() -> Overloaded:
    return Overloaded("Many pictures are being read right now.", retry_after_s=RETRY_S)


def _trouble() -> Overloaded:
    return Overloaded("Pictures cannot be read right now.", retry_after_s=RETRY_S)
