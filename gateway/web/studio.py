"""The studio: one box, one button, nine pictures. Works without JavaScript, and better with it."""

import re
from collections.abc import Mapping

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.assembly import House
from gateway.errors import GatewayError, MissingParameter, NotFound
from gateway.generation import Asked
from gateway.prompts import checked_prompt
from gateway.store.decisions import State
from gateway.store.released import read_released
from gateway.web import captions
from gateway.web.pages import TheVisitor, Visitor, form_of, house_of, html, kept, page, plain
from gateway.web.panes import Drawing, Ending, Pane, draw
from gateway.web.sheet import compose
from generator.contract import PNG_XMP

PICTURES = 9

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
async def empty_studio(request: Request, visitor: TheVisitor) -> Response:
    """The box and nine examples."""
    return _studio(request, visitor)


@router.get("/studio")
async def studio_without_a_drawing(request: Request, visitor: TheVisitor) -> Response:
    """What a reload, or another language, asks for after a form that could not be taken."""
    return kept(request, visitor, RedirectResponse("/", status_code=303))


@router.post("/studio")
async def run(request: Request, visitor: TheVisitor) -> Response:
    """Start a drawing and go to its page; whatever stands in the way is told on the page, with the prompt kept."""
    prompt = ""
    try:
        form = await form_of(request)
        prompt = form.get("prompt", "")
        _check_csrf(request, visitor, form)
        asked = _asked(house_of(request), prompt, form.get("confirmation"))
        request_id = await house_of(request).pipeline.start(asked, visitor.caller)
    except GatewayError as error:
        return _refused_form(request, visitor, prompt, error)
    return kept(request, visitor, RedirectResponse(f"/studio/{request_id}", status_code=303))


@router.get("/studio/{request_id}")
async def drawing_page(request: Request, visitor: TheVisitor, request_id: str) -> Response:
    """The drawing as it stands."""
    drawing = await _drawing(request, visitor, request_id)
    if drawing is None:
        return _missing(request, visitor)
    return _studio(request, visitor, prompt=drawing.request.prompt, drawing=drawing)


@router.get("/studio/{request_id}/grid")
async def drawing_fragment(request: Request, visitor: TheVisitor, request_id: str) -> Response:
    """The changing part of the page, asked for twice a second while the drawing runs."""
    drawing = await _drawing(request, visitor, request_id)
    if drawing is None:
        gone = _missing(request, visitor)
        gone.headers["HX-Refresh"] = "true"  # a page whose drawing is gone should say so, not wait for ever
        return gone
    return html(visitor, "drawing.html", 200, **_drawing_context(request, visitor, drawing))


@router.post("/studio/{request_id}/cancel")
async def cancel(request: Request, visitor: TheVisitor, request_id: str) -> Response:
    """Stop a drawing of one's own."""
    try:
        _check_csrf(request, visitor, await form_of(request))
        await house_of(request).pipeline.cancel(request_id, visitor.caller)
    except NotFound:
        return _missing(request, visitor)
    except GatewayError as error:
        return _refused_form(request, visitor, "", error)
    return RedirectResponse(f"/studio/{request_id}", status_code=303)


@router.get("/studio/{request_id}/pictures/{number:int}")
async def picture_page(request: Request, visitor: TheVisitor, request_id: str, number: int) -> Response:
    """One picture, larger: where a pane leads without JavaScript."""
    drawing = await _drawing(request, visitor, request_id)
    pane = _shown_pane(drawing, number)
    if drawing is None or pane is None:
        return _missing(request, visitor)
    before, after = drawing.neighbours(number)
    context = _naming(request, visitor, drawing)
    return page(
        request, visitor, "picture.html", 200, drawing=drawing, pane=pane, before=before, after=after, **context
    )


@router.get("/studio/{request_id}/sheet.png")
async def sheet(request: Request, visitor: TheVisitor, request_id: str) -> Response:
    """The released pictures on one sheet, in their places."""
    drawing = await _drawing(request, visitor, request_id)
    if drawing is None or not drawing.shown:
        return _missing(request, visitor)
    content = await to_thread.run_sync(_compose, house_of(request), drawing)
    headers = {
        "Content-Disposition": f'attachment; filename="{_file_stem(drawing.request.prompt)}.png"',
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type="image/png", headers=headers)


def _check_csrf(request: Request, visitor: Visitor, form: Mapping[str, str]) -> None:
    house_of(request).sessions.check_csrf(request, visitor.session, form.get("csrf", ""))


def _asked(house: House, prompt: str, confirmation: str | None) -> Asked:
    """Raises MissingParameter, PromptTooLong, InvalidValue."""
    if not prompt.strip():
        raise MissingParameter("The prompt is empty.", param="prompt")
    return Asked(
        prompt=checked_prompt(prompt, house.settings.max_prompt_chars),
        count=PICTURES,
        size=house.generator.sizes[0],
        model=house.generator.identity.name,
        surface="studio",
        confirmation=confirmation,
    )


async def _drawing(request: Request, visitor: Visitor, request_id: str) -> Drawing | None:
    """The visitor's own drawing; somebody else's does not exist for them."""
    house = house_of(request)
    view = await to_thread.run_sync(house.decisions.view, request_id)
    if view is None or view.caller_id != visitor.session.id:
        return None
    return draw(view, house.policy_in_force.policy, visitor.texts)


def _shown_pane(drawing: Drawing | None, number: int) -> Pane | None:
    shown = drawing.shown if drawing else ()
    return next((pane for pane in shown if pane.number == number), None)


def _compose(house: House, drawing: Drawing) -> bytes:
    pictures = {
        pane.number - 1: read_released(house.decisions, house.files, pane.image_id or "").content
        for pane in drawing.shown
    }
    prompt = plain(drawing.request.prompt)
    model, said = house.generator.identity.name, house.provenance.xmp.decode()
    about = {"Title": prompt, "Software": "gardefou", "Source": model, PNG_XMP: said}
    sheet = compose(pictures, drawing.request.asked, about)
    decisions = [pane.decision_id for pane in drawing.shown if pane.decision_id]
    return house.provenance.sign(sheet, "png", decisions, drawing.request.policy_sha256, model)


def _studio(
    request: Request,
    visitor: Visitor,
    *,
    prompt: str = "",
    notice: str = "",
    drawing: Drawing | None = None,
    status: int = 200,
) -> Response:
    context = _drawing_context(request, visitor, drawing) if drawing else {"drawing": None}
    return page(request, visitor, "studio.html", status, prompt=prompt, notice=notice, **context)


def _refused_form(request: Request, visitor: Visitor, prompt: str, error: GatewayError) -> Response:
    response = _studio(request, visitor, prompt=prompt, notice=visitor.texts.error(error.code), status=error.status)
    response.headers.update(error.headers)
    return response


def _missing(request: Request, visitor: Visitor) -> Response:
    return page(request, visitor, "missing.html", 404)


def _drawing_context(request: Request, visitor: Visitor, drawing: Drawing) -> dict[str, object]:
    texts = visitor.texts
    return {
        "drawing": drawing,
        "estimate_s": _estimate_s(house_of(request), drawing),
        "share_drawn": house_of(request).pipeline.share_drawn(drawing.request.id),
        "phase": captions.phase(drawing, texts),
        "heading": captions.heading(drawing, texts),
        "explanation": captions.explanation(drawing, texts),
        "record": captions.record(drawing, texts),
        "again": captions.again(drawing, texts),
        "confirmation": _confirmation(house_of(request), visitor, drawing),
        "words": captions.pane_words(texts),
        **_naming(request, visitor, drawing),
    }


def _confirmation(house: House, visitor: Visitor, drawing: Drawing) -> str:
    """What the visitor's yes, or an overturned refusal, sends along; "" where there is neither."""
    asked = drawing.request
    question = asked.decision_id if drawing.ending is Ending.ASKED or asked.overturned else asked.confirms
    bound = visitor.caller, asked.prompt, asked.policy_sha256
    return house.confirmations.token(question, *bound) if question else ""


def _estimate_s(house: House, drawing: Drawing) -> float:
    """How long the whole drawing takes: the line already counts a drawing that stands in it."""
    in_line = drawing.request.state not in (State.RECEIVED, State.PROMPT_JUDGED)
    return max(1.0, house.line.estimate_s(0 if in_line else drawing.request.asked))


def _naming(request: Request, visitor: Visitor, drawing: Drawing) -> dict[str, object]:
    """How the pictures are addressed, described and saved."""
    prompt, asked = plain(drawing.request.prompt), drawing.request.asked
    texts = visitor.texts
    return {
        "image_url": house_of(request).links.path,
        "alt": lambda number: texts.picture_alt.format(prompt=prompt, number=number, asked=asked),
        "file_stem": _file_stem(drawing.request.prompt),
    }


def _file_stem(prompt: str) -> str:
    """An ASCII name that every file system takes, such as "gardefou-a-cat-on-the-beach"."""
    words = re.findall(r"[a-z0-9]+", prompt.lower())
    return "-".join(["gardefou", *words])[:60].rstrip("-")
