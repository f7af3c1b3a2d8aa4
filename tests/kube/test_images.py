"""Image references: the grammar of the container runtimes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.images import Image, full_name, parse

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no repository"),
        (":1.0", "no repository"),
        ("Nginx", "capital letters"),
        ("registry.example/Web:1", "capital letters"),
        ("web:1:2", "two tags"),
        ("web: 1", "is no tag"),
        ("web:-1", "is no tag"),
        ("web:", "is no tag"),
        ("web@sha256:123", "digest"),
        ("web@", "digest"),
        ("web app", "no repository name"),
        ("web/", "no repository name"),
        ("a//b", "no repository name"),
        ("${REGISTRY}/web", "is no registry"),
        ("${registry}/web", "no repository name"),
        ("-bad.example/web", "is no registry"),
        ("a" * 256, "longer than 255"),
        ("web:" + "a" * 129, "is no tag"),
    ],
)
def test_what_the_runtimes_refuse_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)


@pytest.mark.parametrize(
    ("text", "image", "name"),
    [
        ("nginx", Image("", "nginx", None, None), "docker.io/library/nginx"),
        ("nginx:1.27", Image("", "nginx", "1.27", None), "docker.io/library/nginx"),
        ("team/web", Image("", "team/web", None, None), "docker.io/team/web"),
        ("docker.io/nginx", Image("docker.io", "nginx", None, None), "docker.io/library/nginx"),
        ("index.docker.io/team/web", Image("index.docker.io", "team/web", None, None), "docker.io/team/web"),
        ("registry:5000/app", Image("registry:5000", "app", None, None), "registry:5000/app"),
        ("registry:5000/app:latest", Image("registry:5000", "app", "latest", None), "registry:5000/app"),
        ("localhost/app", Image("localhost", "app", None, None), "localhost/app"),
        ("[::1]:5000/app:1", Image("[::1]:5000", "app", "1", None), "[::1]:5000/app"),
        ("ghcr.io/a/b/c:v1@" + DIGEST, Image("ghcr.io", "a/b/c", "v1", DIGEST), "ghcr.io/a/b/c"),
        ("web@" + DIGEST, Image("", "web", None, DIGEST), "docker.io/library/web"),
        ("a__b/c-d.e:LATEST", Image("", "a__b/c-d.e", "LATEST", None), "docker.io/a__b/c-d.e"),
    ],
)
def test_a_reference_falls_into_its_parts(text: str, image: Image, name: str) -> None:
    assert parse(text) == image
    assert full_name(image) == name


part = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True)


@given(
    st.sampled_from(["", "registry:5000", "registry.example", "localhost"]),
    st.lists(part, min_size=1, max_size=3),
    st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    st.sampled_from([None, DIGEST]),
)
def test_what_is_put_together_comes_apart_again(
    registry: str, path: list[str], tag: str | None, digest: str | None
) -> None:
    if not registry and path[0] == "localhost":
        return
    text = (
        "/".join(([registry] if registry else []) + path)
        + (f":{tag}" if tag else "")
        + (f"@{digest}" if digest else "")
    )
    assert parse(text) == Image(registry, "/".join(path), tag, digest)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse(text)
