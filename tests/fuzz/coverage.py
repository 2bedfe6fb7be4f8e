"""One target under atheris: libFuzzer, guided by which branches of our Python an input reaches."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["statflow_http", "statflow_engine"]):
    from tests.fuzz.targets import TARGETS, run


def dictionary_line(word: bytes) -> str:
    """A word as libFuzzer's dictionaries have them."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def main() -> None:
    """Arguments: target, seconds, seed."""
    name, seconds, seed = sys.argv[1:]
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(target.corpus):
            Path(folder, str(number)).write_bytes(data)
        words = Path(folder + ".dict")
        words.write_text("".join(map(dictionary_line, target.words)))
        flags = [f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=4096", f"-dict={words}"]
        flags += ["-rss_limit_mb=2048", f"-artifact_prefix={folder}/"]
        atheris.Setup([sys.argv[0], *flags, folder], lambda data: run(target, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
