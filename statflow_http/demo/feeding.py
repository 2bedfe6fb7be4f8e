"""The live feed: what arrives in the bookshop now, a batch each second, in a thread of the server."""

import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from statflow_engine import Engine, Kind, StatFlowError
from statflow_http.demo.filling import NAMESPACE
from statflow_http.demo.shapes import STORIES, World, drawn

TICK_S = 1.0

log = logging.getLogger("statflow_http")


class Feed:
    """Goes on with the history, second by second.

    Args:
        engine: of the process that serves.
        world: where the history ended.
        clock: Unix seconds.
    """

    def __init__(self, engine: Engine, world: World, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._world = world
        self._clock = clock
        self._random = np.random.default_rng()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="statflow-demo", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(2 * TICK_S)

    def _run(self) -> None:
        while not self._is_over.wait(TICK_S):
            try:
                self.send(int(self._clock()))
            except StatFlowError as error:
                log.warning("the demo's feed: %s", error)

    def send(self, now_s: int) -> int:
        """What arrives in one second; how many points that were."""
        names: list[str] = []
        kinds: list[int] = []
        values: list[float] = []
        for story in STORIES:
            rows = drawn(self._world, story, np.array([now_s]), self._random, length_s=1)
            if len(rows.counts):
                count = int(rows.counts[0])
                names.append(story.name)
                kinds.append(int(story.kind))
                # Of a value one point that is their mean: that it is one a second is for the eye.
                values.append(float(rows.sums[0]) / (1 if story.kind is Kind.COUNTER else count))
        if names:
            self._engine.write(names, np.array(kinds), np.full(len(names), now_s), values, namespace=NAMESPACE)
        return len(names)
