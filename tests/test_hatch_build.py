"""The build hook: takes what has the locked hash, refuses what has another, and leaves out what it cannot fetch."""

import base64
import hashlib
import importlib.util
import io
import os
import stat
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("hatchling", reason="the hook runs in a build environment; tests/test_packaging.py has one")

REPOSITORY = Path(__file__).parent.parent
FILES = {"package/dist/a.js": "a.js", "package/LICENSE": "a.LICENSE"}


@pytest.fixture
def hook():
    """The hook's module, which lies beside the packages."""
    spec = importlib.util.spec_from_file_location("hatch_build", REPOSITORY / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def archive(tmp_path):
    """A package as npm packs one."""
    path = tmp_path / "a-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as package:
        for name in FILES:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            package.addfile(info, io.BytesIO(name.encode()))
    return path


def lock_of(archive):
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    return {"package": "a@1.0.0", "integrity": f"sha512-{digest}", "folder": "static", "files": FILES}


def test_a_package_of_the_locked_hash_is_unpacked(hook, archive, tmp_path):
    lock, folder = lock_of(archive), tmp_path / "static"

    hook.unpack(archive, lock, folder)

    assert (folder / "a.js").read_text() == "package/dist/a.js"
    assert hook.is_there(folder, lock)
    assert not hook.is_there(folder, lock | {"package": "a@1.0.1"})


def test_a_package_of_another_hash_stops_the_build_and_leaves_nothing(hook, archive, tmp_path):
    lock, folder = lock_of(archive), tmp_path / "static"
    archive.write_bytes(archive.read_bytes() + b"\n")

    with pytest.raises(hook.AssetsError, match=r"^a@1\.0\.0 has the hash sha512-"):
        hook.unpack(archive, lock, folder)

    assert not folder.exists()


def test_an_npm_that_fails_stops_the_build(hook, archive, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)

    with pytest.raises(hook.AssetsError, match="no network"):
        hook.fetch(os.fspath(npm), lock_of(archive), tmp_path / "static")


def test_without_npm_the_build_goes_on_and_says_so(hook, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    (tmp_path / "assets.lock.json").write_text((REPOSITORY / "assets.lock.json").read_text())

    hook.AssetsHook.initialize(SimpleNamespace(root=os.fspath(tmp_path)), "standard", {})

    assert "charts are drawn as SVG" in capsys.readouterr().err
    assert not (tmp_path / "statflow_http").exists()
