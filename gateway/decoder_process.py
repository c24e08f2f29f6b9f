"""The decoder: a process of its own that reads pictures from strangers, within limits, until the line is cut.

`python -m gateway.decoder_process CHANNEL ROOM MEMORY`: two file descriptors and a number of bytes, given by
gateway.decoding. The room is memory of both processes: there the pixels of the views stand, one after another.

    service -> decoder                      decoder -> service
    read    content, max_pixels, seconds    facts      format, frames, frames judged, xmp
                                            view       width, height
                                            read
                                            refused    why
                                            too_large  words
                                            memory
"""

import resource
import signal
import sys
from collections.abc import Iterator
from mmap import mmap
from multiprocessing.connection import Connection

from PIL import GifImagePlugin, Image, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin

from generator.channel import Channel, Garbled, Plain
from generator.processes import settle
from safety.picture_files.reading import Facts, read_picture
from safety.picture_files.refusals import NotAPicture, PictureTooLarge

READERS = (GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin)  # loaded before any file


def serve(channel: Channel, room: mmap) -> None:
    """Read what comes. Returns when the line is cut."""
    while True:
        try:
            _, content, max_pixels, seconds = channel.receive()
            for message in _answers(room, content, max_pixels, seconds):
                channel.send(*message)
        except MemoryError:
            channel.send("memory")
        except (EOFError, OSError, Garbled):
            return


def _answers(room: mmap, content: bytes, max_pixels: int, seconds: float) -> Iterator[tuple[str, *tuple[Plain, ...]]]:
    room.seek(0)
    Image.MAX_IMAGE_PIXELS = max_pixels  # a second look, by Pillow itself
    signal.setitimer(signal.ITIMER_PROF, seconds)  # of computing, so that a busy machine is not held against a file
    try:
        for item in read_picture(content, max_pixels):
            if isinstance(item, Facts):
                yield "facts", item.format, item.frames, item.frames_judged, item.xmp
            else:
                room.write(item.content)
                yield "view", item.width, item.height
        yield ("read",)
    except NotAPicture as refusal:
        yield "refused", refusal.why
    except PictureTooLarge as refusal:
        yield "too_large", str(refusal)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _confine(memory_bytes: int) -> None:
    """So much address space, no file written, no process started; Linux alone keeps all three."""
    if sys.platform != "linux":
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


if __name__ == "__main__":
    settle()
    _confine(memory_bytes=int(sys.argv[3]))
    serve(Channel(Connection(int(sys.argv[1]))), mmap(int(sys.argv[2]), 0))
