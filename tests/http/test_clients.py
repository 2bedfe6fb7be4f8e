"""StatHat's own clients, unmodified, against a server that really runs; and every curl command of the docs.

The clients have the host in their source. It is redirected from outside, never edited:

* Node (npm ``stathat``): a preloaded script gives ``http.request`` another host and port, as a hosts file and a
  firewall rule would;
* Python (PyPI ``stathat``, ``flask-stathat``): the address is a class attribute, set from outside. ``stathat`` of 2012
  also passes requests an argument that requests dropped in 2012: its session swallows it.

The clients are installed by their registries' own tools into a temporary folder. Where there is no network, say so with
``STATFLOW_OFFLINE=1``: these tests are then skipped, and in no other case.
"""

import json
import os
import shlex
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import urllib3

import statflow_engine
from tests.http.live import LiveServer, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.environ.get("STATFLOW_OFFLINE") == "1", reason="STATFLOW_OFFLINE=1: no registries here"),
]

REPOSITORY = Path(__file__).parent.parent.parent
NAMESPACE = "owner:live"

# Preloaded by `node --require`: connections to StatHat go to our server instead; nothing else is touched.
REDIRECT_JS = """
const http = require('http');
const request = http.request;
http.request = function (options, callback) {
  if (options.hostname !== 'api.stathat.com') throw new Error('unexpected host ' + options.hostname);
  return request.call(http, { ...options, hostname: '127.0.0.1', port: process.env.STATFLOW_PORT }, callback);
};
"""

NODE_CALLS_JS = """
const stathat = require('stathat');
const key = process.env.STATFLOW_KEY;
const calls = [
  cb => stathat.trackEZCount(key, 'node count', 3, cb),
  cb => stathat.trackEZCount(key, 'node count', 1, cb),
  cb => stathat.trackEZValue(key, 'node value', 42.5, cb),
  cb => stathat.trackEZCountWithTime(key, 'node count at', 2, process.env.AT, cb),
  cb => stathat.trackEZValueWithTime(key, 'node value at', 0.25, process.env.AT, cb),
  cb => stathat.trackCount(key, 'node classic count', 5, cb),
  cb => stathat.trackValue(key, 'node classic value', -1.5, cb),
  cb => stathat.trackCountWithTime(key, 'node classic count', 6, process.env.AT, cb),
  cb => stathat.trackValueWithTime(key, 'node classic value', 2.5, process.env.AT, cb),
  cb => stathat.trackEZCount(key, 'caf\\u00e9', 1, cb),
  cb => stathat.trackEZCount(key, 'node sent~total,female', 1, cb),
];
const answers = [];
const next = () => {
  if (!calls.length) return console.log(JSON.stringify(answers));
  calls.shift()((status, body) => { answers.push([status, String(body)]); next(); });
};
next();
"""

PYTHON_STATHAT = """
import os, stathat, requests

class SessionOf2012(requests.Session):
    def post(self, url, data=None, prefetch=None):
        return super().post(url, data=data)

stats = stathat.StatHat(os.environ["STATFLOW_KEY"])
stats.STATHAT_URL = os.environ["STATFLOW_URL"]
stats.session = SessionOf2012()
assert stats.count("wtfs/minute", 10)
assert stats.value("python value", 1.5)
"""

FLASK_STATHAT = """
import os, flask, flask_stathat

app = flask.Flask("shop")
app.config["STATHAT_EZ_KEY"] = os.environ["STATFLOW_KEY"]
flask_stathat.StatHat.url = os.environ["STATFLOW_URL"] + "/ez"
stats = flask_stathat.StatHat(app)

@app.route("/")
def index():
    stats.count("flask orders", 2)
    stats.count("flask orders", 1)
    stats.value("flask basket", 9001)
    return "thanks"

@app.route("/quiet")
def quiet():
    return "nothing to tell"

assert app.test_client().get("/").status_code == 200
assert app.test_client().get("/quiet").status_code == 200
"""

# setup.py of PyPI's stathat asks for 2to3, which setuptools and Python have dropped. pip asks a build back-end for the
# name before it hands the archive out; this one answers, so that the archive can be had at all.
BACKEND_THAT_ONLY_NAMES = """
import pathlib

class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, folder, config_settings=None):
        info = pathlib.Path(folder, "stathat-0.0.2.dist-info")
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: stathat\\nVersion: 0.0.2\\n")
        return info.name

__legacy__ = Backend()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serving(tmp_path_factory.mktemp("data"), workers=2) as running:
        yield running


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """What a command prints; a failure shows what it said."""
    done = subprocess.run(command, cwd=folder, env=os.environ | (environment or {}), capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pip(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]


def client_environment(server: LiveServer, **more: str) -> dict[str, str]:
    return {"STATFLOW_URL": server.url, "STATFLOW_PORT": str(server.port), "STATFLOW_KEY": server.key} | more


def assert_found(server: LiveServer, name: str, kind: str, count: int, total: float) -> None:
    """A stat is there by all three doors: HTTP, the command line, an engine beside the running server."""
    from_s, to_s = int(time.time()) - 7_200, int(time.time()) + 60
    assert by_http(server, name, from_s, to_s) == (kind, count, pytest.approx(total))
    assert by_command(server, name, from_s, to_s) == (count, pytest.approx(total))
    assert by_engine(server, name, from_s, to_s) == (kind, count, pytest.approx(total))


def by_http(server: LiveServer, name: str, from_s: int, to_s: int) -> tuple[str, int, float]:
    address = f"{server.url}/v1/stat/{quote(name, safe='')}?from={from_s}&to={to_s}&step=1m&agg=sum"
    answer = urllib3.request("GET", address, headers=server.bearer)
    assert answer.status == 200, (name, answer.data)
    stat = answer.json()
    return stat["kind"], sum(row["count"] for row in stat["points"]), sum(row["value"] for row in stat["points"])


def by_command(server: LiveServer, name: str, from_s: int, to_s: int) -> tuple[int, float]:
    bounds = ["--from", str(from_s), "--to", str(to_s), "--step", "1m", "--agg", "sum", "--format", "json"]
    command = [sys.executable, "-m", "statflow_http", "query", name, "--data", os.fspath(server.data), *bounds]
    (stat,) = json.loads(run(command, REPOSITORY))
    return sum(row["count"] for row in stat["points"]), sum(row["value"] for row in stat["points"])


def by_engine(server: LiveServer, name: str, from_s: int, to_s: int) -> tuple[str, int, float]:
    with statflow_engine.open(server.data) as engine:
        window = engine.query(name, from_s, to_s, step="1m", namespace=NAMESPACE)
    return str(window.kind), int(window.counts.sum()), float(window.sums.sum())


@pytest.fixture(scope="module")
def node_answers(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """What the Node client was answered, call by call."""
    folder = tmp_path_factory.mktemp("node")
    run(["npm", "install", "--silent", "--no-audit", "--no-fund", "stathat@0.0.8"], folder)
    (folder / "redirect.js").write_text(REDIRECT_JS)
    (folder / "calls.js").write_text(NODE_CALLS_JS)
    at = str(int(time.time()) - 3_600)
    printed = run(["node", "--require", "./redirect.js", "calls.js"], folder, client_environment(server, AT=at))
    return [(status, body) for status, body in json.loads(printed)]


def test_the_node_client_is_answered_ok_every_time(node_answers: list[tuple[int, str]]) -> None:
    assert node_answers == [(200, '{"status":200,"msg":"ok"}')] * 11


@pytest.mark.parametrize(
    ("name", "kind", "count", "total"),
    [
        ("node count", "counter", 2, 4),
        ("node value", "value", 1, 42.5),
        ("node count at", "counter", 1, 2),
        ("node value at", "value", 1, 0.25),
        ("node classic count", "counter", 2, 11),
        ("node classic value", "value", 2, 1.0),
        ("node sent~total", "counter", 1, 1),
        ("node sent~female", "counter", 1, 1),
    ],
)
def test_what_the_node_client_sent_is_there(
    server: LiveServer, node_answers: list[tuple[int, str]], name: str, kind: str, count: int, total: float
) -> None:
    assert_found(server, name, kind, count, total)


def test_the_node_clients_short_content_length_loses_only_its_own_last_character(
    server: LiveServer, node_answers: list[tuple[int, str]]
) -> None:
    """It counts characters and not bytes: of ``ezkey=...&stat=café&count=1`` the server is told to read all but ``1``.

    An empty count is an absent one, so the point is a count of 1 all the same, and the call after it is not spoilt.
    """
    assert_found(server, "café", "counter", 1, 1)


def test_the_python_client_of_2012_needs_only_its_host_changed(server: LiveServer, tmp_path: Path) -> None:
    backend = tmp_path / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(BACKEND_THAT_ONLY_NAMES)
    fetch = pip(
        "download", "--no-deps", "--use-pep517", "--no-build-isolation", "--no-binary", ":all:", "stathat==0.0.2"
    )
    run(fetch, tmp_path, {"PYTHONPATH": os.fspath(backend.parent)})
    with tarfile.open(next(tmp_path.glob("stathat-*.tar.gz"))) as archive:
        source = archive.extractfile("stathat-0.0.2/stathat.py")
        assert source is not None
        (tmp_path / "stathat.py").write_bytes(source.read())
    run(pip("install", "--target", "lib", "requests"), tmp_path)
    path = os.pathsep.join([os.fspath(tmp_path / "lib"), os.fspath(tmp_path)])

    run([sys.executable, "-c", PYTHON_STATHAT], tmp_path, client_environment(server, PYTHONPATH=path))

    assert_found(server, "wtfs/minute", "counter", 1, 10)
    assert_found(server, "python value", "value", 1, 1.5)


def test_the_flask_extension_needs_only_its_host_changed(server: LiveServer, tmp_path: Path) -> None:
    """Its batches are sent after each request that counted something."""
    run(pip("install", "--target", "lib", "flask", "flask-stathat==0.1.2"), tmp_path)
    path = os.fspath(tmp_path / "lib")

    run([sys.executable, "-c", FLASK_STATHAT], tmp_path, client_environment(server, PYTHONPATH=path))

    assert_found(server, "flask orders", "counter", 2, 3)
    assert_found(server, "flask basket", "value", 1, 9001)


OK_V1 = {"msg": "ok"}
OK_STATHAT = {"status": 200, "msg": "ok"}

# The documentation's commands as a reader pastes them: only host, key and (in one) a time of 2024 are theirs to change.
CURLS = {
    "v1 stat": (
        """curl -X POST https://api.statflow.dev/v1/stat \
             -H "Authorization: Bearer sk_live_YOUR_KEY" \
             -H "Content-Type: application/json" \
             -d '{"stat": "my_first_metric", "count": 1}'""",
        OK_V1,
        [("my_first_metric", "counter", 1, 1)],
    ),
    "migration test": (
        """curl -X POST https://api.statflow.dev/v1/stat \
             -H "Authorization: Bearer sk_live_YOUR_KEY" \
             -H "Content-Type: application/json" \
             -d '{"stat": "migration_test", "count": 1}'""",
        OK_V1,
        [("migration_test", "counter", 1, 1)],
    ),
    "ez": (
        """curl -X POST https://api.statflow.dev/ez \
             -d "ezkey=sk_live_YOUR_KEY" \
             -d "stat=page views" \
             -d "count=1" """,
        OK_STATHAT,
        [("page views", "counter", 2, 2)],  # the batch below counts it again
    ),
    "classic counter": (
        """curl -X POST https://api.statflow.dev/c \
             -d "key=STAT_KEY" \
             -d "ukey=sk_live_YOUR_KEY" \
             -d "count=1" """,
        OK_STATHAT,
        [("STAT_KEY", "counter", 1, 1)],
    ),
    "classic value": (
        """curl -X POST https://api.statflow.dev/v \
             -d "key=VALUE_STAT_KEY" \
             -d "ukey=sk_live_YOUR_KEY" \
             -d "value=42.5" """,
        OK_STATHAT,
        [("VALUE_STAT_KEY", "value", 1, 42.5)],
    ),
    "tilde": (
        """curl -X POST https://api.statflow.dev/ez \
             -d "ezkey=sk_live_YOUR_KEY" \
             -d "stat=messages sent~total,female,europe" \
             -d "count=1" """,
        OK_STATHAT,
        [(f"messages sent~{part}", "counter", 1, 1) for part in ("total", "female", "europe")],
    ),
    "batch": (
        """curl -X POST https://api.statflow.dev/ez \
             -H "Content-Type: application/json" \
             -d '{
               "ezkey": "sk_live_YOUR_KEY",
               "data": [
                 {"stat": "page views", "count": 1},
                 {"stat": "response time", "value": 42.5},
                 {"stat": "signups", "count": 1, "t": AN_HOUR_AGO}
               ]
             }'""",
        OK_STATHAT | {"multiple": 3},
        [("response time", "value", 1, 42.5), ("signups", "counter", 1, 1)],
    ),
}


@pytest.fixture(scope="module")
def curl_answers(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Each command of the docs, run once by a shell."""
    folder = tmp_path_factory.mktemp("curl")
    return {
        name: json.loads(run(["sh", "-c", as_pasted(text, server)], folder)) for name, (text, _, _) in CURLS.items()
    }


def as_pasted(command: str, server: LiveServer) -> str:
    changed = command.replace("https://api.statflow.dev", server.url).replace("sk_live_YOUR_KEY", server.key)
    return changed.replace("AN_HOUR_AGO", str(int(time.time()) - 3_600)).replace(
        "curl ", "curl --silent --show-error ", 1
    )


@pytest.mark.parametrize("name", CURLS)
def test_a_curl_command_of_the_docs_does_what_they_say(
    server: LiveServer, curl_answers: dict[str, object], name: str
) -> None:
    _, answer, found = CURLS[name]

    assert curl_answers[name] == answer
    for stat in found:
        assert_found(server, *stat)


def test_the_pixel_of_the_docs_counts_and_is_a_gif(server: LiveServer) -> None:
    address = f"{server.url}/c?ukey={server.key}&key=email_opened&count=1"

    answer = urllib3.request("GET", address, headers={"Accept": "image/avif,image/webp,image/*,*/*;q=0.8"})

    assert (answer.status, answer.headers["Content-Type"], answer.data[:6]) == (200, "image/gif", b"GIF89a")
    assert_found(server, "email_opened", "counter", 1, 1)


@pytest.mark.parametrize(
    ("path", "body", "found"),
    [
        ("/v1/stat/value", {"stat": "response_time", "value": 142.5}, ("response_time", "value", 1, 142.5)),
        ("/v1/stat/count", {"stat": "page_views", "count": 1}, ("page_views", "counter", 1, 1)),
        ("/v1/stat", {"stat": "go views", "count": 1, "value": 0}, ("go views", "counter", 1, 1)),
        ("/v1/stat", {"stat": "go time", "count": 0, "value": 42.5}, ("go time", "value", 1, 42.5)),
    ],
)
def test_a_body_of_the_docs_is_stored(
    server: LiveServer, path: str, body: dict[str, object], found: tuple[str, str, int, float]
) -> None:
    answer = urllib3.request("POST", server.url + path, json=body, headers=server.bearer)

    assert (answer.status, answer.json()) == (200, OK_V1)
    assert_found(server, *found)


def test_the_batch_of_the_docs_is_stored_and_listed(server: LiveServer) -> None:
    batch = {"stats": [{"stat": "docs signups", "count": 1}, {"stat": "latency", "value": 42}]}

    answer = urllib3.request("POST", f"{server.url}/v1/stats", json=batch, headers=server.bearer)

    assert answer.json() == OK_V1 | {"multiple": 2}
    assert_found(server, "docs signups", "counter", 1, 1)
    assert_found(server, "latency", "value", 1, 42)
    listed = urllib3.request("GET", f"{server.url}/v1/stats?limit=1000", headers=server.bearer).json()
    assert {"docs signups", "latency"} <= {stat["name"] for stat in listed["stats"]}
