"""The nine panes: whatever state a request is in, each pane says what it is, and tells no more than it may."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.views import Found, PictureView, RequestView
from gateway.web.panes import Drawing, Ending, Face, draw
from gateway.web.texts import ENGLISH
from policies.loader import load_policy, shipped_policies
from policies.signals import Category

POLICY = load_policy(shipped_policies()["default"])
STARTED = datetime(2026, 1, 1, 12, tzinfo=UTC)
OUTCOMES = [None, "allowed", "blocked_prompt", "unconfirmed", "blocked_image", "held", "cancelled", "error"]
STATES = ["quarantined", "released", "withheld", "held"]

categories = st.lists(st.sampled_from([*map(str, Category), "unheard_of"]), max_size=3).map(tuple)

found = st.lists(st.builds(Found, st.sampled_from([*map(str, Category)]), st.integers(0, 3), st.integers(3, 9))).map(
    tuple
)


@st.composite
def requests(draw_from: st.DrawFn) -> RequestView:
    asked = draw_from(st.integers(1, 10))
    indices = draw_from(st.sets(st.integers(0, asked - 1)))
    outcome = draw_from(st.sampled_from(OUTCOMES))
    return RequestView(
        id="req_1",
        caller_id="ses_1",
        state="generating" if outcome is None else "released",
        outcome=outcome,
        error_code=None,
        prompt="a cat",
        categories=draw_from(categories),
        decision_id="dec_1",
        policy="default@1",
        asked=asked,
        created_at=STARTED,
        finished_at=None if outcome is None else STARTED + timedelta(seconds=3),
        pictures=tuple(picture(index, draw_from(st.sampled_from(STATES)), draw_from(categories)) for index in indices),
        found=draw_from(found),
    )


def picture(index: int, state: str, named: tuple[str, ...] = ()) -> PictureView:
    return PictureView(index, state, f"img_{index}" if state == "released" else None, index, named, f"dec_{index}")


def drawn(request: RequestView) -> Drawing:
    return draw(request, POLICY, ENGLISH, now=STARTED + timedelta(seconds=7))


@given(requests())
def test_there_is_one_pane_for_each_picture_asked_for(request: RequestView) -> None:
    assert [pane.number for pane in drawn(request).panes] == list(range(1, request.asked + 1))


@given(requests())
def test_a_pane_has_a_picture_exactly_when_it_shows_one(request: RequestView) -> None:
    assert all((pane.image_id is not None) == (pane.face is Face.SHOWN) for pane in drawn(request).panes)


@given(requests())
def test_nothing_is_being_drawn_in_a_request_that_is_over(request: RequestView) -> None:
    faces = {pane.face for pane in drawn(request).panes}
    assert drawn(request).running == (request.outcome is None)
    assert drawn(request).running or not faces & {Face.DRAWING, Face.CHECKING}


@given(requests())
def test_every_pane_without_a_picture_has_a_reason_once_it_is_over(request: RequestView) -> None:
    drawing = drawn(request)
    explained = {pane.number for reason in drawing.reasons for pane in reason.panes}
    silent = {pane.number for pane in drawing.panes if pane.face in (Face.SHOWN, Face.STOPPED)}
    if not drawing.running:
        assert explained | silent == set(range(1, request.asked + 1))
        assert all(reason.why for reason in drawing.reasons)


@given(requests())
def test_what_the_policy_keeps_to_itself_is_told_nowhere(request: RequestView) -> None:
    drawing = drawn(request)
    told = [*drawing.labels, *drawing.why]
    told += [text for pane in drawing.panes for text in (*pane.labels, *pane.why)]
    secret = {ENGLISH.category(c) for c in Category if POLICY.disclosure(c) == "none"}
    secret |= {POLICY.message(c, "en") for c in Category if POLICY.disclosure(c) == "none"}
    assert not secret & set(told)


@given(requests())
def test_a_prompt_is_marked_where_a_category_that_tells_its_place_was_seen_and_loses_no_letter(
    request: RequestView,
) -> None:
    drawing = drawn(request)
    marked = [led for text, led in drawing.marked for _ in text]
    seen = {
        at for f in request.found if POLICY.disclosure(Category(f.category)) == "span" for at in range(f.start, f.end)
    }
    if drawing.ending is Ending.ASKED or (drawing.ending is Ending.REFUSED and seen):
        assert "".join(text for text, _ in drawing.marked) == request.prompt
        assert marked == [at in seen for at in range(len(request.prompt))]
    else:
        assert drawing.marked == ()


@pytest.mark.parametrize(
    ("outcome", "states", "ending"),
    [
        (None, [], Ending.RUNNING),
        ("allowed", ["released", "withheld"], Ending.FINISHED),
        ("cancelled", ["released"], Ending.FINISHED),
        ("cancelled", [], Ending.CANCELLED),
        ("blocked_prompt", [], Ending.REFUSED),
        ("unconfirmed", [], Ending.ASKED),
        ("blocked_image", ["withheld"], Ending.ALL_WITHHELD),
        ("held", ["held"], Ending.HELD),
        ("error", [], Ending.FAILED),
        ("something_new", [], Ending.FAILED),
    ],
)
def test_an_ending_follows_from_the_outcome_and_what_there_is_to_see(
    outcome: str | None, states: list[str], ending: Ending
) -> None:
    pictures = tuple(picture(index, state) for index, state in enumerate(states))
    request = RequestView(
        "req_1", "ses_1", "released", outcome, None, "a cat", (), None, "p@1", 9, STARTED, None, pictures
    )
    assert drawn(request).ending is ending


def test_time_stops_when_the_request_is_over() -> None:
    running = RequestView("req_1", "s", "generating", None, None, "a cat", (), None, "p@1", 9, STARTED, None, ())
    finished = RequestView(
        "req_1",
        "s",
        "released",
        "allowed",
        None,
        "a cat",
        (),
        None,
        "p@1",
        9,
        STARTED,
        STARTED + timedelta(seconds=3),
        (),
    )
    assert (drawn(running).elapsed_s, drawn(finished).elapsed_s) == (7, 3)


def test_panes_with_the_same_face_and_category_share_a_reason() -> None:
    pictures = (picture(0, "withheld", ("gore",)), picture(1, "released"), picture(2, "withheld", ("gore",)))
    request = RequestView(
        "req_1", "s", "released", "allowed", None, "a cat", (), None, "p@1", 3, STARTED, STARTED, pictures
    )
    (reason,) = drawn(request).reasons
    assert (reason.numbers, reason.decision_ids) == ("1, 3", ("dec_0", "dec_2"))
    assert drawn(request).neighbours(1) == (None, 2)
