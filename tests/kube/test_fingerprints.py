"""The identity of a finding must never change by accident: history rests on it."""

from __future__ import annotations

import pytest

from auditor.kube.fingerprints import fingerprint
from auditor.model import Ref

WEB = Ref("prod", "apps", "Deployment", "shop", "web")
PATH = "spec.template.spec.containers[name=web].image"


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    assert fingerprint("POD001", WEB, PATH) == "a1acc997e6913a07fa4f9a84155942e1"


def test_the_cluster_is_no_part_of_it() -> None:
    assert fingerprint("POD001", WEB, PATH) == fingerprint("POD001", Ref("", "apps", "Deployment", "shop", "web"), PATH)


@pytest.mark.parametrize(
    ("policy", "ref", "path", "subject", "n"),
    [
        ("POD002", WEB, PATH, "", 0),
        ("POD001", Ref("prod", "apps", "Deployment", None, "web"), PATH, "", 0),
        ("POD001", Ref("prod", "", "Deployment", "shop", "web"), PATH, "", 0),
        ("POD001", WEB, PATH + "x", "", 0),
        ("POD001", WEB, PATH, "db", 0),
        ("POD001", WEB, PATH, "", 1),
    ],
)
def test_every_other_part_tells_findings_apart(policy: str, ref: Ref, path: str, subject: str, n: int) -> None:
    assert fingerprint(policy, ref, path, subject, n) != fingerprint("POD001", WEB, PATH)


def test_parts_cannot_run_into_each_other() -> None:
    assert fingerprint("A", WEB, "b", "c") != fingerprint("A", WEB, "bc", "")
