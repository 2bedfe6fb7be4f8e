"""What `pip install statflow` gives: both packages with their documents and types, and a command that runs."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.environ.get("STATFLOW_OFFLINE") == "1", reason="STATFLOW_OFFLINE=1: no build tools here"),
]


def run(*command: str | Path) -> str:
    """What a command prints; a failure shows what it said."""
    done = subprocess.run([os.fspath(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a virtual environment that has the build back-end."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin" / "pip", "install", "--quiet", "hatchling>=1.27")
    return folder / "bin"


@pytest.fixture(scope="module")
def built(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution of this repository."""
    folder = tmp_path_factory.mktemp("dist")
    command = [environment / "python", "-m", "hatchling", "build", "--directory", folder]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    (path,) = built.glob("statflow-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_types_format_and_licence(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())

    assert {"statflow_engine/py.typed", "statflow_http/py.typed", "statflow_engine/FORMAT.md"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_the_two_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"statflow_engine", "statflow_http"}


def test_the_wheel_holds_the_pages_and_the_charts_of_the_locked_version(wheel: zipfile.ZipFile) -> None:
    """What is fetched for the build is what `assets.lock.json` names, with its licence."""
    lock = json.loads((REPOSITORY / "assets.lock.json").read_text())
    static = "statflow_http/pages/static/"
    names = set(wheel.namelist())

    assert {static + "statflow.css", static + "page.js", "statflow_http/pages/templates/base.html"} <= names
    assert {f"{static}vendor/{name}" for name in lock["files"].values()} <= names
    assert wheel.read(f"{static}vendor/VERSION").decode().strip() == lock["package"]
    assert b"MIT License" in wheel.read(f"{static}vendor/uPlot.LICENSE")


def test_the_wheel_names_its_licence_by_spdx(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))

    assert "License-Expression: Apache-2.0" in wheel.read(name).decode().splitlines()


def test_the_source_distribution_holds_what_its_tests_need(built: Path) -> None:
    (path,) = built.glob("statflow-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"pyproject.toml", "LICENSE", "README.md", "tests/conftest.py", "benchmarks/__main__.py"} <= names
    assert {"hatch_build.py", "assets.lock.json", "statflow_http/pages/static/vendor/uPlot.iife.min.js"} <= names
    assert not any("__pycache__" in name for name in names)


def test_the_bare_install_has_all_that_the_command_and_the_engine_need(environment: Path, built: Path) -> None:
    """No extra is asked for, so that a dependency that only the tests name is missed here."""
    (path,) = built.glob("statflow-*.whl")
    run(environment / "pip", "install", "--quiet", path)

    assert "serve" in run(environment / "statflow", "--help")
    run(environment / "python", "-W", "error", "-c", "import statflow_engine, statflow_http; statflow_http.create_app")
