"""The hostile corpus: files and kustomizations that a repository could hold, what each would like to do, and what becomes of it.

Every case stands in a folder of its own beside an honest manifest. `says` is a piece of the one problem that tells it, "" where
there is none: it is then read as data, as kubectl would, or is not applied. The table in docs/security.md is made of these.
`CANARY_FILE` stands for a file outside of the repository that holds a canary, `PORT` for a server that counts who comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CANARY = "cAnary-of-the-host"
Content = str | bytes


@dataclass(frozen=True)
class Case:
    """`files` by their names below the case's folder; a value that begins with `-> ` is a link."""

    name: str
    wants: str
    says: str
    files: dict[str, Content] = field(default_factory=dict, repr=False)


def one(name: str, wants: str, says: str, text: Content, file: str = "a.yaml") -> Case:
    return Case(name, wants, says, {file: text})


def map_of(data: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: hostile}}\ndata: {data}\n"


_LEVELS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
_MERGES = "\n".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12))

FILES = (
    one("brackets", "end the reader by its stack", "nested deeper", "[" * 200_000),
    one("braces", "the same by maps", "nested deeper", "{a: " * 60_000),
    one("dashes", "the same by nested lists", "nested deeper", map_of("\n" + "".join(f"{' ' * n}-\n" for n in range(600)))),
    one("json-brackets", "the same in JSON", "nested deeper", '{"a":' + "[" * 100_000, "a.json"),
    one("aliases", "fill the memory by aliases of aliases", "unfold", f"a0: &a0 [x, x]\n{_LEVELS}\n"),
    one("merges", "burn the time by merges of merges", "unfold", f"m0: &m0 {{k: v}}\n{_MERGES}\n"),
    one("alias-of-itself", "make whoever walks it walk for ever", "", "apiVersion: v1\nkind: &x [*x]\nmetadata: {name: a}\n"),
    one("python-tag", "run Python code", "", "!!python/object/apply:os.system ['touch /tmp/reached']\n"),
    one("python-name", "name a Python object", "", map_of('{a: !!python/name:os.system "x"}')),
    one("unknown-tag", "be read as something else", "", map_of('{a: !vault "x"}')),
    one("binary-tag", "be decoded to anything", "", map_of('{a: !!binary "aGk="}')),
    one("million-documents", "cost a document's price a million times", "documents", "---\na: 1\n" * 150_000),
    one("large", "fill the memory", "are not read", map_of("{a: '" + "x" * (65 << 20) + "'}")),
    one("long-key", "fill the terminal and the store", "", map_of("{? " + "k" * 200_000 + " : v}")),
    one("nul", "cut text in the store", "", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'a\\0b'}\n"),
    one("raw-nul", "the same with the byte itself", "MAN001", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\0b}\n"),
    one("escapes", "write to the terminal", "", map_of('{a: "\\e]0;owned\\a\\e[2J"}')),
    one("raw-escapes", "the same with the bytes themselves", "MAN001", map_of("{a: '\x1b[2J'}")),
    one("bidi", "look like another text", "", map_of('{a: "\\u202egnp.exe"}')),
    one("surrogate", "break every UTF-8 writer", "MAN001", map_of('{a: "\\ud800"}')),
    one("not-utf8", "the same by bytes", "", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: '\xff\xfe'}\n"),
    one("half-utf16", "be read at half", "", b"\xff\xfea\x00:"),
    one("huge-number", "fill the memory by a number", "", map_of("{a: " + "9" * 20_000 + "}")),
    one("huge-exponent", "the same by its exponent", "", map_of("{a: 1e999999999}")),
    one("infinity", "be a number that JSON has not", "MAN001", map_of("{a: .inf}")),
    one("duplicate-keys", "show one and apply another", "written twice", map_of("{a: one, a: two}")),
    one("directive", "change the language", "MAN001", "%YAML 9.9\n---\n" + map_of("{}")),
    one("anchor-bomb-keys", "the same in keys", "", "? &a [x]\n: *a\n"),
    one("list-of-lists", "unfold Lists in Lists", "", "apiVersion: v1\nkind: List\nitems:\n- " + "{apiVersion: v1, kind: List, items: [" * 50 + "]}" * 50 + "\n"),
    one("list-of-itself", "unfold a List without end", "", "&l {apiVersion: v1, kind: List, items: [*l]}\n"),
    one("no-types", "break whoever reads fields", "MAN", "apiVersion: [v1]\nkind: {}\nmetadata: 3\nspec: null\n"),
    one("name-of-types", "the same by its name", "MAN", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {a: [b]}}\n"),
    one("containers-of-types", "the same by containers", "MAN", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: odd}\nspec: {selector: [], template: {spec: {containers: {a: 1}}}}\n"),
    one("regex", "burn the time of rules by their patterns", "", map_of("{a: '" + "a" * 5000 + "!'}")),
    one("image", "the same by an image", "", "apiVersion: v1\nkind: Pod\nmetadata: {name: odd}\nspec: {containers: [{name: a, image: '" + "a/" * 2000 + "'}]}\n"),
    one("quantity", "the same by a quantity", "", "apiVersion: v1\nkind: Pod\nmetadata: {name: odd2}\nspec: {containers: [{name: a, image: a, resources: {limits: {cpu: '" + "9" * 5000 + "e99'}}}]}\n"),
    one("markup", "run script in a page", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: {a: '<script>alert(1)</script>'}}\n"),
    one("traversing-name", "be written elsewhere by its name", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ../../../../tmp/reached}\n"),
    one("lfs", "be taken for an empty manifest", "Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 9\n"),
    one("link-out", "have a file of the host read", "leads out of the repository", "-> CANARY_FILE"),
    one("link-far-out", "the same by dots", "leads out of the repository", "-> ../../../../../../etc/passwd"),
    one("link-nowhere", "break whoever follows it", "leads nowhere", "-> none.yaml"),
    Case("link-circle", "be followed for ever", "leads to another link", {"a.yaml": "-> b.yaml", "b.yaml": "-> a.yaml"}),
    Case("link-to-itself", "the same alone", "leads to another link", {"a.yaml": "-> a.yaml"}),
    Case("folder-circle", "have a folder walked for ever", "", {"up": "-> ..", "x.yaml": "x: 1\n"}),
    Case("case", "be one file on some disks and two on others", "", {"a.yaml": map_of("{a: 1}"), "A.yaml": map_of("{a: 2}")}),
    Case("dash", "be an option of some program", "", {"--upload-pack=touch reached.yaml": map_of("{}")}),
    Case("newline-name", "write lines of its own into logs", "", {"a\nb\x1b[2J.yaml": map_of("{}")}),
    Case("quote-name", "leave quotes in some command", "", {"a'\"`$(touch reached)`.yaml": map_of("{}")}),
    Case("hooks", "have git run it", "", {".git-hooks/post-checkout": "#!/bin/sh\ntouch reached\n", ".gitattributes": "* filter=x\n"}),
)  # fmt: skip


def kustomization(name: str, wants: str, says: str, text: str, **files: Content) -> Case:
    more = {key.replace("__", "."): value for key, value in files.items()}
    return Case(f"kustomize-{name}", wants, says, {"kustomization.yaml": text, "m.yaml": map_of("{}"), **more})


_EXEC = "apiVersion: x/v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n"
_CONTAINER = _EXEC.replace("exec: {path: ./run.sh}", "container: {image: 'localhost:PORT/x', network: true}")
_RUN = "#!/bin/sh\ntouch /tmp/reached\n"
_NETWORK = "takes"

KUSTOMIZATIONS = (
    kustomization("https-base", "have a base fetched", _NETWORK, "resources: ['https://localhost:PORT/base.yaml']\n"),
    kustomization("http-base", "the same without TLS", _NETWORK, "resources: ['http://127.0.0.1:PORT/base.yaml']\n"),
    kustomization("git-base", "have git clone", _NETWORK, "resources: ['git::https://localhost:PORT/r.git//a?ref=main']\n"),
    kustomization("ssh-base", "have ssh connect", _NETWORK, "resources: ['git@localhost:o/r.git']\n"),
    kustomization("ssh-url-base", "the same by a URL", _NETWORK, "resources: ['ssh://git@localhost:PORT/o/r']\n"),
    kustomization("short-base", "the same by a short name", _NETWORK, "resources: ['github.com/o/r//a?ref=v1']\n"),
    kustomization("file-base", "have a repository of the host cloned", _NETWORK, "resources: ['file:///tmp//a?ref=main']\n"),
    kustomization("credential-base", "have a credential repeated", _NETWORK, "resources: ['https://u:CANARY@localhost:PORT/r.git']\n"),
    kustomization("remote-component", "have a component fetched", _NETWORK, "components: ['https://localhost:PORT/c']\n"),
    kustomization("remote-patch", "have a patch fetched", _NETWORK, "resources: [m.yaml]\npatches: [{path: 'https://localhost:PORT/p.yaml'}]\n"),
    kustomization("remote-crds", "have schemas fetched", _NETWORK, "resources: [m.yaml]\ncrds: ['https://localhost:PORT/c.json']\n"),
    kustomization("remote-openapi", "the same by openapi", _NETWORK, "resources: [m.yaml]\nopenapi: {path: 'https://localhost:PORT/o.json'}\n"),
    kustomization("remote-file", "have a file fetched into a ConfigMap", _NETWORK, "configMapGenerator: [{name: c, files: ['a=https://localhost:PORT/x']}]\n"),
    kustomization("remote-env", "the same by envs", _NETWORK, "secretGenerator: [{name: c, envs: ['https://localhost:PORT/x.env']}]\n"),
    kustomization("remote-generator", "have a generator fetched", _NETWORK, "generators: ['https://localhost:PORT/g.yaml']\n"),
    kustomization("remote-in-generator", "the same one step further", "not rendered", "generators: [g.yaml]\n", g__yaml="apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: ['a=http://127.0.0.1:PORT/x']\n"),
    kustomization("exec-generator", "have a program run", "not rendered", "generators: [g.yaml]\n", g__yaml=_EXEC, run__sh=_RUN),
    kustomization("exec-transformer", "the same as a transformer", "not rendered", "resources: [m.yaml]\ntransformers: [g.yaml]\n", g__yaml=_EXEC, run__sh=_RUN),
    kustomization("exec-validator", "the same as a validator", "not rendered", "resources: [m.yaml]\nvalidators: [g.yaml]\n", g__yaml=_EXEC, run__sh=_RUN),
    kustomization("container-generator", "have a container run", "not rendered", "generators: [g.yaml]\n", g__yaml=_CONTAINER),
    kustomization("go-plugin", "have a plugin loaded", "not rendered", "generators: [g.yaml]\n", g__yaml="apiVersion: someteam.example.com/v1\nkind: Sealed\nmetadata: {name: x}\n"),
    kustomization("helm", "have a chart fetched and rendered", "inflates a Helm chart", "helmCharts: [{name: x, repo: 'https://localhost:PORT', version: 1.0.0, releaseName: '--post-renderer=./run.sh'}]\n", run__sh=_RUN),
    kustomization("helm-generator", "the same as a generator", "not rendered", "generators: [g.yaml]\n", g__yaml="apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: x\nrepo: 'https://localhost:PORT'\n"),
    kustomization("absolute", "have a file of the host read", "leads out of what may be read", "configMapGenerator: [{name: c, files: [CANARY_FILE]}]\n"),
    kustomization("dots", "the same by dots", "leads out of what may be read", "configMapGenerator: [{name: c, files: [../../../../../../../etc/passwd]}]\n"),
    kustomization("dots-resource", "the same as a resource", "leads out of what may be read", "resources: [../../../../../../../etc]\n"),
    kustomization("sibling-file", "have a file of another folder read", "not rendered", "configMapGenerator: [{name: c, files: [../honest.yaml]}]\n"),
    kustomization("link-file", "have a file of the host read by a link", "leads out of what may be read", "configMapGenerator: [{name: c, files: [l.conf]}]\n", l__conf="-> CANARY_FILE"),
    kustomization("link-folder", "the same by a link to a folder", "leads out of what may be read", "resources: [l]\n", l="-> /etc"),
    kustomization("link-in-generator", "the same one step further", "not rendered", "generators: [g.yaml]\n", g__yaml="apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: [CANARY_FILE]\n"),
    kustomization("itself", "be rendered for ever", "not rendered", "resources: [.]\n"),
    Case("kustomize-circle", "the same by two", "cycle detected", {"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"}),
    kustomization("brackets", "end the renderer by its stack", "not rendered", "resources: " + "[" * 100_000),
    kustomization("aliases", "fill its memory by aliases", "not rendered", f"a0: &a0 [x, x]\n{_LEVELS}\nresources: *a11\n"),
    kustomization("bomb", "the same by what it renders", "not rendered", "resources: [b.yaml]\n", b__yaml=map_of("\n  a0: &a0 [x, x]\n  " + _LEVELS.replace("\n", "\n  "))),
    kustomization("patch-bomb", "the same by a patch", "not rendered", "resources: [m.yaml]\npatches: [{path: p.yaml}]\n", p__yaml=map_of("\n  a0: &a0 [x, x]\n  " + _LEVELS.replace("\n", "\n  "))),
    kustomization("sh-in-names", "have a shell run it", "", "namePrefix: '$(touch reached)-'\nresources: [m.yaml]\n"),
    kustomization("two-names", "show one kustomization and apply another", "not rendered", "resources: [m.yaml]\n", Kustomization="resources: []\n"),
    kustomization("unknown-field", "be half understood", "not rendered", "resurces: [m.yaml]\n"),
    kustomization("two-keys", "show one list and apply another", "written twice", "resources: []\nresources: [m.yaml]\n"),
    kustomization("not-there", "lead nowhere", "not rendered", "resources: [none.yaml]\n"),
    kustomization("secret-told", "have a secret's value repeated", "not rendered", "secretGenerator: [{name: s, literals: [CANARY]}]\n"),
)  # fmt: skip


TREES = (
    ("test_tree", "test_names_that_would_leave_the_tree_are_refused", "be written outside by entries such as `..`, `.git` or `a/b`"),
    ("test_tree", "test_a_few_objects_that_unfold_to_billions_of_files_are_refused_at_once", "unfold a few objects to 10^10 files"),
    ("test_tree", "test_the_count_of_files_is_capped_too", "cost a file's price a million times"),
    ("test_tree", "test_more_text_than_any_source_has_is_refused", "fill the memory by many files"),
    ("test_tree", "test_a_link_with_a_long_target_costs_nothing", "fill the memory by a link"),
    ("test_tree", "test_submodules_are_told_and_not_followed", "have another repository fetched"),
    ("test_tree", "test_hooks_attributes_and_filters_do_nothing", "have git run hooks, filters or an LFS client"),
    ("test_tree", "test_odd_names_are_names_and_nothing_else", "break terminals and databases by names"),
    ("test_repository", "test_a_pack_that_would_fill_the_disk_is_refused", "fill the disk"),
    ("test_repository", "test_a_redirect_does_not_take_the_credential_along", "take the credential to another server"),
    ("test_repository", "test_a_server_that_says_nothing_is_given_up_and_no_credential_is_to_be_seen_meanwhile", "hold a run for ever"),
    ("test_repository", "test_a_host_whose_key_is_unknown_or_changed_is_refused", "be taken for another server"),
    ("test_source_text", "test_what_could_be_an_option_a_command_or_a_leak_is_refused", "be an option or a command of git by its URL"),
    ("test_sandbox", "test_the_reading_process_can_neither_reach_out_nor_change_anything", "use a fault in a parser"),
    ("test_kustomize", "test_a_renderer_reaches_nothing", "use a fault in a renderer"),
    ("test_helm", "test_templates_reach_neither_network_nor_files_nor_a_cluster", "have a template look around"),
    ("test_helm", "test_a_chart_that_fails_is_said_and_the_rest_stands", "burn time and memory by templates"),
)  # fmt: skip
"""What whole repositories and servers would like to do: the test that plays each, and what it plays."""


def table() -> str:
    """The corpus as a table of Markdown."""
    lines = ["| case | would like to | becomes |", "|---|---|---|"]
    for case in (*FILES, *KUSTOMIZATIONS):
        becomes = f"said: … {case.says} …" if case.says else "read as data, or not read at all"
        lines.append(f"| `{case.name}` | {case.wants} | {becomes} |")
    lines += ["", "| whole repositories, servers, programs | played by |", "|---|---|"]
    lines += [
        f"| {wants} | `{module}.py`: {test.removeprefix('test_').replace('_', ' ')} |" for module, test, wants in TREES
    ]
    return "\n".join(lines) + "\n"
