"""A notice as a mail: text and HTML that say the same, the chart in them as a picture. Pure.

The HTML is of tables with styles in the elements, which is what mail programs understand; whatever somebody else wrote
is escaped. Every mail can be turned off by one click, and carries the id of its notice, so that one that arrives twice
can be told to be the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from html import escape
from typing import Any

from statflow_http.alerts.notices import DIGEST, NEW_STATS, TEST, WEEKLY, Event, Notice
from statflow_http.alerts.pictures import Picture
from statflow_http.alerts.states import Told
from statflow_http.alerts.telling import condition_text, event_text, headline
from statflow_http.charts.themes import FONT, LIGHT
from statflow_http.charts.times import moment, zone

SENDER_NAME = "StatFlow"
SUBJECT_MAX = 200
# Charts in one mail: of the first events of a digest.
PICTURES_MAX = 5
INK, MUTED, GRID, ACCENT, ALARM = (LIGHT[role] for role in ("ink", "muted", "grid", "accent", "alarm"))
GOOD = LIGHT["third"]
# Its end is left open for a style.
TABLE = '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"'


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """A picture of an event's stat, with what is written beside it."""

    picture: Picture
    from_s: int
    to_s: int


@dataclass(frozen=True, slots=True)
class EventLinks:
    """Where a reader may go from an event; "" where the server does not know how it is reached."""

    stat: str = ""
    silence: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Letter:
    """All that a mail is made of.

    Attributes:
        notice: what is told.
        to, sender: addresses.
        tz: the zone of the times in it.
        charts: of the first events; None where there is none.
        links: one an event.
        unsubscribe: turns mails to this receiver off; "" for none.
    """

    notice: Notice
    to: str
    sender: str
    tz: str
    charts: Sequence[Chart | None] = ()
    links: Sequence[EventLinks] = ()
    unsubscribe: str = ""


def mail(letter: Letter) -> EmailMessage:
    """The message, ready to be sent."""
    notice = letter.notice
    message = EmailMessage(policy=SMTP)
    # A name may hold U+2028 and its like, which a header may not.
    message["Subject"] = " ".join(headline(notice).split())[:SUBJECT_MAX]
    message["From"] = formataddr((SENDER_NAME, letter.sender))
    message["To"] = letter.to
    message["Date"] = format_datetime(datetime.fromtimestamp(notice.created_s, UTC))
    domain = letter.sender.rpartition("@")[2]
    message["Message-ID"] = f"<{notice.id}.{notice.receiver_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    if len(notice.events) == 1 and notice.events[0].rule is not None:
        # What belongs to one opening of one alert is one conversation.
        event = notice.events[0]
        message["References"] = f"<{event.rule.id if event.rule else ''}.{event.opened_s}@{domain}>"
    if letter.unsubscribe:
        message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text(letter))
    message.add_alternative(html(letter), subtype="html")
    _attach(message, letter, domain)
    return message


def _attach(message: EmailMessage, letter: Letter, domain: str) -> None:
    shown = [(index, chart) for index, chart in enumerate(letter.charts) if chart is not None]
    body = message.get_body(("html",))
    assert isinstance(body, EmailMessage)
    for index, chart in shown:
        body.add_related(
            chart.picture.png,
            "image",
            "png",
            cid=f"<{cid(letter.notice, index)}>",
            filename=f"chart-{index + 1}.png",
            disposition="inline",
        )


def cid(notice: Notice, index: int) -> str:
    """The name by which the HTML asks for a picture."""
    return f"chart{index}.{notice.id}@statflow"


def text(letter: Letter) -> str:
    """The mail for who reads no HTML."""
    said = [f"{headline(letter.notice)}\n"]
    for event, links in zip(letter.notice.events, _links(letter), strict=True):
        said.append(_event_lines(event, links, letter.tz))
    if letter.notice.more:
        said.append(f"and {letter.notice.more} more.\n")
    said.append("".join(f"{line}\n" for line in facts_lines(letter.notice)))
    if letter.unsubscribe:
        said.append(f"--\nNo more mails like this: {letter.unsubscribe}\n")
    return "\n".join(said)


def _links(letter: Letter) -> list[EventLinks]:
    count = len(letter.notice.events)
    return [*letter.links[:count], *([EventLinks()] * (count - len(letter.links)))]


def _event_lines(event: Event, links: EventLinks, tz: str) -> str:
    said = [event_text(event), f"  {moment(event.time_s, zone(tz))}, {tz}"]
    if event.rule is not None:
        said.append(f"  watched: {condition_text(event.rule)}")
    said += [f"  the stat: {links.stat}"] if links.stat else []
    said += [f"  silence for a day: {links.silence}"] if links.silence else []
    return "\n".join(said) + "\n"


def facts_lines(notice: Notice) -> list[str]:
    """What a notice that is not about alerts says, line by line."""
    if notice.type == TEST:
        return ["This is a test: alerts of StatFlow reach you here."]
    return [str(line) for line in notice.facts.get("lines", [])]


def html(letter: Letter) -> str:
    """The mail for who does."""
    notice = letter.notice
    blocks = [
        _event_block(letter, index, event, links)
        for index, (event, links) in enumerate(zip(notice.events, _links(letter), strict=True))
    ]
    if notice.type in (DIGEST, NEW_STATS, WEEKLY, TEST):
        blocks.insert(0, f'<h1 style="{_font(20, INK, 600)};margin:0 0 16px">{escape(headline(notice))}</h1>')
    if notice.more:
        blocks.append(_paragraph(f"and {notice.more} more.", MUTED))
    blocks += [_tables(notice)] if notice.facts.get("tables") else [_paragraph(line) for line in facts_lines(notice)]
    return _page("".join(blocks), _foot(letter))


def _page(body: str, foot: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>StatFlow</title></head>'
        '<body style="margin:0;background:#f4f6f9">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" '
        'style="padding:24px 12px"><table role="presentation" width="100%" cellpadding="0" cellspacing="0" '
        'style="max-width:640px;background:#ffffff;border-radius:8px"><tr><td style="padding:28px 28px 12px">'
        f"{body}</td></tr></table>{foot}</td></tr></table></body></html>"
    )


def _foot(letter: Letter) -> str:
    said = "Sent by StatFlow."
    if letter.unsubscribe:
        link = _link(letter.unsubscribe, "Turn these mails off", MUTED)
        said = f"{said} {link}."
    return f'<p style="{_font(12, MUTED)};margin:16px 0 0">{said}</p>'


def _font(size: int, colour: str, weight: int = 400) -> str:
    # In a double-quoted attribute the font's own quotes are single ones.
    return f"font:{weight} {size}px/1.45 {FONT};color:{colour}"


def _paragraph(said: str, colour: str = INK) -> str:
    return f'<p style="{_font(15, colour)};margin:0 0 12px">{escape(said)}</p>'


def _link(url: str, said: str, colour: str = ACCENT) -> str:
    return f'<a href="{escape(url)}" style="color:{colour}">{escape(said)}</a>'


def _event_block(letter: Letter, index: int, event: Event, links: EventLinks) -> str:
    """One event: what it is, in a colour that says how bad; the numbers; the chart; where to go."""
    head, colour = {Told.OPENED.value: ("Alert", ALARM), Told.RESOLVED.value: ("Over", GOOD)}.get(
        event.type, ("Still open" if event.type == Told.REPEATED else "Unusual", ALARM)
    )
    when = f"{moment(event.time_s, zone(letter.tz))}, {letter.tz}"
    watched = "" if event.rule is None else f" &middot; watched: {escape(condition_text(event.rule))}"
    chart = letter.charts[index] if index < len(letter.charts) else None
    drawn = "" if chart is None else _chart(letter, index, chart, event)
    ways = [_link(links.stat, "Look at the stat")] if links.stat else []
    ways += [_link(links.silence, "Silence for a day")] if links.silence else []
    onward = f'<p style="{_font(14, INK)};margin:0 0 16px">{" &nbsp; ".join(ways)}</p>' if ways else ""
    return (
        f'<p style="{_font(13, colour, 700)};margin:0 0 4px;text-transform:uppercase;letter-spacing:.04em">{head}</p>'
        f'<p style="{_font(18, INK, 600)};margin:0 0 6px">{escape(event_text(event))}</p>'
        f'<p style="{_font(13, MUTED)};margin:0 0 16px">{escape(when)}{watched}</p>{drawn}{onward}'
    )


def _chart(letter: Letter, index: int, chart: Chart, event: Event) -> str:
    """The picture with its axes as text: the numbers to the left, the times below."""
    picture, tz = chart.picture, zone(letter.tz)
    described = escape(
        f"{event.stat_name} from {moment(chart.from_s, tz)} to {moment(chart.to_s, tz)}: {event_text(event)}"
    )
    label = f"{_font(11, MUTED)};text-align:right;white-space:nowrap;padding-right:6px;width:1%"
    return (
        f'{TABLE} style="margin:0 0 16px">'
        f'<tr><td valign="top" style="{label}">{escape(picture.scale.labels[-1])}</td>'
        f'<td rowspan="2"><img src="cid:{cid(letter.notice, index)}" alt="{described}" width="{picture.width}" '
        f'style="width:100%;max-width:{picture.width}px;height:auto;display:block;border:0"></td></tr>'
        f'<tr><td valign="bottom" style="{label}">{escape(picture.scale.labels[0])}</td></tr>'
        f'<tr><td></td><td>{TABLE}><tr><td style="{_font(11, MUTED)}">{escape(moment(chart.from_s, tz))}</td>'
        f'<td align="right" style="{_font(11, MUTED)}">{escape(moment(chart.to_s, tz))}</td></tr></table></td></tr>'
        "</table>"
    )


def _tables(notice: Notice) -> str:
    """The tables of a report: (title, [(name, number, note, link)])."""
    return "".join(_table(str(title), rows) for title, rows in notice.facts["tables"] if rows)


def _table(title: str, rows: Sequence[Sequence[Any]]) -> str:
    cell = f"border-top:1px solid {GRID};padding:7px 0"
    right = f"{cell};padding-left:12px;white-space:nowrap"
    drawn = "".join(
        f'<tr><td style="{cell};{_font(14, INK)}">{escape(str(name))}</td>'
        f'<td align="right" style="{right};{_font(14, INK, 600)}">{escape(str(number))}</td>'
        f'<td align="right" style="{right};{_font(13, MUTED)}">'
        f"{_link(str(link), str(note)) if link else escape(str(note))}</td></tr>"
        for name, number, note, link in rows
    )
    return (
        f'<p style="{_font(13, MUTED, 700)};margin:8px 0 6px">{escape(title)}</p>'
        f'{TABLE} style="margin:0 0 16px">{drawn}</table>'
    )
