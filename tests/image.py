"""The container image, built by buildah on a base that mmdebstrap makes from Debian packages, and run without an engine.

In: deploy/Containerfile, the machine's own settings of apt and pip. Out: an `Image`, whose file system is mounted, and `run`,
which starts its program as a kubelet would: as a user without any capability, on a root that nobody can write, with mounts.
No registry is asked for an image, and none is named here. Base, wheels and layers of dependencies are kept in the cache.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tests.components import need
from tests.controlplane import build, processes

ROOT: Final = Path(__file__).resolve().parents[1]
CONTAINERFILE: Final = ROOT / "deploy" / "Containerfile"
REQUIREMENTS: Final = (ROOT / "requirements" / "build.txt", ROOT / "requirements" / "run.txt")
UID: Final = 65532

SUITE: Final = "bookworm"
PYTHON: Final = "3.11"
"""What that suite has."""
MOST_LAYERS: Final = 300
"""Each build of a changed source adds two or three small ones."""
PACKAGES: Final = ("python3", "python3-venv", "ca-certificates")


@dataclass(frozen=True)
class Image:
    """A built image. `root` is its file system, of which nothing should be changed; `config` is its OCI configuration."""

    root: Path
    config: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in self.config["Env"])


@dataclass(frozen=True)
class Mount:
    """A folder of this machine at a path in the container."""

    source: Path
    path: str
    read_only: bool = False


@dataclass(frozen=True)
class Container:
    """How to start the image's program. `args` follow its entry point, `env` is added to its environment."""

    image: Image
    args: Sequence[str]
    mounts: Sequence[Mount] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] | None = None


def cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gitops-auditor" / "image"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def built() -> Iterator[Image]:
    """Build the image from the working tree and mount it. What did not change since the last time is taken from there.

    The first time takes two minutes, later ones a quarter of one.
    """
    for program in ("buildah", "mmdebstrap"):
        if shutil.which(program) is None:
            need(program, remedy=f"apt-get install {program}")
    if os.geteuid() != 0:
        need(
            "root, to make and mount file systems", remedy="run the tests as root, or in a user namespace that is root"
        )
    _tidy()
    base, wheels = _base(), _wheels()
    name = _buildah(
        *("bud", "--isolation", "chroot", "--network", "host", "--format", "oci", "--layers", "--quiet"),
        *("--build-arg", f"KUBECTL={_kubectl()}"),
        *("--build-arg", f"BASE={base}", "--build-arg", "PIP_NO_INDEX=1", "--build-arg", "PIP_FIND_LINKS=/wheels"),
        *("--volume", f"{wheels}:/wheels:ro", "--tag", "localhost/gitops-auditor", "--file", CONTAINERFILE, ROOT),
    ).split()[-1]
    config = json.loads(_buildah("inspect", "--type", "image", name))["OCIv1"]["config"]
    working = _buildah("from", "--pull-never", name).strip()
    try:
        yield Image(Path(_buildah("mount", working).strip()), config)
    finally:
        _buildah("umount", working)
        _buildah("rm", working)


@contextlib.contextmanager
def started(container: Container, log: Path) -> Iterator[int]:
    """The program, running, with its output in `log`; gives its process id. It is ended as it is when its Pod is deleted."""
    process = processes.start(_command(container), log)
    try:
        yield _first_child(process.pid)
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(_first_child(process.pid), signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()  # unshare --kill-child: the program and all that it started go with it
        process.wait()


def _first_child(pid: int) -> int:
    """What unshare forked: process 1 of the container, which hears only the signals that it handles."""
    for _ in range(200):
        if children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            return int(children[0])
        time.sleep(0.02)
    raise ProcessLookupError(pid)


def run(container: Container, *, seconds: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
    """The program, from start to end. `check`: that it ended with 0."""
    done = subprocess.run(
        _command(container), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
    )
    assert not check or done.returncode == 0, (
        f"{container.args} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    )
    return done


def volume(folder: Path) -> Path:
    """A folder as a kubelet prepares an emptyDir or a claim for `fsGroup`: root's, and the group may write."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, 0, UID)
    folder.chmod(0o2775)
    return folder


def projected(folder: Path, texts: Mapping[str, str], mode: int = 0o644) -> Path:
    """A folder as a kubelet writes ConfigMaps, Secrets and tokens: names that link to a folder which one rename replaces."""
    data = folder / "..2026_11_22_00_00_00.0"
    data.mkdir(parents=True)
    (folder / "..data").symlink_to(data.name)
    for name, text in texts.items():
        (data / name).write_text(text)
        (data / name).chmod(mode | (mode >> 3 & 0o040))
        os.chown(data / name, 0, UID)
        (folder / name).symlink_to(f"..data/{name}")
    return folder


def inside(root: Path, path: str) -> Path:
    """Where a path of the container is on this machine: links are followed as the container follows them."""
    here = root
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    while parts:
        here = here / parts.pop(0)
        if here.is_symlink():
            target = PurePosixPath(os.readlink(here))
            here = root if target.is_absolute() else here.parent
            parts = [part for part in target.parts if part != "/"] + parts
    return here


_START: Final = """
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
    mount --bind "$1" "$2"
    [ "$3" = rw ] || mount -o remount,bind,ro "$2"
    shift 3
done
shift
exec chroot "$root" "$@"
"""


def _command(container: Container) -> list[str]:
    image, mounts = container.image, []
    for each in container.mounts:
        target = inside(image.root, each.path)
        target.mkdir(parents=True, exist_ok=True)  # as a container runtime does before the root becomes read-only
        mounts += [str(each.source), str(target), "ro" if each.read_only else "rw"]
    environment = {**image.environment, **container.env}
    entry = image.config["Entrypoint"] if container.entrypoint is None else container.entrypoint
    user = str(image.config["User"]).split(":")[0]
    drop = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs"]
    drop += ["--bounding-set=-all", "--inh-caps=-all"]
    start = [
        "env",
        "-i",
        f"--chdir={image.config['WorkingDir']}",
        *(f"{name}={value}" for name, value in environment.items()),
    ]
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    return [
        *namespaces,
        "sh",
        "-c",
        _START,
        "sh",
        str(image.root),
        *mounts,
        "--",
        *drop,
        *start,
        *entry,
        *container.args,
    ]


def _buildah(*args: str | Path, driver: str = "") -> str:
    chosen = driver or _driver()
    at = cache() / f"{chosen}-{_pins()}"
    storage = ["--root", at, "--runroot", at.with_name(f"{at.name}.run"), "--storage-driver", chosen]
    done = subprocess.run(["buildah", *storage, *args], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"buildah {args[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _tidy() -> None:
    """Remove what was made for other requirements, and all layers when there are very many, unless somebody uses them."""
    used = Path("/proc/mounts").read_text()
    for path in cache().iterdir():
        old = path.name.startswith(("overlay-", "vfs-", "wheels-")) and _pins() not in path.name
        full = path.is_dir() and sum(1 for _ in path.glob("overlay/*/diff")) > MOST_LAYERS
        if (old or full) and str(path) not in used:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


@functools.cache
def _driver() -> str:
    """`overlay` where the kernel and the file system of the cache have it; else `vfs`, which copies everything for each layer."""
    try:
        scratch = _buildah("from", "scratch", driver="overlay").strip()
        _buildah("mount", scratch, driver="overlay")
    except AssertionError:
        return "vfs"
    _buildah("umount", scratch, driver="overlay")
    _buildah("rm", scratch, driver="overlay")
    return "overlay"


@contextlib.contextmanager
def _once(unfinished: Path) -> Iterator[None]:
    """Two test runs never make the same thing at once."""
    with unfinished.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _key(*parts: str | bytes) -> str:
    return hashlib.sha256(b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)).hexdigest()[
        :16
    ]


def _base() -> str:
    """An image of Debian with Python: from where this machine gets its own packages, with apt's settings for the way there."""
    sources = _lines(
        "apt-get", "indextargets", "Created-By: Packages", "--format", "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)"
    )
    debian = sorted({line.removeprefix("Debian ") for line in sources if line.startswith("Debian ") and SUITE in line})
    if not debian:
        need(f"Debian {SUITE} among the sources of apt", remedy="run the test on Debian, after apt-get update")
    way = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
    settings = [line for line in _lines("apt-config", "dump") if line.startswith(way)]
    key = _key(SUITE, *PACKAGES)
    name, tar = f"localhost/base:{key}", cache() / f"base-{key}.tar"
    with _once(tar):
        if not tar.exists():
            unfinished = tar.with_suffix(".unfinished.tar")
            options = [f"--aptopt={line}" for line in settings]
            lines = "".join(f"deb {line}\n" for line in debian)
            command = [
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                f"--include={','.join(PACKAGES)}",
                *options,
                SUITE,
                unfinished,
                "-",
            ]
            done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, f"mmdebstrap ended with {done.returncode}\n{done.stderr}"
            unfinished.replace(tar)
        if not any(
            name in (image.get("names") or ()) for image in json.loads(_buildah("images", "--json") or "null") or ()
        ):
            scratch = _buildah("from", "scratch").strip()
            root = Path(_buildah("mount", scratch).strip())
            subprocess.run(["tar", "-xf", tar, "-C", root, "--exclude=./dev/*", "--numeric-owner"], check=True)
            _buildah("commit", "--rm", "--quiet", scratch, name)
    return name


def _kubectl() -> str:
    """An image that holds nothing but the control plane's kubectl, as the one of the Kubernetes project does."""
    program = build.look_up().get("kubectl")
    if program is None:
        need("kubectl", remedy=build.REMEDY)
    name = f"localhost/kubectl:{build.version()}"
    with _once(cache() / "kubectl"):
        if not any(
            name in (image.get("names") or ()) for image in json.loads(_buildah("images", "--json") or "null") or ()
        ):
            scratch = _buildah("from", "scratch").strip()
            _buildah("copy", "--chmod", "0755", scratch, str(program), "/bin/kubectl")
            _buildah("commit", "--rm", "--quiet", scratch, name)
    return name


def _wheels() -> Path:
    """A folder of the wheels that requirements/ pin, by pip with this machine's settings."""
    folder = cache() / f"wheels-{_pins()}"
    with _once(folder):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--require-hashes",
            ]
            command += ["--only-binary=:all:", "--python-version", PYTHON, "--dest", str(unfinished)]
            for path in REQUIREMENTS:
                subprocess.run([*command, "-r", str(path)], check=True, timeout=600)
            unfinished.replace(folder)
    return folder


@functools.cache
def _pins() -> str:
    return _key(*(path.read_bytes() for path in REQUIREMENTS))


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
