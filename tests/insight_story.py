"""A stat with a past that can be judged: two months of hours with days and weeks in them, and an hour that was odd."""

import numpy as np

from statflow_engine import Kind
from statflow_http import ids

HOUR_S, DAY_S = 3_600, 86_400
ODD_AGO_HOURS = 30


def story(engine, name="orders", *, namespace, kind=Kind.COUNTER, days=60, odd=5.0):
    """Write it up to the hour that runs, whose first minute has a point; its id.

    Args:
        engine: where to.
        name, namespace, kind: of the stat.
        days: how long it has been there.
        odd: by how much the hour 30 hours ago is more than usual.
    """
    random = np.random.default_rng(5)
    now_h = engine.now_s() // HOUR_S
    hours = np.arange(now_h - days * 24, now_h + 1)
    usual = 100.0 * (1.5 + np.sin(hours * 2 * np.pi / 24)) * np.where(hours // 24 % 7 < 2, 0.7, 1.0)
    values = random.poisson(usual).astype(float)
    values[hours == now_h - ODD_AGO_HOURS] *= odd
    values[-1] = 1.0
    engine.write([name] * len(hours), kind, (hours * HOUR_S).tolist(), values.tolist(), namespace=namespace)
    return ids.stat_id(engine.find(name, namespace=namespace).id)
