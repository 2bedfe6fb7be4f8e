"""What the tests of imports and exports share: an account in a folder, and histories as files."""

from contextlib import contextmanager

import numpy as np

import statflow_engine
from statflow_http.accounts.accounts import OWNER_ID, Accounts
from statflow_http.documents.store import Documents
from statflow_http.moving import exports, imports, sources
from statflow_http.moving.csv_files import CsvOptions
from statflow_http.moving.exports import Exporter, Wanted
from statflow_http.moving.imports import Store


class Place:
    """An owner's account: what is imported into it, and what it then holds."""

    def __init__(self, engine, documents, folder, *, live=True):
        self.engine = engine
        self.documents = documents
        self.folder = folder
        self.live = live
        Accounts(documents).ensure_owner(engine.now_s())

    @property
    def account(self):
        return Accounts(self.documents).get(OWNER_ID)

    @property
    def store(self):
        return Store(self.engine, self.documents, self.account, self.live, self.folder)

    @property
    def namespace(self):
        return self.account.namespace(live=self.live)

    def bring(self, path, **options):
        """Import a file or folder; the `Result`."""
        return imports.run(self.store, sources.read(path, "auto", options.pop("csv", CsvOptions())), **options)

    def export(self, form="ndjson", *patterns):
        exporter = Exporter(self.engine, self.documents, Wanted(self.account, self.live, patterns))
        return b"".join(exports.stream(exporter, form, is_whole=not patterns))

    def days(self, name):
        """(count, sum) of each day that has any."""
        window = self.engine.query(
            name,
            self.engine.now_s() - 1_000 * 86_400,
            self.engine.now_s() + 86_400,
            step="1d",
            namespace=self.namespace,
        )
        rows = zip(window.times_s.tolist(), window.counts.tolist(), window.sums.tolist(), strict=True)
        return {time_s: (count, total) for time_s, count, total in rows if count}

    def total(self, name):
        """(count, sum) of all days."""
        found = self.days(name).values()
        return sum(count for count, _ in found), sum(total for _, total in found)

    def names(self):
        return sorted(series.name for series in self.engine.series(self.namespace))


@contextmanager
def place(folder, clock, **options):
    """An account in a folder of its own; its store is checked at the end."""
    with statflow_engine.open(folder, clock=clock, **options) as engine:
        documents = Documents(folder / "accounts")
        try:
            yield Place(engine, documents, folder)
            assert [] == list(engine.check())
        finally:
            documents.close()


def stathat_folder(path, now_s, *, stats=4, days=3, step_s=3_600):
    """An export of StatHat's; {name: (count, sum)}. Even stats are values, odd ones counters."""
    path.mkdir(parents=True)
    random = np.random.default_rng(7)
    times = np.arange(now_s - days * 86_400, now_s, step_s)
    listed, totals = ["id,name,public,counter,unit,classic_key,created_at"], {}
    for number in range(stats):
        numbers = random.poisson(20, len(times)) if number % 2 else random.normal(100, 10, len(times)).round(2)
        lines = [f"{t},x,{value}" for t, value in zip(times.tolist(), numbers.tolist(), strict=True)]
        text = "\n".join([f"# stat_id: id{number}", "timestamp,datetime,value", *lines, ""])
        (path / f"id{number}.csv").write_text(text)
        is_counter = "true" if number % 2 else "false"
        listed.append(f"id{number},stat {number},false,{is_counter},,OLDKEY{number:022d},1300000000")
        totals[f"stat {number}"] = (len(times), float(numbers.sum()))
    (path / "stats.csv").write_text("\n".join([*listed, ""]))
    return totals
