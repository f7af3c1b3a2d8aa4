"""Settings for every test: hypothesis profiles, and the fixtures of real components."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.controlplane.fixtures", "tests.postgres"]

# Fixed seeds make CI repeatable; fresh ones elsewhere, printed in the header, find what the fixed ones do not.
SEED = int(os.environ.get("TESTS_SEED", 33 if os.environ.get("CI") else random.randrange(2**32)))

_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=25, suppress_health_check=_QUIET)
settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=100, suppress_health_check=_QUIET)
settings.register_profile("fresh", deadline=None, max_examples=200, print_blob=True, suppress_health_check=_QUIET)
settings.register_profile("soak", deadline=None, max_examples=5_000, print_blob=True, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("TESTS_PROFILE", "fixed"))


def pytest_report_header() -> str:
    profile = os.environ.get("TESTS_PROFILE", "fixed")
    return f"hypothesis profile: {profile}; TESTS_SEED={SEED}"


@pytest.fixture
def rng() -> random.Random:
    """Random numbers of this session; the seed is in the header."""
    return random.Random(SEED)
