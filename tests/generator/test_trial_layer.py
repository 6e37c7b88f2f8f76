"""A layer is one pair of files: the trial layer `trail` is found, explained, emitted, compiled and tested, and the
tutorial that builds it shows the very files."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAIR = ROOT / "tests" / "trial_layer"
PAGE = ROOT / "docs" / "adding-a-layer.md"
LAYERS = ROOT / "templates" / "layers"
STACKS = ("trail_plain", "trail_hardened", "trail_bump", "trail_static", "trail_owned")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror")


def run(*command: object, root: Path = ROOT, pair: bool = True, status: int = 0, cwd: Path | None = None) -> str:
    """Runs a command, `lamina` of the tree at `root` where it begins with that word; gives back what it printed."""
    words = [str(word) for word in command]
    if words[0] == "lamina":
        words[:1] = [sys.executable, str(root / "generator" / "bin" / "lamina")]
    environment = {name: value for name, value in os.environ.items() if name not in ("LAMINA_LAYERS", "CFLAGS", "CC")}
    environment["LAMINA_PYTHON"] = sys.executable
    if pair:
        environment["LAMINA_LAYERS"] = str(PAIR)
    done = subprocess.run(words, cwd=cwd, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=1200)
    assert done.returncode == status, f"{' '.join(words)}\nended with {done.returncode}, not {status}:\n{done.stdout}"
    return done.stdout


def generate(folder: Path, **how: Any) -> Path:
    """The trial stacks, emitted into a folder beside a copy of their spec."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(PAIR / "stacks.lua", folder)
    run("lamina", "generate", "--quiet", "stacks.lua", "-o", "out", cwd=folder, **how)
    return folder / "out"


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("trial"))


# ---------------------------------------------------------------------------------------------
# The commands know it.

def test_nothing_in_the_tree_names_it() -> None:
    for folder in ("generator", "templates", "runtime", "specs"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                assert not re.search(rb"\btrail\b|LAM900", path.read_bytes()), path


def test_the_commands_show_it() -> None:
    assert re.search(r"^ *trail +the last few operations$", run("lamina", "list-layers"), re.M)
    told = run("lamina", "explain", "trail")
    assert "entries" in told and "failures" in told and "LAM900" in told
    assert "two branches have two kinds" in run("lamina", "explain", "LAM900")
    assert "trail" in json.dumps(json.loads(run("lamina", "schema")))
    assert "trail" not in run("lamina", "list-layers", pair=False)


def test_its_parameters_are_checked(tmp_path: Path) -> None:
    (tmp_path / "wrong.lua").write_text(
        'local lamina = require "lamina"\n'
        'return lamina.stack "wrong" { lamina.system {}, lamina.trail { entires = 4, failures = 1 } }\n')
    told = run("lamina", "generate", "wrong.lua", cwd=tmp_path, status=1)
    assert 'did you mean "entries"?' in told and "[LAM021]" in told
    assert "failures: expected true or false" in told and "[LAM022]" in told


def test_its_rule_is_held(tmp_path: Path) -> None:
    (tmp_path / "wrong.lua").write_text(
        'local lamina = require "lamina"\n'
        'return lamina.stack "wrong" { lamina.system {}, lamina.trail {} }\n')
    told = run("lamina", "generate", "wrong.lua", cwd=tmp_path, status=1)
    assert "wrong.lua:2:49: error: trail remembers slots, and system has none to show [LAM900]" in told
    assert not (tmp_path / "generated").exists()


# ---------------------------------------------------------------------------------------------
# The C.

@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_it_compiles_without_a_warning(emitted: Path, stack: str, compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not here")
    folder = emitted / stack
    include = f"-I{ROOT / 'runtime' / 'include'}"
    for standard in ("c11", "c17"):
        for name in (f"{stack}.c", f"{stack}_generic.c"):
            run(compiler, f"-std={standard}", "-O2", *WARNINGS, include, "-c", folder / name, "-o", tmp_path / "it.o")
    (tmp_path / "it.cpp").write_text(f'#include "{stack}.h"\n#include "{stack}_generic.h"\n')
    run({"gcc": "g++", "clang": "clang++"}[compiler], "-std=c++17", *WARNINGS, include, f"-I{folder}", "-c",
        tmp_path / "it.cpp", "-o", tmp_path / "it.o")


def test_its_generated_tests_pass(tmp_path: Path) -> None:
    shutil.copy(PAIR / "stacks.lua", tmp_path)
    (tmp_path / "CMakeLists.txt").write_text(f"""\
cmake_minimum_required(VERSION 3.21)
project(trial LANGUAGES C CXX)
enable_testing()
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_EXTENSIONS OFF)
add_compile_options({" ".join(WARNINGS)})
add_subdirectory("{ROOT}" lamina)
lamina_add_allocator(trial SPEC stacks.lua TESTS GENERIC)
""")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", "-G", "Ninja")
    run("cmake", "--build", tmp_path / "build")
    told = run("ctest", "--test-dir", tmp_path / "build", "--output-on-failure", "--no-tests=error", "-j", os.cpu_count() or 1)
    assert "100% tests passed" in told
    for stack in STACKS:
        assert f"{stack}: trail: the youngest operation comes first" in told


# ---------------------------------------------------------------------------------------------
# In the tree it takes the same two files and no third.

def test_the_pair_alone_makes_it_one_of_the_tree(emitted: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("generator", "templates", "runtime"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PAIR / "trail.py", tree / "generator" / "lamina" / "layers")
    shutil.copy(PAIR / "trail.c.j2", tree / "templates" / "layers")
    out = generate(tmp_path / "use", root=tree, pair=False)
    names = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(emitted) for path in emitted.rglob("*") if path.is_file())
    assert [name for name in names if (out / name).read_bytes() != (emitted / name).read_bytes()] == []
    told = run("lamina", "list-layers", root=tree, pair=False)
    assert re.search(r"^ *trail +the last few operations$", told, re.M)


def test_half_a_pair_is_told(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("generator", "templates", "runtime"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PAIR / "trail.py", tree / "generator" / "lamina" / "layers")
    told = run("lamina", "list-layers", root=tree, pair=False, status=70)
    assert "layer trail: trail.c.j2 is missing beside trail.py" in told


# ---------------------------------------------------------------------------------------------
# The tutorial.

def blocks(language: str) -> str:
    """What the page shows in one language, its pieces joined."""
    return "".join(re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S))


@pytest.mark.parametrize("language, name", [("python", "trail.py"), ("jinja", "trail.c.j2")])
def test_the_tutorial_shows_the_files(language: str, name: str) -> None:
    assert blocks(language) == (PAIR / name).read_text(encoding="utf-8")


def documented(heading: str) -> set[str]:
    """The names in the first column of the tables below a heading of the page."""
    text = PAGE.read_text(encoding="utf-8")
    start = re.search(rf"^## {re.escape(heading)}$", text, re.M)
    assert start, heading
    section = re.split(r"^## ", text[start.end():], maxsplit=1, flags=re.M)[0]
    cells = re.findall(r"^\|([^|\n]*)\|", section, re.M)
    return {name for cell in cells for name in re.findall(r"`(?:L\.)?(\w+)[^`]*`", cell)}


#: Functions of the composer that take the name of a slot.
ASKS = {"macro", "_store", "join", "pieces", "upper", "defines", "access_text", "text", "inspects", "store_call"}


def slots() -> set[str]:
    """Every slot that the composer or a template asks for."""
    asked: set[str] = set()
    for module in ("bind", "compose", "views", "twin", "render"):
        tree = ast.parse((ROOT / "generator" / "lamina" / f"{module}.py").read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            words = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if name in ASKS:
                asked.update(word for word in words if word.isidentifier())
            if name in ("module", "_modules"):
                asked.update(words)
        asked.update(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and
                     (getattr(node.value, "id", "") == "module" or getattr(getattr(node.value, "func", None), "attr", "") == "module"))
    for template in LAYERS.glob("*.j2"):
        asked.update(re.findall(r'L\.store_call\("(\w+)"\)', template.read_text(encoding="utf-8")))
    # Slots that are asked for in a loop over their names.
    return (asked | {"intact_any", "intact_freed"}) - {"get_template"}


def macros() -> dict[str, set[str]]:
    """The macros of each layer's template that the template itself does not call."""
    out: dict[str, set[str]] = {}
    for template in LAYERS.glob("*.c.j2"):
        text = template.read_text(encoding="utf-8")
        for name in re.findall(r"{%-? *macro (\w+)\(", text):
            if len(re.findall(rf"(?<!macro )\b{name}\(", text)) == 0:
                out.setdefault(template.name, set()).add(name)
    return out


def test_every_slot_is_in_the_reference() -> None:
    assert slots() - documented("Slots") == set()
    assert documented("Slots") - slots() == set(), "the page names slots that nobody asks for"


def test_every_macro_is_a_slot_or_a_helper() -> None:
    stray = {name: sorted(left) for name, found in macros().items() if (left := found - slots())}
    assert not stray, f"nobody asks for these: {stray}"


def test_every_name_of_a_bound_layer_is_in_the_reference() -> None:
    from lamina.bind import Bound

    tree = ast.parse((ROOT / "generator" / "lamina" / "bind.py").read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Bound")
    names = {name for name in vars(Bound) if not name.startswith("_")}
    names |= {node.attr for node in ast.walk(body) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
              and getattr(node.value, "id", "") == "self" and not node.attr.startswith("_")}
    assert names - documented("Names in a fragment") == set()
    gone = documented("Names in a fragment") - names - {"held", "system_second"}
    assert gone == set(), "the page names what is not there"


def test_every_role_field_and_option_of_a_descriptor_is_in_the_reference() -> None:
    import dataclasses

    from lamina.descriptor import Descriptor, Kind

    assert {field.name for field in dataclasses.fields(Descriptor)} == documented("The descriptor")
    kinds = {kind.__name__ for kind in Kind.__subclasses__()}
    assert kinds == documented("Types of parameters")
