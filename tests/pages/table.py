"""Every page that somebody can see. A new page joins with a line here, and what it shows with a step in scene.py."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page as Tab


@dataclass(frozen=True, slots=True)
class Page:
    """One page. Its tests bear its name, and so do its screenshots.

    path: names in braces are those of a scene. who: the public, or somebody in `PEOPLE`. about: the line under its
    screenshots; "": a state of another page, of which none are taken. do: what a person does there first. narrow:
    whether one of them is as on a small phone.
    """

    name: str
    path: str
    who: str = "public"
    about: str = ""
    do: Callable[[Tab], None] = lambda _: None
    narrow: bool = False

    @property
    def title(self) -> str:
        """The name as a heading."""
        return self.name.replace("-", " ").capitalize()


def _enlarge(tab: Tab) -> None:
    tab.locator("#pane-1 a").click()
    tab.get_by_role("dialog").wait_for()


def _fail_to_sign_in(tab: Tab) -> None:
    for name, value in (("name", "ada"), ("password", "a guess"), ("code", "000000")):
        tab.locator(f"[name={name}]").fill(value)
    tab.keyboard.press("Enter")
    tab.locator("#notice").wait_for()


def _list_the_keys(tab: Tab) -> None:
    tab.locator("#keys-open").click()


def _find(tab: Tab) -> None:
    tab.locator("#palette-open").click()
    tab.locator("#palette-list [role=option]").first.wait_for()


def _select(tab: Tab) -> None:
    for box in tab.locator(".pick input").all()[:2]:
        box.check()


def _reveal(tab: Tab) -> None:
    tab.locator(".reveal button").first.click()
    tab.locator('[data-picture] img[src^="blob:"]').first.wait_for()


def _verify(tab: Tab) -> None:
    tab.locator("#verify").click()
    tab.locator("#check", has_text=re.compile("whole|intact|entier")).wait_for()


PAGES = (
    Page("studio", "/", about="The studio: a box, a button, and nine examples."),
    Page("drawing", "/studio/{drawing}", about="Nine pictures, each of which passed the gates.", narrow=True),
    Page("drawing-enlarged", "/studio/{drawing}", do=_enlarge),
    Page("drawing-partly", "/studio/{partly}", about="Some pictures withheld or held: named gaps with their reasons."),
    Page("drawing-asked", "/studio/{asked}", about="A doubtful sentence is asked about before anything is drawn."),
    Page("drawing-refused", "/studio/{refused}", about="A refusal: its rule, the words it saw, the way to appeal."),
    Page("drawing-running", "/studio/{running}"),
    Page("picture", "/studio/{drawing}/pictures/1"),
    Page("missing", "/studio/req_none"),
    Page("provenance", "/provenance", about="Whose picture is this? For everybody, without an account."),
    Page("statement", "/decisions/{refusal}", about="A decision's statement of reasons, and its appeal.", narrow=True),
    Page("statement-appealable", "/decisions/{appealable}"),
    Page("statement-overturned", "/decisions/{overturned}", about="An appeal that was heard, and brought it back."),
    Page("statement-missing", "/decisions/dec_none"),
    Page("report", "/pictures/{picture}/report", about="To report a picture."),
    Page("report-waits", "/reports/{report}"),
    Page("report-ended", "/reports/{report-ended}", about="What became of a report."),
    Page("sign-in", "/review/login", about="The desk's door: name, password, and a code of an authenticator."),
    Page("sign-in-failed", "/review/login", do=_fail_to_sign_in),
    Page("queue", "/review", "moderator", "What waits for a person, gravest and oldest first.", narrow=True),
    Page("queue-done", "/review?done={case-settling}", "moderator"),
    Page("queue-empty", "/review?category=weapons", "moderator"),
    Page("queue-appeals", "/review?source=appeal", "moderator", "Appeals are a queue of their own."),
    Page("queue-reports", "/review?source=report", "moderator"),
    Page("queue-keys", "/review", "moderator", "Every key there is.", _list_the_keys),
    Page("queue-selected", "/review", "moderator", do=_select),
    Page("palette", "/review", "moderator", "Ctrl-K finds pages, actions and cases.", _find),
    Page("case", "/review/cases/{case}", "moderator", "A case: what was asked, and why it was held.", narrow=True),
    Page("case-revealed", "/review/cases/{case}", "moderator", "", _reveal),
    Page("case-taken", "/review/cases/{case-taken}", "moderator"),
    Page("case-unjudged", "/review/cases/{case-unjudged}", "moderator"),
    Page("case-restricted", "/review/cases/{case-restricted}", "senior"),
    Page("case-report", "/review/cases/{case-report}", "moderator", "A report from the public."),
    Page("case-appeal", "/review/cases/{case-appeal}", "colleague", "An appeal: somebody else than at first decides."),
    Page("case-refusal", "/review/cases/{case-refusal}", "colleague"),
    Page("case-closed", "/review/cases/{case-closed}", "auditor"),
    Page("case-missing", "/review/cases/cas_none", "moderator"),
    Page("batches", "/review/batches", "moderator"),
    Page("batch", "/review/batches/{batch}", "colleague", "Cases decided together, and how to take it back."),
    Page("batch-preview", "/review/batches/{batch-preview}", "senior", "What deciding together would do."),
    Page("batch-of-somebody-else", "/review/batches/{batch-preview}", "moderator"),
    Page("care", "/review/care", "moderator", "What one has seen in this shift, and what one would rather be given."),
    Page("banned", "/review/banned", "senior", "Banned pictures: what is held back, why, and until when."),
    Page("policies", "/review/policies", "auditor", "The policies, and how often each rule fired."),
    Page("policy", "/review/policies/default", "auditor"),
    Page("policies-compared", "/review/policies/strict?against=default", "auditor", "What one policy says otherwise."),
    Page("policy-missing", "/review/policies/none", "auditor"),
    Page("ledger", "/review/ledger", "auditor", "The ledger, verified row by row.", _verify),
    Page("agreement", "/review/agreement", "senior", "How far people agree, category by category."),
    Page("numbers", "/review/numbers", "moderator", "The numbers of queues, and of oneself."),
    Page("audits", "/review/audits", "auditor"),
    Page("audit", "/review/audits/tilted", "auditor"),
    Page("audits-compared", "/review/audits/compare?before=fair&after=tilted", "auditor"),
    Page("audit-label", "/review/audits/fair/label", "moderator"),
    Page("audit-settle", "/review/audits/fair/settle", "auditor"),
    Page("webhooks", "/review/webhooks", "admin", "Who is told what became of a picture, and whether it arrived."),
    Page("not-allowed", "/review/banned", "moderator"),
)  # fmt: skip
