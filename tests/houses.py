"""Whole services for tests: the real pipeline, database, API and page around fakes that a test controls."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from gateway.assembly import House, build_house
from gateway.server import configuration
from gateway.settings import Settings
from policies.wordlists import load_blocklists
from safety.checks.banned_pictures import BannedPictures
from safety.checks.blocklist import Blocklist
from safety.checks.language import LanguageCheck
from safety.checks.negative_prompt import NegativePrompt
from safety.checks.private_names import PrivateNames
from safety.normalize import read_prompt
from safety.screen import Screen
from tests.fakes import FakeEmbedder, FakeGenerator, FakePictureCheck, FakePromptCheck, fake_picture_checks

# No case comes up again by chance, in tests that are about something else.
QUIET = {"gate_seconds": 2, "second_look_share": 0, "golden_share": 0}


@dataclass
class Parts:
    """The fakes inside a service: the checks that go by rules are the real ones."""

    generator: FakeGenerator = field(default_factory=FakeGenerator)
    classifier: FakePromptCheck = field(default_factory=lambda: FakePromptCheck("prompt_classifier"))
    pictures: list[FakePictureCheck] = field(default_factory=fake_picture_checks)

    @property
    def screen(self) -> Screen:
        rules = real_blocklist(), real_negative_prompt(), real_language_check(), real_private_names()
        return Screen([self.classifier, *rules], FakeEmbedder(), [*self.pictures, BannedPictures()])


@cache
def real_blocklist() -> Blocklist:
    """The lists of the default policy, read once for all tests, and the dictionaries with the first prompt."""
    blocklist = Blocklist.from_lists(load_blocklists(("english", "french")))
    blocklist.check([read_prompt("a prompt")])
    return blocklist


@cache
def real_negative_prompt() -> NegativePrompt:
    """What is not to be seen, judged beside the same lists."""
    return NegativePrompt.from_lists(load_blocklists(("english", "french")))


@cache
def real_language_check() -> LanguageCheck:
    """Which languages the classifier reads; its models are loaded once."""
    return LanguageCheck()


@cache
def real_private_names() -> PrivateNames:
    """Whose name is whose, by the same lists."""
    return PrivateNames(load_blocklists(("english", "french")))


def build(data: Path, parts: Parts, **settings: Any) -> House:
    """A house over `data` with the given fakes."""
    return build_house(Settings(data=data, **{**QUIET, **settings}), parts.screen, parts.generator)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(data: Path, parts: Parts, **settings: Any) -> Iterator[tuple[House, str]]:
    """A house with fakes behind a real HTTP server. Yields the house and its base URL."""
    with listening(build(data, parts, port=free_port(), drain_seconds=2, **settings)) as served:
        yield served


@contextmanager
def listening(house: House) -> Iterator[tuple[House, str]]:
    """A house behind a real HTTP server in a thread of its own. Yields the house and its base URL."""
    server = uvicorn.Server(configuration(house))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield house, f"http://127.0.0.1:{house.settings.port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def client_of(house: House, url: str) -> httpx.Client:
    """An HTTP client with a fresh API key."""
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {house.keys.create('test')}"}, timeout=30)
