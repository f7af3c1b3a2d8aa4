"""Image references: the text of `image:` in, its four parts out.

Source: the grammar of github.com/distribution/reference, which the container runtimes apply; what it refuses ends as InvalidImageName.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_REGISTRY: Final = re.compile(
    r"(?:(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])(?:\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]))*"
    r"|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")


@dataclass(frozen=True, slots=True)
class Image:
    """What is written: `registry` is "" where none is named, `tag` and `digest` are None where absent."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None


def parse(text: str) -> Image:
    """`registry:5000/path/name:tag@sha256:…` into its parts. Raises ValueError with the reason."""
    name, at_sign, digest = text.partition("@")
    if at_sign and not _DIGEST.fullmatch(digest):
        raise ValueError("the digest is not algorithm:hex")
    first, slash, rest = name.partition("/")
    registry = ""
    # A first segment without dot or port is a folder on the default registry, unless it says localhost or has capitals.
    if slash and (any(mark in first for mark in ".:[") or first == "localhost" or first != first.lower()):
        registry, name = first, rest
        if not _REGISTRY.fullmatch(registry):
            raise ValueError(f"{registry!r} is no registry")
    repository, colon, tag = name.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ValueError("two tags" if ":" in tag else f"{tag!r} is no tag")
    if not repository:
        raise ValueError("it names no repository")
    if not _REPOSITORY.fullmatch(repository):
        reason = "has capital letters" if repository != repository.lower() else "is no repository name"
        raise ValueError(f"{repository!r} {reason}")
    if len(repository) > 255:
        raise ValueError("the repository name is longer than 255 characters")
    return Image(registry, repository, tag if colon else None, digest if at_sign else None)


def full_name(image: Image) -> str:
    """Registry and repository as the runtimes complete them: `nginx` is `docker.io/library/nginx`. Without tag and digest."""
    registry = image.registry or "docker.io"
    if registry == "index.docker.io":
        registry = "docker.io"
    repository = image.repository
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    return f"{registry}/{repository}"


def allowed(name: str, registries: Iterable[str]) -> bool:
    """Whether a full name begins with one of the registries, by whole segments: `ghcr.io/team` holds `ghcr.io/team/app`.

    A leading `*.` stands for any sub-domain; an entry without a registry is a folder of docker.io, as in an image reference.
    """
    host, _, path = name.partition("/")
    for entry in registries:
        first, slash, folder = entry.strip().rstrip("/").partition("/")
        if not any(mark in first for mark in ".:[") and first != "localhost":
            first, slash, folder = "docker.io", "/", entry.strip().rstrip("/")
        same = host.endswith(first[1:]) if first.startswith("*.") else host == first
        if same and (not slash or f"{path}/".startswith(f"{folder}/")):
            return True
    return False


MOVING: Final = frozenset(
    {
        "canary",
        "dev",
        "develop",
        "edge",
        "latest",
        "main",
        "master",
        "nightly",
        "prod",
        "production",
        "stable",
        "staging",
        "test",
    }
)
"""Tags that name a branch or a stage: the image behind them changes by design."""

_PARTIAL: Final = re.compile(r"v?\d{1,3}(?:\.\d{1,4})?(?:-[A-Za-z][A-Za-z0-9.]*)?")
_PLACEHOLDER: Final = re.compile(r"\$\{|\$\(|\{\{|<[A-Za-z_-]+>|__[A-Z_]+__|%[A-Z_]+%")


def is_placeholder(text: str) -> bool:
    """Whether something else will write the reference: `app:${TAG}`, `app:__TAG__`, or nothing at all."""
    return not text.strip() or bool(_PLACEHOLDER.search(text))


def moves(image: Image) -> str | None:
    """Why the same reference may be another image tomorrow, or None for one that is pinned: by a digest, or a tag with a number."""
    if image.digest:
        return None
    if image.tag is None:
        return "it has no tag, which means latest"
    if image.tag.lower() in MOVING or not any(letter.isdigit() for letter in image.tag):
        return f"the tag {image.tag} moves"
    return None


def is_partial(image: Image) -> bool:
    """Whether the tag is the beginning of a version (`1`, `1.27`, `3-alpine`), which every patch moves."""
    return not image.digest and image.tag is not None and bool(_PARTIAL.fullmatch(image.tag))
