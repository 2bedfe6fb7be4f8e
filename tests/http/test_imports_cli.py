"""``statflow import`` and ``export`` on a data folder, run in this process; against servers in `test_imports_live`."""

import time

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

    assert stdout.startswith("1 stats, 2 rows brought in ")
    assert "1 not brought: value must be a finite number" in stdout
    assert stderr == "  visits.csv:3: value must be a finite number\n"
    assert "visits here  counter" in statflow("ls")[0]


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
        (["-o", "nowhere/x.parquet", "--format", "parquet"], 1, "cannot write nowhere/x.parquet"),
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
