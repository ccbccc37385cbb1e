"""How numbers read."""

from __future__ import annotations

import pytest

from ftbench.text.numbers import share


@pytest.mark.parametrize(
    ("part", "said"), [(0.0, "0.0%"), (0.00022, "0.022%"), (0.0099, "0.99%"), (0.0247, "2.5%"), (1.0, "100.0%")]
)
def test_a_small_share_is_never_shown_as_none(part: float, said: str) -> None:
    assert share(part) == said
