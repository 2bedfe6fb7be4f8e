"""What is told about a source, as it is stored with a job and sent to a server. Pure."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec

from statflow_http.errors import RequestError
from statflow_http.moving.csv_files import KINDS, CsvOptions
from statflow_http.moving.sources import FORMATS

TEXT_MAX = 255


class ImportOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is told; "" is to be found out.

    Attributes:
        format: one of `sources.FORMATS`.
        kind: "counter" or "value": of stats of whose kind the source tells nothing.
        name, name_column, time_column, value_column, kind_column, delimiter: as in `CsvOptions`.
        tz: of times in a CSV that say nothing of their zone.
    """

    format: str = "auto"
    kind: str = ""
    name: str = ""
    name_column: str = ""
    time_column: str = ""
    value_column: str = ""
    kind_column: str = ""
    delimiter: str = ""
    tz: str = "UTC"

    def csv(self) -> CsvOptions:
        """The part that is about CSV."""
        return CsvOptions(
            self.name_column,
            self.time_column,
            self.value_column,
            self.kind_column,
            KINDS[self.kind] if self.kind else None,
            self.name,
            self.delimiter,
            ZoneInfo(self.tz),
        )


def options_of(told: Callable[[str], str]) -> ImportOptions:
    """The options of a request or a command.

    Args:
        told: gives the text of an option, "" where nothing was said.

    Raises:
        RequestError: one of them is not what it may be.
    """
    given = {name: told(name) for name in ImportOptions.__struct_fields__}
    given = {name: text for name, text in given.items() if text}
    if any(len(text) > TEXT_MAX for text in given.values()):
        raise RequestError(f"an option has at most {TEXT_MAX} characters")
    if given.get("format", "auto") not in FORMATS:
        raise RequestError(f"format must be one of {', '.join(FORMATS)}")
    if given.get("kind", "counter") not in ("counter", "value"):
        raise RequestError("kind must be counter or value")
    delimiter = given.get("delimiter", ",").replace("\\t", "\t")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise RequestError("delimiter must be one character")
    _refuse_zone(given.get("tz", "UTC"))
    return ImportOptions(**(given | ({"delimiter": delimiter} if "delimiter" in given else {})))


def _refuse_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, such as "../x", such as a folder
        raise RequestError("tz must be the name of a time zone, such as Europe/Berlin") from None
