"""The catalogue of codes is complete, and holds nothing that nobody raises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from lamina import codes, registry, rule_codes
from lamina.diagnostics import Diagnostics
from lamina.load import load_spec

PACKAGE = Path(codes.__file__).parent
CATALOGUES = {"codes.py", "rule_codes.py", "describe.py"}


def raised() -> dict[str, set[str]]:
    """Codes that stand in the source as a string of their own, each with the modules where they do."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        if path.name in CATALOGUES:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"LAM\d{3}", node.value):
                found.setdefault(node.value, set()).add(path.name)
    for path in PACKAGE.rglob("*.lua"):
        for code in re.findall(r'"(LAM\d{3})"', path.read_text(encoding="utf-8")):
            found.setdefault(code, set()).add(path.name)
    return found


def test_every_code_that_is_raised_is_explained():
    assert {code: where for code, where in raised().items() if code not in registry.all_codes()} == {}


def test_every_code_that_is_explained_is_raised():
    assert set(registry.all_codes()) - set(raised()) == set()


@pytest.mark.parametrize("code", registry.all_codes().values(), ids=lambda code: code.id)
def test_the_story_is_told(code):
    """What, why, a wrong example and the remedy: no code is a stub."""
    assert re.fullmatch(r"LAM\d{3}", code.id)
    assert not code.title.endswith(".") and len(code.title) < 80
    assert len(code.text) > 150
    assert all(len(line) <= 120 for line in code.text.splitlines())
    assert code.text.endswith("\n") and "\t" not in code.text


@pytest.mark.parametrize("code", rule_codes.CODES.values(), ids=lambda code: code.id)
def test_rules_have_an_example(code):
    assert re.search(r"^    \S", code.text, re.M) or code.id == "LAM060"
    # An example that names a code names its own.
    assert set(re.findall(r"LAM\d{3}", code.text)) <= {code.id}


def example(code_id: str, tmp_path: Path, monkeypatch, text: str) -> str:
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    Path("specs/pool.lua").write_text(text, encoding="utf-8")
    from lamina.resolve import resolve
    from lamina.validate import validate

    diags = Diagnostics()
    document = load_spec("specs/pool.lua", (), diags)
    for stack in validate(document, diags):
        resolve(stack)
    return diags.render()


def test_the_longest_example_is_what_is_printed(tmp_path, monkeypatch):
    """LAM014 is the example of the documents: it has to be exact."""
    told = example("LAM014", tmp_path, monkeypatch, """\
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { size = "1 MiB" },
  lamina.slab { slot = 40, payload = 32 },
  lamina.canary {},
}
""")
    shown = "".join(line[4:] + "\n" for line in rule_codes.CODES["LAM014"].text.splitlines() if line.startswith("    "))
    plain = lambda text: [re.sub(r" +", " ", line).strip() for line in text.splitlines()]
    assert plain(shown) == plain(told)[:-1]
