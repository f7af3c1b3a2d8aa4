"""What nobody can guess of a kind: the few fields without which nothing of it is taken, and words for names that have rules."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any


@cache
def request() -> str:
    """A certificate signing request, as it stands in an object."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    signed = x509.CertificateSigningRequestBuilder(name).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


@cache
def certificate() -> str:
    """A bundle with one certificate, as `caBundle` wants it."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + datetime.timedelta(36500))
    pem = built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(pem).decode()


POD = {"containers": [{"name": "web", "image": "web:1"}]}
POD_SEED = {
    "spec": {
        "resourceClaims": [{"name": "claim", "resourceClaimName": "x"}],
        "initContainers": [{"name": "init", "image": "x", "restartPolicy": "Always"}],
        "containers": [
            {
                "name": "web",
                "image": "web:1",
                "restartPolicy": "Never",
                "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}],
                "volumeMounts": [{"name": "a", "mountPath": "/a"}],
                "volumeDevices": [{"name": "b", "devicePath": "/b"}],
            }
        ],
        "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "persistentVolumeClaim": {"claimName": "b"}}],
    }
}
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": POD}
SELECTED = {"selector": {"matchLabels": {"app": "x"}}, "template": TEMPLATE}
ONCE = {"metadata": {"labels": {"app": "x"}}, "spec": {**POD, "restartPolicy": "Never"}}
RULE = {"apiGroups": ["never.example.org"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["never"]}
HOOK = {
    "name": "a.example.org",
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "failurePolicy": "Ignore",
    "rules": [RULE],
}

_REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
_HPA = {"maxReplicas": 5, "scaleTargetRef": _REF}
_VALUE = {"type": "AverageValue", "averageValue": "1"}
_NODES = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["x"]}]}]}
_INDEXED = {"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1, "template": ONCE}
_EXACT = {"name": "a", "exactly": {"deviceClassName": "x"}}
_FIRST = {"name": "b", "firstAvailable": [{"name": "c", "deviceClassName": "x"}]}
_CONFIG = {"opaque": {"driver": "a.example.org", "parameters": {"a": "b"}}}
_CLAIM = {
    "devices": {
        "requests": [_EXACT, _FIRST],
        "constraints": [{"matchAttribute": "a.example.org/x"}],
        "config": [_CONFIG],
    }
}
_SLICE = {"driver": "a.example.org", "pool": {"name": "x", "generation": 1, "resourceSliceCount": 1}}
_FLOW = {"priorityLevelConfiguration": {"name": "global-default"}, "matchingPrecedence": 9999}
_NEVER = {"nonResourceRules": [{"nonResourceURLs": ["/never"], "verbs": ["get"]}]}
_EVENT = {"eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reason": "x", "action": "x"}
_SELECTED = {"name": "x", "parameterNotFoundAction": "Deny"}

SEEDS: dict[str, list[dict[str, Any]]] = {
    "Deployment": [{"spec": SELECTED}],
    "ReplicaSet": [{"spec": SELECTED}],
    "DaemonSet": [{"spec": SELECTED}],
    "StatefulSet": [{"spec": {**SELECTED, "serviceName": "x"}}],
    "ReplicationController": [{"spec": {"selector": {"app": "x"}, "template": TEMPLATE}}],
    "Pod": [POD_SEED, {"spec": {**POD, "initContainers": [{"name": "init", "image": "x", "restartPolicy": "Always"}]}}],
    "PodTemplate": [{"template": TEMPLATE}],
    "Job": [
        {"spec": {"template": ONCE}},
        {"spec": _INDEXED},
        {"spec": {"manualSelector": True, "selector": {"matchLabels": {"app": "x"}}, "template": ONCE}},
    ],
    "CronJob": [
        {"spec": {"schedule": "0 1 * * *", "jobTemplate": {"spec": {"template": ONCE}}}},
        {"spec": {"schedule": "0 1 * * *", "jobTemplate": {"spec": _INDEXED}}},
    ],
    "Service": [
        {"spec": {"ports": [{"port": 80}]}},
        {"spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80}]}},
    ],
    "CustomResourceDefinition": [
        {
            "metadata": {"name": "gadgets.gadgets.example.org"},
            "spec": {
                "group": "gadgets.example.org",
                "names": {"kind": "Gadget", "plural": "gadgets", "listKind": "GadgetList", "singular": "gadget"},
                "scope": "Namespaced",
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
                ],
            },
        }
    ],
    "APIService": [
        {
            "metadata": {"name": "v1.never.example.org"},
            "spec": {"group": "never.example.org", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1},
        }
    ],
    "MutatingWebhookConfiguration": [{"webhooks": [{**HOOK, "clientConfig": {"url": "https://example.org/x"}}]}],
    "ValidatingWebhookConfiguration": [{"webhooks": [{**HOOK, "clientConfig": {"url": "https://example.org/x"}}]}],
    "ValidatingAdmissionPolicy": [
        {"spec": {"matchConstraints": {"resourceRules": [RULE]}, "validations": [{"expression": "true"}]}}
    ],
    "MutatingAdmissionPolicy": [
        {
            "spec": {
                "matchConstraints": {"resourceRules": [RULE]},
                "reinvocationPolicy": "Never",
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}],
            }
        }
    ],
    "ValidatingAdmissionPolicyBinding": [
        {
            "spec": {
                "policyName": "x",
                "validationActions": ["Warn"],
                "paramRef": _SELECTED,
                "matchResources": {"resourceRules": [RULE]},
            }
        },
        {"spec": {"policyName": "x", "validationActions": ["Warn"]}},
    ],
    "HorizontalPodAutoscaler": [
        {
            "spec": {
                **_HPA,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                    },
                    {
                        "type": "ContainerResource",
                        "containerResource": {"name": "cpu", "container": "x", "target": _VALUE},
                    },
                    {"type": "External", "external": {"metric": {"name": "x"}, "target": _VALUE}},
                    {
                        "type": "External",
                        "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "1"}},
                    },
                    {"type": "Object", "object": {"describedObject": _REF, "metric": {"name": "x"}, "target": _VALUE}},
                    {
                        "type": "Object",
                        "object": {
                            "describedObject": _REF,
                            "metric": {"name": "x"},
                            "target": {"type": "Value", "value": "1"},
                        },
                    },
                    {"type": "Pods", "pods": {"metric": {"name": "x"}, "target": _VALUE}},
                ],
            }
        },
        {"spec": _HPA},
    ],
    "PersistentVolume": [
        {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}},
        {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}},
    ],
    "PersistentVolumeClaim": [
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    ],
    "Ingress": [
        {"spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}},
        {
            "spec": {
                "defaultBackend": {"resource": {"apiGroup": "example.org", "kind": "Thing", "name": "x"}},
                "rules": [
                    {
                        "host": "a.example.org",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "x", "port": {"name": "http"}}},
                                },
                                {
                                    "path": "/b",
                                    "pathType": "Exact",
                                    "backend": {"resource": {"apiGroup": "example.org", "kind": "Thing", "name": "x"}},
                                },
                            ]
                        },
                    }
                ],
            }
        },
    ],
    "Role": [{"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}],
    "ClusterRole": [{"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}],
    "RoleBinding": [{"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}}],
    "ClusterRoleBinding": [{"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "x"}}],
    "EndpointSlice": [{"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.1.1"]}]}],
    "IPAddress": [
        {
            "metadata": {"name": "10.96.77.77"},
            "spec": {"parentRef": {"resource": "services", "name": "x", "namespace": "default"}},
        }
    ],
    "LimitRange": [
        {
            "spec": {
                "limits": [
                    {
                        "type": "Container",
                        "max": {"cpu": "2"},
                        "min": {"cpu": "1"},
                        "default": {"cpu": "2"},
                        "defaultRequest": {"cpu": "1"},
                        "maxLimitRequestRatio": {"cpu": "2"},
                    }
                ]
            }
        }
    ],
    "ControllerRevision": [{"data": {"a": "b"}, "revision": 1}],
    "ServiceCIDR": [{"spec": {"cidrs": ["10.97.0.0/16"]}}],
    "PriorityLevelConfiguration": [
        {
            "spec": {
                "type": "Limited",
                "limited": {
                    "limitResponse": {"type": "Queue", "queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50}}
                },
            }
        }
    ],
    "FlowSchema": [
        {
            "spec": {
                **_FLOW,
                "rules": [
                    {
                        "subjects": [
                            {"kind": "User", "user": {"name": "nobody"}},
                            {"kind": "Group", "group": {"name": "nobodies"}},
                            {"kind": "ServiceAccount", "serviceAccount": {"name": "x", "namespace": "x"}},
                        ],
                        "resourceRules": [
                            {"verbs": ["get"], "apiGroups": ["never"], "resources": ["never"], "namespaces": ["x"]}
                        ],
                        **_NEVER,
                    }
                ],
            }
        }
    ],
    "CertificateSigningRequest": [
        {"spec": {"signerName": "example.org/x", "usages": ["digital signature"], "request": request()}}
    ],
    "CSINode": [{"spec": {"drivers": [{"name": "a.example.org", "nodeID": "x"}]}}],
    "VolumeAttachment": [
        {"spec": {"attacher": "a.example.org", "nodeName": "x", "source": {"persistentVolumeName": "x"}}},
        {
            "spec": {
                "attacher": "a.example.org",
                "nodeName": "x",
                "source": {
                    "inlineVolumeSpec": {
                        "capacity": {"storage": "1Gi"},
                        "accessModes": ["ReadWriteOnce"],
                        "csi": {"driver": "a.example.org", "volumeHandle": "x"},
                    }
                },
            }
        },
    ],
    "StorageClass": [{"provisioner": "example.org/x"}],
    "VolumeAttributesClass": [{"driverName": "a.example.org", "parameters": {"a": "b"}}],
    "Event": [
        {"involvedObject": {"namespace": "everything"}},
        {
            **_EVENT,
            "reportingController": "example.org/x",
            "reportingInstance": "x",
            "regarding": {"namespace": "everything"},
        },
    ],
    "ResourceSlice": [
        {"spec": {**_SLICE, "nodeName": "x"}},
        {"spec": {**_SLICE, "perDeviceNodeSelection": True, "devices": [{"name": "a", "nodeName": "x"}]}},
        {"spec": {**_SLICE, "nodeSelector": _NODES}},
        {
            "spec": {
                **_SLICE,
                "allNodes": True,
                "devices": [
                    {
                        "name": "a",
                        "attributes": {"x": {"string": "y"}},
                        "capacity": {"m": {"value": "1"}},
                        "bindingConditions": ["a"],
                        "bindingFailureConditions": ["b"],
                    }
                ],
            }
        },
        {"spec": {**_SLICE, "allNodes": True, "sharedCounters": [{"name": "a", "counters": {"m": {"value": "1"}}}]}},
    ],
    "NetworkPolicy": [
        {
            "spec": {
                "podSelector": {},
                "ingress": [
                    {
                        "from": [{"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}],
                        "ports": [{"port": 80, "endPort": 90}],
                    }
                ],
                "egress": [
                    {"to": [{"namespaceSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 80}]}
                ],
            }
        }
    ],
    "RuntimeClass": [{"handler": "x"}],
    "IngressClass": [{"spec": {"controller": "example.org/x"}}],
    "CSIStorageCapacity": [{"storageClassName": "x"}],
    "ResourceClaim": [
        {"spec": _CLAIM},
        {"spec": {"devices": {**_CLAIM["devices"], "constraints": [{"distinctAttribute": "a.example.org/x"}]}}},
    ],
    "ResourceClaimTemplate": [
        {"spec": {"spec": _CLAIM}},
        {
            "spec": {
                "spec": {"devices": {**_CLAIM["devices"], "constraints": [{"distinctAttribute": "a.example.org/x"}]}}
            }
        },
    ],
    "MutatingAdmissionPolicyBinding": [
        {"spec": {"policyName": "x", "paramRef": _SELECTED, "matchResources": {"resourceRules": [RULE]}}},
        {"spec": {"policyName": "x"}},
    ],
    "Node": [{}],
}

TEXTS: dict[str, tuple[str, ...]] = {
    "image": ("web:1",),
    "reference": ("web:1",),
    "mountPath": ("/m#",),
    "devicePath": ("/d#",),
    "volumePath": ("x",),
    "path": ("/p#", "p#"),
    "registry": ("x:1",),
    "diskURI": ("https://a.blob.core.windows.net/b/c.vhd",),
    "scopeName": ("NotTerminating",),
    "resourceName": ("cpu",),
    "exemptions": ("x",),
    "scheme": ("HTTP",),
    "ip": ("10.0.0.9",),
    "hostname": ("host",),
    "hostnames": ("a.example.org",),
    "hosts": ("a.example.org",),
    "host": ("a.example.org",),
    "cidr": ("10.0.0.0/8",),
    "except": ("10.1.0.0/16",),
    "cidrs": ("10.97.0.0/16",),
    "podCIDR": ("10.98.0.0/24",),
    "podCIDRs": ("10.98.0.0/24",),
    "externalIPs": ("10.0.0.9",),
    "loadBalancerIP": ("10.0.0.9",),
    "clusterIP": ("None",),
    "clusterIPs": ("None",),
    "loadBalancerSourceRanges": ("10.0.0.0/8",),
    "nameservers": ("10.0.0.10",),
    "searches": ("example.org",),
    "schedule": ("0 1 * * *",),
    "timeZone": ("Etc/UTC",),
    "fieldPath": ("metadata.name",),
    "resource": ("limits.cpu", "requests.cpu", "cpu", "pods"),
    "key": ("app", "x"),
    "values": ("x",),
    "expression": ("true", "Object{}", "[]", "'x'"),
    "messageExpression": ("'x'",),
    "valueExpression": ("'x'",),
    "jsonPath": (".spec",),
    "url": ("https://example.org/x",),
    "apiGroup": ("example.org", "rbac.authorization.k8s.io", ""),
    "provisioner": ("example.org/x",),
    "controller": ("example.org/x",),
    "attacher": ("a.example.org",),
    "driver": ("a.example.org",),
    "driverName": ("a.example.org",),
    "topologyKey": ("kubernetes.io/hostname",),
    "nonResourceURLs": ("/x",),
    "externalName": ("example.org",),
    "wwids": ("x",),
    "sysctls": ("kernel.shm_rmid_forced",),
    "appArmor": ("runtime/default",),
    "conditionType": ("example.org/x",),
    "finalizers": ("example.org/x",),
    "ipFamilies": ("IPv4",),
    "ipFamilyPolicy": ("SingleStack",),
    "apiVersion": ("v1", "apps/v1"),
    "kind": ("Pod", "Deployment", "User", "Thing"),
    "namespace": ("everything",),
    "trafficDistribution": ("PreferClose",),
    "loadBalancerClass": ("example.org/x",),
    "accessModes": ("ReadWriteOnce",),
    "metricName": ("x",),
    "containerName": ("web",),
    "hugepages": ("1Gi",),
    "restartPolicy": ("Always", "Never"),
    "claimName": ("x",),
    "medium": ("Memory", ""),
    "usages": ("digital signature",),
    "verbs": ("get",),
    "scopes": ("NotTerminating",),
    "group": ("example.org", "system:authenticated"),
    "operator": ("In", "Exists", "Equal"),
}

_PROBE = {"exec": {"command": ["x"]}}
_AMOUNTS = {"cpu": "1", "memory": "1Gi"}
STARTS: dict[str, tuple[Any, ...]] = {
    "valueFrom": ({"fieldRef": {"fieldPath": "metadata.name"}},),
    "envFrom": ([{"configMapRef": {"name": "x"}}],),
    **dict.fromkeys(("postStart", "preStop", "livenessProbe", "readinessProbe", "startupProbe"), (_PROBE,)),
    "resizePolicy": ([{"resourceName": "cpu", "restartPolicy": "NotRequired"}],),
    "limits": ({"cpu": "2", "memory": "2Gi"}, [{"type": "Container"}]),
    **dict.fromkeys(("requests", "overhead", "podFixed"), (_AMOUNTS,)),
    "capacity": ({"storage": "1Gi"}, _AMOUNTS),
    "initContainers": ([{"name": "init", "image": "x"}],),
    "hostAliases": ([{"ip": "10.0.0.9"}],),
    "os": ({"name": "linux"},),
    "azureDisk": ({"diskName": "x", "diskURI": "https://a.blob.core.windows.net/b/c.vhd"},),
    "configMap": ({"name": "x"},),
    "secret": ({"secretName": "x"}, {"name": "x"}),
    "ephemeral": (
        {
            "volumeClaimTemplate": {
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            }
        },
    ),
    "volumeClaimTemplates": (
        [
            {
                "metadata": {"name": "x"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }
        ],
    ),
    "dataSourceRef": ({"kind": "PersistentVolumeClaim", "name": "x"},),
    "dataSource": ({"kind": "PersistentVolumeClaim", "name": "x"},),
    "fc": ({"targetWWNs": ["x"], "lun": 1},),
    "flocker": ({"datasetName": "x"},),
    "iscsi": ({"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2001-04.com.example:x", "lun": 0},),
    "quobyte": ({"registry": "x:1", "volume": "x"},),
    "serviceAccountToken": ({"path": "x"},),
    "resourceClaims": ([{"name": "claim", "resourceClaimName": "x"}],),
    "items": ([{"key": "a", "path": "a"}], [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]),
    "claims": ([{"name": "claim"}],),
    "ports": ([{"containerPort": 80}], [{"port": 80}]),
    "sysctls": ([{"name": "kernel.shm_rmid_forced", "value": "1"}],),
    "seccompProfile": ({"type": "RuntimeDefault"}, {"type": "Localhost", "localhostProfile": "x"}),
    "appArmorProfile": ({"type": "RuntimeDefault"}, {"type": "Localhost", "localhostProfile": "x"}),
    "matchFields": ([{"key": "metadata.name", "operator": "In", "values": ["x"]}],),
    "podFailurePolicy": ({"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]},),
    "onPodConditions": ([{"type": "DisruptionTarget", "status": "True"}],),
    "metrics": (
        [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
            }
        ],
    ),
    "policies": ([{"type": "Pods", "value": 1, "periodSeconds": 60}],),
    "scopeSelector": ({"matchExpressions": [{"scopeName": "NotTerminating", "operator": "Exists"}]},),
    "hard": ({"pods": "1"},),
    "nodeAffinity": (
        {"requiredDuringSchedulingIgnoredDuringExecution": _NODES},
        {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["x"]}]}]}},
    ),
    "subjects": ([{"kind": "User", "name": "x"}], [{"kind": "User", "user": {"name": "x"}}]),
    "taints": ([{"key": "x", "effect": "NoSchedule"}],),
    "dnsConfig": ({"nameservers": ["10.0.0.10"]},),
    "windowsOptions": ({"runAsUserName": "x"},),
    "conversion": ({"strategy": "None"},),
    "scale": ({"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},),
    "additionalPrinterColumns": ([{"name": "x", "type": "string", "jsonPath": ".spec"}],),
    "selectableFields": ([{"jsonPath": ".spec.x"}],),
    "nodeSelectorTerms": ([{"matchExpressions": [{"key": "a", "operator": "In", "values": ["x"]}]}],),
    "paramRef": ({"name": "x", "parameterNotFoundAction": "Deny"},),
    "validatingAdmissionPolicy": (),
    "tls": ([{"hosts": ["a.example.org"], "secretName": "x"}],),
    "ipBlock": ({"cidr": "10.0.0.0/8"},),
}
"""How a struct or list begins that is refused empty; what else it may have grows on that."""

WHOLE: dict[str, Any] = {
    "matchLabels": {"app": "x"},
    "matchExpressions": [{"key": "app", "operator": "In", "values": ["x"]}],
}
"""Fields that are always written in the same way."""
