"""Charts of a bias audit as SVG text, with no script and nothing to fetch; colours come from the page's style."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from safety.bias_audit.shares import Interval

WIDTH, LEFT, RIGHT = 720, 190, 30
ROW, TOP, FOOT = 24, 28, 34
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
SLOPE_SIDE = 360


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


def slope(points: Sequence[tuple[str, float, Interval]], title: str, across: str, up: str) -> str:
    """Estimated shares over reference shares; the dotted line is a generator that mirrors the reference."""
    room, start = SLOPE_SIDE - 60, 40

    def at(value: float) -> float:
        return start + value * room

    def above(value: float) -> float:
        return 20 + (1 - value) * room

    parts = [f'<path class="mirror" d="M{at(0):.1f} {above(0):.1f}L{at(1):.1f} {above(1):.1f}"/>']
    left, right, low, high = at(0), at(1), above(0), above(1)
    parts += [f'<path class="grid" d="M{at(t):.1f} {low}V{high}M{left} {above(t):.1f}H{right}"/>' for t in TICKS]
    for name, reference, share in points:
        parts.append(f'<path class="bar" d="M{at(reference):.1f} {above(share.low):.1f}V{above(share.high):.1f}"/>')
        parts.append(f'<circle class="dot" cx="{at(reference):.1f}" cy="{above(share.value):.1f}" r="4">'
                     f"<title>{escape(name)}</title></circle>")  # fmt: skip
    parts += [_text(at(t), above(0) + 14, f"{t:.0%}", "middle") for t in TICKS]
    parts += [_text(at(0.5), SLOPE_SIDE - 4, across, "middle", "quiet"), _text(at(0), 12, up, "start", "quiet")]
    return _svg(SLOPE_SIDE, SLOPE_SIDE, title, parts)


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
