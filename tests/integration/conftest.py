"""Fixtures of the integration tests: an installed Lamina."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tree  # noqa: E402  (its folder has just been put on the path)


@pytest.fixture(scope="session")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lamina installed from the tree into a prefix with a space in its name."""
    base = tmp_path_factory.mktemp("installed")
    return tree.install(base / "a prefix", base / "build")
