"""The chart: well-formed and inside its box, whatever the numbers; and what it says of them."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from statflow_http.charts.drawings import Band, Drawing, Line, Mark
from statflow_http.charts.lettering import SMALL_SIZE, width_of
from statflow_http.charts.lines import chart
from statflow_http.charts.nodes import xml
from statflow_http.charts.papers import on_paper
from statflow_http.charts.paths import area_path, line_path, parts, thinned
from statflow_http.charts.plots import spread
from statflow_http.charts.sparklines import sparkline
from statflow_http.charts.themes import DARK, LIGHT, Theme

START_S = 1_800_000_000
SVG = "{http://www.w3.org/2000/svg}"
VALUES = npst.arrays(np.float64, st.integers(0, 60), elements=st.floats())
SIZES = st.tuples(st.integers(120, 1_200), st.integers(16, 400))


def line(values, **options):
    values = np.asarray(values, np.float64)
    return Line("views", START_S + 60 * np.arange(len(values)), values, **options)


def drawn(*lines, count=60, **options):
    return chart(Drawing(lines, START_S, START_S + 60 * count, **options))


def parsed(node):
    return ET.fromstring(xml(node).encode())


def points(path):
    """Every point of a path, absolute; the commands that we write are M, l, h, V, H and Z."""
    x = y = 0.0
    for command, rest in re.findall(r"([MlhHVZv])([^MlhHVZv]*)", path):
        numbers = [float(number) for number in re.findall(r"-?\d*\.?\d+", rest)]
        if command in "Ml":
            for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
                x, y = (dx, dy) if command == "M" else (x + dx, y + dy)
                yield x, y
        elif command in "hH":
            x = numbers[0] if command == "H" else x + numbers[0]
            yield x, y
        elif command in "Vv":
            y = numbers[0] if command == "V" else y + numbers[0]
            yield x, y


def assert_inside(picture):
    """Every point and the origin of every text lies in the picture, give or take half a stroke."""
    root = parsed(picture)
    left, top, width, height = map(float, root.get("viewBox").split())
    found = [point for path in root.iter(SVG + "path") for point in points(path.get("d"))]
    found += [(float(text.get("x")), float(text.get("y"))) for text in root.iter(SVG + "text")]
    found += [(float(circle.get("cx")), float(circle.get("cy"))) for circle in root.iter(SVG + "circle")]
    for x, y in found:
        assert left - 0.1 <= x <= left + width + 0.1, (x, width)
        assert top - 0.1 <= y <= top + height + 0.1, (y, height)
    return root


@given(VALUES, VALUES, SIZES, st.booleans(), st.booleans(), st.booleans())
@example(np.zeros(60), np.zeros(60), (760, 235), True, False, False)
@example(np.full(60, 42.5), np.zeros(0), (120, 16), False, True, True)
@example(np.full(1, 3.0), np.zeros(0), (300, 150), True, False, True)
@example(np.full(60, np.nan), np.full(60, np.inf), (300, 150), True, False, True)
@example(np.array([1.7e308, -1.7e308] * 30), np.array([5e-324] * 60), (300, 150), False, False, False)
@example(np.array([1.0, np.nan] * 30), np.array([np.nan, -1.0] * 30), (1_200, 400), True, False, False)
def test_any_numbers_give_a_picture_that_is_well_formed_and_inside_its_box(first, second, size, fill, mini, runs):
    lines = [line(first, runs=runs, previous=first[::-1]), line(second, unit="ms")]

    picture = drawn(*lines, width=size[0], height=size[1], is_filled=fill, is_mini=mini)

    assert_inside(picture)
    written = xml(picture)
    assert not re.search(r"nan|inf|\d[eE]-?\d", "".join(re.findall(r' (?:d|x|y|cx|cy)="([^"]*)"', written)))


@given(VALUES, SIZES, st.lists(st.tuples(st.integers(-60, 4_000), st.text(max_size=20), st.booleans()), max_size=5))
def test_bands_and_marks_stay_inside_too(values, size, marks):
    future_s = START_S + 60 * np.arange(60, 90)
    low = np.resize(values, 30) if len(values) else np.full(30, np.nan)
    band = Band(future_s, np.minimum(low, low + 1), np.maximum(low, low + 1), low)
    found = [Mark(START_S + at_s, text, is_anomaly) for at_s, text, is_anomaly in marks]

    assert_inside(drawn(line(values), count=90, width=size[0], height=size[1], band=band, marks=found))


def test_marks_of_another_time_are_left_out():
    marks = [Mark(START_S + at_s, f"at {at_s}") for at_s in (-1, 0, 179, 180)]

    written = xml(drawn(line([1, 2, 3]), count=3, marks=marks))

    assert [f"at {at_s}<" in written for at_s in (-1, 0, 179, 180)] == [False, True, True, False]


def test_a_label_at_an_edge_is_kept_inside():
    """A day of that zone ends where the picture does, so that half of the label would lie to the right of it."""
    root = parsed(drawn(count=1_440, width=200, height=120, tz="Etc/GMT+8"))

    (label,) = [text for text in root.iter(SVG + "text") if text.text == "Sat 16"]
    assert float(label.get("x")) + width_of("Sat 16", SMALL_SIZE) / 2 == pytest.approx(200, abs=0.01)


def test_it_has_a_role_a_name_and_a_description():
    root = parsed(drawn(line([1, 5, 3], unit="ms"), count=3, tz="Europe/Berlin"))

    assert (root.get("role"), root[0].tag, root[0].text, root[1].tag) == ("img", SVG + "title", "views", SVG + "desc")
    assert root[1].text == (
        "15 Jan 2027, 09:00 to 15 Jan 2027, 09:03, Europe/Berlin. views: last 3 ms, lowest 1 ms, highest 5 ms."
    )


def test_the_last_number_stands_beside_the_end_of_the_line():
    texts = [text.text for text in parsed(drawn(line([1, 5, 12_345.0], unit="ms"))).iter(SVG + "text")]

    assert texts[-1] == "12.3k ms"


def test_a_row_that_is_not_over_is_dotted_and_not_the_last_number():
    root = parsed(drawn(line([10, 10, 1], runs=True), count=3))

    lines = {path.get("stroke-dasharray"): path.get("d") for path in root.iter(SVG + "path") if path.get("stroke")}
    solid, dotted = (
        list(points(path)) for path in (root.find(f".//{SVG}path[@stroke-width]").get("d"), lines["0.1 3.5"])
    )
    assert (len(solid), len(dotted)) == (2, 2)
    assert solid[-1] == pytest.approx(dotted[0])
    assert [text.text for text in root.iter(SVG + "text")][-1] == "10"


def test_a_gap_is_a_gap_and_a_lone_point_a_dot():
    assert line_path(np.array([0.0, 1, 2, 3, 4]), np.array([1, 1, np.nan, 2, np.nan])) == "M0 1l1 0M3 2h0"


def test_the_previous_period_is_dashed_and_told():
    root = parsed(drawn(line([1, 2], previous=np.array([2.0, 1.0])), count=2, previous_label="the day before"))

    assert [path.get("stroke-dasharray") for path in root.iter(SVG + "path")].count("4 3") == 1
    assert "Dashed: the day before." in root[1].text


def test_an_empty_picture_says_so():
    for found in (drawn(line([])), drawn(line([np.nan] * 60)), drawn()):
        assert "no data in this range" in [text.text for text in parsed(found).iter(SVG + "text")]


def test_names_are_text_in_every_place():
    name = "</svg><script>alert(1)</script>\u2028\"'"
    nasty = Line(name, np.array([START_S]), np.array([1.0]), unit="<b>")
    mark = Mark(START_S, "<i>note</i>")

    root = parsed(drawn(nasty, nasty, title=name, caption="<u>", marks=[mark], previous_label="<p>"))

    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "style", "g", "path", "text", "circle"
    }  # fmt: skip
    assert root[0].text == name


@pytest.mark.parametrize(("theme", "colours"), [(Theme.LIGHT, LIGHT), (Theme.DARK, DARK)])
def test_a_mail_gets_its_colours_written_out(theme, colours):
    written = xml(on_paper(drawn(line([1, 2]), theme=theme), theme, 10))

    assert "var(" not in written
    assert "<style" not in written
    assert colours["accent"] in written
    assert colours["paper"] in written


def test_a_picture_that_stands_alone_brings_its_properties_and_one_in_a_page_does_not():
    assert "prefers-color-scheme:dark" in xml(drawn(line([1, 2]), theme=Theme.AUTO))
    assert "<style" not in xml(drawn(line([1, 2]), theme=Theme.PAGE))


@pytest.mark.parametrize("width", [120, 390, 760, 1_200])
def test_a_thousand_rows_of_three_stats_are_less_than_30_kb(width):
    rng = np.random.default_rng(1)
    lines = [line(rng.normal(100, 30, 1_000)) for _ in range(3)]

    written = xml(drawn(*lines, count=1_000, width=width))

    assert len(written.encode()) < 30_000


def test_a_million_rows_are_as_small_as_a_screen():
    written = xml(drawn(line(np.random.default_rng(1).normal(0, 1, 1_000_000)), count=1_000_000))

    assert len(written.encode()) < 20_000


@given(npst.arrays(np.float64, st.integers(1, 3_000), elements=st.floats(-1e9, 1e9) | st.just(np.nan)))
def test_thinning_keeps_the_extremes_of_every_column_and_the_ends(values):
    xs = np.linspace(0, 50, len(values))

    thin_xs, thin_ys = thinned(xs, values, 0, 50)

    assert len(thin_xs) <= max(2 * 50 + 2, min(len(xs), 100))
    assert (thin_xs[0], thin_xs[-1]) == (xs[0], xs[-1])
    finite = values[np.isfinite(values)]
    if len(finite):
        assert (np.nanmin(thin_ys), np.nanmax(thin_ys)) == (finite.min(), finite.max())


def test_a_gap_as_wide_as_a_column_survives_thinning():
    values = np.where(np.arange(3_000) // 300 == 4, np.nan, 1.0)

    found = list(parts(*thinned(np.linspace(0, 50, 3_000), values, 0, 50)))

    assert len(found) == 2


def test_an_area_goes_down_to_zero_and_back():
    assert area_path(np.array([0.0, 10, 20]), np.array([5.0, 2, 5]), 8) == "M0 5l10-3 10 3V8H0Z"


@given(st.lists(st.floats(0, 200), max_size=3))
def test_labels_keep_their_distance(wanted):
    placed = spread(wanted, 14, 0, 200)

    ascending = sorted(placed)
    assert all(b - a >= 13.999 for a, b in itertools.pairwise(ascending))
    assert all(-0.001 <= position <= 200.001 for position in placed)
    assert [*np.argsort(wanted, kind="stable")] == [*np.argsort(placed, kind="stable")]


def test_a_sparkline_has_no_words_but_its_name():
    root = parsed(sparkline(line([1, 5, 2]), START_S, START_S + 180))

    assert list(root.iter(SVG + "text")) == []
    assert root[0].text == "views"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Line("a", np.array([1, 2]), np.array([1.0])),
        lambda: Line("a", np.array([2, 1]), np.array([1.0, 1.0])),
        lambda: Line("a", np.array([1]), np.array([1.0]), previous=np.zeros(2)),
        lambda: Band(np.array([1]), np.zeros(1), np.zeros(2)),
        lambda: Drawing([line([1])] * 4, 0, 60),
        lambda: Drawing([], 0, 60, width=0),
        lambda: Drawing([], 60, 60),
    ],
)
def test_what_cannot_be_drawn_is_refused(make):
    with pytest.raises(ValueError):
        make()
