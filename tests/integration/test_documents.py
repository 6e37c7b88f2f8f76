"""The commands in README.md and docs/ do what they say.

A block that opens with ```sh run is run, with `bash -euo pipefail`, in a copy of the tree; the blocks of one document
share one copy and run in order. ```sh run long is run by the long tests only. Any other block is only read.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tree

BLOCK = re.compile(r"^```sh run(?P<long> long)?\n(?P<text>.*?)^```$", re.M | re.S)


def documents() -> list[str]:
    found = [tree.ROOT / "README.md", *sorted((tree.ROOT / "docs").rglob("*.md"))]
    return [str(path.relative_to(tree.ROOT)) for path in found
            if path.is_file() and BLOCK.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("document", documents(), ids=str)
def test_the_commands_work(document: str, tmp_path: Path) -> None:
    copy = tree.copy_tree(tmp_path / "lamina")
    for block in BLOCK.finditer((tree.ROOT / document).read_text(encoding="utf-8")):
        if block["long"] and not tree.LONG:
            continue
        tree.run("bash", "-euo", "pipefail", "-c", block["text"], cwd=copy,
                 env={"PATH": f"{copy / 'generator' / 'bin'}:{tree.environment()['PATH']}"})


def test_links_between_the_documents_lead_somewhere() -> None:
    dead = []
    for path in [tree.ROOT / "README.md", *(tree.ROOT / "docs").rglob("*.md")]:
        if not path.is_file():
            continue
        text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text):
            if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
                dead.append(f"{path.relative_to(tree.ROOT)}: {target}")
    assert not dead, dead
