"""The pages that describe the errors, as HTML for browsers: in the look of the built-in page, from its files."""

import html
import re

from server.errors import ApiError, list_errors
from server.web import frontend
from server.web.error_pages import INTRODUCTION, REMEDIES

CODE = re.compile(r"`([^`]*)`")
QUALITY = re.compile(r"q=([01](?:\.\d{0,3})?)")


def prefers_html(accept: str) -> bool:
    """Return whether a client prefers HTML to other text, as browsers do and curl does not."""
    qualities = dict(_quality(media_range) for media_range in accept.lower().split(","))
    return qualities.get("text/html", 0) > max(qualities.get("text/plain", 0), qualities.get("text/markdown", 0))


def document_of(error: type[ApiError]) -> str:
    """Return the page of an error, whose path is one level below that of all."""
    content = (
        f"<p><code>/errors/{error.code}</code>, status {error.status}</p>\n"
        f"<h2>When</h2>\n<p>{_inline(error.__doc__ or '')}</p>\n"
        f"<h2>What to do</h2>\n<p>{_inline(REMEDIES[error.code])}</p>"
    )
    return frontend.render("errors.html", base="../", title=html.escape(error.title), content=content)


def document_of_all() -> str:
    """Return the page of all errors."""
    # Without its heading, and without its last paragraph, which is for readers of the file.
    introduction = INTRODUCTION.strip().split("\n\n")[1:-1]
    content = [f"<p>{_inline(paragraph)}</p>" for paragraph in introduction]
    content += [_entry(error) for error in list_errors()]
    return frontend.render("errors.html", base="", title="Errors", content="\n".join(content))


def _entry(error: type[ApiError]) -> str:
    link = f'<a href="errors/{error.code}">{html.escape(error.title)}</a>'
    return f"<h2>{link} <small>{error.status}</small></h2>\n<p>{_inline(error.__doc__ or '')}</p>"


def _quality(media_range: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in media_range.split(";"))
    qualities = [float(match[1]) for parameter in parameters if (match := QUALITY.fullmatch(parameter))]
    return name, qualities[0] if qualities else 1.0


def _inline(text: str) -> str:
    """Return a paragraph of Markdown, with code in it, as HTML."""
    return CODE.sub(r"<code>\1</code>", html.escape(text, quote=False))
