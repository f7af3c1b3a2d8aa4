"""Where policies touch what auditors' frameworks ask for: a policy in, controls out. A mapping, not a certification.

A policy that passes says something about a control; it never says that the control is met. Ids are those of the edition named;
the texts are the publishers'. SOC 2 lists criteria and no controls: which of them a rule bears on is a judgement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from auditor.model import Policy


@dataclass(frozen=True, slots=True)
class Framework:
    """One framework in one edition. `practices` and `policies` name controls; a policy's own entry replaces its practice's."""

    name: str
    edition: str
    practices: Mapping[int, tuple[str, ...]]
    policies: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Touched:
    """The controls of one framework that a policy bears on."""

    framework: str
    edition: str
    controls: tuple[str, ...]


def _frozen(entries: dict[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType(entries)


FRAMEWORKS: Final = (
    Framework(
        "CIS Kubernetes Benchmark",
        "v1.8.0, section 5",
        MappingProxyType({}),
        _frozen(
            {
                "CFG003": ("5.4.1",),
                "CFG004": ("5.4.1",),
                "CFG005": ("5.4.1", "5.4.2"),
                "NS001": ("5.7.4",),
                "NS002": ("5.7.1",),
                "NS003": ("5.7.1",),
                "NS004": ("5.3.2",),
                "NS005": ("5.7.1",),
                "NET001": ("5.3.2",),
                "IMG003": ("5.5.1",),
            }
        ),
    ),
    Framework(
        "NSA/CISA Kubernetes Hardening Guidance",
        "1.2, August 2022",
        MappingProxyType({8: ("Network separation and hardening: resource policies",)}),
        _frozen(
            {
                "CFG003": ("Network separation and hardening: secrets",),
                "CFG004": ("Network separation and hardening: secrets",),
                "CFG005": ("Network separation and hardening: secrets",),
                "NS001": ("Network separation and hardening: namespaces",),
                "NS002": ("Network separation and hardening: namespaces",),
                "NS004": ("Network separation and hardening: network policies",),
                "NET001": ("Network separation and hardening: network policies",),
                "HIST008": ("Audit logging and threat detection",),
                "NET003": ("Upgrading and application security practices",),
            }
        ),
    ),
    Framework(
        "SOC 2 Trust Services Criteria",
        "2017, points of focus of 2022",
        MappingProxyType(
            {
                1: ("A1.2",),
                2: ("A1.2",),
                3: ("A1.2",),
                4: ("A1.2",),
                5: ("CC8.1",),
                7: ("A1.2", "CC7.1"),
                8: ("A1.1",),
                9: ("CC6.1",),
                10: ("A1.1",),
            }
        ),
        _frozen(
            {
                "CFG003": ("CC6.1",),
                "CFG004": ("CC6.1",),
                "CFG005": ("CC6.1",),
                "CFG008": ("CC6.1",),
                "HIST008": ("CC8.1", "CC7.1"),
                "LBL004": ("CC8.1",),
                "NS004": ("CC6.6",),
                "NET001": ("CC6.6",),
                "NET003": ("CC7.1",),
                "IMG001": ("CC8.1",),
                "IMG003": ("CC6.8",),
            }
        ),
    ),
)


def touched(policy: Policy) -> tuple[Touched, ...]:
    """The controls that the policy bears on, framework by framework; () where none."""
    found = (
        (framework, framework.policies.get(policy.id) or framework.practices.get(policy.practice, ()))
        for framework in FRAMEWORKS
    )
    return tuple(Touched(framework.name, framework.edition, controls) for framework, controls in found if controls)
