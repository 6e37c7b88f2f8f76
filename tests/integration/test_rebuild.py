"""A build regenerates and recompiles exactly what a change asks for, with Ninja and with make."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import tree

LISTS = """cmake_minimum_required(VERSION 3.21)
project(rebuild LANGUAGES C)
find_package(lamina CONFIG REQUIRED)
lamina_add_allocator(one SPEC specs/one.lua)
lamina_add_allocator(two SPEC specs/two.lua)
"""
ONE = """local lamina = require "lamina"
local sizes = require "sizes"
return lamina.stack "one" { lamina.static {}, lamina.slab { slot = sizes.slot, count = 16 } }
"""
TWO = """local lamina = require "lamina"
return lamina.stack "two" { lamina.static { bytes = "4 KiB" }, lamina.bump {} }
"""


class Project:
    """Two specs built by a copy of the tree, so that its templates can be changed."""

    def __init__(self, base: Path, generator: str) -> None:
        self.lamina = tree.copy_tree(base / "lamina")
        self.source = base / "source"
        self.folder = base / "build"
        (self.source / "specs").mkdir(parents=True)
        (self.source / "CMakeLists.txt").write_text(LISTS)
        self.write("specs/one.lua", ONE)
        self.write("specs/two.lua", TWO)
        self.write("specs/sizes.lua", "return { slot = 32 }\n")
        tree.configure(self.source, self.folder, f"-Dlamina_DIR={self.lamina / 'generator' / 'cmake'}",
                       generator=generator)
        tree.build(self.folder)

    def write(self, name: str, text: str) -> None:
        (self.source / name).write_text(text)

    def rebuilt(self) -> tuple[set[str], set[str]]:
        """Builds; gives back the targets generated again and the sources compiled again."""
        said = tree.build(self.folder)
        generated = {line.split("Generating ")[1].split()[0] for line in said.splitlines()
                     if "Generating " in line and " from " in line}
        compiled = {Path(line.split("Building C object ")[1]).name.removesuffix(".o")
                    for line in said.splitlines() if "Building C object " in line}
        return generated, compiled


@pytest.fixture(scope="module", params=["Ninja", "Unix Makefiles"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("rebuild"), request.param)


@pytest.fixture(autouse=True)
def starts_up_to_date(project: Project) -> None:
    """Each test begins with a build in which nothing is left to do, and a clock that has moved on."""
    project.rebuilt()
    assert project.rebuilt() == (set(), set())
    time.sleep(0.02)


def test_touching_a_spec_generates_it_alone_and_compiles_nothing(project: Project) -> None:
    os.utime(project.source / "specs" / "one.lua")
    assert project.rebuilt() == ({"one"}, set())


def test_changing_a_spec_compiles_what_changes(project: Project) -> None:
    project.write("specs/two.lua", TWO.replace("4 KiB", "8 KiB"))
    generated, compiled = project.rebuilt()
    assert generated == {"two"} and compiled == {"two.c"}


def test_changing_a_required_file_generates_what_requires_it(project: Project) -> None:
    project.write("specs/sizes.lua", "return { slot = 48 }\n")
    generated, compiled = project.rebuilt()
    assert generated == {"one"} and compiled == {"one.c"}


def test_touching_a_layer_template_generates_the_stacks_with_that_layer(project: Project) -> None:
    os.utime(project.lamina / "templates" / "layers" / "bump.c.j2")
    assert project.rebuilt() == ({"two"}, set())


def test_touching_a_frame_generates_all_and_compiles_nothing(project: Project) -> None:
    os.utime(project.lamina / "templates" / "artefacts" / "flat.h.j2")
    assert project.rebuilt() == ({"one", "two"}, set())


def test_touching_what_no_stack_uses_does_nothing(project: Project) -> None:
    os.utime(project.lamina / "templates" / "layers" / "owner.c.j2")
    os.utime(project.lamina / "templates" / "tools" / "budget.c.j2")
    os.utime(project.lamina / "generator" / "lamina" / "layers" / "owner.py")
    os.utime(project.lamina / "generator" / "lamina" / "commands" / "budget.py")
    assert project.rebuilt() == (set(), set())


def test_changing_a_layer_descriptor_generates_again(project: Project) -> None:
    descriptor = project.lamina / "generator" / "lamina" / "layers" / "slab.py"
    descriptor.write_text(descriptor.read_text() + "\n# a change without a consequence\n")
    assert project.rebuilt() == ({"one"}, set())


def test_another_stack_in_a_spec_is_built_too(project: Project) -> None:
    before = (project.source / "specs" / "two.lua").read_text()
    project.write("specs/two.lua", before.replace("return lamina.stack", "local two = lamina.stack")
                  + 'return { two, lamina.stack "three" { lamina.static { bytes = "1 KiB" }, lamina.bump {} } }\n')
    generated, compiled = project.rebuilt()
    assert generated == {"two"} and "three.c" in compiled and "one.c" not in compiled
    project.write("specs/two.lua", before)
    project.rebuilt()


def test_a_deleted_output_comes_back(project: Project) -> None:
    (header,) = project.folder.glob("lamina/one/one/one.h")
    for stamp in project.folder.glob("one.lamina.stamp"):
        stamp.unlink()
    header.unlink()
    generated, _ = project.rebuilt()
    assert generated == {"one"} and header.is_file()
