"""Every setting, read once: a YAML file < environment `AUDITOR_*` < flags. What is wrong is said with line and suggestion.

In: the text of a settings file, an environment, overrides. Out: one frozen `Settings`. Raises `Misuse` with every fault found.
`docs/settings.md` is generated from the descriptions here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class SshAccess(_Part):
    private_key_file: Path | None = Field(None, description="Private key for ssh; it must be readable by the auditor alone.")
    known_hosts_file: Path | None = Field(None, description="Host keys that are trusted; a host that is not in it is refused.")


class HttpsAccess(_Part):
    username: str = Field("git", description="User name for https.")
    token: SecretStr | None = Field(None, description="Token or password for https. Prefer `token_file`.")
    token_file: Path | None = Field(None, description="File that holds the token; read anew for every fetch.")
    ca_file: Path | None = Field(None, description="Certificate authorities to trust, PEM, instead of the system's.")


class GitSource(_Part):
    kind: Literal["git"] = "git"
    name: str = Field("", description="Short name in reports and metrics; default: the last part of the URL.")
    url: str = Field(description="`https://…`, `ssh://…` or `user@host:path`, without credentials; `file://` only with `allow_local`.")
    revision: str = Field("main", description="Branch, tag or commit.")
    folder: str = Field("", description="Folder within the repository; empty: all of it.")
    namespace: str | None = Field(None, description="Namespace of objects that name none; as the tool that applies them would set it.")
    ssh: SshAccess = Field(default_factory=SshAccess, description="Access by ssh.")
    https: HttpsAccess = Field(default_factory=HttpsAccess, description="Access by https.")
    allow_local: bool = Field(False, description="Permit `file://` URLs.")
    appliers: tuple[str, ...] = Field((), description="Regular expressions of field managers that apply this source, beside the usual ones.")
    timeout_seconds: float = Field(90, gt=0, description="Longest time for a fetch, in seconds.")


class FolderSource(_Part):
    kind: Literal["folder"] = "folder"
    name: str = Field("", description="Short name in reports and metrics; default: the last part of the path.")
    path: str = Field(description="A folder or a file of manifests; `-` is standard input.")
    namespace: str | None = Field(None, description="Namespace of objects that name none.")
    appliers: tuple[str, ...] = Field((), description="Regular expressions of field managers that apply this source.")


Source = Annotated[GitSource | FolderSource, Field(discriminator="kind")]


class ClusterSettings(_Part):
    name: str = Field("", description="Name of the cluster in reports and metrics; default: the context's name, or `in-cluster`.")
    live: str = Field("in-cluster", description="`in-cluster`, `context:NAME`, or a file or folder of objects (a dump).")
    kubeconfig: Path | None = Field(None, description="Kubeconfig file for `context:`; default: `$KUBECONFIG`, then `~/.kube/config`.")
    complete: bool = Field(False, description="A dump named in `live` holds the whole cluster: what is not in it is absent.")
    namespaces: tuple[str, ...] = Field((), description="Namespaces to audit; none: those that hold a desired object.")
    read_secrets: bool = Field(False, description="Also list Secrets. Values are sealed on arrival; the token must be allowed to list them.")
    system_namespaces: bool = Field(False, description="Also audit kube-system, kube-public and kube-node-lease without a desired object in them.")
    page_size: int = Field(500, ge=1, le=5000, description="Objects in one page of a list.")
    timeout_seconds: float = Field(30, gt=0, description="Longest time for one request to the API server, in seconds.")


class AuditSettings(_Part):
    select: tuple[str, ...] = Field((), description="Policies to judge by, ids or names; also switches on what is off by default. Empty: all that are on.")
    ignore: tuple[str, ...] = Field((), description="Policies to leave out, ids or names.")
    fail_on: Literal["error", "warning", "info", "never"] = Field("error", description="Least severity of a finding that makes the exit code 1.")
    team_labels: tuple[str, ...] = Field(
        ("gitops-auditor.io/team", "team", "owner", "app.kubernetes.io/part-of"),
        description="Labels that name the team, in this order, on the namespace and then on the workload.",
    )
    deadline_seconds: float = Field(600, gt=0, description="Longest time for one run, in seconds; what is not read by then is unknown.")


class StoreSettings(_Part):
    url: str = Field("sqlite:///auditor.db", description="`sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`, without a password.")
    password_file: Path | None = Field(None, description="File that holds the database password.")


class ScheduleSettings(_Part):
    every_minutes: float = Field(5, gt=0, description="Minutes between the starts of two runs.")


class WebSettings(_Part):
    host: str = Field("127.0.0.1", description="Address that pages, metrics and health answer on.")
    port: int = Field(8080, ge=0, le=65535, description="Port for pages, metrics and health; 0 takes a free one.")


class MailSettings(_Part):
    host: str = Field(description="SMTP server.")
    port: int = Field(587, ge=1, le=65535, description="SMTP port.")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="`starttls`, `tls`, or `none` (only for a server on this host).")
    username: str = Field("", description="User name; empty: no login.")
    password: SecretStr | None = Field(None, description="Password. Prefer `password_file`.")
    password_file: Path | None = Field(None, description="File that holds the password.")
    ca_file: Path | None = Field(None, description="Certificate authorities to trust, PEM, instead of the system's.")
    sender: str = Field(description="Address in From.")
    recipients: tuple[str, ...] = Field(description="Addresses in To.")


class ReportSettings(_Part):
    cron: str = Field("0 6 * * 1", description="When the report is made: minute, hour, day, month, weekday (five fields; 1 or mon is Monday).")
    timezone: str = Field("UTC", description="Time zone of `cron`, such as `Europe/Berlin`.")
    days: int = Field(7, ge=1, description="Days that a report covers.")
    folder: Path | None = Field(None, description="Folder that reports are written to.")
    mail: MailSettings | None = Field(None, description="Where reports are mailed to.")


class Settings(_Part):
    cluster: ClusterSettings = Field(default_factory=ClusterSettings, description="The live side.")
    sources: tuple[Source, ...] = Field((), description="The desired side.")
    audit: AuditSettings = Field(default_factory=AuditSettings, description="How to judge.")
    store: StoreSettings = Field(default_factory=StoreSettings, description="Where history is kept.")
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings, description="When to run.")
    web: WebSettings = Field(default_factory=WebSettings, description="Pages, metrics and health.")
    report: ReportSettings = Field(default_factory=ReportSettings, description="The weekly report.")
    cache: Path = Field(Path("cache"), description="Folder for git repositories and parsed manifests; may be lost at any time.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level of log lines.")
