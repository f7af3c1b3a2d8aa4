"""A generated estate of any size: `workloads` Deployments, each with a Service, an HPA and a ConfigMap.

Out: manifests as people write them (`manifests`), and the live List that an API server would hold for them (`live`), with
status, defaults and managedFields. Every tenth workload has faults; every fiftieth has drifted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PER_NAMESPACE = 50


def names(workloads: int) -> Iterator[tuple[int, str, str]]:
    """(number, namespace, name) of each workload."""
    for number in range(workloads):
        yield number, f"team-{number // PER_NAMESPACE:03}", f"app-{number:05}"


def manifest(number: int, namespace: str, name: str) -> str:
    """Four documents of one application."""
    readiness = "" if number % 10 == 0 else "        readinessProbe:\n          httpGet: {path: /ready, port: http}\n"
    limit = "" if number % 10 == 5 else "          limits:\n            memory: 512Mi\n"
    return f"""apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: {namespace}
data:
  LOG_LEVEL: info
  application.properties: |
    cache.size=1024
    cache.ttl=30s
    feature.search=true
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
spec:
  selector:
    app: {name}
  ports:
  - name: http
    port: 80
    targetPort: http
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app: {name}
    app.kubernetes.io/version: 1.2.{number % 20}
spec:
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
      - name: main
        image: registry.example/{name}:1.2.{number % 20}
        ports:
        - name: http
          containerPort: 8080
        envFrom:
        - configMapRef:
            name: {name}
        env:
        - name: REGION
          value: eu-{number % 3}
        - name: WORKERS
          value: "{number % 8 + 1}"
{readiness}        livenessProbe:
          httpGet: {{path: /alive, port: http}}
          failureThreshold: 6
        resources:
          requests:
            cpu: 250m
            memory: 256Mi
{limit}---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {name}
  namespace: {namespace}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {name}
  minReplicas: 2
  maxReplicas: 10
  metrics:
  - type: Resource
    resource:
      name: cpu
      target:
        type: Utilization
        averageUtilization: 70
"""


def write(folder: Path, workloads: int) -> int:
    """Writes the manifests, a file an application and one for each namespace; gives the number of bytes."""
    size = 0
    for namespace in sorted({namespace for _, namespace, _ in names(workloads)}):
        file = folder / f"{namespace}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        size += file.write_text(f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n")
    for number, namespace, name in names(workloads):
        file = folder / namespace / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        size += file.write_text(manifest(number, namespace, name))
    return size


def live(workloads: int) -> bytes:
    """A v1 List of what runs: the same objects as an API server holds them after `kubectl apply --server-side`."""
    import yaml

    items: list[dict[str, Any]] = []
    for number, namespace, name in names(workloads):
        documents = yaml.load_all(manifest(number, namespace, name), Loader=yaml.CSafeLoader)
        items += (_served(body, number) for body in documents)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode()


def _fields(value: Any) -> dict[str, Any]:
    """fieldsV1 of a value; lists of named things are keyed by name, others owned as a whole."""
    if isinstance(value, dict):
        return {f"f:{key}": _fields(inner) for key, inner in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        return {f'k:{{"name":"{item["name"]}"}}': {".": {}, **_fields(item)} for item in value}
    return {}


def _served(body: dict[str, Any], number: int) -> dict[str, Any]:
    declared = {key: value for key, value in body.items() if key not in ("apiVersion", "kind", "metadata")}
    labels = body["metadata"].get("labels")
    owned = {**_fields(declared), **({"f:metadata": {"f:labels": _fields(labels)}} if labels else {})}
    body["metadata"] |= {
        "uid": f"00000000-0000-4000-8000-{number:012}",
        "resourceVersion": str(1000 + number),
        "creationTimestamp": "2026-08-22T09:00:00Z",
        "managedFields": [
            {
                "manager": "kustomize-controller",
                "operation": "Apply",
                "apiVersion": body["apiVersion"],
                "time": "2026-08-22T09:00:00Z",
                "fieldsType": "FieldsV1",
                "fieldsV1": owned,
            }
        ],
    }
    if body["kind"] == "Deployment":
        spec = body["spec"]
        spec |= {"replicas": 2, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
        pod = spec["template"]["spec"]
        pod |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
        pod |= {"terminationGracePeriodSeconds": 30, "securityContext": {}}
        container = pod["containers"][0]
        container |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePolicy": "File"}
        container["ports"][0]["protocol"] = "TCP"
        body["status"] = {"observedGeneration": 1, "replicas": 2, "readyReplicas": 2, "availableReplicas": 2}
        if number % 50 == 7:
            container["env"][0]["value"] = "us-1"
    elif body["kind"] == "Service":
        body["spec"] |= {
            "clusterIP": f"10.96.{number // 250}.{number % 250 + 1}",
            "type": "ClusterIP",
            "sessionAffinity": "None",
        }
        body["spec"]["ports"][0]["protocol"] = "TCP"
        body["status"] = {"loadBalancer": {}}
    return body
