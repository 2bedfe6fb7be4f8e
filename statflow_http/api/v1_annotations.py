"""``/v1/annotations``: notes on moments."""

from typing import Any

import falcon
import msgspec

from statflow_http import ids
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender
from statflow_http.api.v1_read import json_answer, json_body, reader, stat_of_name
from statflow_http.errors import NotFoundError, RequestError
from statflow_http.front.headers import respond
from statflow_http.services import Services
from statflow_http.stats.annotations import TIME_MAX_S, Annotation, Annotations, cursor_of, place_of
from statflow_http.wire import messages, reads
from statflow_http.wire.numbers import RawNumber, timestamp_s
from statflow_http.wire.reads import Params


class AnnotationMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A note as somebody writes it; None is absent, and a moment that is absent is now.

    Attributes:
        t: Unix seconds, or RFC 3339 text.
        stat: the name of the stat that it is about.
    """

    text: str | None = None
    t: RawNumber = None
    stat: str | None = None


message_of_json = messages.decoder(AnnotationMessage)


class AnnotationList:
    """``/v1/annotations``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A page of the notes of a half-open range, by their moments, with the cursor of the next page.

        With ``stat``: what belongs on the chart of that stat, which are its own notes and those of all stats.
        """
        params = Params(req.query_string)
        sender = reader(self._services, req, params)
        limit, cursor = params.limit(), params.text("cursor")
        after = place_of(cursor) if cursor else (-1, "")
        found = [note for note in self._notes(sender, params) if note.place > after]
        page = [annotation_document(note) for note in found[:limit]]
        cursor_after = cursor_of(found[limit - 1]) if len(found) > limit else None
        respond(resp, json_answer({"annotations": page, "cursor": cursor_after}))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Write a note down."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        message = json_body(req.env, message_of_json)
        note = create_annotation(self._services, sender, message)
        respond(resp, json_answer({"msg": "ok"} | annotation_document(note)))

    def _notes(self, sender: Sender, params: Params) -> list[Annotation]:
        stat = params.text("stat")
        series_id = stat_of_name(self._services, sender, stat).id if stat else None
        from_s, to_s = params.time_s("from") or 0, params.time_s("to")
        return Annotations(self._services.documents).between(
            sender.namespace, from_s, TIME_MAX_S if to_s is None else to_s, series_id=series_id
        )


class OneAnnotation:
    """``/v1/annotations/ID``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, annotation_id: str) -> None:
        """One note."""
        sender = reader(self._services, req, Params(req.query_string))
        found = Annotations(self._services.documents).get(sender.namespace, checked_id(annotation_id))
        respond(resp, json_answer(annotation_document(found)))

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response, annotation_id: str) -> None:
        """Change the text or the moment of a note."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        annotation_id = checked_id(annotation_id)
        message = json_body(req.env, message_of_json)
        if message.stat:
            raise RequestError("the stat of an annotation cannot be changed: make another annotation")
        changed = Annotations(self._services.documents).change(
            sender.namespace, annotation_id, text=message.text, t_s=moment_s(message.t)
        )
        respond(resp, json_answer({"msg": "ok"} | annotation_document(changed)))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, annotation_id: str) -> None:
        """Remove a note."""
        sender = reader(self._services, req, Params(req.query_string), Scope.FULL)
        Annotations(self._services.documents).delete(sender.namespace, checked_id(annotation_id))
        respond(resp, json_answer({"msg": "ok"}))


def create_annotation(services: Services, sender: Sender, message: AnnotationMessage) -> Annotation:
    """Write down the note of a message.

    Raises:
        RequestError: its text or its moment is none.
        UnknownSeriesError: the sender has no such stat.
    """
    series = stat_of_name(services, sender, message.stat) if message.stat else None
    now_s, t_s = services.now_s(), moment_s(message.t)
    return Annotations(services.documents).create(
        sender.namespace,
        message.text or "",
        now_s if t_s is None else t_s,
        now_s,
        series_id=None if series is None else series.id,
        stat_name=None if series is None else series.name,
    )


def moment_s(raw: RawNumber) -> int | None:
    """The moment of a note in whole Unix seconds; None when it was not given.

    Raises:
        RequestError: it is no time.
    """
    return reads.time_s(raw.strip(), "t") if isinstance(raw, str) and raw else timestamp_s(raw)


def checked_id(text: str) -> str:
    """The id of a note.

    Raises:
        NotFoundError: no note can have it.
    """
    if not ids.is_document_id(text):
        raise NotFoundError("no such annotation")
    return text


def annotation_document(note: Annotation) -> dict[str, Any]:
    """What is told about a note; ``stat`` is null when it is about all stats."""
    return {
        "id": note.id,
        "text": note.text,
        "t": note.t_s,
        "stat": note.stat_name,
        "stat_id": None if note.series_id is None else ids.stat_id(note.series_id),
        "created_at": note.created_s,
    }
