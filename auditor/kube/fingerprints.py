"""The identity of a finding: policy, object (without its cluster), keyed path and subject in, 32 hexadecimal digits out.

History, baselines, blame, SARIF and notifications rest on it, so what goes in and how must not change: no index where a
key stands, no value, no version, no cluster (that is a column beside it).
"""

from __future__ import annotations

from hashlib import blake2b

import orjson

from auditor.model import Ref


def fingerprint(policy_id: str, ref: Ref, keyed_path: str, subject: str = "", n: int = 0) -> str:
    """BLAKE2b with 16 bytes over a JSON list. `n` numbers repeats of one (policy, ref, path, subject), from 0."""
    parts = [policy_id, ref.group, ref.kind, ref.namespace, ref.name, keyed_path, subject, n]
    return blake2b(orjson.dumps(parts), digest_size=16).hexdigest()
