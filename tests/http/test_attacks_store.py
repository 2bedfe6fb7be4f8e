"""A store that is full, behind or damaged: 503 or a bare 500, told in the metrics and the logs."""

import logging
import shutil

import pytest

import statflow_engine
from statflow_engine import Limits
from statflow_http import create_app, ids
from tests import backdoor
from tests.http.conftest import Api
from tests.http.test_metrics import scraped


def test_a_journal_at_its_limit_is_503_and_reads_go_on(tmp_path):
    limits = Limits(journal_rows_soft=50, journal_rows_hard=50, fold_rows=10_000_000, journal_records=10_000_000)
    with statflow_engine.open(tmp_path, limits=limits) as engine:
        app = create_app(engine)
        api = Api(app, engine)
        answers = [api.json("/v1/stats", {"stats": [{"stat": f"{i}"} for i in range(20)]}) for _ in range(4)]
        refused = [answer for answer in answers if answer.status_code != 200]

        assert [answer.status_code for answer in answers[:2]] == [200, 200]
        for answer in refused:
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "30"
            assert "points wait to be folded" in answer.json["msg"]
        assert refused
        assert api.get("/v1/stats").status_code == 200
        assert scraped(api)['refusals_total{reason="unavailable"}'] == len(refused)
        app.close()


def test_a_disk_without_room_is_told_by_metrics_and_readiness(tmp_path):
    with statflow_engine.open(tmp_path, limits=Limits(disk_reserve_bytes=1 << 60)) as engine:
        app = create_app(engine)
        api = Api(app, engine)

        assert api.json("/v1/stat", {"stat": "a"}).status_code == 503
        assert api.client.simulate_get("/readyz").status_code == 503
        assert api.client.simulate_get("/healthz").status_code == 200
        found = scraped(api)
        assert found["store_refuses_writes"] == 1
        assert found['refusals_total{reason="unavailable"}'] == 2
        app.close()


@pytest.mark.parametrize("path", ["/v1/stat/a", "/v1/stats", "/v1/query?stat=a", "/x/{token}/data/{stat_id}"])
def test_damage_is_a_bare_500_counted_and_logged_whole(tmp_path, caplog, path):
    with statflow_engine.open(tmp_path / "whole") as engine:
        app = create_app(engine)
        key = Api(app, engine).key
        for minute in range(10):
            engine.count("a", timestamp_s=engine.now_s() - 60 * minute, namespace="owner:live")
        stat_id = ids.stat_id(engine.find("a", namespace="owner:live").id)
        app.close()
    shutil.copytree(tmp_path / "whole" / "accounts", tmp_path / "hurt" / "accounts")
    hurt = backdoor.copied(tmp_path / "whole", tmp_path / "hurt")
    for at, record in backdoor.contents(hurt)["journal"].items():
        backdoor.plant(hurt, "journal", at, record[:-1] + bytes([record[-1] ^ 1]))
    with statflow_engine.open(hurt) as engine:
        app = create_app(engine)
        api = Api(app, engine)
        path, _, query = path.replace("{token}", key).replace("{stat_id}", stat_id).partition("?")

        with caplog.at_level(logging.ERROR, "statflow_http"):
            answer = api.get(path, key=key, query_string=query, headers={"X-Request-Id": "abc"})

        assert (answer.status_code, answer.json["msg"]) == (500, "internal error")
        assert answer.headers["x-request-id"] == "abc"
        assert "checksum" in caplog.text
        assert "abc" in caplog.text
        assert scraped(api)["checksum_errors_total"] == 1
        app.close()


@pytest.mark.parametrize("path", ["/v1/stats", "/v1/trash"])
@pytest.mark.parametrize("cursor", ["nosniff", "77777777", "d777777"])
def test_a_cursor_beyond_every_id_is_the_end_or_none(api, path, cursor):
    """Stat ids have room for more than the store will ever give."""
    api.json("/v1/stat", {"stat": "a"})

    assert api.get(path, params={"cursor": cursor}).status_code in (200, 400)


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_an_unknown_name_behind_a_glob_is_told_before_the_first_byte_of_an_export(api, form):
    api.json("/v1/stats", {"stats": [{"stat": f"{i}"} for i in range(1, 9)]})

    answer = api.get("/v1/export", params={"stat": ["*", "0"], "format": form})

    assert (answer.status_code, answer.json) == (404, {"msg": "no such stat"})
