"""Exports: what comes out of an account goes into an empty one, which is equal afterwards."""

import csv
import io
import json

import msgspec
import numpy as np
import pytest

from statflow_engine import Kind, UnknownSeriesError
from statflow_http import ids
from statflow_http.accounts.accounts import Accounts, AccountSettings
from statflow_http.accounts.keys import Scope
from statflow_http.alerts.rules import Condition, Operator, RuleKind, Rules
from statflow_http.dashboards.drafts import new_tile
from statflow_http.dashboards.shares import DashboardShares
from statflow_http.dashboards.store import Dashboards
from statflow_http.moving import statflow_files
from statflow_http.moving.exports import Exporter, Wanted
from statflow_http.moving.parquet import write_parquet
from statflow_http.stats.annotations import Annotations
from statflow_http.stats.properties import Properties
from tests.http.importing import place

DAY_S = 86_400
NAMES = ("counter", "value", "=formula", "'quoted", 'a, "b"\t'.strip(), "naïve ☃")
SCHEMAS = ("1m:90d, 1h:5y, 1d:50y", "1m:2h, 10m:1d, 1h:7d", "5m:30d", "7s:70000s, 70s:2100000s")


@pytest.fixture
def owner(tmp_path, clock):
    """An account with points of many ages, and all else that one has."""
    with place(tmp_path / "data", clock) as owner:
        yield owner


def filled(owner, clock, *, ages_s, points=3_000):
    """Points of each kind that came over time, late ones and early ones too; the clock moves on."""
    random = np.random.default_rng(11)
    for _ in range(20):
        index = random.integers(0, len(NAMES), points // 20)
        kinds = index % 2
        late = random.integers(0, ages_s, len(index)) * (random.random(len(index)) < 0.3)
        early = random.integers(0, DAY_S, len(index)) * (random.random(len(index)) < 0.05)
        reach_s = owner.engine.schema.coarsest.reach_s(int(clock())) + 1
        times = np.maximum(int(clock()) - late + early, max(1, reach_s))
        numbers = np.where(kinds == 0, random.integers(0, 9, len(index)), random.normal(5, 100, len(index)))
        owner.engine.write((list(NAMES), index), kinds, times, numbers, namespace=owner.namespace)
        clock.advance(ages_s // 40)
    clock.advance(17)


def approximately(total):
    return total[0], pytest.approx(total[1], rel=1e-12)


def assert_equal(first, second, now_s):
    """Every ring of both engines holds the same: each step over the whole history."""
    assert first.names() == second.names()
    for name in first.names():
        for ring in first.engine.schema.rings:
            size_s = ring.resolution_s * 100_000
            for start_s in range(ring.reach_s(now_s), now_s + DAY_S, size_s):
                ends_s = min(start_s + size_s, now_s + DAY_S)
                one, other = (
                    each.engine.query(name, start_s, ends_s, step=ring.resolution_s, namespace=each.namespace)
                    for each in (first, second)
                )
                assert one.kind is other.kind
                np.testing.assert_array_equal(one.counts, other.counts)
                np.testing.assert_allclose(one.sums, other.sums, rtol=1e-12, atol=1e-9)
                if one.kind is Kind.VALUE:
                    np.testing.assert_array_equal(one.mins, other.mins)
                    np.testing.assert_array_equal(one.maxs, other.maxs)


@pytest.mark.parametrize("form", ["ndjson", "csv"])
@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_account_made_of_an_export_is_equal_in_every_ring(tmp_path, clock, form, schema):
    with place(tmp_path / "from", clock, schema=schema) as owner:
        ring = owner.engine.schema.coarsest
        filled(owner, clock, ages_s=min(ring.retention_s - 7_200, 3 * 365 * DAY_S))
        path = tmp_path / f"export.{form}"
        path.write_bytes(owner.export(form))
        with place(tmp_path / "to", clock, schema=schema) as other:
            result = other.bring(path)

            assert result.report.reasons == {}
            assert_equal(owner, other, int(clock()))
            assert other.bring(path).summary.rows == 0
            assert_equal(owner, other, int(clock()))


def test_it_is_equal_also_when_it_is_brought_in_later(tmp_path, clock):
    """What was minutes when it was exported may be too old for minutes by then, in both."""
    with place(tmp_path / "from", clock) as owner:
        filled(owner, clock, ages_s=200 * DAY_S)
        path = tmp_path / "export.ndjson"
        path.write_bytes(owner.export())
        clock.advance(10 * DAY_S + 1_234)
        with place(tmp_path / "to", clock) as other:
            other.bring(path)

            assert_equal(owner, other, int(clock()))


def test_a_million_points_in_a_minute_come_back_as_a_million(owner, tmp_path, clock):
    now_s = int(clock())
    for _ in range(4):
        owner.engine.write(
            (["hot"], np.zeros(250_000, int)), Kind.VALUE, None, np.arange(250_000) / 7, namespace=owner.namespace
        )
    path = tmp_path / "export.ndjson"
    path.write_bytes(owner.export())
    with place(tmp_path / "to", clock) as other:
        result = other.bring(path)

        assert (result.summary.rows, result.summary.points) == (1, 1_000_000)
        assert_equal(owner, other, now_s)


def test_everything_beside_the_points_comes_along(owner, tmp_path, clock):
    now_s = int(clock())
    owner.engine.count("views", 1, namespace=owner.namespace)
    series = owner.engine.find("views", namespace=owner.namespace)
    properties = Properties(owner.documents)
    properties.change(owner.namespace, series.id, public=True, unit="hits")
    properties.import_classic_keys(owner.namespace, [(series.id, "OLD")])
    rule = Condition(RuleKind.VALUE, "1h", Operator.GREATER, threshold=5.0, hold="15m", repeat="1d")
    Rules(owner.documents).create(owner.namespace, series.id, "views", rule, now_s)
    notes = Annotations(owner.documents)
    notes.create(owner.namespace, "deployed\n2.1", now_s - 60, now_s)
    notes.create(owner.namespace, "broke", now_s - 30, now_s, series_id=series.id, stat_name="views")
    Accounts(owner.documents).change("owner", AccountSettings(tz="Europe/Berlin", tilde_join=" "))
    path = tmp_path / "export.ndjson"
    path.write_bytes(owner.export())

    with place(tmp_path / "to", clock) as other:
        other.bring(path)
        other.bring(path)

        found = other.engine.find("views", namespace=other.namespace)
        known = Properties(other.documents).get(other.namespace, found.id)
        assert (known.public, known.unit, known.imported_key) == (True, "hits", "OLD")
        (brought,) = Rules(other.documents).all(other.namespace)
        assert (brought.kind, brought.time_window, brought.operator, brought.threshold) == (
            *(RuleKind.VALUE, "1h"),
            *(Operator.GREATER, 5.0),
        )
        assert (brought.hold, brought.repeat) == ("15m", "1d")
        told = [(note.text, note.t_s, note.stat_name) for note in Annotations(other.documents).between(other.namespace)]
        assert told == [("deployed\n2.1", now_s - 60, None), ("broke", now_s - 30, "views")]
        assert (other.account.tz, other.account.tilde_join) == ("Europe/Berlin", " ")


def moved(owner, clock, folder, tmp_path):
    """Another place, which has everything of the owner's."""
    path = tmp_path / f"{folder}.ndjson"
    path.write_bytes(owner.export())
    return path, place(tmp_path / folder, clock)


def keys_of(owner, name):
    """All classic keys that mean a stat."""
    series = owner.engine.find(name, namespace=owner.namespace)
    known = Properties(owner.documents).get(owner.namespace, series.id)
    return {*known.imported_keys, ids.classic_key(owner.documents.secret, series.id)}


def test_every_classic_key_of_a_stat_moves_house_with_it_however_often(owner, tmp_path, clock):
    owner.engine.count("views", namespace=owner.namespace)
    owner.engine.count("other", namespace=owner.namespace)
    series = owner.engine.find("views", namespace=owner.namespace)
    Properties(owner.documents).import_classic_keys(owner.namespace, [(series.id, "OLD")])
    first, second = keys_of(owner, "views"), keys_of(owner, "other")
    path, there = moved(owner, clock, "second", tmp_path)
    with there as other:
        assert other.bring(path).brought.keys == 3
        assert other.bring(path).brought.keys == 0
        assert Properties(other.documents).get(other.namespace, 1).imported_keys[0] in ("OLD", *second)
        assert keys_of(other, "views") > first

        second_path, there = moved(other, clock, "third", tmp_path)
        with there as third:
            third.bring(second_path)

            assert keys_of(third, "views") > keys_of(other, "views")
            assert keys_of(third, "other") > second
            assert keys_of(third, "views").isdisjoint(keys_of(third, "other"))


def test_an_account_that_is_brought_into_itself_gets_no_keys(owner, tmp_path):
    owner.engine.count("views", namespace=owner.namespace)
    (tmp_path / "x.ndjson").write_bytes(owner.export())

    assert owner.bring(tmp_path / "x.ndjson").brought.keys == 0


def boards(owner):
    """(name, tiles) of all dashboards."""
    return sorted(((each.name, each.tiles) for each in Dashboards(owner.documents).all(owner.namespace)), key=repr)


def test_dashboards_move_house_with_their_tiles_and_without_their_links(owner, tmp_path, clock):
    now_s = int(clock())
    for name in ("views", "sales"):
        owner.engine.count(name, namespace=owner.namespace)
    dashboards = Dashboards(owner.documents)
    tiles = [
        new_tile("line", ["views", "sales"], title="Shop", size="wide", period="month"),
        new_tile("number", ["gone since"]),
    ]
    shop = dashboards.create(owner.namespace, "Shop", tiles, now_s)
    dashboards.create(owner.namespace, "Shop", [new_tile("bar", ["views"])], now_s)
    dashboards.create(owner.namespace, "Empty", [], now_s)
    dashboards.delete(owner.namespace, dashboards.create(owner.namespace, "Deleted", [], now_s).id, now_s)
    _, token = DashboardShares(owner.documents).create(
        owner.namespace, shop.id, now_s, label="for Ada", password="x" * 9
    )
    path, there = moved(owner, clock, "to", tmp_path)
    assert token.encode() not in path.read_bytes()
    assert b"Ada" not in path.read_bytes()
    with there as other:
        result = other.bring(path)

        assert boards(other) == boards(owner)
        assert result.report.reasons == {}
        assert "3 dashboards" in result.lines()

        changed = Dashboards(other.documents).all(other.namespace)[0]
        Dashboards(other.documents).put_tile(other.namespace, changed.id, new_tile("bar", ["sales"]), now_s)
        assert other.bring(path).brought.dashboards == 0
        assert len(boards(other)) == 3


def test_nothing_secret_is_in_it(owner, clock):
    from statflow_http.accounts.key_store import Keys

    key = Keys(owner.documents).create("owner", int(clock()))
    owner.engine.count("a", namespace=owner.namespace)
    exported = owner.export() + owner.export("csv")

    assert key.encode() not in exported
    assert key[8:16].encode() not in exported
    assert owner.documents.secret.hex().encode() not in exported


def test_a_later_export_of_the_same_account_brings_only_what_came_since(owner, tmp_path, clock):
    """Although its older minutes are hours by then, which are other rows."""
    filled(owner, clock, ages_s=120 * DAY_S)
    now_s = int(clock())
    # Of the minute that runs, and of one to come: their rows are not whole yet.
    owner.engine.count("counter", 3, namespace=owner.namespace)
    owner.engine.value("value", 2.5, now_s + 7_200, namespace=owner.namespace)
    first, second = tmp_path / "1.ndjson", tmp_path / "2.ndjson"
    first.write_bytes(owner.export())
    with place(tmp_path / "to", clock) as other:
        other.bring(first)
        owner.engine.count("counter", 4, namespace=owner.namespace)
        owner.engine.value("value", 7.5, now_s + 7_200, namespace=owner.namespace)
        clock.advance(20 * DAY_S)
        owner.engine.count("counter", 5, namespace=owner.namespace)
        clock.advance(120)
        second.write_bytes(owner.export())

        result = other.bring(second)

        assert (result.summary.rows, result.summary.points) == (3, 3)
        assert all(other.total(name) == approximately(owner.total(name)) for name in NAMES)


def test_only_some_stats_are_exported_and_then_nothing_beside_them(owner, clock):
    for name in ("api read", "api write", "other"):
        owner.engine.count(name, namespace=owner.namespace)

    lines = [json.loads(line) for line in owner.export("ndjson", "api *", "api read").splitlines()]

    assert [line["stat"]["name"] for line in lines if "stat" in line] == ["api read", "api write"]
    assert not any("settings" in line for line in lines)
    with pytest.raises(UnknownSeriesError):
        owner.export("ndjson", "nope")


def test_csv_holds_no_formula_and_every_name_comes_back(owner, tmp_path, clock):
    filled(owner, clock, ages_s=DAY_S, points=200)
    rows = list(csv.DictReader(io.StringIO(owner.export("csv").decode())))

    assert not any(row["stat"].startswith(("=", "+", "-", "@")) for row in rows)
    assert {statflow_files.name_of_csv(row["stat"]) for row in rows} == set(NAMES)
    assert rows[0]["datetime"].endswith("Z")


def test_a_parquet_file_holds_the_same_rows(owner, tmp_path, clock):
    parquet = pytest.importorskip("pyarrow.parquet")
    filled(owner, clock, ages_s=30 * DAY_S)
    exporter = Exporter(owner.engine, owner.documents, Wanted(owner.account, True))
    count = write_parquet(exporter, tmp_path / "x.parquet")

    table = parquet.read_table(tmp_path / "x.parquet")
    rows = list(csv.DictReader(io.StringIO(owner.export("csv").decode())))

    assert len(rows) == table.num_rows == count
    assert table.column("sum").to_pylist() == [float(row["sum"]) for row in rows]
    assert table.column("min").to_pylist() == [float(row["min"]) if row["min"] else None for row in rows]
    assert [int(t.timestamp()) for t in table.column("timestamp").to_pylist()] == [int(r["timestamp"]) for r in rows]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"rows":{"stat":"a","t":[1,2],"count":[1],"sum":[1,2]}}', "equal lengths"),
        ('{"rows":{"stat":"a","t":[99999999999999999999],"count":[1],"sum":[1]}}', "fit 64 bits"),
        ('{"rows":{"stat":"a","t":[1700000000],"count":[0],"sum":[1]}}', "count of at least 1"),
        ('{"rows":{"stat":"a","t":[1700000000],"count":[1],"sum":[1],"min":[3],"max":[2]}}', "min <= max"),
        ('{"rows":', "not a line"),
        ('{"stat":{"kind":"counter"}}', "without a name"),
        ('{"alert":{"stat":"a","kind":"nonsense"}}', "alert not brought"),
        ('{"annotation":{"text":""}}', "annotation not brought"),
        ('{"dashboard":{"name":""}}', "dashboard not brought: name is empty"),
        ('{"dashboard":{"name":"a","tiles":[{"id":"a","kind":"pie","stats":["good"]}]}}', "kind must be one of line"),
        ('{"dashboard":{"name":"a","tiles":7}}', "dashboard not brought"),
    ],
)
def test_a_broken_line_of_an_export_is_told_and_the_rest_is_brought(owner, tmp_path, clock, line, reason):
    owner.engine.count("good", 3, namespace=owner.namespace)
    head, *rest = owner.export().splitlines()
    path = tmp_path / "broken.ndjson"
    path.write_bytes(b"\n".join([head, line.encode(), *rest, b""]))
    with place(tmp_path / "to", clock) as other:
        result = other.bring(path)

        assert other.total("good") == (1, 3.0)
        assert any(reason in text for text in result.report.reasons), result.report.reasons


def test_an_export_that_is_cut_short_says_so(owner, tmp_path, clock):
    owner.engine.count("good", 3, namespace=owner.namespace)
    path = tmp_path / "cut.ndjson"
    path.write_bytes(owner.export()[:-30])
    with place(tmp_path / "to", clock) as other:
        assert "the export is cut short: its last line is missing" in other.bring(path).report.reasons


def test_one_of_a_newer_version_is_refused(owner, tmp_path, clock):
    path = tmp_path / "new.ndjson"
    path.write_text('{"statflow":"export","version":2,"origin":"o","until":1}\n{"end":{}}\n')

    assert owner.bring(path).report.reasons == {"the export is of version 2, this StatFlow reads up to 1": 1}


# -- by HTTP --


def test_the_api_streams_the_same(api):
    api.json("/v1/stat", {"stat": "a", "count": 3})
    ndjson, csv_text = api.get("/v1/export"), api.get("/v1/export?format=csv&stat=a")

    lines = [msgspec.json.decode(line) for line in ndjson.content.splitlines()]
    assert ndjson.headers["content-type"] == "application/x-ndjson"
    assert [next(iter(line)) for line in lines] == ["statflow", "stat", "rows", "settings", "end"]
    assert lines[2]["rows"]["sum"] == [3.0]
    assert csv_text.headers["content-type"].startswith("text/csv")
    assert csv_text.text.splitlines()[1].startswith("a,counter,")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/v1/export?format=parquet", 400, "format must be one of ndjson, csv"),
        ("/v1/export?stat=nope", 404, "no such stat"),
        ("/v1/export?" + "stat=a*&" * 101, 400, "at most 100 stats or globs"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_anything_is_sent(api, path, status, text):
    answer = api.get(path)

    assert answer.status_code == status
    assert text in answer.json["msg"]


def test_a_key_that_may_only_write_cannot_export_and_accounts_are_apart(api):
    other = api.new_account("other")
    api.json("/v1/stat", {"stat": "mine", "count": 3})

    assert api.get("/v1/export", key=api.new_key(scope=Scope.WRITE)).status_code == 403
    assert b"mine" not in api.get("/v1/export", key=other).content
