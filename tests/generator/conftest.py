"""Makes the package importable from the tree, whatever folder pytest starts in."""

import sys
from pathlib import Path

GENERATOR = str(Path(__file__).resolve().parents[2] / "generator")
if GENERATOR not in sys.path:
    sys.path.insert(0, GENERATOR)
