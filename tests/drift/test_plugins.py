"""What admission, network and mesh plug-ins note on an object belongs to whoever applied it, as managedFields tell it, and is no
drift; what is written like it is."""

from __future__ import annotations

import pytest

from tests.drift.sides import changes, cluster, drift, entry, git, owned

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: web, image: 'nginx:1.27'}]}\n"


@pytest.mark.parametrize(
    ("annotation", "counts"),
    [
        ("kubernetes.io/limit-ranger", False),
        ("cni.projectcalico.org/podIP", False),
        ("k8s.v1.cni.cncf.io/network-status", False),
        ("k8s.v1.cni.cncf.io/networks", True),
        ("k8s.ovn.org/pod-networks", False),
        ("sidecar.istio.io/status", False),
        ("sidecar.istio.io/inject", True),
        ("cloud.google.com/neg-status", False),
        ("cloud.google.com/neg", True),
        ("kubernetes.io/limit-rangers", True),
    ],
)
def test_an_annotation_of_a_plug_in_is_no_drift_though_the_applier_owns_it(annotation: str, counts: bool) -> None:
    live = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "u-1",
            "annotations": {annotation: "x"},
            "managedFields": [entry("kustomize-controller", owned(f"metadata annotations {annotation}"), "Apply")],
        },
        "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]},
    }
    found = changes(drift(git(POD), cluster(live)))
    assert found == ({("removed-in-git", f'metadata.annotations["{annotation}"]')} if counts else set())
