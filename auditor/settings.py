"""Every setting, read once: a YAML file < environment `AUDITOR_*` < flags. What is wrong is said with line and suggestion.

In: the text of a settings file, an environment, overrides. Out: one frozen `Settings`. Raises `Misuse` with every fault found.
`docs/settings.md` is generated from the descriptions here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag, ValidationError, field_validator

from auditor.model import Locate, Misuse

PREFIX: Final = "AUDITOR_"


class _Part(BaseModel):
    # building them all takes a quarter of a second, and most commands need one or two
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, defer_build=True)


class SshAccess(_Part):
    private_key_file: Path | None = Field(
        None, description="Private key for ssh; it must be readable by the auditor alone."
    )
    known_hosts_file: Path | None = Field(
        None, description="Host keys that are trusted; a host that is not in it is refused."
    )


class HttpsAccess(_Part):
    username: str = Field("git", description="User name for https.")
    token: SecretStr | None = Field(None, description="Token or password for https. Prefer `token_file`.")
    token_file: Path | None = Field(None, description="File that holds the token; read anew for every fetch.")
    ca_file: Path | None = Field(None, description="Certificate authorities to trust, PEM, instead of the system's.")


class LimitSettings(_Part):
    file_mib: int = Field(64, ge=1, description="Largest file of manifests, in MiB.")
    source_mib: int = Field(256, ge=1, description="Most text of manifests in the source, in MiB.")
    files: int = Field(200_000, ge=1, description="Most files and folders that are looked at.")
    memory_mib: int = Field(1024, ge=128, description="Address space of the process that reads manifests, in MiB.")
    cpu_seconds: int = Field(
        10, ge=1, description="Seconds of computing that reading one file may take, and one more for each MiB of it."
    )
    seconds: float = Field(
        30, gt=0, description="Seconds by the clock for the same, and one more for each MiB of the largest file."
    )
    answer_mib: int = Field(256, ge=1, description="What one file may unfold to, in MiB.")


class HelmSettings(_Part):
    program: Path | None = Field(
        None, description="helm, which renders charts; default: the one that is found on PATH."
    )
    release: str = Field(
        "", description="Name of the release; default: that of the chart's folder.", pattern=r"^([a-z0-9][a-z0-9.-]*)?$"
    )
    values_files: tuple[str, ...] = Field(
        (), description="Values files, later ones over earlier ones, by their path from the chart's folder."
    )
    kube_version: str = Field(
        "",
        description="Kubernetes version that the chart is told; default: that of helm.",
        pattern=r"^(v?\d[\w.+-]*)?$",
    )
    api_versions: tuple[str, ...] = Field((), description="API versions that the chart is told the cluster has.")


class RenderSettings(_Part):
    helm: HelmSettings = Field(default_factory=HelmSettings, description="How Helm charts are rendered.")
    kubectl: Path | None = Field(
        None, description="kubectl, which renders kustomizations; default: the one that is found on PATH."
    )
    memory_mib: int = Field(
        1024, ge=64, description="Address space that a renderer may have, in MiB; kubectl does not start below 1024."
    )
    cpu_seconds: int = Field(30, ge=1, description="Seconds of computing that rendering one folder may take.")
    seconds: float = Field(60, gt=0, description="Seconds by the clock that rendering one folder may take.")
    output_mib: int = Field(64, ge=1, description="What one folder may render to, in MiB.")
    files: int = Field(20_000, ge=1, description="Files that a renderer may be given for one folder.")


class GitSource(_Part):
    kind: Literal["git"] = Field("git", description="Needed by nobody: a source with `url` is a git repository.")
    name: str = Field("", description="Short name in reports and metrics; default: the last part of the URL.")
    url: str = Field(
        description="`https://…`, `ssh://…` or `user@host:path`, without credentials; `file://` only with `allow_local`."
    )
    revision: str = Field("main", description="Branch, tag or commit.")
    folder: str = Field("", description="Folder within the repository; empty: all of it.")
    namespace: str | None = Field(
        None, description="Namespace of objects that name none; as the tool that applies them would set it."
    )
    ssh: SshAccess = Field(default_factory=SshAccess, description="Access by ssh.")
    https: HttpsAccess = Field(default_factory=HttpsAccess, description="Access by https.")
    allow_local: bool = Field(False, description="Permit `file://` URLs.")
    appliers: tuple[str, ...] = Field(
        (), description="Regular expressions of field managers that apply this source, beside the usual ones."
    )
    timeout_seconds: float = Field(90, gt=0, description="Longest time for a fetch, in seconds.")
    render: RenderSettings = Field(
        default_factory=RenderSettings, description="How kustomizations and charts are rendered."
    )
    limits: LimitSettings = Field(default_factory=LimitSettings, description="What of it is too much to be read.")


class FolderSource(_Part):
    kind: Literal["folder"] = Field("folder", description="Needed by nobody: a source with `path` is a folder.")
    name: str = Field("", description="Short name in reports and metrics; default: the last part of the path.")
    path: str = Field(description="A folder or a file of manifests; `-` is standard input.")
    namespace: str | None = Field(None, description="Namespace of objects that name none.")
    appliers: tuple[str, ...] = Field((), description="Regular expressions of field managers that apply this source.")
    render: RenderSettings = Field(
        default_factory=RenderSettings, description="How kustomizations and charts are rendered."
    )
    limits: LimitSettings = Field(default_factory=LimitSettings, description="What of it is too much to be read.")


def _kind_of_source(value: Any) -> str:
    """A source with a path is a folder; everything else is judged as git, whose errors then name the missing `url`."""
    if isinstance(value, Mapping):
        return str(value.get("kind") or ("folder" if "path" in value else "git"))
    return str(getattr(value, "kind", "git"))


Source = Annotated[
    Annotated[GitSource, Tag("git")] | Annotated[FolderSource, Tag("folder")], Discriminator(_kind_of_source)
]


class ClusterSettings(_Part):
    name: str = Field(
        "", description="Name of the cluster in reports and metrics; default: the context's name, or `in-cluster`."
    )
    live: str = Field(
        "in-cluster", description="`in-cluster`, `context:NAME`, or a file or folder of objects (a dump)."
    )
    kubeconfig: Path | None = Field(
        None, description="Kubeconfig file for `context:`; default: `$KUBECONFIG`, then `~/.kube/config`."
    )
    complete: bool = Field(
        False, description="A dump named in `live` holds the whole cluster: what is not in it is absent."
    )
    namespaces: tuple[str, ...] = Field((), description="Namespaces to audit; none: those that hold a desired object.")
    read_secrets: bool = Field(
        False, description="Also list Secrets. Values are sealed on arrival; the token must be allowed to list them."
    )
    system_namespaces: bool = Field(
        False, description="Also audit kube-system, kube-public and kube-node-lease without a desired object in them."
    )
    page_size: int = Field(500, ge=1, le=5000, description="Objects in one page of a list.")
    timeout_seconds: float = Field(30, gt=0, description="Longest time for one request to the API server, in seconds.")


class AuditSettings(_Part):
    select: tuple[str, ...] = Field(
        (),
        description="Policies to judge by, ids or names; also switches on what is off by default. Empty: all that are on.",
    )
    ignore: tuple[str, ...] = Field((), description="Policies to leave out, ids or names.")
    fail_on: Literal["error", "warning", "info", "never"] = Field(
        "error", description="Least severity of a finding that makes the exit code 1."
    )
    annotation_waivers: bool = Field(
        True, description="Whether annotations in git waive; without them only waivers files do."
    )
    longest_waiver_days: int | None = Field(
        None, ge=1, description="Days that a waiver may run from today on; one that ends later does not count."
    )
    team_labels: tuple[str, ...] = Field(
        ("gitops-auditor.io/team", "team", "owner", "app.kubernetes.io/part-of"),
        description="Labels that name the team, in this order, on the namespace and then on the workload.",
    )
    registries: tuple[str, ...] = Field(
        (),
        description="Registries that images may come from, for IMG003: `registry.example`, `ghcr.io/team`, `*.example.com`.",
    )
    deadline_seconds: float = Field(
        600, gt=0, description="Longest time for one run, in seconds; what is not read by then is unknown."
    )


class IgnoreSettings(_Part):
    reason: str = Field(min_length=1, description="Why it is not to count; it is shown with what is ignored.")
    until: date | None = Field(None, description="Last day (UTC) on which it holds; without it, as long as it matches.")
    kinds: tuple[str, ...] = Field((), description="Kinds, globs: `Deployment`, `apps/*`. Empty: all.")
    namespaces: tuple[str, ...] = Field((), description="Namespaces, globs. Empty: all.")
    names: tuple[str, ...] = Field((), description="Names of objects, globs. Empty: all.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels that an object has, all of them.")
    paths: tuple[str, ...] = Field(
        (),
        description="Fields, with all below them: `spec.template.spec.containers[name=istio-*].resources`,"
        " `metadata.annotations[*]`, or a JSON pointer. With neither paths nor managers: the object as a whole.",
    )
    managers: tuple[str, ...] = Field((), description="Regular expressions of field managers: only what they wrote.")

    @field_validator("paths")
    @classmethod
    def _readable(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        from auditor.kube.patterns import parse  # where there are such rules

        for path in paths:
            parse(path)
        return paths

    @field_validator("managers")
    @classmethod
    def _regular(cls, managers: tuple[str, ...]) -> tuple[str, ...]:
        for manager in managers:
            try:
                re.compile(manager)
            except re.error as wrong:
                raise ValueError(f"{manager!r} is no regular expression: {wrong}") from wrong
        return managers


class DriftSettings(_Part):
    ignore: tuple[IgnoreSettings, ...] = Field(
        (), description="Differences that are not to count; they are counted and listed apart."
    )


class StoreSettings(_Part):
    url: str = Field(
        "sqlite:///auditor.db", description="`sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`, without a password."
    )
    password_file: Path | None = Field(None, description="File that holds the database password.")
    keep_days: float = Field(
        400,
        gt=0,
        description="Days for which history is kept; at least two periods of the report. What is open stays, whatever its age.",
    )
    keep_scores_days: float = Field(
        1100, gt=0, description="Days for which scores are kept, if longer than `keep_days`."
    )
    keep_rows: int = Field(
        0,
        ge=0,
        description="How many ended findings, and of every other kind, are kept for a cluster at most; 0: any number.",
    )


class ScheduleSettings(_Part):
    every_minutes: float = Field(5, gt=0, description="Minutes between the starts of two runs.")


class WebSettings(_Part):
    host: str = Field("127.0.0.1", description="Address that pages, metrics and health answer on.")
    port: int = Field(8080, ge=0, le=65535, description="Port for pages, metrics and health; 0 takes a free one.")


class MailSettings(_Part):
    host: str = Field(description="SMTP server.")
    port: int = Field(587, ge=1, le=65535, description="SMTP port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`starttls`, `tls`, or `none` (only for a server on this host)."
    )
    username: str = Field("", description="User name; empty: no login.")
    password: SecretStr | None = Field(None, description="Password. Prefer `password_file`.")
    password_file: Path | None = Field(None, description="File that holds the password.")
    ca_file: Path | None = Field(None, description="Certificate authorities to trust, PEM, instead of the system's.")
    sender: str = Field(description="Address in From.")
    recipients: tuple[str, ...] = Field(description="Addresses in To.")


class ReportSettings(_Part):
    cron: str = Field(
        "0 6 * * 1",
        description="When the report is made: minute, hour, day, month, weekday (five fields; 1 or mon is Monday).",
    )
    timezone: str = Field("UTC", description="Time zone of `cron`, such as `Europe/Berlin`.")
    days: int = Field(7, ge=1, description="Days that a report covers.")
    folder: Path | None = Field(None, description="Folder that reports are written to.")
    mail: MailSettings | None = Field(None, description="Where reports are mailed to.")


class Settings(_Part):
    cluster: ClusterSettings = Field(default_factory=ClusterSettings, description="The live side.")
    sources: tuple[Source, ...] = Field((), description="The desired side.")
    audit: AuditSettings = Field(default_factory=AuditSettings, description="How to judge.")
    drift: DriftSettings = Field(default_factory=DriftSettings, description="What of drift is not to count.")
    store: StoreSettings = Field(default_factory=StoreSettings, description="Where history is kept.")
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings, description="When to run.")
    web: WebSettings = Field(default_factory=WebSettings, description="Pages, metrics and health.")
    report: ReportSettings = Field(default_factory=ReportSettings, description="The weekly report.")
    cache: Path = Field(
        Path("cache"), description="Folder for git repositories and parsed manifests; may be lost at any time."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level of log lines.")


# Kubernetes sets these for a Service that is called "auditor" (service links); they are no settings.
_SERVICE_LINK: Final = re.compile(
    r"AUDITOR_(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$"
)
_NOT_SETTINGS: Final = frozenset({"AUDITOR_SETTINGS"})


def load(
    text: bytes | None = None,
    file: str = "settings.yaml",
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from a YAML text, an environment (`AUDITOR_STORE__URL`) and flags (nested like the file); later wins.

    Raises `Misuse` that names every fault with file and line, or the variable, and what was probably meant.
    """
    data: dict[str, Any] = {}
    locate: Locate | None = None
    if text is not None and text.strip():
        from auditor.manifests import load_mapping  # of the commands that read no settings file, `check` starts sooner

        loaded, locate = load_mapping(text, file)
        data = dict(loaded)
    faults: list[str] = []
    given_by: dict[tuple[str, ...], str] = {}
    for name, value in sorted((environ or {}).items()):
        if not name.startswith(PREFIX) or name in _NOT_SETTINGS or _SERVICE_LINK.match(name):
            continue
        path = tuple(part.lower() for part in name.removeprefix(PREFIX).split("__"))
        annotation = None if path[0] == "sources" else _annotation_at(path)  # a list of parts has no variables
        if annotation is None:
            faults.append(f"environment variable {name}: no such setting{_near(name, _all_variables())}")
            continue
        _put(data, path, value.split(",") if get_origin(annotation) is tuple and value else value)
        given_by[path] = f"environment variable {name}"
    for path, value in _leaves(flags or {}):
        _put(data, path, value)
        given_by[path] = f"flag for {'.'.join(path)}"
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False):
            loc = tuple(step for step in fault["loc"] if step not in ("git", "folder"))
            faults.append(_said(fault["type"], fault["msg"], loc, given_by, locate, file))
    if faults:
        raise Misuse("\n".join(faults), remedy="see docs/settings.md for every setting")
    return settings


def _said(
    kind: str, message: str, loc: tuple[str | int, ...], given_by: Mapping[Any, str], locate: Locate | None, file: str
) -> str:
    at = locate(loc) if locate else None
    where = given_by.get(loc) or (f"{file}:{at[0]}" if at else file)
    name = ".".join(map(str, loc))
    if kind == "extra_forbidden":
        return f"{where}: {name}: no such setting{_near(str(loc[-1]), _fields_at(loc[:-1]))}"
    if kind == "missing":
        return f"{where}: {name}: is required"
    return f"{where}: {name}: {message[:1].lower()}{message[1:]}"


def _near(word: str, words: Iterator[str] | list[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The parts that an annotation may hold: itself, or inside Optional, Annotated, tuple and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _annotation_at(path: tuple[str | int, ...]) -> Any | None:
    """The type of the setting at a path, None where there is none. Positions in lists are skipped."""
    models: list[type[BaseModel]] = [Settings]
    annotation: Any = Settings
    for step in path:
        if isinstance(step, int):
            continue
        found = [model.model_fields[step] for model in models if step in model.model_fields]
        if not found:
            return None
        annotation = found[0].annotation
        models = _models_in(annotation)
    return annotation


def _fields_at(path: tuple[str | int, ...]) -> list[str]:
    return [name for model in _models_in(_annotation_at(path)) for name in model.model_fields]


def every_setting(
    model: type[BaseModel] = Settings, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, pydantic FieldInfo) of every leaf; the fields of a source stand under `sources`."""
    for name, field in model.model_fields.items():
        inner = _models_in(field.annotation)
        if not inner:
            yield (*path, name), field
        for part in inner:
            yield from every_setting(part, (*path, name))


def _all_variables() -> Iterator[str]:
    return (PREFIX + "__".join(path).upper() for path, _ in every_setting() if path[0] != "sources")


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        inner = data.get(step)
        data[step] = data = dict(inner) if isinstance(inner, Mapping) else {}
    data[path[-1]] = value


def _leaves(flags: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in flags.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        elif value is not None:
            yield (*path, name), value
