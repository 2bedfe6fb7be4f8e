"""What people saved of StatHat: each form, and what is told of what cannot be read."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine import Kind
from statflow_http.errors import RequestError
from statflow_http.moving import sources, stathat_files
from statflow_http.moving.csv_files import CsvOptions
from statflow_http.moving.rows import Extra, Piece, Problem, Stat
from statflow_http.moving.sources import Understood
from statflow_http.moving.spool import Report, Spool

T = 1_700_000_000
STAT_CSV = f"# stat_id: lxoC\ntimestamp,datetime,value\n{T},2023-11-14 22:13:20,5\n{T + 60},2023-11-14 22:14:20,7.5\n"
STATS_CSV = (
    "id,name,public,counter,unit,classic_key,embed_key,data_received_at,created_at\n"
    "lxoC,page views,true,true,views,KEY28,EMB,1700000000,1300000000\n"
    'b2Bc,"load, mean",false,false,,KEY29,EMB,1700000000,1300000000\n'
)
DATA_JSON = (
    '[{"name":"page views","timeframe":"1 week @ 3 hours","points":[{"time":1700000000,"value":5},'
    '{"time":1700010800,"value":0},{"time":1700021600,"value":7.5}]}]'
)
STATLIST_JSON = (
    '[{"id":"lxoC","name":"page views","public":true,"counter":true,"unit":"views","classic_key":"KEY28",'
    '"embed_key":"E","data_received_at":1700000000,"created_at":1300000000}]'
)


GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"


def zipped(**texts):
    """A zip file, by its members' names."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return packed.getvalue()


@pytest.fixture
def spooled(tmp_path):
    """Read a path; ({name: [(time, sum)]}, {name: Stat}, problems, forms)."""

    def read(path, form="auto"):
        report = Report()
        folder = tmp_path / "spool"
        folder.mkdir(exist_ok=True)
        with Spool(folder, report) as spool:
            forms = []
            for item in sources.read(path, form, CsvOptions()):
                if isinstance(item, Understood):
                    forms.append(item.form)
                else:
                    spool.add(item)
            found = list(spool.stats())
        rows = {stat.name: [tuple(row)[:2] for row in rows.tolist()] for stat, rows in found if len(rows)}
        return rows, {stat.name: stat for stat, _ in found}, [(p.place, p.reason) for p in report.first], forms

    return read


@pytest.fixture
def folder(tmp_path):
    """An export as StatHat's users have it."""
    path = tmp_path / "stathat"
    (path / "stats").mkdir(parents=True)
    (path / "stats.csv").write_text(STATS_CSV)
    (path / "stats" / "page views.csv").write_text(STAT_CSV)
    (path / "stats" / "b2Bc.csv").write_text(STAT_CSV.replace("# stat_id: lxoC\n", ""))
    (path / ".DS_Store").write_bytes(b"\0\1\2")
    return path


def test_a_folder_has_rows_by_id_and_names_in_stats_csv(spooled, folder):
    rows, stats, problems, _ = spooled(folder)

    assert rows == {"page views": [(T, 5.0), (T + 60, 7.5)], "load, mean": [(T, 5.0), (T + 60, 7.5)]}
    views = stats["page views"]
    assert (views.kind, views.public, views.unit, views.classic_key, views.created_s) == (
        *(Kind.COUNTER, True, "views"),
        *("KEY28", 1_300_000_000),
    )
    assert (stats["load, mean"].kind, stats["load, mean"].public) == (Kind.VALUE, False)
    assert problems == []


def test_a_zip_file_is_as_good_as_its_folder(spooled, folder, tmp_path):
    packed = tmp_path / "stathat.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))

    assert spooled(packed)[:2] == spooled(folder)[:2]


def test_the_json_of_the_export_api_has_names_and_a_zero_is_no_data(spooled, tmp_path):
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "data.json").write_text(DATA_JSON)
    (tmp_path / "j" / "statlist.json").write_text(STATLIST_JSON)

    rows, stats, problems, _ = spooled(tmp_path / "j")

    assert rows == {"page views": [(T, 5.0), (T + 21_600, 7.5)]}
    assert stats["page views"].kind is Kind.COUNTER
    assert problems == []


def test_of_two_datasets_that_overlap_the_finer_one_counts(spooled, tmp_path):
    folder = tmp_path / "two"
    folder.mkdir()
    hour, day = 3_600, 86_400
    start = T // day * day
    fine = ",".join(f'{{"time":{start + n * hour},"value":1}}' for n in range(24))
    coarse = ",".join(f'{{"time":{start + n * day},"value":24}}' for n in range(-2, 3))
    (folder / "fine.json").write_text(f'[{{"name":"a","timeframe":"","points":[{fine}]}}]')
    (folder / "coarse.json").write_text(f'{{"name":"a","timeframe":"","points":[{coarse}]}}')

    rows = spooled(folder)[0]["a"]

    assert sum(value for _, value in rows) == 5 * 24
    assert len(rows) == 24 + 4


def test_rows_of_an_id_that_nobody_names_say_what_is_missing(spooled, tmp_path):
    (tmp_path / "lxoC.csv").write_text(STAT_CSV)

    rows, _, problems, _ = spooled(tmp_path / "lxoC.csv")

    assert rows == {}
    assert problems == [("#lxoC", "no name is known for this stat id: bring stats.csv or the statlist with it")]


def test_a_file_without_an_id_is_called_by_its_name(spooled, tmp_path):
    (tmp_path / "page views.csv").write_text(STAT_CSV.partition("\n")[2])

    assert list(spooled(tmp_path / "page views.csv")[0]) == ["page views"]


def test_several_stats_may_follow_one_another_and_tell_more(spooled, tmp_path):
    text = (
        f"# stat_id: a1\n# name: hits\n# kind: counter\ntimestamp,datetime,value\n{T},x,1\n{T + 1},x,2\n"
        f"# stat_id: a2\n# name: load\n# counter: false\ntimestamp,datetime,value\n{T},x,3\n"
    )
    (tmp_path / "all.csv").write_text(text)

    rows, stats, _, _ = spooled(tmp_path / "all.csv")

    assert rows == {"hits": [(T, 1.0), (T + 1, 2.0)], "load": [(T, 3.0)]}
    assert (stats["hits"].kind, stats["load"].kind) == (Kind.COUNTER, Kind.VALUE)


def test_broken_lines_are_told_with_their_numbers_and_the_rest_is_read(spooled, tmp_path):
    text = STAT_CSV + f",2023-11-14 22:15:20,9\nx,y,1\n{T},x,1_0\n{T},x\n{T},x,y,z\n\n{T},x,inf\n"
    (tmp_path / "a.csv").write_text("# name: a\n" + text)
    (tmp_path / "stats.csv").write_text(STATS_CSV + ",,,,,,,,\n")

    items = list(stathat_files.dataset_csv(io.BytesIO(text.encode()), "a.csv", "?a"))

    assert [row for item in items if isinstance(item, Piece) for row in item.rows.tolist()] == [
        *((T, 5.0), (T + 60, 7.5), (T + 120, 9.0)),
    ]
    assert [(p.place, p.reason) for p in items if isinstance(p, Problem)] == [
        ("a.csv:6", "time must be Unix seconds, milliseconds or ISO 8601"),
        *(("a.csv:7", "value must be a finite number"), ("a.csv:8", "value must be a finite number")),
        *(("a.csv:9", "the line has 4 columns, 3 are wanted"), ("a.csv:11", "value must be a finite number")),
    ]
    assert [p.reason for p in stathat_files.stats_table(io.BytesIO((STATS_CSV + ",,,,,,,,\n").encode()), "s")
            if isinstance(p, Problem)] == ["the line has no id and no name"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.json", b"[{", "no JSON"),
        ("a.json", b"[1]", "neither datasets nor stats"),
        ("a.json", b'[{"x":1}]', "neither a dataset nor a stat"),
        ("a.json", b'[{"points":[{"time":"x"}],"name":"a"}]', "no dataset"),
        ("a.json", b'[{"points":[],"name":" "}]', "the dataset has no name"),
        ("a.json", b"[" * 100_000, "no JSON"),
        ("a.zip", b"PK\x03\x04 and then nothing", "not a whole zip file"),
        ("a.csv", b"\xff\xfea\x00,\x00", "the file is text in UTF-16: save it as UTF-8, and bring that"),
        ("a.gif", GIF, "this is no CSV, JSON, zip file or export of a StatFlow"),
        ("a.csv", b"\xff\xff", "no time column found"),
        ("a.csv", b"x" * (1 << 20), "the first line is longer than"),
        ("a.zip", zipped(**{"[Content_Types].xml": "", "xl/sheet1.xml": ""}), "save its table as CSV, and bring that"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_and_not_the_end(spooled, tmp_path, name, data, reason):
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / name).write_bytes(data)
    (folder / "z.json").write_text(DATA_JSON)

    rows, _, problems, _ = spooled(folder)

    assert list(rows) == ["page views"]
    assert any(reason in text for _, text in problems), problems


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/evil.csv"])
def test_names_in_an_archive_lead_nowhere(spooled, tmp_path, name):
    packed = tmp_path / "evil.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, f"time,value\n{T},1\n")

    assert spooled(packed)[0] == {"evil": [(T, 1.0)]}
    assert not (tmp_path.parent / "evil.csv").exists()


def test_an_archive_may_not_unpack_to_more_than_its_limit(spooled, tmp_path, monkeypatch):
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.csv", "time,value\n" + "1,2\n" * 100_000)
    monkeypatch.setattr(sources, "UNPACKED_BYTES_MAX", 100_000)

    assert any("may unpack to" in reason for _, reason in spooled(packed)[2])


def test_an_alert_is_told_apart_from_a_stat():
    alert = b'[{"id":"Y","stat_id":"lxoC","stat_name":"page views","kind":"data","time_window":"1h"}]'

    (item,) = stathat_files.json_items(stathat_files.json_entries(alert, "alerts.json"), "alerts.json")

    assert isinstance(item, Extra)
    assert item.document["stat_name"] == "page views"


@given(st.binary(max_size=300))
def test_no_bytes_make_anything_but_items_and_one_kind_of_error(data):
    for read in (
        lambda: list(stathat_files.json_items(stathat_files.json_entries(data, "x"), "x")),
        lambda: list(stathat_files.dataset_csv(io.BytesIO(data), "x", "?x")),
        lambda: list(stathat_files.stats_table(io.BytesIO(data), "x")),
    ):
        try:
            assert all(isinstance(item, Piece | Problem | Stat | Extra) for item in read())
        except RequestError:
            pass


def test_the_same_rows_come_out_however_large_the_chunks_are(monkeypatch):
    text = (STAT_CSV + "".join(f"{T + 120 + n},x,{n}\n" for n in range(500))).encode()

    def rows():
        found = stathat_files.dataset_csv(io.BytesIO(text), "x", "?x")
        return [row for item in found if isinstance(item, Piece) for row in item.rows.tolist()]

    whole = rows()
    monkeypatch.setattr(stathat_files, "CHUNK_SIZE", 37)

    assert rows() == whole
    assert len(whole) == 502
