"""What policies say of objects: policies and two snapshots in, verdicts and scores out."""

from auditor.compliance.catalogue import choose, examples, load_catalogue
from auditor.compliance.explained import Explained, explained
from auditor.compliance.judge import fingerprints, judge
from auditor.compliance.score import FORMULA, WEIGHTS, score

__all__ = [
    "FORMULA",
    "WEIGHTS",
    "Explained",
    "choose",
    "examples",
    "explained",
    "fingerprints",
    "judge",
    "load_catalogue",
    "score",
]
