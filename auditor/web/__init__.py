"""Pages, JSON, metrics and health over HTTP, from one published state: `application` makes the app, `Server` runs it."""

from __future__ import annotations

from auditor.web.app import application
from auditor.web.server import Server

__all__ = ["Server", "application"]
