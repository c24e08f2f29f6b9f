"""Appeals and bans: a picture that should have passed bans nothing; what only a ban kept back can be appealed."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.assembly import House
from gateway.store.banned import Lifted
from gateway.store.bans import Ban
from policies.signals import Category
from safety.fingerprint import fingerprint
from tests.gateway.banned_parts import Easel, ask
from tests.gateway.desk_parts import Moderator, close_all, csrf_of, later, opened, until, wipe, words
from tests.gateway.test_appeals import appeal, hear, signed_in, state_of, whole
from tests.gateway.walks import Book
from tests.houses import client_of, serving
from tests.look_alikes import detailed, pixels_of

Served = tuple[House, str]
WITHDRAW = {"clause": "gore", "reason": "shows_after_all"}


def running(data: pytest.TempPathFactory, policy: str) -> Iterator[Served]:
    patient = {"undo_seconds": 3600, "gate_seconds": 60, "requests_per_minute": 1000}
    with serving(data.mktemp(policy), Easel().parts, policy=policy, **patient) as served:
        yield served


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service whose policy holds what looks like a banned picture."""
    yield from running(tmp_path_factory, "default")


@pytest.fixture(scope="module")
def withholding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service whose policy withholds it."""
    yield from running(tmp_path_factory, "strict")


@pytest.fixture
def served(holding: Served) -> Iterator[Served]:
    yield from unused(holding)


@pytest.fixture
def strict(withholding: Served) -> Iterator[Served]:
    yield from unused(withholding)


def unused(running: Served) -> Iterator[Served]:
    """A service that nobody has used."""
    wipe(running[0])
    running[0].bans.refresh()
    yield running
    close_all()


def somebody(served: Served) -> httpx.Client:
    return opened(httpx.Client(base_url=served[1], follow_redirects=True, timeout=60))


def client_for(served: Served) -> httpx.Client:
    return opened(client_of(*served))


def banned_by(ada: Moderator, client: httpx.Client) -> str:
    """Have a picture held, block it, and ban its look-alikes. Returns the id of the decision."""
    ask(client, "doubtful original")
    assert "Blocked." in words(ada.decide(ada.take(), "ban"))
    (picture,) = Book(ada.house).pictures
    return str(picture.decision_id)


def withheld_for_a_ban(served: Served) -> tuple[str, str]:
    """A picture that looks like one that was banned elsewhere. Returns the ban's id and the decision's."""
    house, _ = served
    hashed = fingerprint(pixels_of(detailed())).hash
    (ban,) = house.desk.banned.add([Ban(hashed, Category.HATE, "elsewhere", "terminal", "terminal")])
    house.bans.refresh()
    ask(client_for(served), "calm original")
    (picture,) = Book(house).pictures
    assert picture.state == "withheld"
    return ban, str(picture.decision_id)


def ends(house: House) -> list[tuple[str, str | None]]:
    return sorted(Book(house).ends)


def test_an_overturn_lifts_what_was_banned_from_the_picture_and_frees_its_look_alikes(served: Served) -> None:
    house, client = served[0], client_for(served)
    ada, ben = signed_in(served, "ada"), signed_in(served, "ben")
    decision_id = banned_by(ada, client)
    assert ask(client, "calm mirrored").json()["error"]["x_gateway"]["outcome"] == "held"
    appeal(somebody(served), decision_id)
    hear(ben, "allow")
    assert house.desk.banned.counts()["stands"] == 1  # it can still be taken back
    later(house)
    until(lambda: Book(house).picture_states == ["released", "released"])
    until(lambda: state_of(house) == "overturned")
    until(lambda: ends(house) == [("released", "allowed")] * 2)
    (ban,) = house.desk.banned.listed()
    assert ban.lifted is not None
    assert ban.lifted.lifted_by == f"person:{ben.person.id}"
    assert ban.lifted.why.startswith("apl_")
    assert ask(client, "calm turned").status_code == 200
    assert house.desk.cases.counts().open == 0
    assert whole(house)


def test_an_upheld_appeal_leaves_the_ban_in_force(served: Served) -> None:
    house, client = served[0], client_for(served)
    decision_id = banned_by(signed_in(served, "ada"), client)
    appeal(somebody(served), decision_id)
    hear(signed_in(served, "ben"), "block")
    assert state_of(house) == "upheld"
    assert house.desk.banned.counts()["stands"] == 1
    assert ask(client, "calm mirrored").status_code == 400


def test_a_ban_that_could_not_be_lifted_leaves_the_appeal_to_be_settled_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, tried = served[0], list[str]()
    decision_id = banned_by(signed_in(served, "ada"), client_for(served))
    appeal(somebody(served), decision_id)
    hear(signed_in(served, "ben"), "allow")

    def broken(banned_id: str, _by: str, _why: str) -> Lifted:
        tried.append(banned_id)
        raise OSError("as told")

    with monkeypatch.context() as patched:
        patched.setattr(house.desk.banned, "disable_entry", broken)
        later(house)
        until(lambda: len(tried) > 1)
        assert state_of(house) == "open"
        assert house.desk.banned.counts()["stands"] == 1
    until(lambda: state_of(house) == "overturned")
    assert house.desk.banned.counts() == {"stands": 0, "ended": 0, "lifted": 1}
    assert Book(house).picture_states == ["released"]
    assert whole(house)


def test_a_picture_that_only_a_ban_withheld_is_brought_back_and_the_ban_of_another_stays(strict: Served) -> None:
    house, public = strict[0], somebody(strict)
    _, decision_id = withheld_for_a_ban(strict)
    appeal(public, decision_id)
    hear(signed_in(strict, "ben"), "allow")
    later(house)
    until(lambda: state_of(house) == "overturned")
    assert Book(house).picture_states == ["released"]
    assert ends(house) == [("released", "allowed")]
    assert house.desk.banned.counts()["stands"] == 1
    assert whole(house)


@pytest.mark.parametrize("heard", [False, True], ids=["waiting", "settling"])
def test_a_lifted_ban_that_frees_a_picture_ends_its_appeal(strict: Served, heard: bool) -> None:
    house, public = strict[0], somebody(strict)
    ban, decision_id = withheld_for_a_ban(strict)
    appeal(public, decision_id)
    if heard:
        hear(signed_in(strict, "ben"), "allow", note="Nothing wrong with it.")
    house.desk.banned.disable_entry(ban, "terminal", "it was a costume")
    assert state_of(house) == "overturned"
    until(lambda: ends(house) == [("released", "allowed")])
    assert house.desk.cases.counts().open == 0
    assert house.desk.cases.due() == []
    page = words(public.get(f"/decisions/{decision_id}"))
    assert "The picture has been brought back and is shown." in page
    assert ("Nothing wrong with it." if heard else "That ban was lifted") in page
    told = public.get(f"/api/v1/decisions/{decision_id}/appeal").json()
    assert (told["state"], told["restored"]) == ("overturned", True)
    assert told["reason"]["fr"]
    assert whole(house)


def test_a_lifted_ban_leaves_an_appealed_picture_that_another_rule_keeps_back_to_whoever_hears_the_appeal(
    strict: Served,
) -> None:
    house, public = strict[0], somebody(strict)
    hashed = fingerprint(pixels_of(detailed())).hash
    house.desk.banned.add([Ban(hashed, Category.SEXUAL, "elsewhere", "terminal", "terminal")])
    ban, decision_id = withheld_for_a_ban(strict)
    appeal(public, decision_id)
    house.desk.banned.disable_entry(ban, "terminal", "it was a costume")
    assert (state_of(house), Book(house).picture_states) == ("open", ["withheld"])
    hear(signed_in(strict, "ben"), "allow")
    later(house)
    until(lambda: state_of(house) == "overturned")
    assert Book(house).picture_states == ["released"]
    assert whole(house)


def test_a_reported_picture_can_be_withdrawn_and_banned(served: Served) -> None:
    house, client, public = served[0], client_for(served), somebody(served)
    assert ask(client, "calm original").status_code == 200
    path = f"/pictures/{Book(house).pictures[0].id}/report"
    public.post(path, data={"csrf": csrf_of(public.get(path)), "reason": "violence"})
    ben = signed_in(served, "ben")
    ben.decide(ben.post("/review/next", source="report"), "ban", **WITHDRAW)
    assert Book(house).picture_states == ["withdrawn"]
    assert ask(client, "calm mirrored").json()["error"]["x_gateway"]["outcome"] == "held"
    assert whole(house)
