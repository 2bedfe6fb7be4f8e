"""What an import brings, what it leaves out, and that bringing it again changes nothing."""

import threading
import zipfile

import numpy as np
import pytest

from statflow_engine import JournalFullError, Kind, Limits
from statflow_http.accounts.accounts import Accounts, AccountSettings
from statflow_http.accounts.plans import Plan, Plans
from statflow_http.alerts.rules import Rules
from statflow_http.moving import extras, importer, imports, ledger, sources
from statflow_http.moving.csv_files import CsvOptions
from statflow_http.moving.importer import CancelledError
from statflow_http.moving.imports import Watch
from statflow_http.moving.ledger import WINDOW_S
from statflow_http.stats.properties import Properties
from tests.http.importing import Place, place, stathat_folder

DAY_S = 86_400


@pytest.fixture
def owner(tmp_path, clock):
    """The owner's account over an engine of its own."""
    with place(tmp_path / "data", clock) as owner:
        yield owner


@pytest.fixture
def csv(tmp_path):
    """Write a CSV of rows of (name, time, value); its path."""

    def write(rows, name="rows.csv", header="stat,time,value"):
        path = tmp_path / name
        path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows), ""]))
        return path

    return write


def approximately(total):
    return total[0], pytest.approx(total[1], rel=1e-12)


def test_an_account_of_stathats_is_rebuilt(owner, clock, tmp_path):
    totals = stathat_folder(tmp_path / "stathat", int(clock()))

    result = owner.bring(tmp_path / "stathat")

    assert {name: owner.total(name) for name in owner.names()} == {
        name: approximately(total) for name, total in totals.items()
    }
    kinds = [str(owner.engine.find(f"stat {n}", namespace=owner.namespace).kind) for n in range(4)]
    assert kinds == ["value", "counter", "value", "counter"]
    assert (result.summary.stats, result.summary.rows, result.brought.keys) == (4, 4 * 72, 4)
    assert result.report.reasons == {}


def test_its_names_are_joined_by_a_space_and_that_is_told(owner, clock, tmp_path):
    stathat_folder(tmp_path / "stathat", int(clock()))

    result = owner.bring(tmp_path / "stathat")

    assert owner.account.tilde_join == " "
    assert any("joined by a space" in line for line in result.lines())


def test_the_way_of_joining_is_left_alone_where_stats_have_a_tilde(owner, clock, tmp_path):
    stathat_folder(tmp_path / "stathat", int(clock()))
    owner.engine.count("sent~total", namespace=owner.namespace)

    result = owner.bring(tmp_path / "stathat")

    assert owner.account.tilde_join == "~"
    assert any("left alone" in line for line in result.lines())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", '{"broken":1}'),
        ("x.json", '[{"id":"lxoC","name":"a","counter":true}]'),
        ("x.csv", "timestamp,datetime,value\nnothing,x,5\n"),
    ],
)
def test_a_file_that_brings_no_stat_of_stathats_changes_no_setting(owner, tmp_path, name, text):
    (tmp_path / name).write_text(text)

    result = owner.bring(tmp_path / name)

    assert (result.summary.stats, result.brought.notes, owner.account.tilde_join) == (0, [], "~")


def test_neither_does_a_csv_beside_such_a_file(owner, clock, csv, tmp_path):
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "broken.json").write_text('{"broken":1}')
    csv([("a", int(clock()), 1)], "mixed/rows.csv")

    assert owner.bring(tmp_path / "mixed").summary.stats == 1
    assert owner.account.tilde_join == "~"


def test_nor_what_a_statflow_answered(api, owner, tmp_path):
    api.json("/v1/stat", {"stat": "page views", "count": 3})
    (tmp_path / "own").mkdir()
    for what in ("statlist", "data"):
        stat_id = api.get("/v1/stat/page%20views").json["id"]
        path = f"/x/{api.key}/statlist" if what == "statlist" else f"/x/{api.key}/data/{stat_id}"
        (tmp_path / "own" / f"{what}.json").write_bytes(api.get(path).content)

    assert owner.bring(tmp_path / "own").summary.stats == 1
    assert owner.account.tilde_join == "~"
    assert not any("joined" in line for line in looked_at(owner, tmp_path / "own").lines)


def test_a_dry_run_says_beforehand_that_names_would_be_joined_by_a_space(owner, clock, tmp_path):
    stathat_folder(tmp_path / "stathat", int(clock()))

    assert extras.SPACE_JOIN_TO_COME in looked_at(owner, tmp_path / "stathat").lines
    owner.bring(tmp_path / "stathat")
    assert not any("joined" in line for line in looked_at(owner, tmp_path / "stathat").lines)

    Accounts(owner.documents).change("owner", AccountSettings(tilde_join="~"))
    owner.engine.count("sent~total", namespace=owner.namespace)
    assert extras.TILDES_THERE in looked_at(owner, tmp_path / "stathat").lines


def test_stats_without_rows_are_told_of_alike_in_a_folder_and_its_zip_file(owner, clock, tmp_path):
    folder = tmp_path / "stathat"
    folder.mkdir()
    listed = ",".join(f'{{"id":"id{n}","name":"stat {n}","counter":true}}' for n in range(40))
    data = ",".join(
        f'{{"name":"stat {n}","timeframe":"","points":[{{"time":1700000000,"value":1}}]}}' for n in range(2)
    )
    (folder / "statlist.json").write_text(f"[{listed}]")
    (folder / "data.json").write_text(f"[{data}]")
    with zipfile.ZipFile(tmp_path / "stathat.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)

    told = [looked_at(owner, path).lines[2:] for path in (folder, tmp_path / "stathat.zip")]

    assert told[0] == told[1]
    assert "2 stats, 2 rows, 0 other things" in told[0]
    assert "38 stats without rows, which would not be made" in told[0]
    assert owner.bring(folder).lines()[0].startswith("2 stats, 2 rows brought")


def known(owner, name):
    series = owner.engine.find(name, namespace=owner.namespace)
    return Properties(owner.documents).get(owner.namespace, series.id).told(series)


def test_a_stat_was_made_when_its_source_says(owner, clock, tmp_path):
    stathat_folder(tmp_path / "stathat", int(clock()))
    owner.bring(tmp_path / "stathat")

    assert known(owner, "stat 1").created_s == 1_300_000_000
    assert b'"created_at":1300000000' in owner.export()


def test_it_has_received_its_last_point_when_that_says_until_one_comes_here(owner, clock, csv):
    now_s = int(clock())
    owner.bring(csv([("a", now_s - 5 * DAY_S, 1), ("a", now_s - 9 * DAY_S, 1)]))
    assert known(owner, "a").received_s == now_s - 5 * DAY_S

    clock.advance(60)
    owner.bring(csv([("a", now_s - 7 * DAY_S, 1)], "older.csv"))
    assert known(owner, "a").received_s == now_s - 5 * DAY_S

    clock.advance(60)
    owner.engine.count("a", namespace=owner.namespace)
    assert known(owner, "a").received_s == now_s + 120

    clock.advance(60)
    owner.bring(csv([("a", now_s - 3 * DAY_S, 1)], "newer.csv"))
    assert known(owner, "a").received_s == now_s + 120


def test_an_old_classic_key_means_the_stat(owner, clock, tmp_path):
    stathat_folder(tmp_path / "stathat", int(clock()))
    owner.bring(tmp_path / "stathat")

    series = owner.engine.find("stat 1", namespace=owner.namespace)
    key = f"OLDKEY{1:022d}"
    assert Properties(owner.documents).series_id_of_imported_key(owner.namespace, key) == series.id


def test_running_it_twice_changes_nothing(owner, clock, tmp_path):
    stathat_folder(tmp_path / "stathat", int(clock()))
    owner.bring(tmp_path / "stathat")
    before = owner.export()

    again = owner.bring(tmp_path / "stathat")

    assert owner.export() == before
    assert (again.summary.stats, again.summary.rows, again.summary.known_rows) == (4, 0, 4 * 72)


def test_also_a_year_later(owner, clock, csv):
    """Idempotency keys are forgotten after a day; marks are not."""
    path = csv([("a", int(clock()) - n * DAY_S, n) for n in range(1, 50)])
    owner.bring(path)
    clock.advance(365 * DAY_S)

    assert owner.bring(path).summary.rows == 0
    assert owner.total("a")[0] == 49


def test_a_file_that_has_grown_brings_what_is_new(owner, clock, csv):
    rows = [("a", int(clock()) - n * 600, n) for n in range(2_000)][::-1]
    owner.bring(csv(rows[:1_234]))

    result = owner.bring(csv(rows))

    assert (result.summary.rows, result.summary.known_rows) == (766, 1_234)
    assert owner.total("a") == (2_000, sum(range(2_000)))


def test_the_same_rows_in_another_order_form_or_file_are_the_same(owner, clock, csv):
    rows = [("a", int(clock()) - n * 600, n) for n in range(500)]
    owner.bring(csv(rows))
    owner.bring(csv(rows[::-1], "reversed.csv"))
    lines = [(t, f'"{value}.0"') for _, t, value in rows]

    result = owner.bring(csv(lines, "a.csv", header="timestamp,value"))

    assert result.summary.rows == 0
    assert owner.total("a")[0] == 500


def test_an_import_adds_to_what_is_there(owner, clock, csv):
    now_s = int(clock())
    owner.engine.count("a", 5, now_s - 60, namespace=owner.namespace)
    owner.bring(csv([("a", now_s - 60, 7)]))
    owner.bring(csv([("a", now_s - 60, 9)], "other.csv"))

    assert owner.total("a") == (3, 21.0)


def test_equal_rows_of_one_file_all_count(owner, clock, csv):
    now_s = int(clock())
    path = csv([("a", now_s - 60, 1)] * 5)
    owner.bring(path)
    owner.bring(path)

    assert owner.total("a") == (5, 5.0)


def test_a_stat_that_was_deleted_can_be_brought_again(owner, clock, csv):
    path = csv([("a", int(clock()) - 60, 7)])
    owner.bring(path)
    owner.engine.delete("a", namespace=owner.namespace)

    assert owner.bring(path).summary.rows == 1
    assert owner.bring(path).summary.rows == 0
    assert owner.total("a") == (1, 7.0)


def test_one_that_was_restored_has_its_rows_still(owner, clock, csv):
    path = csv([("a", int(clock()) - 60, 7)])
    owner.bring(path)
    trashed = owner.engine.delete("a", namespace=owner.namespace)
    owner.engine.restore(trashed.id, namespace=owner.namespace)

    assert owner.bring(path).summary.rows == 0


def test_test_data_is_apart_from_live_data(owner, clock, csv):
    path = csv([("a", int(clock()) - 60, 7)])
    test = Place(owner.engine, owner.documents, owner.folder, live=False)

    assert owner.bring(path).summary.rows == 1
    assert test.bring(path).summary.rows == 1
    assert test.total("a") == (1, 7.0)


@pytest.mark.parametrize(
    ("header", "values", "kind"),
    [
        ("stat,time,value", (1, 2, 3), "counter"),
        ("stat,time,value", (1, 2.5, 3), "value"),
        ("stat,time,value", (1, -2, 3), "value"),
        ("stat,time,count", (1, 2.5, 3), "counter"),
    ],
)
def test_a_kind_that_nobody_tells_is_guessed_from_the_numbers(owner, clock, csv, header, values, kind):
    owner.bring(csv([("a", int(clock()) - 60, value) for value in values], header=header))

    assert str(owner.engine.find("a", namespace=owner.namespace).kind) == kind


def test_a_kind_that_nobody_tells_is_that_of_the_stat(owner, clock, csv):
    owner.engine.value("a", 1, namespace=owner.namespace)

    assert owner.bring(csv([("a", int(clock()) - 60, 3)])).report.reasons == {}
    assert owner.total("a") == (2, 4.0)


def test_a_stat_of_the_other_kind_is_left_out_and_the_rest_is_brought(owner, clock, csv):
    now_s = int(clock())
    owner.engine.value("a", 1, namespace=owner.namespace)

    result = owner.bring(csv([("a", now_s, 3), ("a", now_s, 3), ("b", now_s, 3)], header="stat,time,count"))

    assert result.report.reasons == {"the stat is a value here, and a counter where it comes from": 2}
    assert (owner.total("a"), owner.total("b")) == ((1, 1.0), (1, 3.0))


def test_one_that_gets_the_other_kind_while_it_is_imported_is_left_out(owner, clock, csv, monkeypatch):
    """Between the look at its kind and the write somebody sends the first point."""
    written = importer.write_blocks
    once = []

    def write_blocks(engine, namespace, *rest):
        if not once:
            once.append(engine.value("a", 1, namespace=namespace))
        written(engine, namespace, *rest)

    monkeypatch.setattr(importer, "write_blocks", write_blocks)
    now_s = int(clock())
    result = owner.bring(csv([("a", now_s, 3), ("b", now_s, 3)]))

    assert list(result.report.reasons) == ['"a" is a value: send value']
    assert (owner.total("a"), owner.total("b")) == ((1, 1.0), (1, 3.0))


def test_rows_that_no_store_takes_are_counted_by_reason(owner, clock, csv):
    now_s = int(clock())
    rows = [("a", now_s, 1), ("a", now_s + 2 * DAY_S, 1), ("a", -5, 1), ("", now_s, 1), ("x" * 256, now_s, 1)]
    rows += [("a\x07", now_s, 1), ("a", 86_400, 1)]

    result = owner.bring(csv(rows))

    assert owner.total("a") == (1, 1.0)
    assert result.report.reasons == {
        "t is more than one day ahead": 1,
        "t must be Unix seconds": 1,
        "stat name is empty": 1,
        "stat name is longer than 255 characters": 1,
        "stat name has control characters": 1,
        "t is older than the retention (18250 days)": 1,
    }


def test_a_row_older_than_the_retention_is_left_out(tmp_path, clock, csv):
    with place(tmp_path / "small", clock, schema="1m:2h, 1h:7d") as owner:
        result = owner.bring(csv([("a", int(clock()) - days * DAY_S, 1) for days in (1, 6, 8, 9)]))

        assert result.report.reasons == {"t is older than the retention (7 days)": 2}
        window = owner.engine.query("a", int(clock()) - 6 * DAY_S, step="1h", namespace=owner.namespace)
        assert (int(window.counts.sum()), float(window.sums.sum())) == (2, 2.0)


def test_what_has_become_too_old_since_does_not_make_the_rest_new(tmp_path, clock, csv):
    """The rows that a mark covers must be the same on another day."""
    with place(tmp_path / "small", clock, schema="1m:2h, 1h:7d") as owner:
        path = csv([("a", int(clock()) - n * 3_600, 1) for n in range(1, 160)])
        owner.bring(path)
        clock.advance(3 * DAY_S)

        assert owner.bring(path).summary.rows == 0


def test_the_plan_limits_imported_stats_but_not_their_points(owner, clock, csv):
    Plans(owner.documents).save(Plan("tiny", stats=2, points_a_month=10))
    Accounts(owner.documents).set_plan("owner", "tiny")
    now_s = int(clock())

    result = owner.bring(csv([(name, now_s - n, 1) for name in "abcd" for n in range(50)]))

    assert owner.names() == ["a", "b"]
    assert owner.total("a") == (50, 50.0)
    assert result.report.reasons == {"the plan allows 2 stats": 100}


def test_two_runs_at_once_bring_everything_once(owner, clock, csv):
    now_s = int(clock())
    path = csv([(f"s{n % 20}", now_s - n * 900, 1) for n in range(20_000)])
    results = []

    def run():
        results.append(owner.bring(path))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [owner.total(f"s{n}") for n in range(20)] == [(1_000, 1_000.0)] * 20
    assert sum(result.summary.rows for result in results) == 20_000
    assert sum(result.summary.known_rows for result in results) == 40_000


def test_a_run_that_is_stopped_anywhere_is_finished_by_the_next(tmp_path, clock, csv, monkeypatch):
    """At every batch in turn; the store is as if nothing had happened."""
    monkeypatch.setattr(importer, "BATCH_POINTS", 50)
    now_s = int(clock())
    path = csv([(f"s{n % 3}", now_s - n * 3_600, n) for n in range(900)])
    for stop_after in range(1, 22, 4):
        with place(tmp_path / f"data{stop_after}", clock) as owner:
            asked = iter(range(stop_after))
            with pytest.raises(CancelledError):
                owner.bring(path, watch=Watch(is_cancelled=lambda asked=asked: next(asked, None) is None))
            owner.bring(path)

            assert [owner.total(f"s{n}") for n in range(3)] == [(300, float(sum(range(n, 900, 3)))) for n in range(3)]


# A journal that holds two batches of these tests, and that nobody folds.
FULL_SOON = Limits(journal_rows_soft=10**9, journal_rows_hard=120, fold_rows=10**9)


@pytest.fixture
def waiting(csv, clock, monkeypatch):
    """A file whose third batch finds the journal full."""
    monkeypatch.setattr(importer, "BATCH_POINTS", 50)
    monkeypatch.setattr(importer, "PAUSE_S", 0.001)
    return csv([("s", int(clock()) - n * 3_600, n) for n in range(300)])


def test_an_import_waits_while_the_journal_is_full(tmp_path, clock, waiting):
    with place(tmp_path / "data", clock, limits=FULL_SOON) as owner:
        asked = iter(range(1_000))

        def folding_now_and_then():
            if next(asked) % 10 == 9:
                owner.engine.fold()
            return False

        owner.bring(waiting, watch=Watch(is_cancelled=folding_now_and_then))

        assert next(asked) > 20
        assert owner.total("s") == (300, float(sum(range(300))))


def test_one_that_nobody_folds_for_is_given_up(tmp_path, clock, waiting, monkeypatch):
    monkeypatch.setattr(importer, "PATIENCE_S", 0.01)
    with place(tmp_path / "data", clock, limits=FULL_SOON) as owner, pytest.raises(JournalFullError):
        owner.bring(waiting)


def test_one_that_is_stopped_while_it_waits_is_stopped_and_has_not_failed(tmp_path, clock, waiting):
    with place(tmp_path / "data", clock, limits=FULL_SOON) as owner:
        asked = iter(range(10))
        with pytest.raises(CancelledError):
            owner.bring(waiting, watch=Watch(is_cancelled=lambda: next(asked, None) is None))

        assert 0 < owner.total("s")[0] < 300
        owner.bring(waiting, watch=Watch(is_cancelled=lambda: owner.engine.fold() is not None))
        assert owner.total("s") == (300, float(sum(range(300))))


def test_a_window_is_cut_where_rows_begin_another_one():
    rows = np.zeros(5, [("t", "<i8"), ("sum", "<f8")])
    rows["t"] = [1, WINDOW_S - 1, WINDOW_S, 3 * WINDOW_S, 3 * WINDOW_S + 1]

    assert [(number, len(found)) for number, found in ledger.windows(rows)] == [(0, 2), (1, 1), (3, 2)]
    assert list(ledger.windows(rows[:0])) == []


def test_alerts_come_once_and_with_their_stat(owner, clock, tmp_path):
    totals = stathat_folder(tmp_path / "stathat", int(clock()))
    (tmp_path / "stathat" / "alerts.json").write_text(
        '[{"id":"Y","stat_id":"id1","stat_name":"stat 1","kind":"value","time_window":"1h","operator":"greater than",'
        '"threshold":500},{"id":"Z","stat_id":"id9","stat_name":"stat 9","kind":"data","time_window":"1h"}]'
    )

    first, second = owner.bring(tmp_path / "stathat"), owner.bring(tmp_path / "stathat")

    (rule,) = Rules(owner.documents).all(owner.namespace)
    assert (rule.stat_name, rule.threshold, len(totals)) == ("stat 1", 500.0, 4)
    assert (first.brought.alerts, second.brought.alerts) == (1, 0)
    assert list(first.report.reasons) == ['alert not brought: no series is called "stat 9"']


def looked_at(owner, path):
    return imports.dry_run(owner.store, sources.read(path, "auto", CsvOptions()), None, owner.folder)


def test_a_dry_run_writes_nothing_and_says_what_was_understood(owner, clock, csv):
    now_s = int(clock())
    path = csv([("a", now_s, 5), ("a", now_s, "x"), ("b", now_s, 2.5)])

    found = looked_at(owner, path)

    assert owner.names() == []
    assert (found.failure, found.is_empty) == ("", False)
    assert found.lines == [
        'rows.csv: CSV: name from "stat", time from "time", value from "value"',
        '"a" (counter, as it seems): 1 row',
        f"    {now_s}  5",
        '"b" (value, as it seems): 1 row',
        f"    {now_s}  2.5",
        "2 stats, 2 rows, 0 other things",
        "rows.csv:3: value must be a finite number",
        "1 would not be brought: value must be a finite number",
    ]


def test_settings_are_taken_over_only_where_nobody_has_set_them(owner, clock, tmp_path):
    path = tmp_path / "x.ndjson"
    path.write_text(
        '{"statflow":"export","version":1,"origin":"o","until":1}\n{"settings":{"tz":"Europe/Berlin"}}\n{"end":{}}\n'
    )
    owner.bring(path)
    assert owner.account.tz == "Europe/Berlin"

    Accounts(owner.documents).change("owner", AccountSettings(tz="Asia/Tokyo"))
    owner.bring(path)
    assert owner.account.tz == "Asia/Tokyo"


def test_a_kind_may_be_told_for_all(owner, clock, csv):
    owner.bring(csv([("a", int(clock()), 5)]), kind=Kind.VALUE)

    assert str(owner.engine.find("a", namespace=owner.namespace).kind) == "value"
