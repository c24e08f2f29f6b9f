"""What it gains that pictures of several requests share a board: the same requests, beside closed groups, in turns."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from statistics import fmean, median
from typing import Any

from generator.batcher import WaitingLine
from generator.contract import ImageGenerator, Order, Orders, PictureRequest
from generator.registry import create_generator
from policies.identity import ModelIdentity

PATIENCE_S = 3600.0
PROMPT = "a cat and a dog"


class ClosedGroups:
    """The same generator as if it had no board: whoever comes late waits for the end of what is being drawn."""

    continuous = False

    def __init__(self, generator: ImageGenerator) -> None:
        self._generator = generator

    @property
    def identity(self) -> ModelIdentity:
        """The generator's."""
        return self._generator.identity

    @property
    def sizes(self) -> tuple[str, ...]:
        """The generator's."""
        return self._generator.sizes

    @property
    def batch_size(self) -> int:
        """The generator's."""
        return self._generator.batch_size

    def draw(self, orders: Orders) -> None:
        """One group."""
        self._generator.draw(_Group(orders.take(self.batch_size)))


class _Group:
    def __init__(self, orders: Sequence[Order]) -> None:
        self._orders = list(orders)

    def take(self, most: int) -> list[Order]:
        taken, self._orders = self._orders[:most], self._orders[most:]
        return taken


def measure_line(requests: int, pictures: int, apart: float, rounds: int) -> dict[str, Any]:
    """Seconds from asking to the last picture, for requests that come one after another to dalle-nano.

    apart: how long after each other, in shares of the time that one of them takes alone.
    """
    board = create_generator("dalle-nano")
    kinds = {"board": board, "groups": ClosedGroups(board)}
    _latencies(board, 1, pictures, 0.0)  # libraries set themselves up
    alone_s = median(_latencies(board, 1, pictures, 0.0)[0] for _ in range(rounds))
    waited: dict[str, list[list[float]]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, generator in kinds.items():
            waited[name].append(_latencies(generator, requests, pictures, apart * alone_s))
    means = {name: median(map(fmean, found)) for name, found in waited.items()}
    return {
        "requests": requests,
        "pictures": pictures,
        "apart_s": apart * alone_s,
        "alone_s": alone_s,
        "rounds": rounds,
        "mean_s": means,
        "longest_s": {name: median(map(max, found)) for name, found in waited.items()},
        "ratio_mean": means["groups"] / means["board"],
    }


def _latencies(generator: ImageGenerator, requests: int, pictures: int, apart_s: float) -> list[float]:
    async def ask(line: WaitingLine, number: int) -> float:
        await asyncio.sleep(number * apart_s)
        began = time.perf_counter()
        asked = [PictureRequest(PROMPT, seed, generator.sizes[0]) for seed in range(pictures)]
        async with aclosing(line.draw(asked, f"caller {number}")) as groups:
            async for _ in groups:
                pass
        return time.perf_counter() - began

    async def all_of_them() -> list[float]:
        async with WaitingLine(generator, requests * pictures, PATIENCE_S) as line:
            return await asyncio.gather(*(ask(line, number) for number in range(requests)))

    return asyncio.run(all_of_them())
