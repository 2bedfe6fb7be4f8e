"""``statflow import`` and ``export`` on a data folder, run in this process; against servers in `test_imports_live`."""

import time
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from statflow_http.cli.main import main


@pytest.fixture
def statflow(tmp_path, monkeypatch):
    """Run the command in an empty folder; (stdout, stderr), when it ends as it should."""
    for name in ("STATFLOW_DATA", "STATFLOW_URL", "STATFLOW_KEY", "STATFLOW_IMPORT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments, exit_code=0):
        result = CliRunner().invoke(main, list(map(str, arguments)))
        assert result.exit_code == exit_code, result.output
        return result.stdout, result.stderr

    return run


@pytest.fixture
def visits(tmp_path):
    now_s = int(time.time())
    (tmp_path / "visits.csv").write_text(f"when;how many\n{now_s - 60};3\n{now_s};x\n{now_s};4\n")
    return ("visits.csv", "--time-column", "when", "--value-column", "2")


def test_a_csv_is_brought_and_its_broken_line_told(statflow, visits):
    stdout, stderr = statflow("import", *visits, "--kind", "counter", "--name", "visits here")

    assert stdout.startswith("1 stat, 2 rows brought in ")
    assert "1 not brought: value must be a finite number" in stdout
    assert stderr.endswith("  visits.csv:3: value must be a finite number\n")
    assert "visits here  counter" in statflow("ls")[0]


LATIN_1 = "date,name,value\n2026-10-01,Größe,5\n".encode("latin-1")
HEAD_LINE = b'{"statflow":"export","version":1,"origin":"o","until":1700000000}\n'


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("x.csv", b"", "nothing to bring: the file is empty"),
        ("x.csv", b"date,visits\n", "nothing to bring: no value column found"),
        ("x.csv", b"date,value\n", "nothing to bring: there is no row in it"),
        ("x.csv", b"date,a,b\n2026-10-01,1,2\n", "nothing to bring: no value column found"),
        ("x.csv", LATIN_1, "nothing to bring: stat name is not valid UTF-8"),
        ("x.gif", b"GIF89a\1\0\1\0\xff", "nothing to bring: this is no CSV, JSON, zip file or export of a StatFlow"),
        ("x.zip", b"PK\3\4 and then nothing", "nothing to bring: not a whole zip file"),
        ("x.json", b'{"broken":1}', "nothing to bring: neither a dataset nor a stat"),
        ("x.json", b'[{"name":"a","points":[', "nothing to bring: x.json is no JSON: Input data was truncated"),
        ("x.ndjson", HEAD_LINE, "nothing to bring: the export is cut short: its last line is missing"),
        (
            "x.ndjson",
            HEAD_LINE + b'{"rows":{"stat":"a","t":[1700000000],"count":[1],"sum":[1]}}\n',
            "the export is cut short: its last line is missing; only what comes before that is here (x.ndjson)",
        ),
    ],
)
def test_a_file_of_which_nothing_comes_or_not_all_is_told_by_the_exit_status(statflow, tmp_path, name, data, text):
    (tmp_path / name).write_bytes(data)
    for arguments in ((name,), (name, "--dry-run")):
        stdout, stderr = statflow("import", *arguments, exit_code=1)
        assert f"Error: {name}: {text}" in stderr
        assert not any("\ud800" <= letter <= "\udfff" or letter in "\0\1" for letter in stdout + stderr)


def test_the_rest_of_several_sources_is_brought_although_one_holds_nothing(statflow, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "good.csv").write_text("date,visits\n2026-10-01,5\n")

    assert "Error: empty.csv: nothing to bring" in statflow("import", "empty.csv", "good.csv", exit_code=1)[1]
    assert "visits  counter" in statflow("ls")[0]


def test_an_export_of_an_account_without_stats_is_whole(statflow, visits):
    statflow("import", *visits, "--test")
    statflow("export", "-o", "empty.ndjson")

    statflow("import", "empty.ndjson", "--data", "other")


def test_a_stat_was_last_received_when_its_newest_point_says(statflow, tmp_path):
    (tmp_path / "old.csv").write_text("date,visits\n2023-11-14T22:13:20Z,5\n")
    statflow("import", "old.csv")

    assert "2023-11-14" in statflow("ls")[0]


def test_again_it_changes_nothing(statflow, visits):
    statflow("import", *visits)
    assert "2 rows were there from an import before" in statflow("import", *visits)[0]


def test_a_dry_run_needs_no_folder_and_makes_none(statflow, visits, tmp_path):
    stdout, _ = statflow("import", *visits, "--dry-run")

    assert 'visits.csv: CSV: time from "when", value from "how many"' in stdout
    assert '"visits" (counter, as it seems): 2 rows' in stdout
    assert not (tmp_path / "statflow-data").exists()


def test_a_dry_run_knows_the_kinds_of_stats_that_are_there(statflow, visits):
    statflow("send", "visits", "--value", "1", exit_code=1)
    statflow("import", *visits, "--kind", "value")

    assert '"visits" (value): 2 rows' in statflow("import", *visits, "--dry-run")[0]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "text"),
    [
        (["nowhere.csv"], 1, "there is no file or folder nowhere.csv"),
        (["https://www.stathat.com", "--token", "t"], 1, "bring the files"),
        (["http://127.0.0.1:1", "--token", "t"], 1, "address is not allowed"),
        (["http://127.0.0.1:1", "--token", "t", "--allow-private"], 1, "does not answer"),
        (["http://a.example"], 1, "a token"),
        (["visits.csv", "--tz", "Nowhere"], 1, "tz must be the name of a time zone"),
        (["visits.csv", "--account", "nobody"], 1, "there is no account nobody"),
        (["visits.csv", "--kind", "gauge"], 2, "Usage:"),
        (["visits.csv", "--format", "excel"], 2, "Usage:"),
        (["visits.csv", "--url", "http://localhost"], 2, "--url needs --key"),
        (["visits.csv", "--url", "localhost", "--key", "k"], 2, "--url must begin with"),
        (["visits.csv", "--url", "http://localhost", "--key", "k", "--dry-run"], 2, "leave --url out"),
        (["visits.csv", "--url", "http://127.0.0.1:1", "--key", "k"], 1, "does not answer"),
        ([], 2, "Usage:"),
    ],
)
def test_a_mistake_is_told_in_a_line(statflow, visits, arguments, exit_code, text):
    assert text in statflow("import", *arguments, exit_code=exit_code)[1]


def test_what_is_exported_can_be_brought_into_another_folder(statflow, visits, tmp_path):
    statflow("import", *visits)
    statflow("export", "-o", "all.ndjson")
    statflow("import", "all.ndjson", "--data", "other")

    assert (
        statflow("export", "-o", "-", "--format", "csv", "--data", "other")[0]
        == (statflow("export", "-o", "-", "--format", "csv")[0])
    )
    assert list(tmp_path.glob("*.unfinished")) == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "text"),
    [
        (["nope", "-o", "x.csv"], 1, "nope"),
        (["-o", "nowhere/x.csv"], 1, "cannot write nowhere/x.csv"),
        pytest.param(
            *(["-o", "nowhere/x.parquet", "--format", "parquet"], 1, "cannot write nowhere/x.parquet"),
            marks=pytest.mark.skipif(find_spec("pyarrow") is None, reason="no pyarrow: parquet is an extra"),
        ),
        ([], 2, "Missing option"),
        (["-o", "x", "--format", "parquet", "--url", "http://localhost", "--key", "k"], 2, "leave --url out"),
        (["-o", "x", "--url", "http://127.0.0.1:1", "--key", "k"], 1, "does not answer"),
    ],
)
def test_an_export_that_cannot_be_is_told_in_a_line_and_leaves_nothing(
    statflow, visits, tmp_path, arguments, exit_code, text
):
    statflow("import", *visits)

    assert text in statflow("export", *arguments, exit_code=exit_code)[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["statflow-data", "visits.csv"]


def test_some_stats_are_exported_by_name(statflow, visits):
    statflow("import", *visits)
    statflow("import", *visits, "--name", "other")

    stdout, _ = statflow("export", "vis*", "-o", "-", "--format", "csv")

    assert {line.split(",")[0] for line in stdout.splitlines()[1:]} == {"visits"}


def test_a_backup_has_a_line_and_is_not_made_twice(statflow, visits):
    statflow("import", *visits)

    assert statflow("backup", "copy")[0].endswith("and nothing is wrong with it\n")
    assert "copy is there already" in statflow("backup", "copy", exit_code=1)[1]
    assert "statflow-data is there already" in statflow("restore", "copy", exit_code=1)[1]
    assert statflow("restore", "copy", "--data", "new")[0].startswith("new holds ")
