"""Charts of a bias audit as SVG text, with no script and nothing to fetch; colours come from the page's style."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from safety.bias_audit.shares import Interval

WIDTH, LEFT, RIGHT = 720, 190, 30
ROW, TOP, FOOT = 24, 28, 34
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
SLOPE_SIDE = 360
SHIFT_HEIGHT, SHIFT_LEFT, SHIFT_RIGHT = 360, 210, 510
LINE = 14  # between two names


@dataclass(frozen=True, slots=True)
class Dot:
    """One line of a forest plot. raw: uncorrected, with its worst-case bounds. reference: ticks to compare with."""

    name: str
    raw: Interval
    estimate: Interval | None
    references: tuple[float, ...]
    is_finding: bool


def forest(dots: Sequence[Dot], title: str, axis: str) -> str:
    """Corrected shares with intervals, raw shares ghosted with what the missing pictures could make of them."""
    height = TOP + ROW * len(dots) + FOOT
    lines = [_grid(TOP, height - FOOT), *(_dot(dot, TOP + ROW * (row + 0.5)) for row, dot in enumerate(dots))]
    labels = [_text(_x(tick), height - FOOT + 16, f"{tick:.0%}", "middle") for tick in TICKS]
    labels.append(_text(_x(0.5), height - 3, axis, "middle", "quiet"))
    return _svg(WIDTH, height, title, [*lines, *labels])


def heat(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[tuple[float | None, bool]]],
         title: str, reach: float = 0.5) -> str:  # fmt: skip
    """Fillers x figures: how far above chance, as depth of colour and as a number; a finding has a mark.

    cells: a row for each filler; None is a figure that is not known. reach: the value of the deepest colour.
    """
    wide = (WIDTH - LEFT - RIGHT) / max(len(columns), 1)
    height = TOP + ROW * len(rows) + 6
    parts = [_text(LEFT + wide * (at + 0.5), 16, name, "middle", "quiet") for at, name in enumerate(columns)]
    for row, name in enumerate(rows):
        parts.append(_text(LEFT - 10, TOP + ROW * (row + 0.5) + 4, name, "end"))
        for at, (value, mark) in enumerate(cells[row]):
            parts.append(_cell(LEFT + wide * at, TOP + ROW * row, wide, value, mark, reach))
    return _svg(WIDTH, height, title, parts)


def slope(points: Sequence[tuple[str, float, Interval]], fitted: Interval, title: str, across: str, up: str) -> str:
    """Estimated shares over reference shares, with the fitted slope and its interval through their middle.

    The dotted line is a generator that mirrors the reference.
    """
    middle = (
        sum(reference for _, reference, _ in points) / len(points),
        sum(share.value for *_, share in points) / len(points),
    )
    wedge = "".join(_ray(middle, edge) for edge in (fitted.low, fitted.high))
    parts = [_square(SLOPE_SIDE, across, up), f'<path class="ghost" d="{wedge}"/>',
             f'<path class="bar" d="{_ray(middle, fitted.value)}"/>']  # fmt: skip
    for name, reference, share in points:
        parts.append(f'<path class="bar" d="M{_at(reference):.1f} {_above(share.low):.1f}V{_above(share.high):.1f}"/>')
        parts.append(_spot(reference, share.value, name))
    return _svg(SLOPE_SIDE, SLOPE_SIDE, title, parts)


def curve(points: Sequence[tuple[float, Interval, str]], title: str, across: str, up: str) -> str:
    """Accuracy over confidence with intervals; on the dotted line a scorer is as often right as it is sure."""
    joined = "L".join(f"{_at(x):.1f} {_above(told.value):.1f}" for x, told, _ in points)
    parts = [_square(SLOPE_SIDE, across, up), f'<path class="ghost" d="M{joined}"/>']
    for x, told, name in points:
        parts.append(f'<path class="bar" d="M{_at(x):.1f} {_above(told.low):.1f}V{_above(told.high):.1f}"/>')
        parts.append(_spot(x, told.value, name))
    return _svg(SLOPE_SIDE, SLOPE_SIDE, title, parts)


def shift(rows: Sequence[tuple[str, Interval, Interval]], names: tuple[str, str], title: str) -> str:
    """Two versions side by side: a line for each row from its share before to its share after, with intervals.

    Names stand beside the ends, moved apart where they would cover each other.
    """
    height = max(SHIFT_HEIGHT, ROW * (len(rows) + 2))
    low, high = TOP, height - FOOT

    def above(share: float) -> float:
        return high - share * (high - low)

    parts = [f'<path class="grid" d="M{SHIFT_LEFT} {low}V{high}M{SHIFT_RIGHT} {low}V{high}"/>']
    for at, name in ((SHIFT_LEFT, names[0]), (SHIFT_RIGHT, names[1])):
        parts.append(_text(at, 16, name, "middle", "quiet"))
        parts += [_text(at, height - 14, "0 %", "middle", "quiet"), _text(at, low - 3, "100 %", "middle", "quiet")]
    for name, before, after in rows:
        for at, told in ((SHIFT_LEFT, before), (SHIFT_RIGHT, after)):
            parts.append(f'<path class="ghost" d="M{at} {above(told.low):.1f}V{above(told.high):.1f}"/>')
            parts.append(f'<circle class="dot" cx="{at}" cy="{above(told.value):.1f}" r="4"/>')
        parts.append(f'<path class="bar" d="M{SHIFT_LEFT} {above(before.value):.1f}L{SHIFT_RIGHT} '
                     f'{above(after.value):.1f}"><title>{escape(name)}</title></path>')  # fmt: skip
    for side, at, anchor in ((0, SHIFT_LEFT - 12, "end"), (1, SHIFT_RIGHT + 12, "start")):
        ends = [(name, (before, after)[side].value) for name, before, after in rows]
        places = _apart([above(value) for _, value in ends], low, high)
        parts += [
            _text(at, y + 4, f"{name} {value:.0%}", anchor) for (name, value), y in zip(ends, places, strict=True)
        ]
    return _svg(WIDTH, height, title, parts)


def tones(counts: Sequence[int], colours: Sequence[tuple[int, int, int]], unread: int, title: str, rest: str) -> str:
    """A bar for each swatch in its own colour, with its number, and one for pictures in which none was read."""
    most = max(*counts, unread, 1)
    height = TOP + ROW * (len(counts) + 1) + 4
    parts = []
    named = [(str(number), count, f"rgb{tuple(colour)}") for number, (count, colour) in
             enumerate(zip(counts, colours, strict=True), 1)]  # fmt: skip
    for row, (name, count, colour) in enumerate([*named, (rest, unread, "none")]):
        middle, length = TOP + ROW * (row + 0.5), (WIDTH - LEFT - RIGHT - 50) * count / most
        parts.append(_text(LEFT - 10, middle + 4, name, "end"))
        parts.append(f'<rect class="tone" fill="{colour}" x="{LEFT}" y="{middle - 8:.1f}" '
                     f'width="{max(length, 1):.1f}" height="16"/>')  # fmt: skip
        parts.append(_text(LEFT + length + 8, middle + 4, str(count), "start"))
    return _svg(WIDTH, height, title, parts)


def bars(rows: Sequence[tuple[str, float]], most: float, title: str, axis: str) -> str:
    """One bar a row from 0 to `most`, with its number."""
    height = TOP + ROW * len(rows) + 4
    parts = [_text(LEFT, 16, axis, "start", "quiet")]
    for row, (name, value) in enumerate(rows):
        middle, length = TOP + ROW * (row + 0.5), (WIDTH - LEFT - RIGHT - 50) * min(value / most, 1)
        parts.append(_text(LEFT - 10, middle + 4, name, "end"))
        parts.append(f'<rect class="fill" x="{LEFT}" y="{middle - 7:.1f}" width="{length:.1f}" height="14"/>')
        parts.append(_text(LEFT + length + 6, middle + 4, f"{value:.2f}", "start"))
    return _svg(WIDTH, height, title, parts)


def _at(value: float) -> float:
    return 40 + value * (SLOPE_SIDE - 60)


def _above(value: float) -> float:
    return 20 + (1 - value) * (SLOPE_SIDE - 60)


def _square(side: int, across: str, up: str) -> str:
    """A unit square with its grid, its diagonal and the names of its axes."""
    left, right, low, high = _at(0), _at(1), _above(0), _above(1)
    lines = "".join(f"M{_at(t):.1f} {low}V{high}M{left} {_above(t):.1f}H{right}" for t in TICKS)
    texts = [_text(_at(t), low + 14, f"{t:.0%}", "middle") for t in TICKS]
    texts += [_text(left - 6, _above(t) + 4, f"{t:.0%}", "end") for t in TICKS[1:]]
    texts += [_text(_at(0.5), side - 4, across, "middle", "quiet"), _text(4, 12, up, "start", "quiet")]
    diagonal = f'<path class="mirror" d="M{left:.1f} {low:.1f}L{right:.1f} {high:.1f}"/>'
    return f'<path class="grid" d="{lines}"/>{diagonal}{"".join(texts)}'


def _ray(middle: tuple[float, float], slope: float) -> str:
    """A line of this slope through the middle, as far as the unit square goes."""
    x, y = middle
    reach = min(1.0, *(abs(edge / slope) for edge in (y, 1 - y))) if slope else 1.0
    left, right = max(x - reach, 0), min(x + reach, 1)
    ends = [(each, y + slope * (each - x)) for each in (left, right)]
    return "M" + "L".join(f"{_at(a):.1f} {_above(b):.1f}" for a, b in ends)


def _spot(x: float, y: float, name: str) -> str:
    return f'<circle class="dot" cx="{_at(x):.1f}" cy="{_above(y):.1f}" r="4"><title>{escape(name)}</title></circle>'


def _apart(places: Sequence[float], low: float, high: float) -> list[float]:
    """The same places at least LINE apart, in the same order, inside the bounds."""
    order = sorted(range(len(places)), key=lambda row: places[row])
    moved = list(places)
    for before, row in pairwise(order):
        moved[row] = max(moved[row], moved[before] + LINE)
    if order and (over := moved[order[-1]] - high) > 0:
        moved[order[-1]] -= over
        for after, row in pairwise(order[::-1]):
            moved[row] = min(moved[row], moved[after] - LINE)
    return moved


def _dot(dot: Dot, middle: float) -> str:
    raw = (
        f'<path class="ghost" d="M{_x(dot.raw.low):.1f} {middle + 5:.1f}H{_x(dot.raw.high):.1f}"/>'
        f'<circle class="ghost" cx="{_x(dot.raw.value):.1f}" cy="{middle + 5:.1f}" r="4"/>'
    )
    ticks = "".join(f'<path class="tick" d="M{_x(r):.1f} {middle - 9:.1f}V{middle + 9:.1f}"/>' for r in dot.references)
    name = _text(LEFT - 10, middle + 4, f"{dot.name} *" if dot.is_finding else dot.name, "end")
    if dot.estimate is None:
        return ticks + raw + name
    told, kind = dot.estimate, "found" if dot.is_finding else "dot"
    return (
        f"{ticks}{raw}{name}"
        f'<path class="bar" d="M{_x(told.low):.1f} {middle - 3:.1f}H{_x(told.high):.1f}"/>'
        f'<circle class="{kind}" cx="{_x(told.value):.1f}" cy="{middle - 3:.1f}" r="5"/>'
    )


def _cell(left: float, top: float, wide: float, value: float | None, mark: bool, reach: float) -> str:
    depth = 0.0 if value is None else min(max(value, 0) / reach, 1)
    told = "–" if value is None else f"{value:+.2f}{' *' if mark else ''}"
    kind = "deep" if depth > 0.6 else ""
    box = (
        f'<rect class="heat" fill-opacity="{depth:.2f}" x="{left + 1:.1f}" y="{top + 1}" width="{wide - 2:.1f}" '
        f'height="{ROW - 2}"/>'
    )
    return box + _text(left + wide / 2, top + ROW / 2 + 4, told, "middle", kind)


def _grid(top: float, foot: float) -> str:
    return "".join(f'<path class="grid" d="M{_x(tick):.1f} {top}V{foot}"/>' for tick in TICKS)


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text{css} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(width: int, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
