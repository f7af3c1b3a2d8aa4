"""A running control plane: the API server people run, for tests to talk to.

In: the binaries of `build`. Out: `Plane`, with kubeconfig files for the administrator, for as many users without any right as a
test wants, and for ServiceAccounts; `kubectl`; the audit log of every request that reached it; and a switch for outages.
`python -m tests.controlplane.plane` runs one by hand until Ctrl-C and prints how to use it, also from a test run.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.controlplane import build
from tests.controlplane.processes import NotStarted, free_ports, listens, start, stop, wait_until

ADMIN: Final = "admin"
USERS: Final = 5000
"""Users that exist from the start (`--token-auth-file` is read once), each without any right until a test binds a role to it."""

AUDIT_POLICY: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True)
class User:
    """Somebody who can log in: a name to bind roles to, a bearer token, and a kubeconfig whose only context has that name."""

    name: str
    token: str
    kubeconfig: Path


@dataclass(frozen=True)
class Request:
    """One line of the audit log: what reached the API server, by whom, and how it was answered."""

    user: str
    verb: str
    uri: str
    code: int
    agent: str


@dataclass(frozen=True)
class Answer:
    """A raw answer of the API server. `body` is the parsed JSON, or the text where it is none."""

    code: int
    body: Any


@dataclass
class Plane:
    """One control plane in one folder. Its state is in that folder, so that a second process can use it too."""

    folder: Path
    programs: Mapping[str, Path]
    port: int
    etcd_port: int
    peer_port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    attached: bool = False
    """Somebody else started it and will stop it."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def etcd(self) -> str:
        return f"http://127.0.0.1:{self.etcd_port}"

    @property
    def ca_file(self) -> Path:
        """The certificate that the API server signed for itself, with its authority."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def admin(self) -> User:
        """A member of system:masters."""
        return self._user(ADMIN, (self.folder / "admin-token").read_text())

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator."""
        return self.admin.kubeconfig

    def new_user(self) -> User:
        """A user whom nobody has used on this plane, in this test run or another, without any right."""
        with (self.folder / "users").open("a+") as taken:
            fcntl.flock(taken, fcntl.LOCK_EX)
            number = os.fstat(taken.fileno()).st_size
            taken.write("x")
        assert number < USERS, "this plane has no unused user left: start another"
        return self._user(f"user-{number}", (self.folder / "admin-token").read_text() + f"-{number}")

    def service_account(self, namespace: str, name: str, *, seconds: int = 3600) -> User:
        """A ServiceAccount, made when it is not there, with a new token (TokenRequest) that lives for `seconds` (600 or more)."""
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        self.api("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", body)
        wish = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        answer = self.api("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", wish)
        assert answer.code == 201, answer
        return self._user(f"system:serviceaccount:{namespace}:{name}", answer.body["status"]["token"])

    def _user(self, name: str, token: str) -> User:
        path = self.folder / "kubeconfigs" / f"{name.replace(':', '_')}.json"
        if not path.exists():
            path.write_text(json.dumps(self.kubeconfig_of(name, token), indent=1))
        return User(name, token, path)

    def kubeconfig_of(self, name: str, token: str, **cluster: Any) -> dict[str, Any]:
        """A kubeconfig (JSON is YAML) with one context of that name; `cluster` adds to or overrides the cluster's entries."""
        server = {"server": self.url, "certificate-authority": str(self.ca_file), **cluster}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "plane", "cluster": server}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": "plane", "user": name}}],
            "current-context": name,
        }

    def kubectl(
        self, *args: str, stdin: str | bytes | None = None, user: User | None = None, check: bool = True
    ) -> str:
        """Run kubectl (as the administrator unless told) and return what it printed; fails with what it complained of."""
        command = [self.programs["kubectl"], "--kubeconfig", (user or self.admin).kubeconfig, *args]
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "KUBECACHEDIR": str(self.folder / "kubectl-cache")}
        given = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(command, input=given, capture_output=True, env=env, timeout=60)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode()

    def api(
        self, method: str, path: str, body: Any = None, *, user: User | None = None, content: str = "application/json"
    ) -> Answer:
        """One raw request (as the administrator unless told). `body` is sent as JSON; no status is an error."""
        token = (user or self.admin).token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content, "Accept": "application/json"}
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        try:
            return Answer(response.status, json.loads(text))
        except ValueError:
            return Answer(response.status, text.decode(errors="replace"))

    def apply(self, body: Mapping[str, Any], *, manager: str = "kubectl", user: User | None = None) -> dict[str, Any]:
        """Server-side apply of one object through kubectl; the object as the server has it then."""
        given = json.dumps(body)
        return json.loads(
            self.kubectl(
                "apply", "--server-side", "--field-manager", manager, "-o", "json", "-f", "-", stdin=given, user=user
            )
        )

    def new_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """A namespace that is ready for Pods: its default ServiceAccount is there."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}
        answer = self.api("POST", "/api/v1/namespaces", body)
        assert answer.code == 201, answer
        deadline = time.monotonic() + 20
        while self.api("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default").code != 200:
            assert time.monotonic() < deadline, "the controller manager made no ServiceAccount"
            time.sleep(0.05)
        return name

    def allow(self, user: User, *, namespace: str | None, verbs: str = "get,list", resources: str) -> None:
        """Bind a role to a user: in a namespace, or (None) in the whole cluster. `resources` as `pods,deployments.apps`, or `*.*`.

        Returns when the API server has taken note of it.
        """
        rules = [
            {"apiGroups": [group], "resources": [plural], "verbs": verbs.split(",")}
            for plural, _, group in (each.partition(".") for each in resources.split(","))
        ]
        kind, where = ("Role", f"/namespaces/{namespace}") if namespace else ("ClusterRole", "")
        base = f"/apis/rbac.authorization.k8s.io/v1{where}/"
        version = "rbac.authorization.k8s.io/v1"
        name = f"test-{os.urandom(4).hex()}"
        role = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "rules": rules}
        subject = {"kind": "User", "name": user.name, "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
        binding = {
            "apiVersion": version,
            "kind": f"{kind}Binding",
            "metadata": {"name": name},
            "subjects": [subject],
            "roleRef": reference,
        }
        for plural, body in ((f"{kind.lower()}s", role), (f"{kind.lower()}bindings", binding)):
            answer = self.api("POST", base + plural, body)
            assert answer.code == 201, answer
        attributes = {
            "verb": verbs.split(",")[-1],
            "group": rules[-1]["apiGroups"][0],
            "resource": rules[-1]["resources"][0],
        }
        spec = {"user": user.name, "resourceAttributes": attributes | ({"namespace": namespace} if namespace else {})}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        deadline = time.monotonic() + 20
        while not self.api("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review).body["status"][
            "allowed"
        ]:
            assert time.monotonic() < deadline, f"{user.name} was not given {resources}"
            time.sleep(0.01)

    def requests(self, user: User | None = None) -> tuple[Request, ...]:
        """Every request that was answered so far, oldest first; only those of one user when told."""
        found = []
        for line in (self.folder / "audit.log").read_text().splitlines():
            if user is not None and user.name not in line:
                continue
            event = json.loads(line)
            who = event["user"].get("username", "")
            if user is None or who == user.name:
                code = event.get("responseStatus", {}).get("code", 0)
                found.append(Request(who, event["verb"], event["requestURI"], code, event.get("userAgent", "")))
        return tuple(found)

    def stop_api_server(self) -> None:
        """An outage: etcd goes on, nobody answers."""
        assert not self.attached, "this plane belongs to somebody else"
        for name in ("kube-controller-manager", "kube-apiserver"):
            if process := self.processes.pop(name, None):
                stop(process, seconds=2)  # the API server would wait for watches to end

    def start_api_server(self) -> None:
        """On the same port, with the same etcd and the same certificate; the controllers too. Returns when it is ready.

        The controllers are started anew because after an outage they wait up to half a minute before they look again.
        """
        log = self.folder / "kube-apiserver.log"
        for attempt in range(4):
            process = start(self._api_server_command(), log)
            try:
                wait_until(self.is_ready, process, log)
            except NotStarted:
                stop(process)
                if attempt == 3:
                    raise
                time.sleep(1)  # the port may still be held for a moment after an outage
            else:
                self.processes["kube-apiserver"] = process
                break
        self.processes["kube-controller-manager"] = start(
            self._controllers_command(), self.folder / "kube-controller-manager.log"
        )

    def is_ready(self) -> bool:
        if not self.ca_file.exists():
            return False
        try:
            return self.api("GET", "/readyz").code == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> None:
        """End every program and remove the folder."""
        if not self.attached:
            for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
                if process := self.processes.pop(name, None):
                    stop(process)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _api_server_command(self) -> list[str | Path]:
        folder = self.folder
        return [
            self.programs["kube-apiserver"],
            f"--etcd-servers={self.etcd}",
            f"--cert-dir={folder / 'certificates'}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--service-account-key-file={folder / 'service-account.key'}",
            f"--service-account-signing-key-file={folder / 'service-account.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            "--allow-privileged",
            f"--token-auth-file={folder / 'tokens.csv'}",
            f"--audit-policy-file={folder / 'audit-policy.json'}",
            f"--audit-log-path={folder / 'audit.log'}",
            "--profiling=false",
            "--shutdown-delay-duration=0s",
        ]

    def _controllers_command(self) -> list[str | Path]:
        return [
            self.programs["kube-controller-manager"],
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self.folder / 'service-account.key'}",
            "--leader-elect=false",
            "--controllers=*,-nodeipam,-ttl",
            "--secure-port=0",
            "--use-service-account-credentials=false",
        ]

    def _start(self) -> None:
        logs = {name: self.folder / f"{name}.log" for name in build.PACKAGES}
        etcd = start(
            [
                self.programs["etcd"],
                f"--data-dir={self.folder / 'etcd'}",
                "--unsafe-no-fsync",
                f"--listen-client-urls={self.etcd}",
                f"--advertise-client-urls={self.etcd}",
                f"--listen-peer-urls=http://127.0.0.1:{self.peer_port}",
                "--log-level=warn",
            ],
            logs["etcd"],
        )
        self.processes["etcd"] = etcd
        wait_until(lambda: listens(self.etcd_port), etcd, logs["etcd"])
        self.start_api_server()


def start_plane() -> Plane:
    """Start one in a temporary folder, on free loopback ports: about four seconds. Raises `build.NotBuilt`, `NotStarted`."""
    programs = build.find()
    folder = Path(tempfile.mkdtemp(prefix="controlplane-"))
    for name in ("certificates", "kubeconfigs"):
        (folder / name).mkdir()
    _write_files(folder)
    for attempt in range(3):
        port, etcd_port, peer_port = free_ports(3)
        plane = Plane(folder, programs, port, etcd_port, peer_port)
        shutil.rmtree(folder / "kubeconfigs")
        (folder / "kubeconfigs").mkdir()
        try:
            plane._start()
        except NotStarted:  # somebody took a port between our look and our start
            for process in plane.processes.values():
                stop(process)
            if attempt == 2:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        else:
            state = {"port": port, "etcd_port": etcd_port, "peer_port": peer_port}
            (folder / "state.json").write_text(json.dumps(state))
            return plane
    raise AssertionError


def attach(folder: Path) -> Plane:
    """Use a plane that `python -m tests.controlplane.plane` runs, by its folder. It is not ours to stop."""
    state = json.loads((folder / "state.json").read_text())
    return Plane(folder, build.find(), **state, attached=True)


def _write_files(folder: Path) -> None:
    token = os.urandom(12).hex()
    (folder / "admin-token").write_text(token)
    lines = [f'{token},{ADMIN},{ADMIN},"system:masters"']
    lines += [f"{token}-{n},user-{n},user-{n}" for n in range(USERS)]
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n")
    (folder / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "service-account.key").write_bytes(pem)


def main() -> int:
    build.build()
    began = time.monotonic()
    plane = start_plane()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        print(f"ready in {time.monotonic() - began:.1f} s: {plane.url}, Kubernetes {build.version()}")
        print(f"export KUBECONFIG={plane.kubeconfig}")
        print(f"export PATH={plane.programs['kubectl'].parent}:$PATH")
        print(f"export CONTROLPLANE={plane.folder}   # tests then use this one instead of starting their own")
        print("Ctrl-C ends it", flush=True)
        ended.wait()
    finally:
        plane.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
