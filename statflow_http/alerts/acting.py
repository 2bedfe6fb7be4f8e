"""What signed links do: the words for the page that asks, and the deed."""

from dataclasses import dataclass

from statflow_engine import Engine, StatFlowError
from statflow_http import ids
from statflow_http.accounts.people import Person
from statflow_http.alerts.delivery import unsubscribe
from statflow_http.alerts.links import SILENCE_S, Action, Link
from statflow_http.alerts.receivers import IMPLICIT_ID, Receiver
from statflow_http.alerts.rules import Rule
from statflow_http.alerts.silencing import silence
from statflow_http.alerts.telling import condition_text
from statflow_http.documents.store import Documents
from statflow_http.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Question:
    """What a link would do: a question, what its button says, and what is said when it is done."""

    text: str
    button: str
    done: str


class Actor:
    """Does what links say.

    Args:
        engine, documents: of the server.
    """

    def __init__(self, engine: Engine, documents: Documents) -> None:
        self._engine = engine
        self._documents = documents

    def question(self, link: Link) -> Question:
        """What to ask before it is done.

        Raises:
            NotFoundError: what the link is about is gone.
        """
        if link.action is Action.SILENCE:
            rule = self._rule(link)
            watched = f'"{rule.stat_name}", {condition_text(rule)}'
            return Question(f"Silence the alert for a day: {watched}?", "Silence", f"Silenced for a day: {watched}.")
        if link.action is Action.UNSUBSCRIBE:
            email = self._email(link)
            return Question(f"Send no more mails to {email}?", "Turn off", f"No more mails are sent to {email}.")
        name = self._stat_name(link)
        done = f'"{name}" is in the trash, from which it can be restored for 48 hours.'
        return Question(f'Delete the stat "{name}"?', "Delete", done)

    def act(self, link: Link, now_s: int) -> None:
        """Do it.

        Raises:
            NotFoundError: what the link is about is gone.
        """
        if link.action is Action.SILENCE:
            silence(self._documents, link.place, link.id, now_s, SILENCE_S / 3_600)
        elif link.action is Action.UNSUBSCRIBE:
            unsubscribe(self._documents, link.place, link.id)
        else:
            self._engine.delete(self._stat_name(link), namespace=link.place)

    def _rule(self, link: Link) -> Rule:
        with self._documents.snapshot() as snapshot:
            rule = snapshot.get("alert_rules", f"{link.place}/{link.id}", Rule)
        if rule is None:
            raise NotFoundError("this alert is gone")
        return rule

    def _email(self, link: Link) -> str:
        with self._documents.snapshot() as snapshot:
            if link.id == IMPLICIT_ID:
                people = snapshot.under("people", f"{link.place}/", Person)
                return next((person.email for person in people if person.is_owner), "you")
            receiver = snapshot.get("receivers", f"{link.place}/{link.id}", Receiver)
        if receiver is None:
            raise NotFoundError("this receiver is gone")
        return receiver.target

    def _stat_name(self, link: Link) -> str:
        series_id = ids.series_id(link.id)
        try:
            if series_id is not None:
                return self._engine.find_by_id(series_id, namespace=link.place).name
        except StatFlowError:
            pass
        raise NotFoundError("this stat is gone")
