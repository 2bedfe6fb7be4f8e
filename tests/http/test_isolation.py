"""What belongs to another account, or to the other half of one's own, is not there: on every route of the app.

`ROWS` has a row for each method of each route, and a test fails when one is missing. A row is asked by everybody who
must not see what it names: in path and body, ``{stat}``, ``{stat_id}`` and so on are somebody else's, ``{token}`` is
one's own key. To add a route, add its row; where it names a new sort of thing, add that to `Holding` as well.
"""

import base64
import json
import re
import zlib
from pathlib import Path
from typing import NamedTuple

import falcon.testing
import pytest
from falcon import inspect

import statflow_engine
from statflow_http import create_app, ids
from statflow_http.accounts.accounts import Account
from statflow_http.accounts.keys import KeyKind, Scope
from statflow_http.alerts import links
from statflow_http.moving.jobs import Jobs
from statflow_http.moving.options import ImportOptions
from statflow_http.pages import visitors
from tests.clocks import StoppedClock

# What an answer may be to somebody who names what is not theirs.
NOT_THERE = {404}
# What they may be told where they name nothing: their own, which is empty.
OWN = {200}


class Row(NamedTuple):
    """One request.

    Attributes:
        route: method and path as the app has them.
        path: to ask, with the names of things that are not the sender's.
        statuses: allowed ones.
        body: JSON, or a form, or None.
        is_of_account: live and test keys of one account share what it names.
        by: how the sender says who it is: "bearer", "basic", "path" where the token is in the path; "session" for
            pages, whose forms carry what those of the pages carry; "nobody" does not.
        asks_head: a row of GET is asked by HEAD as well.
    """

    route: str
    path: str
    statuses: set[int]
    body: str | None = None
    is_of_account: bool = False
    by: str = "bearer"
    asks_head: bool = True

    @property
    def writes(self):
        """Whether it stores points, which HEAD never does."""
        return self.route in WRITES


# What tells everybody the same.
OPEN = ("/", "/healthz", "/readyz", "/javascripts/embed.js", "/openapi.json")
WRITES = {
    *(f"{method} {path}" for method in ("GET", "POST") for path in ("/ez", "/c", "/v")),
    *("POST /v1/stat", "POST /v1/stats", "POST /v1/stat/{name:path}"),
}

CONDITION = '"kind":"data","time_window":"1h"'
TILE = '{"kind":"line","stats":["{stat}"]}'

ROWS = [
    # What everybody may ask, and what tells of nobody.
    *(Row(f"GET {path}", path, {200}, by="nobody") for path in OPEN),
    # Of the whole server: for keys of the owner's account.
    Row("GET /metrics", "/metrics", {200, 401, 403}),
    # Writing goes by name, into what is one's own.
    Row("GET /ez", "/ez?stat={stat}&vb=1", OWN),
    Row("POST /ez", "/ez", OWN, '{"stat":"{stat}"}'),
    Row("GET /c", "/c?key={classic_key}&vb=1", {400}),
    Row("POST /c", "/c?key={classic_key}", {400}),
    Row("GET /v", "/v?key={classic_key}&value=1&vb=1", {400}),
    Row("POST /v", "/v?key={classic_key}&value=1", {400}),
    Row("POST /v1/stat", "/v1/stat", OWN, '{"stat":"{stat}"}'),
    Row("POST /v1/stats", "/v1/stats", OWN, '{"stats":[{"stat":"{stat}"}]}'),
    Row("POST /v1/stat/{name:path}", "/v1/stat/count", OWN, '{"stat":"{stat}"}'),
    # Reading by name or id.
    Row("GET /v1/stats", "/v1/stats", OWN),
    Row("GET /v1/stats", "/v1/stats?q=*&limit=1000", OWN),
    Row("GET /v1/stats", "/v1/stats?cursor={stat_id}", OWN),
    Row("GET /v1/stat/{name:path}", "/v1/stat/{stat}", NOT_THERE),
    Row("GET /v1/stat/{name:path}", "/v1/stat/{stat_id}", NOT_THERE),
    Row("DELETE /v1/stat/{name:path}", "/v1/stat/{stat}", NOT_THERE),
    Row("PATCH /v1/stat/{name:path}", "/v1/stat/{stat}", NOT_THERE, '{"public":true}'),
    Row("GET /v1/query", "/v1/query?stat={stat}", NOT_THERE),
    Row("GET /v1/query", "/v1/query?stat=*", OWN),
    Row("GET /v1/stats/{stat_id}/forecast", "/v1/stats/{stat_id}/forecast", NOT_THERE),
    Row("GET /v1/stats/{stat_id}/forecast", "/v1/stats/{trash_id}/forecast", NOT_THERE),
    Row("GET /v1/stats/{stat_id}/anomalies", "/v1/stats/{stat_id}/anomalies", NOT_THERE),
    Row("GET /v1/stats/{stat_id}/anomalies", "/v1/stats/{trash_id}/anomalies?step=1d", NOT_THERE),
    Row("GET /v1/trash", "/v1/trash", OWN),
    Row("GET /v1/trash", "/v1/trash?cursor={stat_id}", OWN),
    Row("POST /v1/trash/{stat_id}/restore", "/v1/trash/{trash_id}/restore", NOT_THERE, ""),
    Row("POST /v1/trash/{stat_id}/restore", "/v1/trash/{stat_id}/restore", NOT_THERE, ""),
    # The account.
    Row("GET /v1/account", "/v1/account", OWN, is_of_account=True),
    Row("PATCH /v1/account", "/v1/account", {200, 403}, '{"tz":"UTC"}', is_of_account=True),
    Row("POST /v1/account", "/v1/account", {403}, '{"email":"{email}","password":"12345678"}', is_of_account=True),
    Row("GET /v1/account/members", "/v1/account/members", {200, 403}, is_of_account=True),
    Row("POST /v1/account/members", "/v1/account/members", {409, 403}, '{"email":"{email}"}', is_of_account=True),
    Row(
        "DELETE /v1/account/members/{person_id}",
        "/v1/account/members/{person_id}",
        {404, 403},
        is_of_account=True,
    ),
    Row("GET /v1/keys", "/v1/keys", OWN, is_of_account=True),
    Row("GET /v1/keys", "/v1/keys?cursor={key_id}", {400}, is_of_account=True),
    Row("POST /v1/keys", "/v1/keys", {403, 409}, '{"secret":"{old_key}","kind":"ukey"}', is_of_account=True),
    Row("POST /v1/keys", "/v1/keys", {403}, '{"secret":"{email}","kind":"ezkey"}', is_of_account=True),
    Row("PATCH /v1/keys/{key_id}", "/v1/keys/{key_id}", NOT_THERE, '{"label":"mine"}', is_of_account=True),
    Row("DELETE /v1/keys/{key_id}", "/v1/keys/{key_id}", NOT_THERE, is_of_account=True),
    Row("POST /v1/keys/{key_id}/rotate", "/v1/keys/{key_id}/rotate", NOT_THERE, "{}", is_of_account=True),
    # Alerts and annotations.
    Row("GET /v1/alerts", "/v1/alerts", OWN),
    Row("POST /v1/alerts", "/v1/alerts", NOT_THERE, '{"stat":"{stat}",%s}' % CONDITION),
    Row("POST /v1/alerts", "/v1/alerts", NOT_THERE, '{"stat_id":"{stat_id}",%s}' % CONDITION),
    Row("GET /v1/alerts/automatic", "/v1/alerts/automatic", OWN),
    Row("PATCH /v1/alerts/automatic", "/v1/alerts/automatic", NOT_THERE, '{"stat":"{stat}","on":false}'),
    Row("GET /v1/alerts/{alert_id}", "/v1/alerts/{alert_id}", NOT_THERE),
    Row("PATCH /v1/alerts/{alert_id}", "/v1/alerts/{alert_id}", NOT_THERE, '{"time_window":"1d"}'),
    Row("DELETE /v1/alerts/{alert_id}", "/v1/alerts/{alert_id}", NOT_THERE),
    Row("POST /v1/alerts/preview", "/v1/alerts/preview", NOT_THERE, '{"stat":"{stat}",%s}' % CONDITION),
    Row("POST /v1/alerts/preview", "/v1/alerts/preview", NOT_THERE, '{"stat_id":"{stat_id}",%s}' % CONDITION),
    Row("GET /v1/alerts/settings", "/v1/alerts/settings", OWN, is_of_account=True),
    Row("PATCH /v1/alerts/settings", "/v1/alerts/settings", OWN, "{}", is_of_account=True),
    Row("GET /v1/alerts/{alert_id}/why", "/v1/alerts/{alert_id}/why", NOT_THERE),
    Row("GET /v1/alerts/{alert_id}/history", "/v1/alerts/{alert_id}/history", NOT_THERE),
    Row("POST /v1/alerts/{alert_id}/silence", "/v1/alerts/{alert_id}/silence", NOT_THERE, "{}"),
    Row("DELETE /v1/alerts/{alert_id}/silence", "/v1/alerts/{alert_id}/silence", NOT_THERE),
    # A rule that names somebody else's receiver: nobody is told whether there is one.
    Row("PATCH /v1/alerts/{alert_id}", "/v1/alerts/{alert_id}", NOT_THERE, '{"receivers":["{receiver_id}"]}'),
    Row("GET /v1/receivers", "/v1/receivers", OWN, is_of_account=True),
    Row("POST /v1/receivers", "/v1/receivers", {400}, '{"email":"{email}"}', is_of_account=True),
    Row("GET /v1/receivers/{receiver_id}", "/v1/receivers/{receiver_id}", NOT_THERE, is_of_account=True),
    Row("PATCH /v1/receivers/{receiver_id}", "/v1/receivers/{receiver_id}", NOT_THERE, "{}", is_of_account=True),
    Row("DELETE /v1/receivers/{receiver_id}", "/v1/receivers/{receiver_id}", NOT_THERE, is_of_account=True),
    Row("POST /v1/receivers/{receiver_id}/test", "/v1/receivers/{receiver_id}/test", NOT_THERE, is_of_account=True),
    Row(
        "GET /v1/receivers/{receiver_id}/deliveries",
        "/v1/receivers/{receiver_id}/deliveries",
        NOT_THERE,
        is_of_account=True,
    ),
    Row(
        "POST /v1/receivers/{receiver_id}/rotate",
        "/v1/receivers/{receiver_id}/rotate",
        NOT_THERE,
        "{}",
        is_of_account=True,
    ),
    # Of the whole server: for keys of the owner's account.
    Row("GET /v1/mail", "/v1/mail", {403}),
    Row("PATCH /v1/mail", "/v1/mail", {403}, "{}"),
    Row("POST /v1/mail/test", "/v1/mail/test", {403}, '{"to":"{email}"}'),
    # A link in a mail: whoever has it may do what it says, and nobody can make one.
    Row("GET /act/{token}", "/act/{act_token}x", NOT_THERE),
    Row("POST /act/{token}", "/act/{act_token}x", NOT_THERE, ""),
    Row("GET /v1/annotations", "/v1/annotations", OWN),
    Row("GET /v1/annotations", "/v1/annotations?stat={stat}", NOT_THERE),
    Row("POST /v1/annotations", "/v1/annotations", NOT_THERE, '{"text":"x","stat":"{stat}"}'),
    Row("GET /v1/annotations/{annotation_id}", "/v1/annotations/{annotation_id}", NOT_THERE),
    Row("PATCH /v1/annotations/{annotation_id}", "/v1/annotations/{annotation_id}", NOT_THERE, '{"text":"x"}'),
    Row("DELETE /v1/annotations/{annotation_id}", "/v1/annotations/{annotation_id}", NOT_THERE),
    # Dashboards, and links to them.
    Row("GET /v1/dashboards", "/v1/dashboards", OWN),
    Row("GET /v1/dashboards", "/v1/dashboards?cursor={dashboard_id}", OWN),
    Row("POST /v1/dashboards", "/v1/dashboards", NOT_THERE, '{"name":"x","tiles":[%s]}' % TILE),
    Row("GET /v1/dashboards/deleted", "/v1/dashboards/deleted", OWN),
    Row(
        "POST /v1/dashboards/deleted/{deleted_id}/restore",
        "/v1/dashboards/deleted/{deleted_board_id}/restore",
        NOT_THERE,
        "",
    ),
    Row("GET /v1/dashboards/{dashboard_id}", "/v1/dashboards/{dashboard_id}", NOT_THERE),
    Row("PATCH /v1/dashboards/{dashboard_id}", "/v1/dashboards/{dashboard_id}", NOT_THERE, '{"name":"x"}'),
    Row("PUT /v1/dashboards/{dashboard_id}", "/v1/dashboards/{dashboard_id}", NOT_THERE, '{"name":"x"}'),
    Row("DELETE /v1/dashboards/{dashboard_id}", "/v1/dashboards/{dashboard_id}", NOT_THERE),
    Row("POST /v1/dashboards/{dashboard_id}/duplicate", "/v1/dashboards/{dashboard_id}/duplicate", NOT_THERE, "{}"),
    Row("GET /v1/dashboards/{dashboard_id}/shares", "/v1/dashboards/{dashboard_id}/shares", NOT_THERE),
    Row("POST /v1/dashboards/{dashboard_id}/shares", "/v1/dashboards/{dashboard_id}/shares", NOT_THERE, "{}"),
    *(
        Row(
            f"{method} /v1/dashboards/{{dashboard_id}}/shares/{{share_id}}",
            "/v1/dashboards/{dashboard_id}/shares/{share_id}",
            NOT_THERE,
            body,
        )
        for method, body in (("GET", None), ("PATCH", '{"label":"x"}'), ("DELETE", None))
    ),
    # Imports.
    Row("GET /v1/imports", "/v1/imports", OWN),
    Row("GET /v1/imports", "/v1/imports?cursor={import_id}", OWN),
    Row("POST /v1/imports", "/v1/imports", {400}, '{"url":"http://127.0.0.1:1/{import_id}","token":"{token}"}'),
    Row("GET /v1/imports/{import_id}", "/v1/imports/{import_id}", NOT_THERE),
    Row("DELETE /v1/imports/{import_id}", "/v1/imports/{import_id}", NOT_THERE),
    Row("GET /v1/export", "/v1/export", OWN),
    Row("GET /v1/export", "/v1/export?format=csv&stat=*", OWN),
    # Its HEAD looks at nothing but the key.
    Row("GET /v1/export", "/v1/export?stat={stat}", NOT_THERE, asks_head=False),
    # StatHat's readers.
    Row("GET /x/{token}/statlist", "/x/{token}/statlist", OWN, by="path"),
    Row("GET /x/{token}/stat", "/x/{token}/stat?name={stat}", NOT_THERE, by="path"),
    Row("DELETE /x/{token}/stats/{stat_id}", "/x/{token}/stats/{stat_id}", NOT_THERE, by="path"),
    Row("GET /x/{token}/data/{stat_ids:path}", "/x/{token}/data/{stat_id}?t=1d1h", NOT_THERE, by="path"),
    Row("GET /x/{token}/alerts", "/x/{token}/alerts", OWN, by="path"),
    Row(
        "POST /x/{token}/alerts",
        "/x/{token}/alerts",
        NOT_THERE,
        '{"stat_id":"{stat_id}",%s}' % CONDITION,
        by="path",
    ),
    Row("GET /x/{token}/alerts/{alert_id}", "/x/{token}/alerts/{alert_id}", NOT_THERE, by="path"),
    Row("DELETE /x/{token}/alerts/{alert_id}", "/x/{token}/alerts/{alert_id}", NOT_THERE, by="path"),
    Row("GET /a1/stats", "/a1/stats", OWN, by="basic"),
    Row("GET /a1/stats/{stat_id}/dataset", "/a1/stats/{stat_id}/dataset?t=1d1h", NOT_THERE, by="basic"),
    Row("GET /a1/stats/{stat_id}/dataset_full", "/a1/stats/{stat_id}/dataset_full", NOT_THERE, by="basic"),
    Row("GET /a1/alerts", "/a1/alerts", OWN, by="basic"),
    Row("POST /a1/alerts", "/a1/alerts", NOT_THERE, '{"stat_id":"{stat_id}",%s}' % CONDITION, by="basic"),
    Row("POST /a1/comments", "/a1/comments", NOT_THERE, "text=x&id={stat_id}", by="basic"),
    # What is public when its owner says so; a script that fills a page says there that there is no such stat.
    Row("GET /stats/{stat_id}/csv/{period}", "/stats/{stat_id}/csv/day", NOT_THERE),
    Row("GET /embed/{path:path}", "/embed/graph/{stat_id}", OWN),
    Row("GET /embed/{path:path}", "/embed/table/{stat_id}?w=100&h=100", OWN),
    # Pages: coming and going.
    Row("GET /static/{name:path}", "/static/statflow.css", {200}, by="nobody"),
    Row("POST /view", "/view", {303}, "data=test", by="session"),
    Row("GET /login", "/login?next=/stats/{stat_id}", {303}, by="session"),
    Row("POST /login", "/login", {403, 429}, "email={email}&password=12345678", by="session"),
    Row("GET /login/{token}", "/login/{stat_id}", NOT_THERE, by="session"),
    Row("POST /login/{token}", "/login/{stat_id}", NOT_THERE, "password=12345678", by="session"),
    Row("POST /logout", "/logout", {303}, "", by="session"),
    Row("GET /signup", "/signup", {303, 403}, by="session"),
    # Pages of dashboards.
    Row("GET /dashboards", "/dashboards?deleted={deleted_board_id}", OWN, by="session"),
    Row("POST /dashboards", "/dashboards", NOT_THERE | {400}, "name=x&stats={stat_id}", by="session"),
    Row("GET /dashboards/{dashboard_id}", "/dashboards/{dashboard_id}?period=day", NOT_THERE, by="session"),
    Row("GET /dashboards/{dashboard_id}/edit", "/dashboards/{dashboard_id}/edit", NOT_THERE, by="session"),
    *(
        Row("POST /dashboards/{dashboard_id}/edit", "/dashboards/{dashboard_id}/edit", NOT_THERE, body, by="session")
        for body in ("do=delete", "do=rename&name=x", "do=put&kind=line&stat={stat}", "do=duplicate", "do=arrange")
    ),
    Row("GET /dashboards/{dashboard_id}/share", "/dashboards/{dashboard_id}/share", NOT_THERE, by="session"),
    Row("POST /dashboards/{dashboard_id}/share", "/dashboards/{dashboard_id}/share", NOT_THERE, "", by="session"),
    Row(
        "POST /dashboards/{dashboard_id}/share",
        "/dashboards/{dashboard_id}/share",
        NOT_THERE,
        "revoke={share_id}",
        by="session",
    ),
    Row(
        "POST /dashboards/{dashboard_id}/restore",
        "/dashboards/{deleted_board_id}/restore",
        NOT_THERE,
        "",
        by="session",
    ),
    # Links, whose ids lead nowhere; a script that is the same for all.
    Row("GET /shared/{token}", "/shared/{share_id}", NOT_THERE, by="session"),
    Row("POST /shared/{token}", "/shared/{share_id}", NOT_THERE, "password=12345678", by="session"),
    Row("GET /shared/{token}/embed", "/shared/{dashboard_id}/embed", NOT_THERE, by="session"),
    Row("GET /embed/dashboard/{token}", "/embed/dashboard/{share_id}", OWN),
    Row("POST /signup", "/signup", {400, 403}, "email={email}&password=12345678", by="session"),
    # Pages: stats.
    Row("GET /stats", "/stats", OWN, by="session"),
    Row("GET /stats", "/stats?q={stat}&sort=-total&period=month&page=2", OWN, by="session"),
    Row("POST /stats/first-key", "/stats/first-key", {303}, "", by="session", is_of_account=True),
    Row("GET /stats/{stat_id}", "/stats/{stat_id}", NOT_THERE, by="session"),
    Row("GET /stats/{stat_id}", "/stats/{trash_id}", NOT_THERE, by="session"),
    Row("GET /stats/{stat_id}/data", "/stats/{stat_id}/data?format=json", NOT_THERE, by="session"),
    Row("POST /stats/{stat_id}/settings", "/stats/{stat_id}/settings", NOT_THERE, "public=on&unit=x", by="session"),
    Row("POST /stats/{stat_id}/notes", "/stats/{stat_id}/notes", NOT_THERE, "text=x", by="session"),
    Row(
        "POST /stats/{stat_id}/notes/{note_id}/delete",
        "/stats/{stat_id}/notes/{annotation_id}/delete",
        NOT_THERE,
        "",
        by="session",
    ),
    Row("POST /stats/{stat_id}/delete", "/stats/{stat_id}/delete", NOT_THERE, "", by="session"),
    Row("GET /compare", "/compare?s={stat_id}", NOT_THERE, by="session"),
    Row("GET /compare", "/compare?add={stat}", OWN, by="session"),
    Row("GET /trash", "/trash", OWN, by="session"),
    Row("POST /trash/{stat_id}/restore", "/trash/{trash_id}/restore", NOT_THERE, "", by="session"),
    # Pages: settings. All of them are the account's; only its owner adds and removes people. An old key is refused here
    # before it counts as a try, of which an account has few.
    *(
        Row(f"GET {path}", path, OWN, by="session", is_of_account=True)
        for path in ("/settings", "/settings/keys", "/settings/keys/old", "/settings/people", "/settings/plan")
    ),
    Row("POST /settings", "/settings", {303}, "tz=UTC&tilde_join=tilde&new_stat_notices=on", by="session"),
    Row("POST /settings/keys", "/settings/keys", {400}, "scope={key_id}", by="session", is_of_account=True),
    Row(
        "POST /settings/keys/old",
        "/settings/keys/old",
        {400},
        "secret={email}&kind=other",
        by="session",
        is_of_account=True,
    ),
    Row("GET /settings/keys/{key_id}", "/settings/keys/{key_id}", NOT_THERE, by="session", is_of_account=True),
    Row(
        "POST /settings/keys/{key_id}",
        "/settings/keys/{key_id}",
        NOT_THERE,
        "revoke=1&sure=on",
        by="session",
        is_of_account=True,
    ),
    Row("POST /settings/people", "/settings/people", {403}, "email={email}", by="session", is_of_account=True),
    Row("GET /settings/people/{person_id}", "/settings/people/{person_id}", {403}, by="session", is_of_account=True),
    Row(
        "POST /settings/people/{person_id}",
        "/settings/people/{person_id}",
        {403},
        "sure=on",
        by="session",
        is_of_account=True,
    ),
    Row("POST /settings/own", "/settings/own", {400}, "email={email}", by="session", is_of_account=True),
    Row("GET /settings/export", "/settings/export", OWN, by="session"),
    Row("GET /settings/export/file", "/settings/export/file", OWN, by="session"),
    Row("GET /settings/export/file", "/settings/export/file?format=csv", OWN, by="session"),
    Row("GET /access", "/access", OWN, by="session", is_of_account=True),
    Row("POST /access", "/access", {400}, "label=" + "x" * 101, by="session", is_of_account=True),
    # Pages: imports.
    Row("GET /import", "/import", OWN, by="session"),
    Row("POST /import", "/import", {400}, "url=http://127.0.0.1:1/{import_id}&token=x", by="session"),
    Row("GET /import/check", "/import/check", {303}, by="session"),
    Row("POST /import/check", "/import/check", {303}, "bring=1", by="session"),
    Row("GET /import/{import_id}", "/import/{import_id}", NOT_THERE, by="session"),
    Row("POST /import/{import_id}", "/import/{import_id}", NOT_THERE, "", by="session"),
    # Pages: alerts. Receivers are the account's, and in the form of an alert.
    Row("GET /alerts", "/alerts", OWN, by="session", is_of_account=True),
    Row("GET /alerts", "/alerts?stat={stat_id}", NOT_THERE, by="session"),
    Row("POST /alerts", "/alerts", {400}, "stat={stat}&kind=data&time_window=1h", by="session", is_of_account=True),
    Row("GET /alerts/{alert_id}", "/alerts/{alert_id}", NOT_THERE, by="session"),
    Row("POST /alerts/{alert_id}", "/alerts/{alert_id}", NOT_THERE, "delete=1&sure=on", by="session"),
    Row("GET /alerts/automatic", "/alerts/automatic?stat={stat_id}", NOT_THERE, by="session"),
    Row("POST /alerts/automatic", "/alerts/automatic", NOT_THERE, "stat_id={stat_id}&on=1", by="session"),
    Row("GET /alerts/receivers", "/alerts/receivers", OWN, by="session", is_of_account=True),
    Row("POST /alerts/receivers", "/alerts/receivers", {400}, "email={email}", by="session", is_of_account=True),
    Row(
        "GET /alerts/receivers/{receiver_id}",
        "/alerts/receivers/{receiver_id}",
        NOT_THERE,
        by="session",
        is_of_account=True,
    ),
    Row(
        "POST /alerts/receivers/{receiver_id}",
        "/alerts/receivers/{receiver_id}",
        NOT_THERE,
        "test=1",
        by="session",
        is_of_account=True,
    ),
    Row("GET /alerts/mail", "/alerts/mail", {403}, by="session", is_of_account=True),
    Row("POST /alerts/mail", "/alerts/mail", {403}, "host=mail.example", by="session", is_of_account=True),
    # The documentation is everybody's; a key in it must be one's own.
    Row("GET /docs", "/docs", {200}, by="session"),
    Row("POST /docs", "/docs", {400}, "key=sk_live_{key_id}", by="session", is_of_account=True),
]


class Holding:
    """Everything that an account's live or test data has, each of it marked.

    Attributes:
        names: what the braces of rows mean.
        mark: a word that is in every text of it.
        count: what its stat holds.
    """

    def __init__(self, client, services, account_id, *, live):
        self._client = client
        self._services = services
        self.account_id, self.live = account_id, live
        now_s = services.now_s()
        self.mark = f"plugh{account_id}{'live' if live else 'test'}"
        self.count = 7_412_000 + zlib.crc32(self.mark.encode()) % 1_000
        self.key = services.keys.create(account_id, now_s, live=live, label=self.mark)
        self.person = services.people.create(account_id, f"{self.mark}@example.com", "", now_s)
        old_key = f"{self.mark}~~old/user+key"
        services.keys.add_secret(account_id, old_key, KeyKind.UKEY, now_s, live=live, label=self.mark, by_operator=True)
        self.names = {"old_key": old_key, "email": self.person.email, "person_id": self.person.id}
        self.names["import_id"] = self._import(services.accounts.get(account_id)).id
        self._fill()

    def _import(self, account):
        """An import that waits, and will not begin: nothing starts what does them."""
        jobs = Jobs(self._services.documents, Path(self._services.engine.path))
        options, now_s = ImportOptions(), self._services.now_s()
        return jobs.create(
            account, live=self.live, source=self.mark, options=options, now_s=now_s, url="https://192.0.2.1"
        )

    def _fill(self):
        stat, gone = f"{self.mark} stat", f"{self.mark} gone"
        for name in (stat, gone):
            self.ask("POST", "/v1/stat", {"stat": name, "count": self.count})
        alert = self.ask("POST", "/v1/alerts", '{"stat":"%s",%s}' % (stat, CONDITION))
        note = self.ask("POST", "/v1/annotations", {"text": self.mark, "stat": stat})
        tiles = [{"kind": "line", "stats": [stat], "title": self.mark}]
        board, gone_board = (
            self.ask("POST", "/v1/dashboards", {"name": self.mark, "tiles": tiles})["id"] for _ in range(2)
        )
        self.ask("DELETE", f"/v1/dashboards/{gone_board}")
        share = self.ask("POST", f"/v1/dashboards/{board}/shares", {"label": self.mark})
        series = self._services.engine.find(stat, namespace=f"{self.account_id}:{'live' if self.live else 'test'}")
        self.names |= {
            "stat": stat,
            "stat_id": ids.stat_id(series.id),
            "classic_key": ids.classic_key(self._services.secret, series.id),
            "trash_id": self.ask("DELETE", f"/v1/stat/{gone}")["id"],
            "alert_id": alert["id"],
            "annotation_id": note["id"],
            "receiver_id": self._receiver(),
            "act_token": self._act_token(alert["id"]),
            "dashboard_id": board,
            "deleted_board_id": gone_board,
            "share_id": share["id"],
            "share_token": share["token"],
            "key_id": self.ask("GET", "/v1/keys")["keys"][0]["id"],
        }

    def _receiver(self):
        """A mailbox of its person, which has been sent something."""
        made = self.ask("POST", "/v1/receivers", {"email": self.person.email, "name": self.mark})
        self.ask("POST", f"/v1/receivers/{made['id']}/test", statuses=(202,))
        return made["id"]

    def _act_token(self, alert_id):
        namespace = f"{self.account_id}:{'live' if self.live else 'test'}"
        return links.token(self._services.secret, links.Link(links.Action.SILENCE, namespace, alert_id, 2**40))

    def ask(self, method, path, body=None, statuses=(200,)):
        """What a request with this holding's own key is answered; it must be allowed."""
        path, _, query = path.partition("?")
        text = body if isinstance(body, str | None) else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        response = self._client.simulate_request(method, path, query_string=query, body=text, headers=headers)
        assert response.status_code in statuses, (method, path, response.text)
        return response.json

    def seen(self):
        """All that its own key sees, without times of use."""
        lists = (
            "/v1/stats",
            "/v1/trash",
            "/v1/alerts",
            "/v1/annotations",
            "/v1/alerts/automatic",
            f"/v1/alerts/{self.names['alert_id']}/why",
            "/v1/alerts/settings",
            "/v1/receivers",
            f"/v1/receivers/{self.names['receiver_id']}/deliveries",
            "/v1/imports",
            "/v1/dashboards",
            "/v1/dashboards/deleted",
            f"/v1/dashboards/{self.names['dashboard_id']}/shares",
            "/v1/keys",
        )
        seen = {path: self.ask("GET", path) for path in lists}
        for key in seen["/v1/keys"]["keys"]:
            del key["last_used_at"]
        seen["stat"] = self.ask("GET", f"/v1/stat/{self.names['stat']}")
        seen["people"] = self._services.people.list(self.account_id)
        seen["account"] = self._services.accounts.get(self.account_id)
        return seen


def filled(text, holding, token):
    """The text of a row, about a holding, by who has the token."""
    for name, value in {**holding.names, "token": token}.items():
        text = text.replace("{%s}" % name, value)
    return text


def session_of(client, sender):
    """The headers of a browser in which somebody of the sender's account has just signed in, and a token for a form."""
    services = client.app.services
    person = services.people.get(sender.account_id, sender.names["person_id"])
    token = services.sessions.begin(person, services.now_s()).token
    cookies = f"{visitors.SESSION}={token}; {visitors.DATA}={'live' if sender.live else 'test'}"
    headers = {"Cookie": cookies, "Accept": "text/html", "Host": "here", "Origin": "http://here"}
    return headers, visitors.Visitor(token, services.secret).new_csrf()


def asked(client, row, holding, sender_key, method=None, *, sender=None):
    """A row's answer to somebody who asks about a holding that is not theirs; ``sender`` is who has a session."""
    path, _, query = filled(row.path, holding, sender_key).partition("?")
    is_form = row.body is not None and not row.body.startswith("{")
    headers = {"Content-Type": "application/x-www-form-urlencoded" if is_form else "application/json"}
    if row.by == "bearer":
        headers["Authorization"] = f"Bearer {sender_key}"
    elif row.by == "basic":
        headers["Authorization"] = "Basic " + base64.b64encode(f"{sender_key}:".encode()).decode()
    body = None if row.body is None else filled(row.body, holding, sender_key)
    if row.by == "session" and sender is not None:
        session, csrf = session_of(client, sender)
        headers |= session
        body = None if body is None else f"{body}&csrf={csrf}"
    method = method or row.route.split()[0]
    return client.simulate_request(method, path, query_string=query.replace(" ", "+"), body=body, headers=headers)


def new_world(engine):
    """A client, and the holdings of two accounts, live and test."""
    app = create_app(engine)
    services = app.services
    services.accounts.ensure_owner(engine.now_s())
    client = falcon.testing.TestClient(app)
    for name in ("aaa", "bbb"):
        services.accounts.save(Account(name, engine.now_s()))
    return client, [Holding(client, services, name, live=live) for name in ("aaa", "bbb") for live in (True, False)]


@pytest.fixture
def world(engine):
    """A world of the test's own, in which something may be written."""
    client, holdings = new_world(engine)
    yield client, holdings
    client.app.close()


@pytest.fixture(scope="module")
def still_world(tmp_path_factory):
    """A world in which nothing changes, and each test sees to that."""
    with statflow_engine.open(tmp_path_factory.mktemp("still"), clock=StoppedClock()) as engine:
        client, holdings = new_world(engine)
        yield client, holdings
        client.app.close()


def routes_of(app):
    """Every method and path that the app answers, but HEAD, which is GET's, and OPTIONS, which is Falcon's."""
    for route in inspect.inspect_routes(app):
        for method in route.methods:
            if not method.internal and method.method not in ("HEAD", "OPTIONS"):
                yield f"{method.method} {route.path}"


def test_every_route_has_a_row(engine):
    app = create_app(engine, metrics_for="open", signup=True)
    known = {row.route for row in ROWS}

    missing = sorted(set(routes_of(app)) - known)
    app.close()

    assert missing == [], "add rows for these routes"


def test_every_row_has_a_route(engine):
    app = create_app(engine, metrics_for="open", signup=True)
    there = set(routes_of(app))
    app.close()

    assert sorted({row.route for row in ROWS} - there) == []


def name_of(row):
    return f"{row.route.split()[0]} {row.path}"


@pytest.mark.parametrize("row", [row for row in ROWS if not row.writes], ids=name_of)
def test_what_is_not_ones_own_is_not_there(still_world, row):
    client, holdings = still_world
    before = [holding.seen() for holding in holdings]

    ask_everybody(client, holdings, row)

    assert [holding.seen() for holding in holdings] == before


@pytest.mark.parametrize("row", [row for row in ROWS if row.writes], ids=name_of)
def test_what_is_written_by_name_goes_into_ones_own(world, row):
    client, holdings = world

    ask_everybody(client, holdings, row)

    for holding in holdings:
        points = holding.ask("GET", f"/v1/stat/{holding.names['stat']}")["points"]
        assert [point["value"] for point in points if point["count"]] == [holding.count]


def ask_everybody(client, holdings, row):
    """Everybody asks a row about everything that is not theirs."""
    has_head = row.route.startswith("GET ") and not row.writes and row.asks_head
    methods = ["GET", "HEAD"] if has_head else [None]
    for sender in holdings:
        for holding in holdings:
            if sender is holding or (row.is_of_account and sender.account_id == holding.account_id):
                continue
            for method in methods:
                answer = asked(client, row, holding, sender.key, method, sender=sender)
                assert answer.status_code in row.statuses, (sender.mark, holding.mark, answer.text)
                assert_silent(answer, sender, holding, row)


def assert_silent(answer, sender, holding, row):
    """Nothing of a holding is in an answer but what the sender said."""
    if row.by == "nobody":
        return
    said = filled(row.path + (row.body or ""), holding, "")
    told = answer.text
    assert not occurs(str(holding.count), told)
    for name, value in holding.names.items():
        assert value in said or not occurs(value, told), (name, told)
    if holding.mark not in said and sender.account_id != holding.account_id:
        assert holding.mark not in told
        assert holding.mark not in str(answer.headers)


def occurs(value, told):
    """Whether it is told; something short as a word of its own: keys, tokens and hashes are random, and longer."""
    if len(value) >= 8:
        return value in told
    return re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", told) is not None


@pytest.mark.parametrize("scope", [Scope.WRITE, Scope.READ])
@pytest.mark.parametrize("row", [row for row in ROWS if "/v1/keys" in row.route], ids=lambda row: row.route)
def test_only_a_full_key_sees_or_makes_keys(still_world, row, scope):
    client, holdings = still_world
    services = client.app.services
    key = services.keys.create("aaa", services.now_s(), scope=scope)

    answer = asked(client, row, holdings[0], key)

    assert answer.status_code == 403
    assert holdings[0].names["key_id"] not in answer.text
    services.keys.revoke("aaa", key, services.now_s())


@pytest.mark.parametrize("row", [row for row in ROWS if "/v1/" in row.route], ids=lambda row: f"{row.route} {row.path}")
def test_nobody_is_answered_without_a_key(still_world, row):
    client, holdings = still_world

    answer = asked(client, row._replace(by="nobody"), holdings[0], "")

    is_signup = row.route == "POST /v1/account"
    assert answer.status_code == (403 if is_signup else 401), answer.text
