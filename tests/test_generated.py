from __future__ import annotations

import pytest

from tests import generated


@pytest.mark.parametrize("name", sorted(generated.files()))
def test_a_generated_file_is_what_the_code_would_write(name: str) -> None:
    assert (generated.ROOT / name).read_text() == generated.files()[name](), "stale; mend: make docs"
