"""``python -m tests.fuzz --minutes 10``: every parser for its share of the time; with atheris where it is installed."""

import argparse
import importlib.util
import subprocess
import sys
import time


def main() -> int:
    """0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time; printed")
    parser.add_argument(
        "--engine", choices=["atheris", "mutation"], default=None, help="default: atheris if it is there"
    )
    parser.add_argument("--target", action="append", help="default: all")
    options = parser.parse_args()
    has_atheris = importlib.util.find_spec("atheris") is not None
    engine = options.engine or ("atheris" if has_atheris else "mutation")
    seed = int(time.time()) if options.seed is None else options.seed
    print(f"{engine}, seed {seed}", flush=True)
    return with_atheris(options, seed) if engine == "atheris" else with_mutation(options, seed)


def with_mutation(options: argparse.Namespace, seed: int) -> int:
    from tests.fuzz.mutation import fuzz
    from tests.fuzz.targets import TARGETS

    chosen = options.target or list(TARGETS)
    for name in chosen:
        count = fuzz(TARGETS[name], options.minutes * 60 / len(chosen), seed)
        print(f"{name}: {count} runs, nothing found", flush=True)
    return 0


def with_atheris(options: argparse.Namespace, seed: int) -> int:
    """A process a target, since libFuzzer ends the one it runs in; every target is run, also after a finding."""
    from tests.fuzz.targets import TARGETS

    chosen = options.target or list(TARGETS)
    seconds = max(1, int(options.minutes * 60 / len(chosen)))
    failed = []
    for name in chosen:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.coverage", name, str(seconds), str(seed)],
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        lines = done.stderr.strip().splitlines()
        print(f"{name}: {lines[-1] if lines else 'no word'}", flush=True)
        if done.returncode:
            failed.append(name)
            print("\n".join(lines[-40:]), flush=True)
    print(f"found something in: {', '.join(failed)}" if failed else "nothing found", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
