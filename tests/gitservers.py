"""Real git servers on loopback, for tests: sshd with keys of its own, and https with a CA of its own before git http-backend.

In: a folder of bare or ordinary repositories. Out: `SshServer`, `HttpsServer`, with the files a client needs to reach them,
and knobs to make them fail. Both end with their block; sshd by its process id.
"""

from __future__ import annotations

import base64
import datetime
import getpass
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.components import missing, need

# --- ssh ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SshServer:
    """A running sshd that gives out the repositories below `root`. `key` opens it, `stranger` is a key it does not know."""

    port: int
    pid: int
    root: Path
    key: Path
    stranger: Path
    known_hosts: Path
    folder: Path

    def url(self, name: str) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{self.root / name}"


@contextmanager
def ssh_server(folder: Path, root: Path) -> Iterator[SshServer]:
    """sshd on a free port of 127.0.0.1; keys, configuration and log in `folder`."""
    sshd = need("sshd", remedy="apt-get install openssh-server")
    need("git-shell", remedy="apt-get install git")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host", "client", "stranger"):
        make_key(folder / name)
    public = (folder / "client.pub").read_text().strip()
    command = r"git-shell -c \"$SSH_ORIGINAL_COMMAND\""
    (folder / "authorized_keys").write_text(f'restrict,command="{command}" {public}\n')
    port = free_port()
    (folder / "known_hosts").write_text(known_host(folder / "host", port))
    (folder / "sshd_config").write_text(
        f"""Port {port}
ListenAddress 127.0.0.1
HostKey {folder / "host"}
AuthorizedKeysFile {folder / "authorized_keys"}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin forced-commands-only
PermitTTY no
AcceptEnv GIT_PROTOCOL
PidFile none
LogLevel VERBOSE
"""
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(
            [sshd, "-D", "-e", "-f", str(folder / "sshd_config")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait_for(port, process, folder / "sshd.log")
        yield SshServer(port, process.pid, root, folder / "client", folder / "stranger", folder / "known_hosts", folder)
    finally:
        process.terminate()
        process.wait(10)


def make_key(path: Path) -> Path:
    """A new ed25519 key at `path`, without a passphrase, and its public half beside it."""
    keygen = need("ssh-keygen", remedy="apt-get install openssh-client")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def known_host(key: Path, port: int) -> str:
    """The line of a known_hosts file that trusts this host key on this port of 127.0.0.1."""
    kind, public = key.with_suffix(".pub").read_text().split()[:2]
    return f"[127.0.0.1]:{port} {kind} {public}\n"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if process.poll() is not None:
            missing(f"sshd ended at once: {log.read_text()[-300:]}", remedy="see what keeps it from running here")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    missing("sshd did not begin to listen", remedy="see what keeps it from running here")


# --- https -------------------------------------------------------------------------------------------------------------


@dataclass
class HttpsServer:
    """A running https server that gives out the repositories below `root` to whoever has the token.

    Knobs, to be turned while it runs: `status` is answered instead (with `location`, if set), `token` None lets everybody
    in, `silent` keeps every request waiting, `drips` answers byte by byte. `seen` is what was asked, `authorizations` what credentials came along.
    """

    port: int
    root: Path
    ca_file: Path
    token: str | None
    status: int = 0
    location: str = ""
    silent: bool = False
    drips: bool = False
    seen: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def url(self, name: str) -> str:
        return f"https://127.0.0.1:{self.port}/{name}"


@contextmanager
def https_server(folder: Path, root: Path, *, token: str | None, username: str = "git") -> Iterator[HttpsServer]:
    """https on a free port of 127.0.0.1, before git's own http-backend; its CA and key in `folder`."""
    git = need("git", remedy="apt-get install git")
    execs = subprocess.run([git, "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
    backend = shutil.which("git-http-backend", path=execs) or missing(
        "git has no http-backend", remedy="apt-get install git"
    )
    folder.mkdir(parents=True, exist_ok=True)
    ca_file, certificate, key = make_certificates(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:
            return

        def _answer(self) -> None:
            state.seen.append(f"{self.command} {self.path}")
            given = self.headers.get("Authorization", "")
            if given:
                state.authorizations.append(given)
            body = self._body()
            if state.silent:
                state.released.wait(60)
                self.close_connection = True
                return
            if state.status:
                self._plain(state.status, {"Location": state.location} if state.location else {})
                return
            wanted = f"{username}:{state.token}"
            if state.token is not None and given != "Basic " + base64.b64encode(wanted.encode()).decode():
                self._plain(401, {"WWW-Authenticate": 'Basic realm="git"'})
                return
            self._backend(body)

        def _plain(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _backend(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            done = subprocess.run(
                [backend],
                input=body,
                capture_output=True,
                check=False,
                env={
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(root),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_CONFIG_GLOBAL": "/dev/null",
                    "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "safe.directory",
                    "GIT_CONFIG_VALUE_0": "*",
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "REMOTE_ADDR": "127.0.0.1",
                    "REMOTE_USER": username,
                },
            ).stdout
            head, _, content = done.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if state.drips:
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    if state.released.wait(0.3):
                        break
                return
            self.wfile.write(content)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that do not trust us, or are ended, break off: that is what is tested."""

        def get_request(self) -> tuple[socket.socket, object]:
            # the handshake is left to the thread of the request, so that a silent client keeps nobody waiting
            plain, address = super().get_request()
            return context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server(("127.0.0.1", 0), Handler) as server:
        state = HttpsServer(server.server_port, root, ca_file, token)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="git over https")
        thread.start()
        try:
            yield state
        finally:
            state.released.set()
            server.shutdown()
            thread.join()


def make_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A CA, and a certificate by it for 127.0.0.1 and localhost: files of the CA, the certificate and its key, all PEM."""
    now = datetime.datetime.now(datetime.UTC)
    # each CA has a name of its own: two of one name in one file hide each other
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test CA {x509.random_serial_number():x}"[:60])])
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]),
    )

    def begun(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    ca = begun(ca_name, ca_key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")), x509.DNSName("localhost")])
    leaf = begun(name, key.public_key()).add_extension(names, critical=False)
    paths = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    paths[0].write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
