"""The platform runner: what counts as passed, what it says of what is missing, and whether docs/platforms.md is true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "platform"))

from lamina.targets import TARGETS  # noqa: E402
from runner import __main__ as command  # noqa: E402
from runner import build, page, platforms, results  # noqa: E402

PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
LONG = os.environ.get("LAMINA_LONG") == "1"


def of(name: str) -> platforms.Platform:
    return next(platform for platform in platforms.platforms() if platform.name == name)


# The page --------------------------------------------------------------------------------------------------------


def test_the_page_has_every_platform_and_no_other():
    sections = re.findall(r"^### (\S+)$", PAGE, re.M)
    assert sections == [platform.name for platform in platforms.platforms()]


@pytest.mark.parametrize("name", [platform.name for platform in platforms.platforms() if platform.how != "link"])
def test_the_page_tells_each_ability_of_each_platform(name):
    section = re.split(rf"^### {name}$", PAGE, maxsplit=1, flags=re.M)[1].split("\n### ")[0].split("\n## ")[0]
    rows = [line.split(" | ")[0].strip("| ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert rows == page.abilities(of(name))


def test_the_page_has_the_table_of_targets():
    assert "\n".join(page._targets()).strip() in PAGE


def test_every_target_of_the_compiler_is_a_platform():
    """The two that name a family are shown by their members."""
    assert {platform.target for platform in platforms.platforms()} == TARGETS.keys() - {"linux", "freestanding"}


def test_the_page_is_not_written_from_half_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMINA_BUILD_DIR", str(tmp_path))
    done = CliRunner().invoke(command.main, ["--page-only", "--markdown", str(tmp_path / "page.md")])
    assert done.exit_code == 1 and "linux-s390x" in done.output
    assert not (tmp_path / "page.md").exists()


# What counts -----------------------------------------------------------------------------------------------------

GOOD = "ok memory | pages\nfinds memory | pages of 4 KiB\nskipped numa | nodes | none here\nsuite: 1 ok, 0 failed, 1 skipped\n"


def taken(text: str, status: int) -> results.Result:
    result = results.Result("x")
    result.take(text, status, "the suite")
    result.settle()
    return result


def test_a_suite_that_ends_well_has_passed():
    result = taken(GOOD, 0)
    assert result.state == "passed" and result.ok == {"memory": ["pages"]} and result.passed_cases == 1
    assert result.finds == {"memory": ["pages of 4 KiB"]} and len(result.skipped) == 1


@pytest.mark.parametrize("text, status", [
    (GOOD, 1),                                                    # a status that doesn't go with what it said
    (GOOD.replace("suite:", "sweet:"), 0),                        # no end
    (GOOD.replace("1 ok", "2 ok"), 0),                            # a line is lost
    ("", 0), ("", 139),
    ("skipped numa | nodes | none here\nsuite: 0 ok, 0 failed, 1 skipped\n", 0),
    (GOOD.replace("ok memory | pages", "failed memory | pages | f.c:1: x").replace("1 ok, 0 f", "0 ok, 1 f"), 1),
])
def test_anything_else_has_failed(text, status):
    assert taken(text, status).state == "failed"


def test_every_prefix_of_an_output_has_failed():
    for cut in range(len(GOOD) - 2):
        assert taken(GOOD[:cut], 0).state == "failed", GOOD[:cut]


def test_catch2_has_passed_only_when_it_says_so():
    result = results.Result("x")
    result.take_catch2("pool", "All tests passed (120 assertions in 33 test cases)", 0)
    assert result.catch2 == ["pool"] and result.catch2_cases == 33 and not result.failed
    for text, status in (("All tests passed (1 assertion in 1 test case)", 1), ("No tests ran", 0), ("", 0)):
        result.take_catch2("other", text, status)
    assert result.catch2 == ["pool"] and len(result.failed) == 3


def without(**changes):
    data = dict(name="mars", brief="nowhere", target="linux-x86_64", cc="mars-gcc", how="run",
                needs=({"see": "mars-gcc", "apt": "gcc-mars"}, {"see": "mars-run", "apt": "qemu-mars"},
                       {"see": "mars-g++", "apt": "gcc-mars"}, {"see": "zig-of-mars", "npm": "@mars/zig"}))
    return platforms.Platform(**{**data, **changes})


def test_what_is_missing_is_named_and_skipped_is_not_passed(monkeypatch, tmp_path):
    monkeypatch.setattr(command, "platforms", lambda: [without()])
    monkeypatch.setenv("LAMINA_BUILD_DIR", str(tmp_path))
    invoke = CliRunner().invoke
    done = invoke(command.main, [])
    assert done.exit_code == 77
    assert "apt-get install gcc-mars qemu-mars\n" in done.output and "@mars/zig" in done.output
    assert "0 passed, 0 built, 0 failed, 1 skipped" in done.output
    assert invoke(command.main, ["--require"]).exit_code == 1
    listed = invoke(command.main, ["--list"])
    assert listed.exit_code == 0 and "lacks: apt-get install gcc-mars qemu-mars" in listed.output
    found = {"npm": "/usr/bin/npm"}
    monkeypatch.setattr(platforms, "find", found.get)
    needs = ["apt gcc-mars", "apt qemu-mars", "npm @mars/zig"]
    assert invoke(command.main, ["--needs"]).output.splitlines() == needs
    found.clear()
    assert invoke(command.main, ["--needs"]).output.splitlines() == ["apt npm", *needs], "npm comes first where it is missing"


@pytest.mark.parametrize("how", ["passed", "skipped", "quick"])
def test_the_page_takes_no_earlier_run_for_one_that_is_skipped_or_quick(monkeypatch, tmp_path, how):
    monkeypatch.setenv("LAMINA_BUILD_DIR", str(tmp_path))
    monkeypatch.setattr(command, "platforms", lambda: [without()])
    monkeypatch.setattr(command.page, "text", lambda *_: "a page")
    earlier = results.Result("mars", ok={"memory": ["pages"]}, whole=how != "quick")
    earlier.store()
    words = ["--page-only"] if how != "skipped" else []
    done = CliRunner().invoke(command.main, [*words, "--markdown", str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").exists() == (how == "passed")
    assert how == "passed" or "it lacks mars" in done.output


def test_a_compiler_that_fails_fails_the_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("LAMINA_BUILD_DIR", str(tmp_path))
    monkeypatch.setattr(command, "platforms", lambda: [without(cc="false", needs=())])
    done = CliRunner().invoke(command.main, [])
    assert done.exit_code == 1 and "does not compile" in done.output


def test_an_unknown_platform_is_a_wrong_command_line():
    done = CliRunner().invoke(command.main, ["--only", "venus"])
    assert done.exit_code == 2 and "--list" in done.output


def test_a_name_is_itself_and_a_beginning_is_all_that_begin_so():
    assert [platform.name for platform in command.chosen(("linux-aarch64",))] == ["linux-aarch64"]
    assert {platform.name for platform in command.chosen(("windows", "macos"))} == {
        "windows-x86_64", "macos-arm64", "macos-x86_64"}


def test_setup_installs_what_platforms_name():
    """Each need says how it is seen and where it comes from."""
    for platform in platforms.platforms():
        for need in platform.needs:
            assert need.keys() - {"see"} in ({"apt"}, {"npm"}, {"fetch"}), platform.name


# Does the suite bite? --------------------------------------------------------------------------------------------

FAULTS = [
    ("a commit that does nothing", "posix/posix_os.c", "PLATFORM(mprotect)(p, pages, PROT_READ | PROT_WRITE)", "0", "memory"),
    ("a guard that does nothing", "linux/os.c", "lamina_linux_advise_(p, pages, MADV_GUARD_INSTALL)", "0", "guards"),
    ("random bytes that are none", "linux/random.c", "KERNEL(getrandom)(", "never(", "random"),
    ("any node will do", "linux/numa.c", "!node_set_has(&allowed, nodes[i])", "false", "numa"),
    ("a last error for all threads", "posix/error.c", "static __thread int", "static int", "errors"),
]


@pytest.mark.parametrize("what, file, good, bad, ability", FAULTS if LONG else FAULTS[:1], ids=lambda x: str(x)[:24])
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the native platform is x86-64's")
def test_the_suite_finds_a_fault_in_the_runtime(what, file, good, bad, ability, monkeypatch, tmp_path):
    runtime = tmp_path / "runtime"
    shutil.copytree(ROOT / "runtime", runtime)
    path = runtime / "platform" / file
    text = path.read_text(encoding="utf-8")
    assert good in text, f"{file} has changed: {good}"
    text = text.replace(good, bad)
    if "never(" in bad:
        text = text.replace("\nbool lamina_random_bytes", "\nstatic long never(void *at, size_t bytes, unsigned flags)\n{\n"
                            "    (void)at;\n    (void)flags;\n    return (long)bytes;\n}\n\nbool lamina_random_bytes")
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("LAMINA_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(build, "RUNTIME", runtime)
    done = subprocess.run([str(build.suite(of("linux-x86_64")).exe)], capture_output=True, text=True, timeout=120)
    assert done.returncode != 0, what
    failed = results.Result("x")
    failed.take(done.stdout, done.returncode, "the suite")
    # A case of that ability, or the program's end while it was about it.
    assert any(ability in line for line in failed.failed), failed.failed
