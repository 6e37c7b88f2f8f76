"""Targets: the table is sound, what a target lacks is refused, and what it has comes out as promised."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from lamina import registry
from lamina.cli import cli
from lamina.descriptor import Choice, Flag
from lamina.targets import ABILITIES, TARGETS, shown, with_all

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted(str(path) for path in (ROOT / "specs").iterdir() if path.suffix in (".lua", ".yaml"))


def lamina(*arguments: str):
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def spec(folder: Path, *layers: str, **options: str) -> str:
    path = folder / "pool.lua"
    path.write_text('local lamina = require "lamina"\nreturn lamina.stack "pool" {\n'
                    + "".join(f"  {name} = {value},\n" for name, value in options.items())
                    + "".join(f"  lamina.{layer},\n" for layer in layers) + "}\n", encoding="utf-8")
    return str(path)


def test_what_targets_have_is_known():
    for target in TARGETS.values():
        assert target.has <= ABILITIES.keys(), target.name
        assert target.page & (target.page - 1) == 0
        assert (ROOT / "runtime" / "platform" / target.runtime).is_dir()


#: Abilities that no layer asks for, with the reason: what only the runtime is tested for.
NO_LAYER_NEEDS = {
    "64-bit atomics": "emitted counters are as wide as a pointer, so that 32-bit targets lack nothing; the runtime's are for "
                      "programs that have them",
}


def needs_of(layer) -> set[str]:
    """All that a layer says it may need, in whatever stack."""
    out = set(layer.needs)
    for param in layer.params:
        out |= {param.needs} if isinstance(param.needs, str) else set(param.needs.values())
    text = Path(registry.folders()[0], f"{layer.name}.py").read_text(encoding="utf-8")
    for words in re.findall(r"x\.needs = \(([^)]*)\)", text):
        out |= set(re.findall(r'"([^"]+)"', words))
    return out - {""}


@pytest.mark.parametrize("layer", registry.layers().values(), ids=lambda layer: layer.name)
def test_what_layers_need_is_known(layer):
    """A misspelt need would be one that no target has."""
    for param in layer.params:
        if not isinstance(param.needs, str):
            assert isinstance(param.kind, (Choice, Flag)), param.name
            assert set(param.needs) <= set(getattr(param.kind, "names", (True, False))), param.name
    assert needs_of(layer) <= ABILITIES.keys()
    assert layer.targets == with_all(layer.needs)


def needed() -> set[str]:
    """What any layer, or any parameter or value of one, needs."""
    out: set[str] = set()
    for layer in registry.layers().values():
        out |= set(layer.needs)
        for param in layer.params:
            out |= ({param.needs} if isinstance(param.needs, str) else set(param.needs.values())) - {""}
    return out


@pytest.mark.parametrize("ability", ABILITIES)
def test_each_ability_is_shown_by_a_case_of_the_suite(ability):
    """Where it is there and where it isn't: the suite fails at its end when no case asked for one, and here is where."""
    suite = ROOT / "tests" / "platform" / "suite"
    cases = [(path.name, found.group(1)) for path in sorted(suite.glob("part_*.c"))
             for part in path.read_text(encoding="utf-8").split("CASE(")[1:] if f'"{ability}"' in part
             and (found := re.search(r'"([\w ]+)"', part))]
    tables = [path.name for path in sorted(suite.glob("part_*.c"))
              if re.search(rf'^ +\{{.*"{re.escape(ability)}"', path.read_text(encoding="utf-8"), re.M)]
    assert cases or tables, f"no case shows {ability}, which {'a layer needs' if ability in needed() else 'nothing needs'}"


def test_lists_of_targets_are_short():
    assert shown(tuple(TARGETS)) == "all targets"
    assert shown(()) == "none"
    assert shown(("linux",)) == "linux"
    assert shown(with_all(("pages",))).startswith("all targets but freestanding")


@pytest.mark.parametrize("name", TARGETS)
def test_each_target_takes_what_it_has(name, tmp_path):
    """The stacks of specs/ that a target has the layers for come out whole; the others are refused by LAM057 alone."""
    done = lamina("generate", "--dry-run", "--target", name, "-o", str(tmp_path), *SPECS)
    codes = set(re.findall(r"error: .*\[(LAM\d+)\]", done.output))
    assert codes <= {"LAM057"}, done.output
    assert done.exit_code == (1 if codes else 0)
    assert bool(codes) == (TARGETS[name].runtime != "linux")


def test_every_ability_is_asked_for():
    """An ability that no layer needs would be a column of the platforms' page that no spec can be refused for."""
    needed = set().union(*map(needs_of, registry.layers().values()))
    assert needed == ABILITIES.keys() - NO_LAYER_NEEDS.keys()


def test_every_ability_is_some_targets():
    """And not all targets': what everybody has needs no word."""
    for ability in ABILITIES:
        assert 0 < len(with_all((ability,))) < len(TARGETS), ability


def told(path: str, target: str) -> str:
    """What is told of a spec that is read for a target: nothing where all is well."""
    done = lamina("generate", "--dry-run", "--target", target, path)
    assert done.exit_code == (1 if "error: " in done.output else 0)
    return done.output if done.exit_code else ""


def test_the_bound_on_mappings_is_linuxs(tmp_path):
    path = spec(tmp_path, "mmap {}", "guard { every = 1 }", "slab { slot = 64, count = 32766 }")
    refused = {name for name, target in TARGETS.items() if "that a process may have" in told(path, name)}
    assert refused == {name for name, target in TARGETS.items() if target.runtime == "linux"}
    path = spec(tmp_path, "mmap {}", "guard { every = 1 }", "slab { slot = 64, count = 32765 }")
    assert told(path, "linux") == ""


@pytest.mark.parametrize("name", TARGETS)
def test_ranges_end_where_the_targets_addresses_do(name, tmp_path):
    """A byte's difference: with 32 bits a range is smaller than 2 GiB, and all together are no more than 3."""
    target = TARGETS[name]
    narrow = name in ("linux-i386", "linux-armhf")
    assert (target.range_end, target.space) == ((2 << 30, 3 << 30) if narrow else (None, target.space))
    if target.hosted:
        page = target.page
        for count, fits in (((2 << 30) - page, True), (2 << 30, not narrow), (3 << 30, not narrow)):
            path = spec(tmp_path, f"mmap {{ reserve = {count}, commit = 'lazy' }}", "bump {}")
            assert (told(path, name) == "") == fits, count
        both = "fallback {{ primary = {{ lamina.mmap {{ size = {0} }}, lamina.slab {{ slot = 65536 }} }}, " \
               "secondary = {{ lamina.mmap {{ size = {1} }}, lamina.slab {{ slot = 65536 }} }} }}"
        assert told(spec(tmp_path, both.format(3 << 29, 3 << 29)), name) == ""
        assert (told(spec(tmp_path, both.format(3 << 29, (3 << 29) + 65536)), name) == "") != narrow


def test_windows_numbers_its_nodes_up_to_63(tmp_path):
    for node, target, fits in ((63, "windows-x86_64", True), (64, "windows-x86_64", False), (64, "linux", True)):
        path = spec(tmp_path, "mmap {}", f"numa {{ preferred = {{ {node} }} }}", "slab { slot = 64, count = 8 }")
        assert (told(path, target) == "") == fits, (node, target)


def test_what_locked_memory_can_promise_is_the_targets(tmp_path):
    """Each property by itself, required: refused where the target hasn't it, and only there."""
    for name, need in (("no_dump", "memory left out of dumps"), ("no_fork", "memory wiped on fork"), ("secret", "secret memory")):
        words = {key: "preferred" for key in ("no_dump", "no_fork", "secret")} | {name: "required"}
        path = spec(tmp_path, "locked { " + ", ".join(f'{key} = "{word}"' for key, word in words.items()) + " }",
                    "slab { slot = 64, count = 8 }")
        accepted = {target for target in TARGETS if told(path, target) == ""}
        assert accepted == set(with_all(("locked memory", need))), name


def test_the_command_line_goes_before_the_spec(tmp_path):
    path = spec(tmp_path, "static {}", "slab { slot = 32, count = 8 }", "mutex {}", target='"freestanding"')
    assert lamina("generate", "--dry-run", path).exit_code == 1
    assert lamina("generate", "--dry-run", "--target", "linux-armhf", path).exit_code == 0


def page_of(text: str) -> int:
    """The page size in the emitted header."""
    found = set(re.findall(r"^#define POOL_\w*PAGE_BYTES +(\d+)U", text, re.M))
    assert len(found) == 1, found
    return int(found.pop())


def test_layouts_are_cut_for_the_pages_of_the_target(tmp_path):
    path = spec(tmp_path, "mmap {}", "guard {}", 'slab { slot = "1 KiB", count = 4 }')
    for name, page in (("linux", 4096), ("macos-arm64", 16384), ("linux-aarch64-64k", 65536)):
        done = lamina("generate", "--stdout", "--target", name, path)
        assert page_of(done.output) == page, name
        assert re.search(rf"--target[\s*]+{name}$", done.output, re.M), name  # of the command that writes it anew
    path = spec(tmp_path, "mmap {}", "guard {}", 'slab { slot = "1 KiB", count = 4 }', page_size='"64 KiB"')
    assert page_of(lamina("generate", "--stdout", "--target", "macos-arm64", path).output) == 65536


def test_check_knows_the_target(tmp_path):
    path = spec(tmp_path, "mmap {}", "guard {}", 'slab { slot = "1 KiB", count = 4 }')
    out = str(tmp_path / "out")
    assert lamina("generate", "-q", "--target", "linux-aarch64-64k", "-o", out, path).exit_code == 0
    assert lamina("check", "--target", "linux-aarch64-64k", "-o", out, path).exit_code == 0
    done = lamina("check", "-o", out, path)
    assert done.exit_code == 3 and "_PAGE_BYTES" in done.output
    done = lamina("check", "--target", "macos-arm64", "-o", out, path)
    assert done.exit_code == 3 and "--target macos-arm64" in done.output


def test_an_unknown_target_is_a_wrong_command_line(tmp_path):
    done = lamina("generate", "--target", "windows-3.11", spec(tmp_path, "static {}", "bump {}"))
    assert done.exit_code == 2 and "linux-x86_64" in done.output


def test_64_bit_atomics_are_refused_where_there_are_none(tmp_path, monkeypatch):
    """No layer of ours needs them, so that 32-bit targets lack nothing; one that did is held to the table."""
    path = spec(tmp_path, "static {}", "slab { slot = 32, count = 8 }", "fault {}")
    shape = registry.layers()["fault"].shape

    def shape_with_atomics(layer, branch):
        shape(layer, branch)
        layer.x.needs = ("64-bit atomics",)

    for name in TARGETS:
        assert lamina("generate", "--dry-run", "--target", name, path).exit_code == 0
    known = registry.layers()
    changed = {**known, "fault": dataclasses.replace(known["fault"], shape=shape_with_atomics)}
    monkeypatch.setattr(registry, "layers", lambda: changed)
    refused = {name for name in TARGETS if lamina("generate", "--dry-run", "--target", name, path).exit_code == 1}
    assert refused == {"linux-i386", "linux-armhf", "freestanding", "freestanding-cortex-m4"}


def test_a_node_that_can_only_be_asked_for_in_the_mapping_is_asked_for_there(tmp_path):
    path = spec(tmp_path, "mmap {}", "numa { preferred = { 3 } }", "slab { slot = 64, count = 4 }")
    windows = lamina("generate", "--stdout", "--target", "windows-x86_64", path).output
    assert "lamina_numa_map(POOL_MAP_BYTES, 0U, NULL, LAMINA_NUMA_PREFERRED, nodes, 1U)" in re.sub(r"\s+", " ", windows)
    assert "lamina_numa_apply" not in windows and "lamina_os_map(" not in windows
    linux = lamina("generate", "--stdout", path).output
    assert "lamina_numa_apply" in linux and "lamina_numa_map" not in linux
    path = spec(tmp_path, "mmap { commit = 'lazy', reserve = '1 MiB' }", "numa { preferred = { 3 } }", "slab { slot = 64 }")
    assert "lamina_numa_reserve(" in lamina("generate", "--stdout", "--target", "windows-x86_64", path).output


def test_what_can_only_be_asked_for_in_the_mapping_is_not_optional(tmp_path):
    path = spec(tmp_path, "mmap {}", "numa { preferred = { 3 }, optional = true }", "slab { slot = 64, count = 4 }")
    done = lamina("generate", "--dry-run", "--target", "windows-x86_64", path)
    assert done.exit_code == 1 and "optional needs memory policies of a range" in done.output
    assert lamina("generate", "--dry-run", path).exit_code == 0


def test_a_bump_at_the_top_of_all_addresses_takes_no_alignment_that_wraps(tmp_path):
    """A kernel's memory lies there; nothing is touched, so that the fields can be set to what a process never has."""
    path = spec(tmp_path, "static { bytes = '64 KiB', place = 'handle' }", "bump {}")
    assert lamina("generate", "--no-format", "--no-tests", "--target", "freestanding-x86_64", "-o", str(tmp_path), path).exit_code == 0
    (tmp_path / "main.c").write_text(
        '#include "pool.h"\n'
        "int main(void)\n{\n"
        "    static pool_t self;\n"
        "    self.bump.base = self.bump.cursor = (unsigned char *)(UINTPTR_MAX - 0x7FFFFFFFU);\n"
        "    self.bump.limit = self.bump.base + 4096;\n"
        "    const bool fits = pool_alloc(&self, 16U, 64U) == self.bump.base;\n"
        "    return (fits && (pool_alloc(&self, 16U, (size_t)1 << 40) == NULL)) ? 0 : 1;\n}\n")
    subprocess.run(["gcc", "-std=c11", "-O2", "-I", str(ROOT / "runtime" / "include"), "-I", str(tmp_path / "pool"), "-o",
                    str(tmp_path / "main"), str(tmp_path / "main.c"), *map(str, (tmp_path / "pool").glob("pool.c")),
                    *map(str, (ROOT / "runtime" / "src").glob("status.c"))], check=True)
    assert subprocess.run([str(tmp_path / "main")]).returncode == 0
