"""The five kinds of figure, each from what was read of one to three stats. Pure."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind
from statflow_http.charts import times
from statflow_http.charts.bars import bars
from statflow_http.charts.drawings import Drawing
from statflow_http.charts.histograms import histogram
from statflow_http.charts.lettering import BOLD, SIZE, label, root, width_of
from statflow_http.charts.lines import chart
from statflow_http.charts.nodes import Node, node
from statflow_http.charts.scales import MINUS, grouped, short, with_unit
from statflow_http.charts.themes import LINES, Theme
from statflow_http.embedding.asked import Wish
from statflow_http.embedding.ranges import STEP_WORDS
from statflow_http.embedding.reading import Seen

Floats = NDArray[np.float64]

# From here on the digits of a number in a table would only make its column wide.
WRITTEN_OUT_MAX = 1e9
# Less than this many per cent would be written as 0.0.
LEAST_CHANGE = 0.05


def graph(stats: Sequence[Seen], wish: Wish, theme: Theme) -> Node:
    """Lines over time."""
    is_small = wish.style in ("mini", "spark")
    # In a small picture there is no room to say what dashes are.
    lines = [replace(stat.line, previous=None) if is_small else stat.line for stat in stats]
    return chart(
        Drawing(
            lines,
            stats[0].start_s,
            stats[0].end_s,
            width=wish.width,
            height=wish.height,
            title=wish.title,
            caption=wish.range.caption,
            previous_label=wish.range.previous,
            theme=theme,
            tz=stats[0].tz,
            is_filled=wish.style == "fill",
            is_mini=is_small,
            has_head=wish.style != "spark",
        )
    )


def histogram_figure(stats: Sequence[Seen], wish: Wish, theme: Theme) -> Node:
    """How often numbers of each size occurred."""
    return bars(
        histogram(
            [stat.line for stat in stats],
            width=wish.width,
            height=wish.height,
            title=wish.title,
            caption=f"{_steps(stats)} by size, {wish.range.caption}",
            theme=theme,
            is_mini=wish.style in ("mini", "spark"),
        )
    )


def _steps(stats: Sequence[Seen]) -> str:
    """What the rows are: "steps of 1 hour"."""
    return f"steps of {STEP_WORDS.get(stats[0].step, stats[0].step)}"


def badge(stats: Sequence[Seen], wish: Wish, theme: Theme) -> Node:
    """Names and numbers as a small picture, for readmes."""
    x, height = 8.0, 24
    found: list[Node] = []
    for stat, role in zip(stats, LINES, strict=False):
        name, number = _name(stat, stats, wish), _headline(stat)
        found.append(label(name, x, 16, fill=theme.paint("muted")))
        x += width_of(name) + 6
        found.append(label(number, x, 16, fill=theme.paint(role), weight="600"))
        x += width_of(number) * BOLD + 12
    width = math.ceil(x - 4)
    ground = node("rect", width=width, height=height, rx=4, fill=theme.paint("paper"))
    frame = node(
        "rect", x=0.5, y=0.5, width=width - 1, height=height - 1, rx=3.5, fill="none", stroke=theme.paint("grid")
    )
    words = ", ".join(f"{_name(stat, stats, wish)}: {_headline(stat)}" for stat in stats)
    return root(
        ground,
        frame,
        *found,
        width=width,
        height=height,
        title=words,
        description=f"{words}; {wish.range.caption}.",
        theme=theme,
    )


def text(stats: Sequence[Seen], wish: Wish) -> Node:
    """Names and numbers as words of a sentence."""
    found: list[Node | str] = []
    for stat in stats:
        found += [", "] if found else []
        found += [f"{_name(stat, stats, wish)} ", node("span", _headline(stat), class_="statflow-number")]
    return node("span", *found, class_="statflow-text", title=wish.range.caption)


def _name(stat: Seen, stats: Sequence[Seen], wish: Wish) -> str:
    return wish.title if wish.title and len(stats) == 1 else stat.line.label


def _headline(stat: Seen) -> str:
    """The one number of a stat: what a counter counted in the range, what a value was last."""
    number = total(stat) if stat.kind is Kind.COUNTER else stat.line.last
    return with_unit(grouped(number), stat.line.unit)


def total(stat: Seen) -> float:
    """Everything that was counted in the range, the row that runs included."""
    return float(np.nansum(stat.line.values))


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table: its name, and its text for a stat; "" where it has no meaning."""

    name: str
    told: Callable[[Seen], str]


def table(stats: Sequence[Seen], wish: Wish) -> Node:
    """Total, mean, lowest, highest and last number; the change, where two periods are compared."""
    measures = [
        Measure("total", lambda stat: _number(total(stat), stat) if stat.kind is Kind.COUNTER else ""),
        Measure("mean", lambda stat: _number(_reduced(np.nanmean, stat.settled), stat)),
        Measure("lowest", lambda stat: _number(_reduced(np.nanmin, stat.settled), stat)),
        Measure("highest", lambda stat: _number(_reduced(np.nanmax, stat.settled), stat)),
        Measure("last", lambda stat: _number(stat.line.last, stat)),
        Measure(f"change from {wish.range.previous}", change),
    ]
    rows = [(measure.name, [measure.told(stat) for stat in stats]) for measure in measures]
    rows = [row for row in rows if any(row[1])]
    return _table(stats, wish, f"{wish.range.caption}, in {_steps(stats)}", rows)


def _number(number: float, stat: Seen) -> str:
    return with_unit(short(number) if abs(number) >= WRITTEN_OUT_MAX else grouped(number), stat.line.unit)


def _reduced(reduce: Callable[[Floats], np.floating], column: Floats) -> float:
    """A column in one number; NaN when it has none."""
    finite = column[np.isfinite(column)]
    return float(reduce(finite)) if len(finite) else math.nan


def change(stat: Seen) -> str:
    """By how much the rows that are over differ from the same ones of the period before: "+12%"; "" if not compared."""
    if stat.settled_previous is None:
        return ""
    reduce = np.nansum if stat.kind is Kind.COUNTER else np.nanmean
    now, before = _reduced(reduce, stat.settled), _reduced(reduce, stat.settled_previous)
    if not before or not math.isfinite(now) or not math.isfinite(before):
        return "–"
    percent = (now - before) / abs(before) * 100
    if not math.isfinite(percent):
        return "–"
    if abs(percent) < LEAST_CHANGE:
        return "0%"
    return f"{percent:+,.{1 if abs(percent) < 10 else 0}f}%".replace("-", MINUS)


def data(stats: Sequence[Seen], wish: Wish) -> Node:
    """The rows themselves, the newest first."""
    tz = times.zone(stats[0].tz)
    has_clock = not stats[0].step.endswith(("d", "w", "M", "y"))
    rows = []
    for index in reversed(range(len(stats[0].line.times_s))):
        time_s = int(stats[0].line.times_s[index])
        numbers = [_number(float(stat.line.values[index]), stat) for stat in stats]
        rows.append((_moment(time_s, tz, stats[0].step) if not has_clock else times.moment(time_s, tz), numbers))
    return _table(stats, wish, wish.range.caption, rows)


def _moment(time_s: int, tz: tzinfo, step: str) -> str:
    if step.endswith("M"):
        wall = datetime.fromtimestamp(time_s, tz)
        return f"{times.MONTHS[wall.month - 1]} {wall.year}"
    return times.day(time_s, tz)


def _table(stats: Sequence[Seen], wish: Wish, words: str, rows: Sequence[tuple[str, Sequence[str]]]) -> Node:
    """A table with a column for each stat and a row for each name, below a line that says what it is."""
    names = [stat.line.label for stat in stats]
    heading = wish.title or (names[0] if len(names) == 1 else "")
    said = [f"{heading} "] if heading else []
    above = node("div", *said, node("span", words, class_="statflow-range"), class_="statflow-caption")
    head = node("thead", _names_row(names)) if len(names) > 1 else None
    about = f"{wish.title or ', '.join(names)}, {words}"
    below = node("table", head, node("tbody", *_rows(rows)), class_="statflow-table", aria_label=about)
    # The table scrolls by the keyboard too.
    return node("div", above, node("div", below, class_="statflow-scroll", tabindex="0"))


def _names_row(names: Sequence[str]) -> Node:
    cells = [node("th", name, scope="col", class_="statflow-column", title=name) for name in names]
    return node("tr", node("td", "", class_="statflow-corner"), *cells)


def _rows(rows: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Node]:
    for name, texts in rows:
        cells = [node("td", text, class_="statflow-cell") for text in texts]
        yield node("tr", node("th", name, scope="row", class_="statflow-heading"), *cells, class_="statflow-row")


def box(words: str) -> Node:
    """A small plain box with a few words, in place of what cannot be shown."""
    return node("div", words, class_="statflow-box", role="note")


def box_picture(words: str, theme: Theme) -> Node:
    """The same as a picture."""
    width, height = math.ceil(width_of(words) + 24), 32
    frame = node(
        "rect",
        x=0.5,
        y=0.5,
        width=width - 1,
        height=height - 1,
        rx=4,
        fill=theme.paint("paper"),
        stroke=theme.paint("grid"),
    )
    words_at = label(words, 12, 16 + SIZE / 3, fill=theme.paint("muted"))
    return root(frame, words_at, width=width, height=height, title=words, description=words, theme=theme)
