"""What the studio says of a drawing: one line, a heading, what to make of it and how to go on."""

from gateway.errors import ClassifierUnavailable
from gateway.store.decisions import State
from gateway.web.panes import Drawing, Ending, Face
from gateway.web.texts import Texts


def pane_words(texts: Texts) -> dict[Face, str]:
    """What a pane without a picture says of itself."""
    return {
        Face.DRAWING: texts.pane_drawing,
        Face.CHECKING: texts.pane_checking,
        Face.WITHHELD: texts.pane_withheld,
        Face.HELD: texts.pane_held,
        Face.FAILED: texts.pane_failed,
        Face.STOPPED: texts.pane_stopped,
    }


def heading(drawing: Drawing, texts: Texts) -> str:
    """For a page without a window; "" when there is nothing to announce."""
    return {
        Ending.REFUSED: texts.refused_heading,
        Ending.ASKED: texts.asked_heading,
        Ending.CANCELLED: texts.cancelled_heading,
        Ending.FAILED: texts.failed_heading,
    }.get(drawing.ending, "")


def phase(drawing: Drawing, texts: Texts) -> str:
    """One line on where the drawing stands, short enough to be read aloud at every change."""
    if drawing.ending is Ending.FINISHED:
        return _tally(drawing, texts)
    if drawing.running:
        return _progress(drawing, texts)
    return _window_heading(drawing, texts) if drawing.has_window else ""


def _window_heading(drawing: Drawing, texts: Texts) -> str:
    return {
        Ending.HELD: texts.held_heading,
        Ending.ALL_WITHHELD: texts.all_withheld_heading,
    }.get(drawing.ending, heading(drawing, texts))


def _progress(drawing: Drawing, texts: Texts) -> str:
    if drawing.request.state in (State.RECEIVED, State.PROMPT_JUDGED):
        return texts.reading
    if drawing.shown:
        ready = texts.ready.format(ready=len(drawing.shown), asked=drawing.request.asked)
        return f"{texts.drawing} · {ready}"
    return texts.checking if drawing.count(Face.CHECKING) else texts.drawing


def _tally(drawing: Drawing, texts: Texts) -> str:
    ready, asked = len(drawing.shown), drawing.request.asked
    if ready == asked:
        return texts.finished_all.format(seconds=drawing.elapsed_s)
    others = {
        texts.tally_withheld: drawing.count(Face.WITHHELD),
        texts.tally_held: drawing.count(Face.HELD),
        texts.tally_failed: drawing.count(Face.FAILED),
    }
    told = [words.format(count=count) for words, count in others.items() if count]
    return " · ".join([texts.finished_some.format(ready=ready, asked=asked), *told])


def explanation(drawing: Drawing, texts: Texts) -> tuple[str, ...]:
    """What to make of the ending, and how to go on."""
    match drawing.ending:
        case Ending.REFUSED if drawing.request.overturned:
            return (texts.overturned,)
        case Ending.REFUSED:
            return (*_reasons(drawing, texts, texts.refused_undisclosed), texts.refused_next)
        case Ending.ASKED:
            return (*(drawing.why or (texts.asked_undisclosed,)), texts.asked_next)
        case Ending.HELD if drawing.request.error_code == ClassifierUnavailable.code:
            return texts.error(drawing.request.error_code), texts.failed_explained
        case Ending.HELD:
            return (*_reasons(drawing, texts, texts.held_undisclosed), texts.held_explained)
        case Ending.ALL_WITHHELD:
            return (texts.all_withheld_next,)
        case Ending.CANCELLED:
            return (texts.cancelled_explained,)
        case Ending.FAILED:
            return (texts.error(drawing.request.error_code), texts.failed_explained, texts.kept)
        case Ending.FINISHED if drawing.request.in_unread_language:
            return (texts.unread_drawn,)
        case _:
            return ()


def _reasons(drawing: Drawing, texts: Texts, otherwise: str) -> tuple[str, ...]:
    unread = (texts.unread_language,) if drawing.request.in_unread_language else ()
    return (*drawing.why, *unread) or (otherwise,)


def record(drawing: Drawing, texts: Texts) -> tuple[tuple[str, str], ...]:
    """What to quote when asking about a decision or a fault."""
    request = drawing.request
    if drawing.ending in (Ending.REFUSED, Ending.ASKED, Ending.HELD) and request.decision_id:
        return (texts.reference, request.decision_id), (texts.policy, request.policy)
    if drawing.ending is Ending.FAILED:
        return (texts.reference, request.id), (texts.error_code, request.error_code or "internal_error")
    return ()


def again(drawing: Drawing, texts: Texts) -> str:
    """What the button for another run says; "" where the same sentence would end the same way."""
    if drawing.ending is Ending.REFUSED and drawing.request.overturned:
        return texts.draw_now
    if drawing.running or drawing.ending in (Ending.REFUSED, Ending.ASKED):
        return ""
    return texts.try_again if drawing.ending is Ending.FAILED else texts.run_again
