"""What the page of the queues shows, and the views of it that somebody keeps under a name."""

from collections.abc import Mapping
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.assembly import House
from gateway.auth import require_own_form
from gateway.errors import InvalidValue
from gateway.store.cases import PAGE
from gateway.store.listing import Filters
from gateway.store.people import Duty, Person
from gateway.store.queue import Band
from gateway.web.pages import form_of, house_of
from gateway.web.queue_texts import QUEUE_TEXTS
from gateway.web.signing_in import TheModerator
from gateway.web.texts import Language
from policies.queues import Queues, Source
from policies.signals import Category

AFTER = "after"  # of an address: the case that the page before ended with

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.post("/review/views")
async def save_view(request: Request, moderator: TheModerator) -> Response:
    """Keep the filters of a page under a name."""
    house, form = house_of(request), await form_of(request)
    require_own_form(request, form.get("csrf", ""), moderator.csrf)
    moderator.person.require(Duty.READ)
    asked = asked_of(filters_of(form, house.desk.cases.queues))
    try:
        await to_thread.run_sync(house.saved_filters.save, moderator.person, form.get("name", ""), asked)
    except InvalidValue:
        return _to_queue({**asked, "kept": "no"})
    return _to_queue(asked)


@router.post("/review/views/delete")
async def delete_view(request: Request, moderator: TheModerator) -> Response:
    """Keep one no longer."""
    house, form = house_of(request), await form_of(request)
    require_own_form(request, form.get("csrf", ""), moderator.csrf)
    await to_thread.run_sync(house.saved_filters.delete, moderator.person, form.get("name", ""))
    return _to_queue(asked_of(filters_of(form, house.desk.cases.queues)))


def filters_of(asked: Mapping[str, str], queues: Queues) -> Filters:
    """What an address or a form asks for; what does not exist filters nothing."""
    category, source, band, queue = (asked.get(name) for name in ("category", "source", "band", "queue"))
    return Filters(
        category if category in set(Category) else None,
        source if source in set(Source) else None,
        Band(band) if band in set(Band) else None,
        queue if queue in queues.names else None,
    )


def asked_of(filters: Filters) -> dict[str, str]:
    """The same as an address or a form says it."""
    told = {"queue": filters.queue, "category": filters.category, "source": filters.source, "band": filters.band}
    return {name: value for name, value in told.items() if value}


async def context(house: House, person: Person, language: Language, asked: Mapping[str, str]) -> dict[str, object]:
    """All that the page shows. Raises SeparationOfDuties for a queue that is not theirs."""
    cases, after = house.desk.cases, asked.get(AFTER)
    filters = filters_of(asked, cases.queues)
    found = await to_thread.run_sync(cases.waiting, filters, person, after, PAGE + 1)
    shown, here = found[:PAGE], asked_of(filters)
    wishes = await to_thread.run_sync(cases.care.wishes, person)
    seen = [case for case in shown if case.category not in wishes.avoided]
    return {
        "cases": shown,
        "alike": await to_thread.run_sync(cases.alike_counts, shown, filters, person),
        "thumbnails": await to_thread.run_sync(cases.first_pictures, seen),
        "counts": await to_thread.run_sync(cases.counts, person, filters.queue),
        "names": await to_thread.run_sync(house.login.people.names),
        "queues": [(queue.name, queue.title.in_language(language), queue.open)
                   for queue in await to_thread.run_sync(cases.queues_of, person)],
        "saved": [(one.name, address(_still_there(one.asked, cases.queues)))
                  for one in await to_thread.run_sync(house.saved_filters.of, person)],
        "filters": filters,
        "here": here,
        "address": lambda **changed: address({**here, **changed}),
        "asked": urlencode({**here, AFTER: after} if after else here),
        "onward": address({**here, AFTER: shown[-1].id}) if len(found) > PAGE else None,
        "is_first": not after,
        "not_kept": asked.get("kept") == "no",
        "bands": tuple(Band),
        "sources": tuple(Source),
        "categories": tuple(Category),
        "may_decide": person.may(Duty.DECIDE),
        "bulk_most": house.bulk.batches.limits.most,
        "proposals": await to_thread.run_sync(house.bulk.batches.waiting),
        "q": QUEUE_TEXTS[language],
    }  # fmt: skip


def address(asked: Mapping[str, str | None]) -> str:
    """Of the page with these filters."""
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/review?{query}" if query else "/review"


def _still_there(asked: Mapping[str, str], queues: Queues) -> dict[str, str]:
    return asked_of(filters_of(asked, queues))


def _to_queue(asked: Mapping[str, str]) -> Response:
    return RedirectResponse(address(asked), status_code=303)
