"""The first start of ``statflow serve``: whom it welcomes, what it makes, and how it fails."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import urllib3

import statflow_engine
from tests.http.live import serving
from tests.http.loop_server import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

MIB = 1 << 20
# RFC 5737: an address that nobody has.
FOREIGN_ADDRESS = "192.0.2.1"


def command(*arguments, data, check=True, typed=None):
    """Run the command line in a process of its own."""
    line = [sys.executable, "-m", "statflow_http", *arguments, "--data", str(data)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=100, input=typed)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture
def busy_port():
    with socket.create_server(("127.0.0.1", 0)) as busy:
        yield busy.getsockname()[1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--port", "BUSY"], "port BUSY is in use: choose another with --port"),
        (["--port", "0", "--host", "nowhere.invalid"], "nowhere.invalid is no address of this machine"),
        (["--port", "0", "--host", FOREIGN_ADDRESS], f"this machine does not have the address {FOREIGN_ADDRESS}"),
        (["--port", "0", "--schema", "7x"], "7x"),
        (["--port", "0", "--schema", "7m:1d, 1h:7d"], "7m"),
    ],
)
def test_a_start_that_fails_is_one_line_and_uses_nothing_up(tmp_path, busy_port, options, text):
    data = tmp_path / "data"
    options = [option.replace("BUSY", str(busy_port)) for option in options]

    done = command("serve", *options, data=data, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: .*\n", done.stderr)
    assert text.replace("BUSY", str(busy_port)) in done.stderr
    assert not data.exists()


def test_a_store_with_other_rings_is_told_once(tmp_path):
    with statflow_engine.open(tmp_path, schema="1m:2h, 1h:7d"):
        pass

    done = command("serve", "--port", "0", "--workers", "2", "--schema", "1m:90d", data=tmp_path, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: .*1m:2h, 1h:7d.*\n", done.stderr)


def test_no_server_starts_on_a_folder_that_holds_other_files(tmp_path):
    (tmp_path / "passwd").touch()

    done = command("serve", "--port", "0", data=tmp_path, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert "holds other files, such as passwd" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["passwd"]


def made_by_an_engine(data):
    with statflow_engine.open(data) as engine:
        engine.count("a")


def made_by_an_import(data):
    visits = data.parent / "visits.csv"
    visits.write_text(f"time,value\n{int(time.time())},3\n")
    command("import", str(visits), "--kind", "counter", data=data)


def made_by_a_key(data):
    command("keys", "create", data=data)


def made_by_a_start_that_failed(data):
    made_by_an_engine(data)
    command("serve", "--port", "0", "--schema", "1m:7h", data=data, check=False)


MADE = [made_by_an_engine, made_by_an_import, made_by_a_key, made_by_a_start_that_failed]


@pytest.mark.parametrize("make", MADE)
def test_the_first_server_on_a_folder_welcomes_its_owner_whoever_made_it(tmp_path, make):
    make(tmp_path / "data")

    with serving(tmp_path / "data") as server:
        link = re.search(r"Sign in \(once, within a day\): (\S+)", "".join(server.printed))[1]
        assert link.startswith(f"{server.url}/login/")
        assert urllib3.request("GET", link).status == 200
        assert urllib3.request("GET", f"{server.url}/v1/stats", headers=server.bearer).status == 200


def test_an_owner_who_has_a_password_is_not_welcomed(tmp_path):
    typed = ("users", "create", "me@example.com", "--owner", "--password-stdin")
    command(*typed, data=tmp_path / "data", typed="correct horse")

    with serving(tmp_path / "data", key="none") as server:
        assert "Sign in" not in "".join(server.printed)
        assert "Nobody has signed in" not in "".join(server.printed)


def test_a_login_link_made_beside_the_server_is_its_address(tmp_path):
    with serving(tmp_path / "data") as server:
        link = command("users", "login-link", "--owner", data=server.data).stdout.strip()

        assert link.startswith(f"{server.url}/login/")
        assert urllib3.request("GET", link).status == 200


def test_the_welcome_leads_to_the_public_url(tmp_path):
    options = ("statflow_http", "serve", "--public-url", "https://stats.example.com/")
    with serving(tmp_path / "data", command=options) as server:
        assert "day): https://stats.example.com/login/" in "".join(server.printed)
        link = command("users", "login-link", "--owner", data=server.data).stdout
        assert link.startswith("https://stats.example.com/login/")


def test_a_ballast_is_laid_at_the_start_and_not_by_a_worker_that_is_replaced(tmp_path):
    ballast = tmp_path / "data" / "ballast"
    with serving(tmp_path / "data", command=("statflow_http", "serve", "--ballast", "1")) as server:
        assert ballast.stat().st_size == MIB
        # No hole: room that deleting it frees.
        assert ballast.stat().st_blocks * 512 >= MIB
        ballast.unlink()
        worker = server.processes()[1]
        os.kill(worker, signal.SIGKILL)
        until(lambda: len(server.processes()) > 1 and worker not in server.processes())
        until(lambda: is_ready(server))

        assert not ballast.exists()


def is_ready(server):
    try:
        return urllib3.request("GET", f"{server.url}/readyz", retries=False, timeout=5).status == 200
    except urllib3.exceptions.HTTPError:
        return False
