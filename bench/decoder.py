"""What the process of its own costs: a photograph read through the decoder beside the same in this process.

`python -m bench.decoder`: prints the medians of interleaved runs and their ratio.
"""

import io
from statistics import median
from time import perf_counter

from PIL import Image

from gateway.decoding import Decoder
from safety.picture_files.pixels import decode_picture

MAX_PIXELS, ROUNDS = 40_000_000, 21


def photograph() -> bytes:
    """A JPEG of about a megabyte: 2000x1500, with as much detail as a photograph."""
    detail = Image.effect_noise((500, 375), 120).convert("RGB").resize((2000, 1500), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    detail.save(file, "jpeg", quality=92)
    return file.getvalue()


def main() -> None:
    """Measure and print."""
    content, apart, within = photograph(), list[float](), list[float]()
    with Decoder(MAX_PIXELS, seconds=5, wait_seconds=20) as decoder:
        decoder.read_now(content)
        for _ in range(ROUNDS):
            started = perf_counter()
            decoder.read_now(content)
            apart.append(perf_counter() - started)
            started = perf_counter()
            decode_picture(content, MAX_PIXELS)
            within.append(perf_counter() - started)
    own, direct = median(apart), median(within)
    print(f"{len(content) / 1e6:.1f} MB JPEG: {own * 1000:.0f} ms in its own process, {direct * 1000:.0f} ms here, "
          f"ratio {own / direct:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
