"""Templates and responses: a template's name and values in, a response with strict headers out.

Every text of others goes through `foreign`: escaped, visible, in `<bdi>`. There is no inline style or script, so the policy
forbids both (https://www.w3.org/TR/CSP3/).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from auditor.publish import jsonform, words
from auditor.publish.foreign import shorten, visible
from auditor.web import urls

HERE: Final = Path(__file__).parent
SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
STATIC_TYPES: Final[Mapping[str, str]] = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def static_files() -> Mapping[str, tuple[str, bytes]]:
    """Name with the hash of its content -> (type, bytes): what changed has another address, so it may be kept for ever."""
    made = {}
    for file in sorted((HERE / "static").iterdir()):
        content = file.read_bytes()
        digest = hashlib.blake2b(content, digest_size=6).hexdigest()
        made[f"{file.stem}.{digest}{file.suffix}"] = (STATIC_TYPES[file.suffix], content)
    return made


def static_url(name: str) -> str:
    """The address of `style.css`."""
    stem, _, suffix = name.rpartition(".")
    return next(
        f"/static/{made}" for made in static_files() if made.startswith(f"{stem}.") and made.endswith(f".{suffix}")
    )


def foreign(text: object, limit: int = 0) -> Markup:
    """Text of others: visible characters, apart from the direction of what surrounds it; in the middle shortened to `limit`."""
    shown = shorten(str(text), limit) if limit else visible(str(text))
    whole = visible(str(text))
    title = Markup(' title="{}"').format(whole) if limit and shown != whole else Markup("")
    return Markup("<bdi{}>{}</bdi>").format(title, shown)


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(foreign=foreign, number=words.number, visible=visible)
    made.globals.update(words=words, urls=urls, static_url=static_url, moment=jsonform.moment)
    return made


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """HTML. Answers 304 where the browser has the same bytes."""
    text = environment().get_template(template).render(**values)
    return _response(request, text.encode("utf-8", "replace"), "text/html; charset=utf-8", status)


def json(request: Request, form: object, status: int = 200) -> Response:
    return _response(request, jsonform.dumps(form), "application/json", status)


def plain(request: Request, body: bytes, media_type: str = "text/plain; charset=utf-8", status: int = 200) -> Response:
    return _response(request, body, media_type, status)


def _response(request: Request, body: bytes, media_type: str, status: int) -> Response:
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if status == 200 and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers, media_type)
