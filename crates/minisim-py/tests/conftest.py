"""What the tests share."""

import json
import pathlib
from typing import Any

import pytest

#: The published package's numbers, which the engine's own tests use too.
DATA = pathlib.Path(__file__).parents[2] / "minisim" / "tests" / "data"


@pytest.fixture(scope="session")
def spec_cases() -> list[dict[str, Any]]:
    """Specs as the published package reads them."""
    return json.loads((DATA / "specs.json").read_text())


@pytest.fixture(scope="session")
def score_cases() -> list[dict[str, Any]]:
    """Scores as the published package gives them."""
    return json.loads((DATA / "scores.json").read_text())


@pytest.fixture(scope="session")
def score_arrays() -> dict[str, Any]:
    """The arrays of these scores."""
    import numpy as np

    return dict(np.load(DATA / "scores.npz"))
