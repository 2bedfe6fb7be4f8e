"""Pages with a form: what they share, so that each says only what it shows and what its form does."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import falcon

from statflow_http.errors import NotFoundError, RequestError, RetryLaterError
from statflow_http.pages.site import Page
from statflow_http.pages.visitors import Form, Member

# What a template is handed, by name.
Context = dict[str, Any]
# The box to tick before something goes for good.
SURE = "sure"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a page.

    Attributes:
        req: it.
        me: who makes it.
        id: of what the page is about, as its path has it; "" where that is no single thing.
    """

    req: falcon.Request
    me: Member
    id: str = ""


@dataclass(frozen=True, slots=True)
class Go:
    """Where a form leads to, and what that page says, once."""

    path: str
    say: str = ""


class FormPage(Page, abc.ABC):
    """A page that is shown by GET, and whose form is sent to itself by POST.

    A form that is refused comes back with the reason, which the template has as ``problem``.

    Attributes:
        template: the file's name.
        blank: what the template knows beside `about`, as it is before a form was sent.
    """

    template: str
    blank: Mapping[str, Any] = MappingProxyType({})

    @abc.abstractmethod
    def about(self, asked: Asked) -> Context:
        """What the page shows; is asked anew after a form has done something.

        Raises:
            NotFoundError: there is nothing of this id.
        """

    @abc.abstractmethod
    def act(self, asked: Asked, form: Form) -> Go | Context:
        """Do what the form says.

        Returns:
            Where to go on; or, to stay here, what the page is to show instead of `blank`: a key that was just made.

        Raises:
            NotFoundError: there is nothing of this id.
            RequestError: it cannot be done, and why.
        """

    def kept(self, form: Form) -> Context:
        """What stays written in a form that was refused."""
        return {}

    def who(self, req: falcon.Request) -> Member:
        """Who may ask.

        Raises:
            ForbiddenError: somebody else.
        """
        return self.site.member(req)

    def on_get(self, req: falcon.Request, resp: falcon.Response, **ids: str) -> None:
        """Show it."""
        self.show(resp, _asked(req, self.who(req), ids))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, **ids: str) -> None:
        """Do it, and go on; or say why not."""
        asked = _asked(req, self.who(req), ids)
        form = self.site.form(req, asked.me)
        try:
            after = self.act(asked, form)
        except NotFoundError:
            # Not about what was filled in: a page of its own.
            raise
        except RequestError as error:
            self.show(resp, asked, status=status_of(error), problem=sentence(error), **self.kept(form))
            return
        if isinstance(after, Go):
            self.go(resp, asked, after)
        else:
            self.show(resp, asked, **after)

    def go(self, resp: falcon.Response, asked: Asked, after: Go) -> None:
        """Go on."""
        self.site.redirect(resp, asked.me, after.path, say=after.say)

    def show(self, resp: falcon.Response, asked: Asked, *, status: int = 200, **told: Any) -> None:
        """Answer with the page, and what is ``told`` instead of `blank`."""
        context = {"problem": "", **self.blank, **self.about(asked), **told}
        self.site.page(asked.req, resp, asked.me, self.template, status=status, **context)


def _asked(req: falcon.Request, me: Member, ids: Mapping[str, str]) -> Asked:
    return Asked(req, me, *ids.values())


def refuse_unsure(form: Form, text: str) -> None:
    """Refuse to do for good what nobody ticked the box for.

    Raises:
        RequestError: with this text.
    """
    if not form.has(SURE):
        raise RequestError(text)


def status_of(error: RequestError) -> int:
    """Of the page that tells of a refusal; anything else that is wrong with a form is 400."""
    return 429 if isinstance(error, RetryLaterError) else 400


def sentence(error: Exception) -> str:
    """What an error says, as a sentence of a page."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
