"""``/v1/account``: the account, its plan and what it used, its members; and how strangers get one where they may."""

from typing import Any

import falcon
import msgspec

from statflow_http.accounts import passwords
from statflow_http.accounts.accounts import Account, AccountSettings
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.opening import sign_up
from statflow_http.accounts.people import Person
from statflow_http.accounts.plans import Plan
from statflow_http.accounts.quotas import Used
from statflow_http.accounts.senders import Sender
from statflow_http.api.v1_read import json_answer, json_body, reader
from statflow_http.errors import ForbiddenError, RequestError
from statflow_http.front.headers import respond
from statflow_http.services import Services
from statflow_http.wire import messages
from statflow_http.wire.reads import Params

FIRST_KEY = "first key"


class Applicant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants an account."""

    email: str | None = None
    password: str | None = None


class NewMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to join an account; without a password by a link."""

    email: str | None = None
    password: str | None = None


settings_of_json = messages.decoder(AccountSettings)
applicant_of_json = messages.decoder(Applicant)
member_of_json = messages.decoder(NewMember)


class AccountResource:
    """``/v1/account``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The sender's account, its plan, and what it used of that this month."""
        sender = reader(self._services, req, Params(req.query_string))
        used = self._services.quotas.used(sender.account)
        respond(resp, json_answer(account_document(sender.account) | usage_document(sender.plan, used)))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Set what an account may set for itself."""
        sender = live_manager(self._services, req)
        account = self._services.accounts.change(sender.account.id, json_body(req.env, settings_of_json))
        respond(resp, json_answer({"msg": "ok"} | account_document(account)))

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """An account for whoever asks, with a first key, where the server lets everybody in."""
        services = self._services
        if not services.options.signup:
            raise ForbiddenError("sign-up is off on this server: ask its owner for an account")
        wanted = json_body(req.env, applicant_of_json)
        now_s = services.now_s()
        email, password = required(wanted.email, "email"), required(wanted.password, "password")
        owner = sign_up(services.documents, email, password, services.client_address(req.env), now_s)
        key = services.keys.create(owner.account_id, now_s, label=FIRST_KEY)
        respond(resp, json_answer({"msg": "ok", "id": owner.account_id, "email": owner.email, "secret": key}))


class MemberList:
    """``/v1/account/members``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Who belongs to the account: at most 100, on one page."""
        sender = live_manager(self._services, req)
        members = [member_document(person) for person in self._services.people.list(sender.account.id)]
        respond(resp, json_answer({"members": members, "cursor": None}))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Add somebody. Without a password the answer has the path of a page that signs them in, once and for a day."""
        services = self._services
        sender = live_manager(services, req)
        wanted = json_body(req.env, member_of_json)
        hash_ = "" if wanted.password is None else passwords.hashed(wanted.password)
        now_s = services.now_s()
        person = services.people.create(sender.account.id, required(wanted.email, "email"), hash_, now_s)
        link = {} if hash_ else {"login_path": services.sessions.new_link(person, now_s)}
        respond(resp, json_answer({"msg": "ok"} | member_document(person) | link))


class Member:
    """``/v1/account/members/ID``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_delete(self, req: falcon.Request, resp: falcon.Response, person_id: str) -> None:
        """Remove somebody, who is signed out at once."""
        sender = live_manager(self._services, req)
        person = self._services.people.remove(sender.account.id, person_id)
        respond(resp, json_answer({"msg": "ok"} | member_document(person)))


def live_manager(services: Services, req: falcon.Request) -> Sender:
    """Who asks, with a key of scope full and of live data: what is set here is not only for test data.

    Raises:
        ForbiddenError: it is one of test data.
    """
    sender = reader(services, req, Params(req.query_string), Scope.FULL)
    if not sender.live:
        raise ForbiddenError("this needs a key of live data")
    return sender


def required(text: str | None, field: str) -> str:
    """A field that must be there.

    Raises:
        RequestError: it is not.
    """
    if not text:
        raise RequestError(f"{field} is missing")
    return text


def account_document(account: Account) -> dict[str, Any]:
    """What is told about an account."""
    return {
        "id": account.id,
        "created_at": account.created_s,
        "tz": account.tz,
        "tilde_join": account.tilde_join,
        "new_stat_notices": account.new_stat_notices,
    }


def usage_document(plan: Plan, used: Used) -> dict[str, Any]:
    """A plan, of which null is no limit, and what was used of it; live data only."""
    return {
        "plan": msgspec.structs.asdict(plan),
        "usage": {
            "month": used.month.name,
            "points": used.points,
            "refused": used.refused,
            "stats": used.stats,
            "resets_at": used.month.end_s,
        },
    }


def member_document(person: Person) -> dict[str, Any]:
    """What is told about somebody."""
    return {
        "id": person.id,
        "email": person.email,
        "role": "owner" if person.is_owner else "member",
        "created_at": person.created_s,
        "has_password": bool(person.password_hash),
    }
