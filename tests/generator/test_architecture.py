"""docs/architecture.md is true: who imports whom, what templates may do, and where layers are known by name."""

from __future__ import annotations

import ast
import fnmatch
import re
from pathlib import Path
from typing import Iterator

import jinja2
import pytest
from jinja2 import nodes

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "generator" / "lamina"
TEMPLATES = ROOT / "templates"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    section = re.split(rf"^## {re.escape(heading)}$", PAGE, maxsplit=1, flags=re.M)[1]
    table = re.search(r"(?:^\|.*\|\n)+", section, re.M)
    assert table, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.group().splitlines()[2:]]


def module_name(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below, but for what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from at_run_time(child)


def imports(name: str) -> set[str]:
    """The modules of the package that a module imports, wherever in it."""
    path = MODULES[name]
    package = [*name.split(".")] if path.name == "__init__.py" and name else name.split(".")[:-1]
    out: set[str] = set()
    for node in at_run_time(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[:len(package) - (node.level - 1)], *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                below = ".".join([*base, alias.name])
                out.add(below if below in MODULES else ".".join(base))
    return {module for module in out if module}  # the package itself holds the version only


def row_of(name: str) -> int:
    patterns = [re.findall(r"`([^`]+)`", row[1]) for row in rows("Modules")]
    exact = [i for i, row in enumerate(patterns) if name in row]
    found = exact or [i for i, row in enumerate(patterns) if any(fnmatch.fnmatchcase(name, p) for p in row)]
    assert len(found) == 1, f"{name} stands in {len(found)} rows of the table of modules"
    return found[0]


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name))
def test_a_module_imports_nothing_from_below(name: str) -> None:
    below = {other for other in imports(name) if row_of(other) > row_of(name)}
    assert not below, f"{name} imports {sorted(below)}"


def test_the_imports_run_in_no_circle() -> None:
    graph = {name: imports(name) for name in MODULES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join([*path[path.index(name):], name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_the_table_names_no_module_that_is_gone() -> None:
    named = [p for row in rows("Modules") for p in re.findall(r"`([^`]+)`", row[1])]
    assert [p for p in named if not fnmatch.filter(MODULES, p)] == []


def test_only_the_loaders_and_the_line_of_commands_start_processes() -> None:
    allowed = {"load.lua", "format", "toolchain", "tracing.native", "mutation.runner"}
    users = {name for name, path in MODULES.items() if re.search(r"^\s*import subprocess", path.read_text(encoding="utf-8"), re.M)}
    assert users - allowed == set()


# ---------------------------------------------------------------------------------------------
# Templates place text; they don't compute.

ARITHMETIC = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow)
#: Macros that may calculate: rulers are as wide as their titles; a tree of bits has as many steps as levels; what comes
#: out even needs no code for a remainder. Test cases count bytes, so `tests` may do what it likes.
MAY_CALCULATE = {("parts.j2", "ruler"), ("test.cpp.j2", ""), ("slab.c.j2", "have"), ("slab.c.j2", "take"),
                 ("slab.c.j2", "push"), ("slab.c.j2", "check"), ("slab.c.j2", "functions"), ("mmap.c.j2", "functions")}
#: Filters of our own: `k`, a number by its name; `cell`, text in a table of Markdown.
FILTERS = {"trim", "join", "length", "upper", "k", "cell", "reverse", "replace", "select", "list"}


def inside(node: nodes.Node, macro: str = "") -> Iterator[tuple[str, nodes.Node]]:
    for child in node.iter_child_nodes():
        name = child.name if isinstance(child, nodes.Macro) else macro
        yield name, child
        yield from inside(child, name)


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.j2")), ids=lambda path: path.name)
def test_templates_do_not_compute(path: Path) -> None:
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], trim_blocks=True, lstrip_blocks=True)
    for macro, node in inside(environment.parse(path.read_text(encoding="utf-8"))):
        where = f"{path.name}:{node.lineno}"
        if isinstance(node, ARITHMETIC):
            formats = isinstance(node, nodes.Mod) and isinstance(node.left, nodes.Const) and isinstance(node.left.value, str)
            assert formats or macro == "tests" or (path.name, macro) in MAY_CALCULATE, f"{where}: arithmetic in {macro}"
        if isinstance(node, nodes.Filter) and macro != "tests":
            assert node.name in FILTERS, f"{where}: the filter {node.name}"


def test_the_composer_writes_no_c() -> None:
    """Statements of C come from templates: the modules that weave them hold no assignment to state."""
    for name in ("compose", "bind"):
        for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"self->\w+(?:\.\w+)? [-+|&]?= ", node.value), f"{name}.py:{node.lineno}"


# ---------------------------------------------------------------------------------------------
# Layers known by name.

def test_layers_are_known_by_name_only_where_the_page_says() -> None:
    from lamina import registry

    layers = set(registry.layers())
    told: dict[str, set[str]] = {}
    for row in rows("What still knows layers by name"):
        told.setdefault(row[0].strip("`"), set()).update(row[1].split(", "))
    found: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        if name.startswith(("layers.", "mutation")):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        here = words & layers
        if name != "views":
            here -= {"static"}  # also a word of C, and a value of the option `instance`
        if here:
            found[name] = here
    assert found == told


# ---------------------------------------------------------------------------------------------
# The picture of the README.

def test_the_picture_shows_the_emitted_code() -> None:
    import html

    def bare(text: str) -> str:
        return re.sub(r"\s+", "", re.sub(r"LAMINA_(?:NODISCARD|INLINE)", "", text))

    picture = (ROOT / "docs" / "flattening.svg").read_text(encoding="utf-8")
    shown = "\n".join(html.unescape(line) for line in re.findall(r'<text class="code"[^>]*>(.*?)</text>', picture))
    header = bare((ROOT / "generated" / "numa_slab" / "numa_slab.h").read_text(encoding="utf-8"))
    functions = re.split(r"(?<=^})\n", shown, flags=re.M)
    assert len(functions) == 2
    for function in functions:
        assert bare(function) in header, function
