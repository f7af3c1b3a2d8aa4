"""Objects whose controllers will make a Secret or ConfigMap: such an object in, what it will make out.

Sources: the documentation of External Secrets Operator, Sealed Secrets, cert-manager and the Secrets Store CSI driver.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.kinds import called
from auditor.model import Resource

PROVIDERS: Final = (
    "Certificate.cert-manager.io",
    "ClusterExternalSecret.external-secrets.io",
    "ExternalSecret.external-secrets.io",
    "SealedSecret.bitnami.com",
    "SecretProviderClass.secrets-store.csi.x-k8s.io",
)
"""Kinds that make Secrets, as `Policy.reads` names them."""

_CERTIFICATE_KEYS: Final = frozenset({"tls.crt", "tls.key", "ca.crt"})


@dataclass(frozen=True, slots=True)
class Made:
    """What will be made: `keys` are those it will surely have; None where they cannot be known from the provider."""

    kind: str
    name: str
    keys: frozenset[str] | None = None


def makes(provider: Resource) -> Iterator[Made]:
    """The objects that the provider's controller makes in the provider's namespace; nothing for other kinds."""
    spec = mapping(provider.body.get("spec"))
    match called(provider.ref.group, provider.ref.kind):
        case "ExternalSecret.external-secrets.io":
            target = mapping(spec.get("target"))
            # Merge adds to a Secret that somebody else makes; None makes none.
            if target.get("creationPolicy", "Owner") in ("Owner", "Orphan", "CreateOrMerge"):
                known = not sequence(spec.get("dataFrom")) and not target.get("template")
                keys = frozenset(text(mapping(item).get("secretKey")) for item in sequence(spec.get("data")))
                yield Made("Secret", text(target.get("name")) or provider.ref.name, keys if known else None)
        case "SealedSecret.bitnami.com":
            name = text(at(spec, "template", "metadata", "name")) or provider.ref.name
            keys = frozenset(mapping(spec.get("encryptedData"))) | frozenset(mapping(at(spec, "template", "data")))
            yield Made("Secret", name, keys)
        case "Certificate.cert-manager.io":
            more = spec.get("additionalOutputFormats") or spec.get("keystores")
            if name := text(spec.get("secretName")):
                yield Made("Secret", name, None if more else _CERTIFICATE_KEYS)
        case "SecretProviderClass.secrets-store.csi.x-k8s.io":
            for item in sequence(spec.get("secretObjects")):
                keys = frozenset(text(mapping(one).get("key")) for one in sequence(mapping(item).get("data")))
                if name := text(mapping(item).get("secretName")):
                    yield Made("Secret", name, keys)
