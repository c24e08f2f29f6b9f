"""A service with something on every page: people have drawn, reported, appealed, decided and banned.

It is filled through its own pages and API, so that it works around fakes (tests) and around the models that are shipped
(screenshots); only the sentences that bring something about differ. A new page that needs something to show adds a step
to `STEPS`, which leaves what it made under a name.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlmodel import col, select
from torch import Tensor

from gateway.assembly import House
from gateway.store.engine import open_engine, reading
from gateway.store.outbox import Event
from gateway.store.people import Role
from gateway.store.tables import CaseRow, ReviewRow
from gateway.store.together import Shares
from generator.at_once import Cancelled
from generator.contract import GeneratedImage, GenerationCancelled, PictureRequest
from policies.queues import Source
from policies.signals import Category, Signal
from safety.bias_audit.analysis import analyse
from safety.bias_audit.probes import Sizes
from safety.bias_audit.report import write_report
from tests.fakes import FakeGenerator, FakePromptCheck, fake_picture_checks
from tests.gateway.desk_parts import Moderator, csrf_of, expire_leases, hold, later, lease_of, opened, until
from tests.gateway.receiver import receiving
from tests.gateway.studio_parts import Studio
from tests.gateway.walks import Book
from tests.houses import Parts, client_of
from tests.look_alikes import detailed, pixels_of
from tests.safety.bias_audit.audit_runs import make_run, share_of_women

PEOPLE = {
    "moderator": ("ada", Role.MODERATOR),
    "colleague": ("ben", Role.MODERATOR),
    "senior": ("cleo", Role.SENIOR),
    "auditor": ("dora", Role.AUDITOR),
    "admin": ("emil", Role.ADMIN),
    "viewer": ("flo", Role.VIEWER),
}
SETTINGS: dict[str, Any] = {
    "undo_seconds": 3600, "gate_seconds": 120, "lease_seconds": 900, "requests_per_minute": 10_000,
    "webhook_private_hosts": ("127.0.0.1",),
}  # fmt: skip
TRIES = 6
TWICE = 32  # cases that two decide: two more than a figure takes
SECONDS = 300  # for nine pictures of a real model on a busy machine


@dataclass(frozen=True, slots=True)
class Words:
    """What has to be typed: held, appealed, overturned and banned are each held. slow: None: no drawing runs on."""

    drawn: tuple[str, str]
    partly: str
    asked: str
    refused: str
    held: Sequence[tuple[str, int]]
    restricted: str
    appealed: str
    overturned: str
    banned: Sequence[str]
    together: Sequence[str]
    appeal: str
    report: str
    note: str
    why_lifted: str
    slow: str | None


FAKES = Words(
    drawn=("a calm harbour", "a calm lighthouse"),
    partly="spoiled and doubtful",
    asked="a heap of rotten fish",
    refused="beheading of a prisoner, severed head, blood everywhere",
    held=(("all doubtful fox", 3), ("all doubtful gun \u202e\u200b <b>owl</b>", 1), ("unreadable", 2)),
    restricted="childlike",
    appealed="all doubtful teddy",
    overturned="all doubtful kite",
    banned=("all doubtful doll", "all doubtful puppet"),
    together=("all doubtful elk", "all doubtful hen"),
    appeal="It is a toy.",
    report="Somebody could be hurt.",
    note="The second one is clear enough.",
    why_lifted="It was another picture.",
    slow="a slow cat",
)


@dataclass
class Scene:
    """The running service, who is there, and what was made: `names` fills in the addresses of the table."""

    house: House
    url: str
    words: Words
    public: httpx.Client = field(init=False)
    people: dict[str, Moderator] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.public = opened(httpx.Client(base_url=self.url, follow_redirects=True, timeout=SECONDS))
        self.program = opened(client_of(self.house, self.url))
        self.program.timeout = httpx.Timeout(SECONDS)
        self.people = {who: self._signed_in(name, role) for who, (name, role) in PEOPLE.items()}

    def _signed_in(self, name: str, role: Role) -> Moderator:
        moderator = Moderator(self.house, self.url, name, role)
        self.house.login._limiter.storage.reset()
        assert moderator.sign_in().status_code == httpx.codes.OK
        return moderator

    def client_of(self, who: str) -> httpx.Client:
        """The browser of the public, or of somebody in `PEOPLE`."""
        return self.public if who == "public" else self.people[who].client

    def draw(self, prompt: str, *, to_the_end: bool = True) -> str:
        """Draw in the studio as the public. Returns the request's name."""
        page = self.public.post("/studio", data={"csrf": csrf_of(self.public.get("/")), "prompt": prompt})
        request_id = page.url.path.rpartition("/")[2]
        assert request_id.startswith("req_"), page.text
        if to_the_end:
            until(lambda: 'http-equiv="refresh"' not in self.public.get(page.url).text, SECONDS)
        return request_id

    def pictures(self, request_id: str) -> list[str]:
        """The names of what a drawing shows."""
        return re.findall(r"/pictures/(img_\w+)/report", self.public.get(f"/studio/{request_id}").text)

    def hold(self, prompt: str, count: int = 1) -> str:
        """Have pictures held. Returns the case's name. What a real model draws may be too bad to be held: once more."""
        known = self.newest()
        for _ in range(TRIES):
            hold(self.program, prompt, count, size=self.house.generator.sizes[0])
            if (found := self.newest()) != known:
                return found
        raise AssertionError(f"nothing was held of {prompt!r}, {TRIES} times")

    def send(self, path: str, **form: str) -> httpx.Response:
        """Send a form of a public page."""
        answer = self.public.post(path, data={"csrf": csrf_of(self.public.get(path)), **form})
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer

    def take(self, who: str, case_id: str) -> httpx.Response:
        """Take a case, whoever else had it."""
        expire_leases(self.house)
        return self.people[who].post(f"/review/cases/{case_id}/claim", self.people[who].get(f"/review/cases/{case_id}"))

    def decide(self, who: str, case_id: str, choice: str, **form: str) -> None:
        """Take a case and say the same of all that is at stake."""
        answer = self.people[who].decide(self.take(who, case_id), choice, **form)
        assert answer.status_code == httpx.codes.OK, answer.text

    def appeal(self, decision_id: str, text: str) -> str:
        """Object to a decision as the public. Returns the case's name."""
        self.send(f"/decisions/{decision_id}", text=text)
        return self.newest()

    def decision_on(self, case_id: str) -> str:
        """The newest decision on the first picture of a case."""
        with reading(open_engine(self.house.settings.database)) as session:
            case = session.exec(select(CaseRow).where(CaseRow.id == case_id)).one()
        (picture, *_) = [row for row in Book(self.house).pictures if row.request_id == case.request_id]
        return str(picture.decision_id)

    def newest(self) -> str:
        """The case that was opened last."""
        with reading(open_engine(self.house.settings.database)) as session:
            found = session.exec(select(CaseRow).order_by(col(CaseRow.opened_at).desc()).limit(1)).first()
        return found.id if found else ""


def filled(house: House, url: str, words: Words) -> Scene:
    """A scene in which every step was taken."""
    scene = Scene(house, url, words)
    for step in STEPS:
        step(scene)
    return scene


def _drawings(scene: Scene) -> None:
    words = scene.words
    first, scene.names["drawing"] = (scene.draw(prompt) for prompt in words.drawn)
    scene.names["reported"], scene.names["withdrawn"] = scene.pictures(first)[:2]
    scene.names["picture"] = scene.pictures(scene.names["drawing"])[0]
    scene.names["partly"] = _drawn_partly(scene)
    scene.names["asked"], scene.names["refused"] = scene.draw(words.asked), scene.draw(words.refused)
    found = re.search(r"/decisions/(dec_\w+)", scene.public.get(f"/studio/{scene.names['refused']}").text)
    assert found
    scene.names["refusal"] = found[1]


def _drawn_partly(scene: Scene) -> str:
    """Some pictures shown, and some not: which ones is chance where a real model draws."""
    for _ in range(TRIES):
        name = scene.draw(scene.words.partly)
        page = scene.public.get(f"/studio/{name}").text
        if "face-shown" in page and ("face-withheld" in page or "face-held" in page):
            return name
    raise AssertionError(f"{scene.words.partly!r} was drawn whole or not at all, {TRIES} times")


def _agreement(scene: Scene) -> None:
    """Cases that two people decided, enough for a figure: they see a few of them otherwise."""
    cases = scene.house.desk.cases
    shares, cases._shares = cases._shares, Shares(b"scene", 1, 0)
    for number in range(TWICE):
        scene.decide("moderator", scene.hold(scene.words.appealed), "block" if number % 3 else "allow")
    later(scene.house)
    until(lambda: len(_copies(scene)) == TWICE, SECONDS)
    cases._shares = shares
    for number, copy in enumerate(_copies(scene)):
        choice = "block" if _blocked_first(scene, copy) is not (number % 11 == 0) else "allow"
        scene.decide("colleague", copy.id, choice)
    later(scene.house)
    until(lambda: not _copies(scene), SECONDS)


def _copies(scene: Scene) -> list[CaseRow]:
    """What came up again and is not closed."""
    again = select(CaseRow).where(col(CaseRow.again_of).is_not(None), CaseRow.source != Source.DISAGREEMENT)
    with reading(open_engine(scene.house.settings.database)) as session:
        return list(session.exec(again.where(CaseRow.state != "closed").order_by(col(CaseRow.opened_at))))


def _blocked_first(scene: Scene, copy: CaseRow) -> bool:
    with reading(open_engine(scene.house.settings.database)) as session:
        return "block" in session.get_one(ReviewRow, copy.first_review_id).choices


def _audits(scene: Scene) -> None:
    """Two audits, one of a tilted generator, and a picture that two read otherwise; planted, so no screenshot."""
    if not scene.words.slow:
        return
    for name, share in (("fair", 0.5), ("tilted", 0.97)):
        truth = share_of_women({f"job {number}": share for number in range(4)})
        run = make_run(scene.house.settings.data / "audits" / name, truth, sizes=Sizes(12, 2, 16))
        write_report(analyse(run), run.folder / "report", "en")
    for who, answer in (("colleague", "feminine"), ("senior", "masculine")):
        scene.house.audits.rate("fair", 0, scene.people[who].person, {"presentation": answer})


def _webhooks(scene: Scene) -> None:
    """Somebody is told of a picture, and cannot be reached afterwards."""
    with receiving() as receiver:
        scene.house.webhooks.add(receiver.url, tuple(Event), None, "terminal")
        scene.decide("colleague", scene.hold(scene.words.together[0]), "block")
        until(lambda: len(receiver.came) >= 2, SECONDS)


def _banned(scene: Scene) -> None:
    for prompt in scene.words.banned:
        scene.decide("senior", scene.hold(prompt), "ban")
    entries = re.findall(r"/review/banned/(ban_\w+)/lift", scene.people["senior"].get("/review/banned").text)
    lifted = scene.people["senior"].post(f"/review/banned/{entries[0]}/lift", why=scene.words.why_lifted)
    assert lifted.status_code == httpx.codes.OK, lifted.text


def _overturned(scene: Scene) -> None:
    """Blocked by one, overturned by another, and served."""
    case_id = scene.hold(scene.words.overturned)
    scene.decide("moderator", case_id, "block")
    scene.names["overturned"] = scene.decision_on(case_id)
    again = scene.appeal(scene.names["overturned"], scene.words.appeal)
    scene.decide("colleague", again, "allow", reason="was_mistaken", note=scene.words.note)
    later(scene.house)
    until(lambda: scene.house.recourse.statement(scene.names["overturned"]).review is not None)


def _appeals(scene: Scene) -> None:
    case_id = scene.hold(scene.words.appealed)
    scene.decide("moderator", case_id, "block", note=scene.words.note)
    scene.names["blocked"] = scene.decision_on(case_id)
    scene.names["case-appeal"] = scene.appeal(scene.names["blocked"], scene.words.appeal)
    scene.names["case-refusal"] = scene.appeal(scene.names["refusal"], scene.words.appeal)


def _reports(scene: Scene) -> None:
    report = {"reason": "violence", "note": scene.words.report}
    answer = scene.send(f"/pictures/{scene.names['withdrawn']}/report", **report)
    scene.names["report-ended"] = answer.url.path.rpartition("/")[2]
    scene.decide("moderator", scene.newest(), "block", clause="violence", reason="shows_after_all")
    answer = scene.send(f"/pictures/{scene.names['reported']}/report", **report)
    scene.names["report"] = answer.url.path.rpartition("/")[2]
    scene.names["case-report"] = scene.newest()


def _cases(scene: Scene) -> None:
    """What waits in the queue, what people work on, and what can still be taken back."""
    scene.names["case-settling"] = scene.hold(scene.words.held[0][0])
    scene.decide("moderator", scene.names["case-settling"], "allow")
    scene.names["case-closed"] = scene.hold(scene.words.held[0][0])
    scene.decide("colleague", scene.names["case-closed"], "block", note=scene.words.note)
    scene.names["appealable"] = scene.decision_on(scene.names["case-closed"])
    scene.names["case-restricted"] = scene.hold(scene.words.restricted)
    held = [scene.hold(prompt, count) for prompt, count in scene.words.held]
    scene.names["case"], scene.names["case-taken"], scene.names["case-unjudged"] = held[0], held[1], held[-1]
    scene.take("senior", scene.names["case-restricted"])
    for who, case in (
        ("moderator", "case"),
        ("moderator", "case-report"),
        ("colleague", "case-taken"),
        ("colleague", "case-appeal"),
    ):
        person = scene.people[who]
        person.post(f"/review/cases/{scene.names[case]}/claim", person.get(f"/review/cases/{scene.names[case]}"))


def _batches(scene: Scene) -> None:
    """Cases decided together, and others that somebody is about to."""
    done = _together(scene, "colleague")
    said = {"act": "block", "clause": "gore", "reason": "breaks_rule", "note": scene.words.note}
    answer = scene.people["colleague"].post(f"{done.url.path}/decision", done, **said)
    assert answer.status_code == httpx.codes.OK, answer.text
    scene.names["batch"] = done.url.path.rpartition("/")[2]
    scene.names["batch-preview"] = _together(scene, "senior").url.path.rpartition("/")[2]


def _together(scene: Scene, who: str) -> httpx.Response:
    """The preview of cases that were just held."""
    cases = {f"case-{scene.hold(prompt)}": "1" for prompt in scene.words.together}
    preview = scene.people[who].post("/review/batches", scene.people[who].get(), **cases)
    assert preview.url.path.startswith("/review/batches/"), preview.text
    return preview


def _care(scene: Scene) -> None:
    """Somebody has looked closely."""
    person, path = scene.people["moderator"], f"/review/cases/{scene.names['case']}"
    page = person.get(path)
    for picture in re.findall(rf"{path}/pictures/img_\w+/reveal", page.text):
        assert person.post(picture, page, lease=lease_of(page)).status_code == httpx.codes.OK


def _runs(scene: Scene) -> None:
    """Last, since nothing else is drawn from then on."""
    if scene.words.slow:
        scene.names["running"] = scene.draw(scene.words.slow, to_the_end=False)


STEPS: tuple[Callable[[Scene], None], ...] = (
    _drawings,
    _agreement,
    _audits,
    _webhooks,
    _banned,
    _overturned,
    _appeals,
    _reports,
    _cases,
    _batches,
    _care,
    _runs,
)


def scene_parts() -> Parts:
    """Fakes that obey the words of `FAKES`, and draw pictures with enough detail to be banned."""
    checks, seen = fake_picture_checks(), Counter[str]()
    studio = Studio().parts
    generator = FakeGenerator(on_draw=_draw, batch_size=9, begins_at=0.25, sizes=("64x64",))

    def concepts(_: Tensor) -> list[Signal]:
        prompt = generator.asked[-1].prompt
        seen[prompt] += 1
        return _concepts(prompt, (seen[prompt] - 1) % 9)

    checks[0].on_picture = concepts
    return Parts(generator, FakePromptCheck("prompt_classifier", on_check=studio.classifier.on_check), checks)


def _draw(requests: Sequence[PictureRequest], cancelled: Cancelled) -> list[GeneratedImage]:
    while "slow" in requests[0].prompt:
        if cancelled():
            raise GenerationCancelled
        time.sleep(0.01)
    return [GeneratedImage(pixels_of(detailed(request.seed, 64)), request.seed) for request in requests]


def _concepts(prompt: str, place: int) -> list[Signal]:
    if "unreadable" in prompt:
        raise RuntimeError("as told")
    doubtful = "all doubtful" in prompt or ("doubtful" in prompt and place == 2)
    gory = 0.95 if "spoiled" in prompt and place == 1 else 0.6 * doubtful
    scores = {Category.GORE: gory, Category.SEXUAL_MINORS: 0.4 * ("childlike" in prompt)}
    return [Signal("image_concepts", c, scores.get(c, 0.0), calibrated="childlike" not in prompt) for c in Category]
