"""A second process on the same folder, driven over a pipe.

`Neighbour` is the handle; run as a module, this file is the process itself. It holds one engine at a time and calls
its methods by name. The clock of its engine is what the last message said, so that tests never wait.
"""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import statflow_engine
from tests.clocks import StoppedClock

REPOSITORY = Path(__file__).parent.parent


class NeighbourError(Exception):
    """A call failed over there.

    Attributes:
        kind: the name of the error's class.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Neighbour:
    """A child process that opens engines."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.neighbour"], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._process.pid

    def open(self, path: object, now_s: float, **options: Any) -> None:
        """Open an engine on that folder over there; a schema and limits go along."""
        self._ask("open", now_s, (str(path),), options)

    def call(self, method: str, *args: Any, now_s: float, **options: Any) -> Any:
        """What the engine's method returns there at that time.

        Raises:
            NeighbourError: it raised.
        """
        return self._ask(method, now_s, args, options)

    def close(self) -> None:
        """Close the engine over there."""
        self._ask("close", 0, (), {})

    def kill(self) -> None:
        """End the process as kill -9 does."""
        self._process.kill()
        self.stop()

    def stop(self) -> None:
        """End the process by closing its pipe."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def _ask(self, method: str, now_s: float, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((method, now_s, args, options), self._process.stdin)
        self._process.stdin.flush()
        outcome, *details = pickle.load(self._process.stdout)
        if outcome == "raised":
            raise NeighbourError(*details)
        return details[0]


def main() -> None:
    """Answer messages until the pipe is closed."""
    clock = StoppedClock()
    engine = None
    while True:
        try:
            method, now_s, args, options = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        clock.set(now_s)
        try:
            if method == "open":
                engine, answer = statflow_engine.open(*args, clock=clock, **options), None
            else:
                answer = getattr(engine, method)(*args, **options)
                answer = list(answer) if method == "check" else answer
            reply: tuple[Any, ...] = ("returned", answer)
        except Exception as error:
            reply = ("raised", type(error).__name__, str(error))
        pickle.dump(reply, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
