"""Puts uPlot, which draws charts where scripts run, among the static files before the package is built.

The package comes from npm's registry by npm's own client, and is used only when its bytes have the hash of
``assets.lock.json``. A source distribution carries the files, so that installing it needs no npm. Where neither the
files nor npm are there, the build goes on and says so: pages then draw their charts as SVG.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCK = "assets.lock.json"
NPM_LIMIT_S = 120


class AssetsError(Exception):
    """What was fetched is not what was locked."""


class AssetsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Hatch's hook: runs before a wheel or a source distribution is put together, and before an editable install."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See the module."""
        root = Path(self.root)
        lock = json.loads((root / LOCK).read_text())
        folder = root / lock["folder"]
        if is_there(folder, lock):
            return
        npm = shutil.which("npm")
        if npm is None:
            sys.stderr.write(f"npm is not installed: {lock['package']} is left out, and charts are drawn as SVG.\n")
            return
        fetch(npm, lock, folder)


def is_there(folder: Path, lock: dict[str, Any]) -> bool:
    """Whether the files of this version lie there already."""
    marker = folder / "VERSION"
    files = (folder / name for name in lock["files"].values())
    return marker.is_file() and marker.read_text().strip() == lock["package"] and all(map(Path.is_file, files))


def fetch(npm: str, lock: dict[str, Any], folder: Path) -> None:
    """Fetch the package and put its files into the folder.

    Raises:
        AssetsError: npm failed, or its bytes have another hash: the build stops.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", lock["package"], "--silent", "--pack-destination", scratch]
        done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_LIMIT_S, check=False)  # noqa: S603
        found = list(Path(scratch).glob("*.tgz"))
        if done.returncode != 0 or len(found) != 1:
            raise AssetsError(f"npm pack {lock['package']} failed: {done.stderr.strip()}")
        unpack(found[0], lock, folder)


def unpack(archive: Path, lock: dict[str, Any], folder: Path) -> None:
    """Take the wanted files out of a package whose hash is right.

    Raises:
        AssetsError: it is another package, or lacks a file.
    """
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != lock["integrity"]:
        raise AssetsError(f"{lock['package']} has the hash sha512-{digest}, not that of {LOCK}")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        for inside, name in lock["files"].items():
            member = package.extractfile(inside)
            if member is None:
                raise AssetsError(f"{lock['package']} has no {inside}")
            (folder / name).write_bytes(member.read())
    (folder / "VERSION").write_text(lock["package"] + "\n")
