"""What makes a page one for everybody. Each check returns what it found wrong, a line each."""

from collections.abc import Mapping
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab

from tests.pages.tabs import NARROW, WIDE

EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TABS_BEYOND = 10  # of pressing Tab: the browser's own stops, and some

_AXE = Axe()

_STICKING_OUT = """() => {
  const room = document.documentElement;
  if (room.scrollWidth <= window.innerWidth) return [];
  const all = [...document.querySelectorAll('body *')];
  const out = all.filter(e => e.getBoundingClientRect().right > window.innerWidth + 0.5);
  return [`${room.scrollWidth} px wide`, ...out.slice(0, 5).map(e => e.outerHTML.slice(0, 120))];
}"""

_MOVING = """() => {
  const moves = (style) => style.animationName !== 'none' || style.transitionDuration.split(', ').some(t => t !== '0s');
  const moving = [...document.querySelectorAll('*')].filter(
    e => ['', '::before', '::after'].some(part => moves(getComputedStyle(e, part || null))));
  const smooth = getComputedStyle(document.documentElement).scrollBehavior === 'smooth';
  return [...moving.map(e => `moves: ${e.outerHTML.slice(0, 120)}`), ...(smooth ? ['scrolls smoothly'] : [])];
}"""

_NEXT_STOPS = """() => {
  const wanted = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const modal = document.querySelector('dialog:modal');
  const groups = new Set();
  const counts = (e) => {
    if (e.disabled || !e.checkVisibility({visibilityProperty: true}) || e.closest('[inert]')) return false;
    if (modal && !modal.contains(e)) return false;
    if (e.type !== 'radio') return true;  // the arrows go on from there
    const group = `${e.form?.action} ${e.name}`;
    return !groups.has(group) && groups.add(group);
  };
  window.unreached = new Set([...document.querySelectorAll(wanted)].filter(counts));
  document.activeElement?.blur();
  return window.unreached.size;
}"""

_STOPPED_AT = """() => {
  const e = document.activeElement;
  if (!e || e === document.body || e.matches('main, html')) return [window.unreached.size, ''];
  const same = (o) => o === e || (e.type === 'radio' && o.type === 'radio' && o.name === e.name && o.form === e.form);
  for (const other of [...window.unreached]) if (same(other)) window.unreached.delete(other);
  const outlined = (o) => {
    const {outlineStyle: kind, outlineWidth: width} = o ? getComputedStyle(o) : {outlineStyle: 'none'};
    return kind === 'auto' || (kind !== 'none' && parseFloat(width) >= 2);
  };
  const box = e.getBoundingClientRect();
  const x = Math.min(Math.max(box.x + box.width / 2, 0), innerWidth - 1);
  const y = Math.min(Math.max(box.y + Math.min(box.height / 2, 20), 0), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  const hidden = !top || !(e.contains(top) || top.contains(e) || e.labels?.[0]?.contains(top));
  const what = e.outerHTML.slice(0, 120);
  if (!outlined(e) && !outlined(e.nextElementSibling)) return [window.unreached.size, `no focus to be seen: ${what}`];
  return [window.unreached.size, hidden ? `focus behind something else: ${what}` : ''];
}"""

_LEFT = "() => [...window.unreached].map(e => `Tab does not reach: ${e.outerHTML.slice(0, 120)}`)"

_HEAD = """() => ({
  title: document.title.trim(), lang: document.documentElement.lang,
  headings: document.querySelectorAll('h1').length, mains: document.querySelectorAll('main').length,
})"""


def axe_faults(tab: Tab) -> list[str]:
    """What axe-core finds by the rules of WCAG 2.2 A and AA, and by its own good practice."""
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": EVERY_RULE}}
    found = _AXE.run(tab, options=options).response["violations"]
    return [_told(violation, node) for violation in found for node in violation["nodes"]]


def reflow_faults(tab: Tab) -> list[str]:
    """What sticks out on a screen of 320 px, the width of a page enlarged four times."""
    tab.set_viewport_size(NARROW)
    try:
        return list(tab.evaluate(_STICKING_OUT))
    finally:
        tab.set_viewport_size(WIDE)


def motion_faults(tab: Tab) -> list[str]:
    """What moves though the visitor asked for less motion."""
    return list(tab.evaluate(_MOVING))


def keyboard_faults(tab: Tab) -> list[str]:
    """What Tab does not reach, and where it cannot be seen that it has."""
    left, faults = tab.evaluate(_NEXT_STOPS), []
    for _ in range(left + TABS_BEYOND):
        tab.keyboard.press("Tab")
        left, fault = tab.evaluate(_STOPPED_AT)
        faults += [fault] if fault else []
        if not left:
            break
    return faults + list(tab.evaluate(_LEFT))


def head_faults(tab: Tab, language: str) -> list[str]:
    """What a reader of the page's head, or of its outline, would miss."""
    head = tab.evaluate(_HEAD)
    expected = {"lang": language, "headings": 1, "mains": 1}
    wrong = [f"{name} is {head[name]}" for name, value in expected.items() if head[name] != value]
    return wrong + ([] if " · " in head["title"] or head["title"] == "gardefou" else [f"title {head['title']!r}"])


def _told(violation: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    return f"{violation['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'].splitlines()[-1].strip()}"
