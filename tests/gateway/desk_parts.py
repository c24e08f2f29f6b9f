"""What the desk's tests run: services with cases in them, and moderators without JavaScript who sign in and decide.

The words that hold a picture are those of studio_parts: "doubtful" the third, "unreadable" all. "all doubtful" holds
each, "childlike" one that may show a child, by a score that nobody calibrated and that no rule refuses.
"""

import html
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pyotp
from argon2 import PasswordHasher
from sqlalchemy import text
from sqlmodel import select
from torch import Tensor

from gateway.assembly import House
from gateway.login import STEP_SECONDS, Login, Secrets
from gateway.store.engine import open_engine, transaction
from gateway.store.people import Person, Role
from gateway.store.tables import CaseRow
from policies.signals import Category, Signal
from tests.fakes import FakeGenerator, fake_picture_checks
from tests.gateway.studio_parts import Studio
from tests.houses import Parts

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # the tests are not about its slowness


def desk_parts() -> Parts:
    """Parts that hold what the words say."""
    parts, checks = Studio().parts, fake_picture_checks()
    generator = parts.generator
    checks[0].on_picture = lambda pixels: _concepts(pixels, generator)
    return Parts(generator, parts.classifier, checks)


def _concepts(pixels: Tensor, generator: FakeGenerator) -> list[Signal] | None:
    prompt = generator.asked[-1].prompt
    if "unreadable" in prompt:
        raise RuntimeError("as told")
    doubtful = "all doubtful" in prompt or ("doubtful" in prompt and bool(pixels[0, 0, 0] == 200))
    scores = {Category.GORE: 0.6 * doubtful, Category.SEXUAL_MINORS: 0.4 * ("childlike" in prompt)}
    is_sure = "childlike" not in prompt
    return [Signal("image_concepts", c, scores.get(c, 0.0), calibrated=is_sure) for c in Category]


@dataclass
class Moderator:
    """Somebody with an account and a browser without JavaScript."""

    house: House
    url: str
    name: str = "ada"
    role: Role = Role.MODERATOR
    secrets: Secrets = field(init=False)
    client: httpx.Client = field(init=False)
    _step: int = 0

    def __post_init__(self) -> None:
        self.secrets = quick(self.house.login).create(self.name, self.role)
        self.client = opened(httpx.Client(base_url=self.url, follow_redirects=True, timeout=60))

    @property
    def person(self) -> Person:
        return self.house.login.people.named(self.name)

    def code(self) -> str:
        """A code that was not used before: the second within half a minute is one that comes early."""
        self._step = max(self._step + 1, int(time.time()) // STEP_SECONDS)
        return pyotp.TOTP(self.secrets.totp_secret).generate_otp(self._step)

    def sign_in(self, **form: str) -> httpx.Response:
        page = self.client.get("/review/login")
        told = {"csrf": csrf_of(page), "name": self.name, "password": self.secrets.password, **form}
        return self.client.post("/review/login", data={"code": form.get("code") or self.code(), **told})

    def get(self, path: str = "/review") -> httpx.Response:
        return self.client.get(path)

    def post(self, path: str, page: httpx.Response | None = None, **form: str) -> httpx.Response:
        """Send a form with the token of a page."""
        return self.client.post(path, data={"csrf": csrf_of(page or self.get()), **form})

    def take(self) -> httpx.Response:
        """The next case, taken."""
        return self.post("/review/next")

    def decide(self, page: httpx.Response, choice: str = "allow", **form: str) -> httpx.Response:
        """Say the same of every picture of a page."""
        told = dict.fromkeys(re.findall(r'form="decide" name="([^"]+)" value="allow"', page.text), choice)
        fitting = {"clause": "none", "reason": "false_alarm"} if choice == "allow" else BLOCKING
        return self.post(f"{case_path(page)}/decision", page, **{"lease": lease_of(page), **told, **fitting, **form})

    def say(self, page: httpx.Response, action: str, **form: str) -> httpx.Response:
        """Escalate or skip."""
        return self.post(f"{case_path(page)}/{action}", page, **{"lease": lease_of(page), **form})


TABLES = (
    "audit_labels", "exposures", "care",
    "batch_cases", "batches", "ban_matches", "lifted_bans", "banned_pictures", "reports", "appeals", "reviews",
    "cases", "golden_cases", "saved_filters", "queue_grants",
    "sign_ins", "people", "pictures", "decisions", "requests", "ledger", "api_keys",
)  # fmt: skip
LONG_AGO = "2026-01-01T00:00:00.000000+00:00"
OPEN: list[httpx.Client] = []


def opened(client: httpx.Client) -> httpx.Client:
    """The same, to be closed by `close_all`."""
    OPEN.append(client)
    return client


def close_all() -> None:
    """Close what a test opened."""
    while OPEN:
        OPEN.pop().close()


BLOCKING = {"clause": "gore", "reason": "breaks_rule"}


def quick(login: Login) -> Login:
    """The same with a hasher that does not take its time."""
    login._hasher = QUICK
    return login


def wipe(house: House) -> None:
    """Empty the database of a house that runs: quicker than another house for each test."""
    with open_engine(house.settings.database).begin() as connection:
        for table in TABLES:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_DELETE"))
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        for table in TABLES:
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 (names of our own)
    house.login._limiter.storage.reset()
    house.recourse._limiter.storage.reset()


def hold(client: httpx.Client, prompt: str = "all doubtful", count: int = 1, size: str = "64x64") -> dict[str, str]:
    """Ask for what will be held. Returns x_gateway."""
    answer = client.post("/v1/images/generations", json={"prompt": prompt, "n": count, "size": size})
    assert answer.status_code in (400, 503), answer.text
    return dict(answer.json()["error"].get("x_gateway", {}))


def program_of(house: House, url: str, name: str = "robot", role: Role = Role.MODERATOR) -> httpx.Client:
    """A client whose key acts in somebody's name."""
    moderator = Moderator(house, url, name=name, role=role)
    key = house.keys.create(name, ("reviews:read", "reviews:decide"), moderator.person.id)
    return opened(httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60))


def csrf_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def lease_of(page: httpx.Response) -> str:
    found = re.search(r'name="lease" value="([^"]+)"', page.text)
    assert found, words(page)
    return found[1]


def case_path(page: httpx.Response) -> str:
    found = re.search(r'action="(/review/cases/cas_\w+)/(?:return|claim)"', page.text)
    assert found, words(page)
    return found[1]


def words(page: httpx.Response) -> str:
    """What a person reads: no tags, no entities."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def later(house: House) -> None:
    """The time to undo is over, for all that was allowed so far."""
    with transaction(open_engine(house.settings.database), "test") as session:
        for case in session.exec(select(CaseRow).where(CaseRow.state == "settling")):
            case.effective_at = LONG_AGO
            session.add(case)


def expire_leases(house: House) -> None:
    """Everybody has been away for more than five minutes."""
    with transaction(open_engine(house.settings.database), "test") as session:
        for case in session.exec(select(CaseRow)):
            case.lease_until = LONG_AGO
            session.add(case)


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what takes effect by itself."""
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, "it never came to be"
        time.sleep(0.05)
