"""YAML and JSON as kubectl reads them: the text of files in, resources with places and problems out. The only importer of yaml."""

from __future__ import annotations

from auditor.manifests.classes import classify
from auditor.manifests.places import Places
from auditor.manifests.reader import Read, Skipped, read, read_many
from auditor.manifests.settings_text import load_mapping

__all__ = ["Places", "Read", "Skipped", "classify", "load_mapping", "read", "read_many"]
