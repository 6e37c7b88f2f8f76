"""Each way of using Lamina from another project, by a small program that is configured, built and run."""

from __future__ import annotations

import re
from pathlib import Path

import tree

TEXT = "the cat and the dog and the bird\n"


def test_find_package(prefix: Path, tmp_path: Path) -> None:
    source = tree.copy_example("find_package", tmp_path / "source")
    tree.configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    tree.build(tmp_path / "build")
    said = tree.run(tmp_path / "build" / "words", text=TEXT)
    assert said.splitlines() == ["3 the", "2 and", "1 bird", "1 cat", "1 dog"]
    # The generated tests were built against the installed harness; they pass, for both stacks of the spec.
    summary = tree.run("ctest", "--test-dir", tmp_path / "build", "--output-on-failure")
    assert "100% tests passed" in summary
    assert "word_nodes:" in summary and "word_text:" in summary


def test_fetch_content(tmp_path: Path) -> None:
    source = tree.copy_example("fetch_content", tmp_path / "source")
    tree.configure(source, tmp_path / "build", f"-DFETCHCONTENT_SOURCE_DIR_LAMINA={tree.ROOT}",
                   "-DFETCHCONTENT_FULLY_DISCONNECTED=ON")
    tree.build(tmp_path / "build")
    said = tree.run(tmp_path / "build" / "bank")
    came, served = re.fullmatch(r"(\d+) came, (\d+) were served\n", said).groups()
    assert came == served != "0"


def test_add_subdirectory(tmp_path: Path) -> None:
    source = tree.copy_example("add_subdirectory", tmp_path / "source")
    tree.configure(source, tmp_path / "build", f"-DLAMINA_TREE={tree.ROOT}")
    tree.build(tmp_path / "build")
    said = tree.run(tmp_path / "build" / "calc", text="(+ 1 (* 2 3))\n(- 10 1 2)\n(*\n7\n")
    assert said.splitlines() == ["7", "7", "?", "7"]


def test_neither_tests_nor_install_rules_come_with_a_subproject(tmp_path: Path) -> None:
    source = tree.copy_example("add_subdirectory", tmp_path / "source")
    tree.configure(source, tmp_path / "build", f"-DLAMINA_TREE={tree.ROOT}")
    targets = tree.build(tmp_path / "build", "--target", "help")
    assert "lamina_runtime" in targets
    for test_target in ("lamina_catch2_main", "runtime_tests", "numa_slab", "tree_tests"):
        assert test_target not in targets
    listed = tree.run("ctest", "--test-dir", tmp_path / "build", "-N")
    assert "Total Tests: 0" in listed
    tree.build(tmp_path / "build")
    tree.run("cmake", "--install", tmp_path / "build", "--prefix", tmp_path / "prefix")
    assert not (tmp_path / "prefix").exists() or not any((tmp_path / "prefix").iterdir())


def test_works_with_makefiles(prefix: Path, tmp_path: Path) -> None:
    source = tree.copy_example("find_package", tmp_path / "source")
    tree.configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", generator="Unix Makefiles")
    tree.build(tmp_path / "build", "--target", "words")
    assert tree.run(tmp_path / "build" / "words", text=TEXT).startswith("3 the\n")


def test_one_stack_of_a_spec(prefix: Path, tmp_path: Path) -> None:
    source = tree.copy_example("find_package", tmp_path / "source")
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.21)\n"
        "project(one LANGUAGES C)\n"
        "find_package(lamina CONFIG REQUIRED)\n"
        "lamina_add_allocator(TARGET text SPEC words.lua STACK word_text OUTPUT_DIR here)\n")
    tree.configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    tree.build(tmp_path / "build")
    assert (tmp_path / "build" / "here" / "word_text" / "word_text.c").is_file()
    assert not (tmp_path / "build" / "here" / "word_nodes").exists()
    assert not (tmp_path / "build" / "here" / "word_text" / "word_text_generic.c").exists()


def test_standalone(tmp_path: Path) -> None:
    source = tree.copy_example("standalone", tmp_path / "source")
    tree.lamina("generate", "timers.lua", "-o", "emitted", "--standalone", cwd=source)
    folder = source / "emitted" / "timers"
    tree.run("sh", "-c", "cc -c *.c", cwd=folder)
    objects = [path for path in sorted(folder.glob("*.o")) if not path.name.startswith("test_")]
    tree.run("cc", "-I", folder, "main.c", *objects, "-pthread", "-o", "timers", cwd=source)
    assert tree.run(source / "timers") == "2c 3a 5b 6c 6a 9a 10c \n"


def test_a_spec_with_a_mistake_stops_the_configuration(prefix: Path, tmp_path: Path) -> None:
    source = tree.copy_example("find_package", tmp_path / "source")
    spec = source / "words.lua"
    spec.write_text(spec.read_text().replace("slot = 32", "slott = 32"))
    said = tree.run("cmake", "-S", source, "-B", tmp_path / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
                    status=1)
    assert "words.lua" in said and "slott" in said


def test_wrong_calls_are_explained(prefix: Path, tmp_path: Path) -> None:
    for call, complaint in {
        "lamina_add_allocator(x)": "usage: lamina_add_allocator",
        "lamina_add_allocator(x SPEC words.lua MODE SOMETIMES)": "it can be BUILD, COMMITTED or CHECK",
        "lamina_add_allocator(x SPEC words.lua SURPRISE)": "not understood: SURPRISE",
        "lamina_add_allocator(x SPEC words.lua MODE COMMITTED)": "lamina generate",
        "lamina_add_allocator(x SPEC words.lua TESTS)": "enable the language CXX",
    }.items():
        source = tmp_path / re.sub(r"\W+", "_", call)
        tree.copy_example("find_package", source)
        (source / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.21)\nproject(wrong LANGUAGES C)\n"
            f"find_package(lamina CONFIG REQUIRED)\n{call}\n")
        said = tree.run("cmake", "-S", source, "-B", source / "build", f"-DCMAKE_PREFIX_PATH={prefix}", status=1)
        assert complaint in " ".join(said.split()), said
