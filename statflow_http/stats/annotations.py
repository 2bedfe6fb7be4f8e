"""Annotations: a note on a moment, such as "deployed 2.1", of one stat or of all stats of an account.

Table ``annotations``: under ``NAMESPACE/ID``. A note on a stat outlives it, as an alert does.
"""

import unicodedata

import msgspec

from statflow_http import ids
from statflow_http.documents.made import free_id, refuse_full
from statflow_http.documents.store import Documents
from statflow_http.errors import NotFoundError, RequestError

TEXT_MAX = 1_000
# Of an account, live and test together. Why: a chart looks through all of them, which takes 20 ms.
ANNOTATIONS_MAX = 10_000
# The end of time for ranges without one, beyond every moment that can be noted.
TIME_MAX_S = 2**53


class Annotation(msgspec.Struct, frozen=True):
    """A note.

    Attributes:
        id: 12 letters and digits.
        text: 1 to 1,000 characters, perhaps of several lines.
        t_s: the moment, Unix seconds.
        created_s: when it was written down.
        series_id: of the stat; None: it is about all of them.
        stat_name: what the stat is called; None with it.
    """

    id: str
    text: str
    t_s: int
    created_s: int
    series_id: int | None = None
    stat_name: str | None = None

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands among the others: by its moment."""
        return self.t_s, self.id


class Annotations:
    """The annotations of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def create(
        self,
        namespace: str,
        text: str,
        t_s: int,
        now_s: int,
        *,
        series_id: int | None = None,
        stat_name: str | None = None,
        annotations_max: int = ANNOTATIONS_MAX,
    ) -> Annotation:
        """Write a note down; the caller has looked whether the namespace has such a series.

        Raises:
            RequestError: the text is none.
            RetryLaterError: the account has as many notes as it may.
        """
        text = clean_text(text)
        with self._documents.change() as change:
            refuse_full(change, "annotations", namespace, annotations_max, "annotations")
            made = Annotation(free_id(change, "annotations", namespace, now_s), text, t_s, now_s, series_id, stat_name)
            change.put("annotations", f"{namespace}/{made.id}", made)
        return made

    def get(self, namespace: str, annotation_id: str) -> Annotation:
        """A note by its id.

        Raises:
            NotFoundError: the namespace has none.
        """
        with self._documents.snapshot() as snapshot:
            return _known(snapshot.get("annotations", f"{namespace}/{annotation_id}", Annotation))

    def between(
        self, namespace: str, from_s: int = 0, to_s: int = TIME_MAX_S, *, series_id: int | None = None
    ) -> list[Annotation]:
        """The notes of a half-open range, in order of their moments.

        Args:
            namespace: whose they are.
            from_s, to_s: Unix seconds.
            series_id: only what belongs on the chart of this stat: its own notes, and those of all stats.
        """
        with self._documents.snapshot() as snapshot:
            found = [
                each
                for each in snapshot.under("annotations", f"{namespace}/", Annotation)
                if from_s <= each.t_s < to_s and (series_id is None or each.series_id in (None, series_id))
            ]
        return sorted(found, key=lambda each: each.place)

    def change(
        self, namespace: str, annotation_id: str, *, text: str | None = None, t_s: int | None = None
    ) -> Annotation:
        """Replace what is given; the note as it is then.

        Raises:
            NotFoundError: the namespace has no such note.
            RequestError: the text is none.
        """
        wanted = {"text": None if text is None else clean_text(text), "t_s": t_s}
        with self._documents.change() as change:
            before = _known(change.get("annotations", f"{namespace}/{annotation_id}", Annotation))
            after = msgspec.structs.replace(before, **{name: to for name, to in wanted.items() if to is not None})
            change.put("annotations", f"{namespace}/{annotation_id}", after)
        return after

    def delete(self, namespace: str, annotation_id: str) -> None:
        """Remove a note.

        Raises:
            NotFoundError: the namespace has no such note.
        """
        with self._documents.change() as change:
            _known(change.get("annotations", f"{namespace}/{annotation_id}", Annotation))
            change.delete("annotations", f"{namespace}/{annotation_id}")


def clean_text(text: str) -> str:
    """The text of a note as it is stored: trimmed, NFC, 1 to 1,000 characters, lines told apart by line feeds.

    Raises:
        RequestError: it is empty, longer, or has control characters.
    """
    cleaned = unicodedata.normalize("NFC", text.replace("\r\n", "\n").strip())
    if not cleaned:
        raise RequestError("text is empty")
    if len(cleaned) > TEXT_MAX:
        raise RequestError(f"text is longer than {TEXT_MAX} characters")
    if any(unicodedata.category(character) == "Cc" for character in cleaned if character not in "\n\t"):
        raise RequestError("text has control characters")
    return cleaned


def cursor_of(annotation: Annotation) -> str:
    """Where the page after a note begins, as text."""
    return f"{annotation.t_s}-{annotation.id}"


def place_of(cursor: str) -> tuple[int, str]:
    """The inverse of `cursor_of`, as `Annotation.place`.

    Raises:
        RequestError: it is no such text.
    """
    t, _, annotation_id = cursor.partition("-")
    if not (t.isascii() and t.isdigit() and len(t) <= 16 and ids.is_document_id(annotation_id)):
        raise RequestError("cursor must be one that an earlier page gave")
    return int(t), annotation_id


def _known(annotation: Annotation | None) -> Annotation:
    if annotation is None:
        raise NotFoundError("no such annotation")
    return annotation
