"""A small fuzzer for where atheris is not installed: it changes what it has, and keeps what brings a new answer."""

import random
import re
import time
from collections.abc import Iterator

from tests.fuzz.targets import Target, run

SIZE_MAX = 4_096
KEPT_MAX = 2_000


def mutated(random_: random.Random, data: bytes, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    """The data with one to eight changes."""
    for _ in range(1 << random_.randrange(4)):
        start = random_.randint(0, len(data))
        end = min(len(data), start + (1 << random_.randrange(6)))
        choice = random_.randrange(6)
        if choice == 0:
            new = random_.choice(words) if words else b""
        elif choice == 1:
            new = random_.randbytes(random_.randint(0, 4))
        elif choice == 2:
            new = data[start:end] * random_.choice((0, 2, 3, 50))
        elif choice == 3:
            other = random_.choice(corpus)
            new = other[random_.randint(0, len(other)) :][:64]
        elif choice == 4:
            new = bytes(byte ^ (1 << random_.randrange(8)) for byte in data[start:end])
        else:
            new, end = random_.choice(words or (b"\0",)), start
        data = (data[:start] + new + data[end:])[:SIZE_MAX]
    return data


def told(answer: str) -> str:
    """An answer as far as it tells of another branch: without the numbers and names in it."""
    return re.sub(r'\d+|"[^"]*"', "#", answer)[:100]


def fuzz(target: Target, seconds: float, seed: int) -> int:
    """Run a target for so long; how often it was run. Whatever it raises comes with the bytes that did it."""
    random_ = random.Random(seed)
    corpus = list(target.corpus)
    known: set[str] = set()
    count = 0
    for data in inputs(random_, corpus, target.words, seconds):
        count += 1
        try:
            answer = told(run(target, data))
        except Exception as error:
            error.add_note(f"seed {seed}, run {count}: {data!r}")
            raise
        if answer not in known and len(known) < KEPT_MAX:
            known.add(answer)
            corpus.append(data)
    return count


def inputs(random_: random.Random, corpus: list[bytes], words: tuple[bytes, ...], seconds: float) -> Iterator[bytes]:
    """First the corpus, then changes of what is in it by then."""
    ends = time.monotonic() + seconds
    yield from list(corpus)
    while time.monotonic() < ends:
        yield mutated(random_, random_.choice(corpus), corpus, words)
