"""Plans, months, and what is noted of usage."""

import threading
from types import SimpleNamespace

import pytest

from statflow_engine import StoreError
from statflow_http.accounts.accounts import OWNER_ID, Account, Accounts
from statflow_http.accounts.plans import FREE, UNLIMITED, Plan, Plans, month_of
from statflow_http.accounts.usage import Flusher, KeyUse, MonthUsage, Usage
from statflow_http.documents.store import Documents
from statflow_http.errors import NotFoundError, RequestError, TakenError
from tests.clocks import StoppedClock

NOW_S = 1_800_000_000  # 2027-01-15T08:00:00Z


@pytest.fixture
def documents(tmp_path):
    documents = Documents(tmp_path / "accounts")
    Accounts(documents).ensure_owner(NOW_S)
    yield documents
    documents.close()


@pytest.fixture
def plans(documents):
    return Plans(documents)


@pytest.mark.parametrize(
    ("time_s", "name", "resets"),
    [
        (NOW_S, "2027-01", "2027-02-01T00:00:00Z"),
        (1_801_439_999, "2027-01", "2027-02-01T00:00:00Z"),
        (1_801_440_000, "2027-02", "2027-03-01T00:00:00Z"),
        (1_798_761_599, "2026-12", "2027-01-01T00:00:00Z"),
        (1_835_395_200, "2028-02", "2028-03-01T00:00:00Z"),
        (0, "1970-01", "1970-02-01T00:00:00Z"),
        (-5, "1970-01", "1970-02-01T00:00:00Z"),
    ],
)
def test_a_month_is_one_of_the_calendar_in_utc(time_s, name, resets):
    month = month_of(time_s)

    assert (month.name, month.resets) == (name, resets)
    assert max(0, time_s) in month
    assert month.end_s not in month
    assert month_of(month.end_s - 1) == month


def test_the_built_in_plans_are_those_of_the_docs(plans):
    assert plans.get("free") == FREE == Plan("free", stats=10, points_a_month=10_000)
    assert plans.get("unlimited") == UNLIMITED == Plan("unlimited")
    assert not UNLIMITED.decides_points


def test_plans_are_added_changed_and_removed(plans):
    team = Plan("team", stats=200, requests_a_second=50)
    plans.save(team)
    plans.save(Plan("free", stats=3))

    assert plans.list() == [Plan("free", stats=3), team, UNLIMITED]
    plans.remove("team")
    plans.remove("free")
    assert plans.list() == [FREE, UNLIMITED]


def test_a_plan_that_an_account_has_stays(documents, plans):
    plans.save(Plan("team"))
    Accounts(documents).save(Account("a", NOW_S, plan="team"))

    with pytest.raises(TakenError, match="an account has the plan team"):
        plans.remove("team")


@pytest.mark.parametrize("name", ["unknown", "", "x" * 1_000, "FREE"])
def test_a_plan_that_is_not_there_is_named_with_those_that_are(plans, name):
    with pytest.raises(NotFoundError, match="there are free, unlimited"):
        plans.get(name)
    with pytest.raises(NotFoundError, match="no such plan of your own"):
        plans.remove(name)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (Plan("Team"), "small letters"),
        (Plan(""), "small letters"),
        (Plan("x" * 33), "small letters"),
        (Plan("a/b"), "small letters"),
        (Plan("unlimited", stats=1), "the plan unlimited has no limits"),
        (Plan("team", stats=0), "stats must be a whole number from 1"),
        (Plan("team", points_a_month=-1), "points_a_month must be"),
        (Plan("team", requests_a_second=2**60), "requests_a_second must be"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plans, plan, text):
    with pytest.raises(RequestError, match=text):
        plans.save(plan)


# -- usage --


def test_what_is_counted_is_seen_at_once_and_after_it_was_written(documents):
    usage = Usage(documents)
    usage.tally("a").add(3, NOW_S)
    usage.tally("a").add(4, NOW_S)
    usage.tally("a").refuse(2, NOW_S)
    assert usage.of_month("a", NOW_S) == MonthUsage(7, 2)

    usage.flush(NOW_S)

    assert usage.of_month("a", NOW_S) == Usage(documents).of_month("a", NOW_S) == MonthUsage(7, 2)
    assert usage.of_month("b", NOW_S) == MonthUsage(0, 0)


def test_a_new_month_begins_at_nothing(documents):
    usage = Usage(documents)
    usage.tally("a").add(3, NOW_S)
    usage.flush(NOW_S)

    assert usage.of_month("a", month_of(NOW_S).end_s) == MonthUsage(0, 0)


def test_what_is_written_down_in_the_next_month_is_of_the_one_in_which_it_was(documents):
    """The last minute of a month is written down in the first of the next, with what came there."""
    usage, end_s = Usage(documents), month_of(NOW_S).end_s
    usage.tally("a").add(3, end_s - 1)
    usage.tally("a").refuse(1, end_s - 1)
    usage.tally("a").add(4, end_s)
    usage.tally("a").add(5, end_s - 1)
    expected = [MonthUsage(8, 1), MonthUsage(4, 0)]
    assert [usage.of_month("a", time_s) for time_s in (NOW_S, end_s)] == expected

    usage.flush(end_s + 1)

    assert [Usage(documents).of_month("a", time_s) for time_s in (NOW_S, end_s)] == expected
    usage.tally("a").add(2, end_s - 1)
    usage.flush(end_s + 60)
    assert usage.of_month("a", NOW_S) == MonthUsage(10, 1)


def test_processes_add_up(documents):
    """Each `Usage` counts for itself, as each process has one."""
    workers = [Usage(documents) for _ in range(3)]
    for worker in workers:
        worker.tally("a").add(5, NOW_S)
        worker.flush(NOW_S)
        worker.flush(NOW_S)

    assert workers[0].of_month("a", NOW_S).points == 15


def test_nothing_to_write_writes_nothing(documents):
    usage = Usage(documents)
    usage.tally("a")
    before = documents.epoch()

    usage.flush(NOW_S)

    assert documents.epoch() == before


def test_what_cannot_be_written_waits(tmp_path, documents):
    usage = Usage(documents)
    usage.tally("a").add(5, NOW_S)
    other = Documents(tmp_path / "other")
    usage._documents = other
    other.close()

    usage.flush(NOW_S)

    usage._documents = documents
    assert usage.of_month("a", NOW_S).points == 5


def test_threads_lose_nothing(documents):
    usage = Usage(documents)

    def count():
        for _ in range(2_000):
            usage.tally("a").add(1, NOW_S)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        usage.flush(NOW_S)
    for thread in threads:
        thread.join()

    assert usage.of_month("a", NOW_S).points == 8_000


def test_the_use_of_a_key_is_known_to_the_minute(documents):
    usage = Usage(documents)
    usage.seen.add(b"digest")

    usage.flush(NOW_S + 59)

    with documents.snapshot() as snapshot:
        assert snapshot.get("key_uses", b"digest".hex(), KeyUse) == KeyUse(NOW_S)
    assert usage.seen == set()


def test_a_flusher_that_is_stopped_writes_what_is_left(documents):
    usage = Usage(documents)
    flusher = Flusher(usage, lambda: NOW_S)
    usage.tally("a").add(5, NOW_S)

    flusher.stop()

    assert Usage(documents).of_month("a", NOW_S).points == 5


def test_a_clock_that_fails_keeps_no_server_from_closing(documents, caplog):
    def fail():
        raise StoreError("no clock")

    Flusher(Usage(documents), fail).stop()

    assert "could not be written down" in caplog.text


def test_a_bucket_holds_a_second_and_fills_with_time(documents, monkeypatch):
    usage, clock = Usage(documents), StoppedClock(0)
    monkeypatch.setattr("statflow_http.accounts.usage.time", SimpleNamespace(monotonic=clock))

    assert [usage.wait_s("a", 200.0) for _ in range(200)] == [0.0] * 200
    assert usage.wait_s("a", 200.0) == pytest.approx(1 / 200)
    clock.advance(0.005)
    assert usage.wait_s("a", 200.0) == 0.0
    clock.advance(3_600)
    assert sum(usage.wait_s("a", 200.0) == 0.0 for _ in range(300)) == 200, "it holds no more than a second's"
    assert [usage.wait_s("b", 0.5) for _ in range(2)] == [0.0, 2.0]


def test_the_owner_has_no_limits(documents):
    assert Accounts(documents).get(OWNER_ID).plan == UNLIMITED.name
