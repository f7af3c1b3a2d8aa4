from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.kube.fields import mapping, sequence, text
from auditor.kube.operators import maker
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, Container, containers
from auditor.model import Answer, Fault, NotApplicable, RawPath, Resource, Severity, Unknown, Unreadable

# db.data.svc, db.data.svc.cluster.local, _sql._tcp.db.data.svc, db-0.db.data.svc
FULL = re.compile(r"(?<![\w.-])(?:[\w-]+\.)*?([a-z0-9][a-z0-9-]*)\.([a-z0-9][a-z0-9-]*)\.svc(?=$|[^\w-])")
WORD = re.compile(r"[^\s;|&()\"'`<>]+")
LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
# Words that a host follows; after `until` stands a command, which may be one of these.
VERBS = frozenset({"curl", "nc", "nslookup", "pg_isready", "wait-for", "wget"})
# Options of theirs whose value is the next word, and no host.
VALUED = frozenset(
    [
        "-A",
        "-H",
        "-O",
        "-T",
        "-U",
        "-X",
        "-d",
        "-m",
        "-o",
        "-p",
        "-t",
        "-u",
        "-w",
        "--connect-timeout",
        "--data",
        "--dbname",
        "--header",
        "--max-time",
        "--output",
        "--port",
        "--request",
        "--retry",
        "--timeout",
        "--tries",
        "--user",
        "--username",
    ]
)
ALWAYS = frozenset({("kubernetes", "default"), ("kube-dns", "kube-system")})
# Words of a shell that may follow a verb and are no host.
SHELL = frozenset(
    {"do", "done", "echo", "else", "exit", "fi", "if", "localhost", "sleep", "test", "then", "timeout", "true", "false"}
)


@policy(
    id="INIT003",
    practice=3,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="create the Service, or mend its name",
    reads=("Service", "Namespace"),
)
def init_waits_for_missing_service(resource: Resource, around: Surroundings) -> Answer:
    """What an init container waits for will come.

    An init container that asks for a Service which is not there waits for ever, and the application never starts.
    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#examples
    """
    asked, unknown = False, ""
    for container in containers(resource, "init"):
        told: set[tuple[str | None, str]] = set()
        for path, said in _texts(container):
            for name, namespace, severity in _hosts(said, around):
                asked = True
                if (namespace, name) in told or (name, namespace) in ALWAYS:
                    continue
                told.add((namespace, name))
                try:
                    if around.find("Service", namespace or resource, name):
                        continue
                except Unreadable as unreadable:
                    unknown = str(unreadable)
                    continue
                if custom := maker(name, namespace or resource, around):
                    unknown = f"{custom.ref} may be what makes Service {name}"
                    continue
                at_worst, where = around.absence(severity)
                shown = f"{name}.{namespace}" if namespace else name
                message = f"{container} waits for Service {shown}, which {where}"
                yield Fault(path, message, at_worst, subject=shown)
    if unknown:
        return Unknown(unknown)
    return None if asked else NotApplicable("no init container waits for a Service by its name")


def _texts(container: Container) -> Iterator[tuple[RawPath, str]]:
    for field in ("command", "args"):
        for index, word in enumerate(sequence(container.body.get(field))):
            yield (*container.path, field, index), text(word)
    for index, entry in enumerate(sequence(container.body.get("env"))):
        yield (*container.path, "env", index, "value"), text(mapping(entry).get("value"))


def _hosts(said: str, around: Surroundings) -> Iterator[tuple[str, str | None, Severity]]:
    """(name, namespace, severity) of every Service that the text names: in full, or by a short name after a verb that waits."""
    for full in FULL.finditer(said):
        yield full[1], full[2], Severity.ERROR
    waits, valued = False, False
    for word in WORD.findall(said):
        if valued:
            valued = False
        elif waits and word in VALUED:
            valued = True
        elif word in VERBS or word.rpartition("/")[2] in VERBS:
            waits = True
        elif waits and not (word.startswith("-") or word.isdigit() or word in ("!", "[")):
            waits = False
            host = word.partition("://")[2] or word
            host = host.partition("/")[0].partition(":")[0].rpartition("@")[2]
            name, dot, namespace = host.partition(".")
            if host in SHELL or not LABEL.fullmatch(name):
                continue
            if not dot:
                yield name, None, Severity.WARNING
            elif LABEL.fullmatch(namespace) and around.elsewhere("Namespace", namespace):
                yield name, namespace, Severity.WARNING
