"""The platform runner: what counts as passed, what it says of what is missing, and whether docs/platforms.md is true."""

from __future__ import annotations

import dataclasses
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

from lamina.targets import ABILITIES, TARGETS  # noqa: E402
from runner import __main__ as command  # noqa: E402
from runner import build, expected, machine, page, platforms, results, revision  # noqa: E402

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


def test_the_page_tells_of_this_runtime_and_this_suite():
    found = re.search(r"the runtime and the suite `(\w+)` and of the emitted stacks `(\w+)`", PAGE)
    assert found and found.group(1) == revision.glue(), "stale: run tests/platform/run --markdown docs/platforms.md"
    # What is emitted changes more often than what it stands on; the run of all platforms is when it is compared.
    assert not LONG or found.group(2) == revision.stacks(), "stale: run tests/platform/run --markdown docs/platforms.md"


@pytest.mark.parametrize("file, stale", [
    ("runtime/src/status.c", True), ("runtime/platform/linux/os.c", True), ("runtime/include/lamina/core.h", True),
    ("tests/platform/suite/suite.c", True), ("tests/platform/emulators.yaml", True), ("tests/platform/runner/ways.py", True),
    ("tests/platform/runner/page.py", False), ("runtime/README.md", False)])
def test_a_change_makes_the_page_stale_and_a_comment_does_not(file, stale, tmp_path):
    for folder in ("runtime", "tests/platform"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = revision.glue(tmp_path)
    path = tmp_path / file
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".c", ".h"):
        path.write_text("/* said\n * otherwise */\n\n" + text + "// more\n", encoding="utf-8")
        assert revision.glue(tmp_path) == before
        text = text.replace("{", "{ (void)0;", 1) if path.suffix == ".c" else text + "#define MORE 1\n"
    path.write_text(text + "\n# x\n", encoding="utf-8")
    assert (revision.glue(tmp_path) != before) == stale


def test_code_in_strings_is_no_comment(tmp_path):
    path = tmp_path / "one.c"
    path.write_text('const char *s = "/* not one */ // nor this"; /* one */ char c = \'"\'; // two\n', encoding="utf-8")
    assert revision.essence(path) == 'const char *s = "/* not one */ // nor this"; char c = \'"\';'


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


@pytest.mark.parametrize("how", ["passed", "skipped", "quick", "stale glue", "stale stacks", "another runner"])
def test_the_page_takes_no_earlier_run_for_one_that_is_skipped_or_quick(monkeypatch, tmp_path, how):
    monkeypatch.setenv("LAMINA_BUILD_DIR", str(tmp_path))
    monkeypatch.setattr(command, "platforms", lambda: [without()])
    monkeypatch.setattr(command.page, "text", lambda *_: "a page")
    earlier = results.Result("mars", ok={"memory": ["pages"]}, whole=how != "quick")
    earlier.glue = "0" * 16 if how == "stale glue" else earlier.glue
    earlier.emitted = "0" * 16 if how == "stale stacks" else earlier.emitted
    earlier.store()
    if how == "another runner":
        stored = tmp_path / "platform" / "results" / "mars.json"
        stored.write_text(stored.read_text().replace('"emitted"', '"sent"'))
    words = ["--page-only"] if how != "skipped" else []
    done = CliRunner().invoke(command.main, [*words, "--markdown", str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").exists() == (how == "passed")
    assert how == "passed" or "it lacks mars" in done.output


def test_the_page_is_compared_with_what_was_found(monkeypatch, tmp_path):
    monkeypatch.setenv("LAMINA_BUILD_DIR", str(tmp_path))
    monkeypatch.setattr(command, "platforms", lambda: [without()])
    monkeypatch.setattr(command.page, "text", lambda *_: "It tells of this\nand of results\n")
    results.Result("mars", ok={"memory": ["pages"]}, whole=True).store()
    there = tmp_path / "page.md"
    for text, status in (("It tells of this\nand of results\n", 0), ("It tells of this\nand of other results\n", 0),
                         ("It tells of that\nand of other results\n", 1), ("and of other results\n", 1)):
        there.write_text(text)
        done = CliRunner().invoke(command.main, ["--page-only", "--compare", str(there)])
        assert done.exit_code == status and ("of other results" in done.output) == ("of other results" in text), done.output


# What is expected ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", platforms.platforms(), ids=lambda platform: platform.name)
def test_each_platform_says_what_it_cannot_and_why(platform):
    """Known words, a reason each, and a code where something is refused."""
    assert expected.expectations(platform).keys() == ABILITIES.keys()
    for entry in platform.cannot:
        assert entry["why"], entry
        assert ("code" in entry) == (set(entry["what"]) <= ABILITIES.keys()), entry
    assert all(it.why for it in expected.expectations(platform).values() if it.how in (expected.REFUSED, expected.IDLE))


def test_what_is_expected_is_what_the_target_has_less_what_is_said():
    wine = expected.expectations(of("windows-x86_64"))
    assert wine["pages"].how == expected.WORKS and wine["huge pages of 2 MiB"].code == "87"
    assert wine["binding to memory nodes"] == expected.Expectation(expected.REFUSED, "LAMINA_OS_ERROR_UNSUPPORTED",
                                                                   "the target hasn't got it")
    emulated = expected.expectations(of("linux-aarch64"))
    assert emulated["binding to memory nodes"].code == "38" and emulated["transparent huge pages"].how == expected.IDLE
    assert expected.expectations(of("linux-x86_64"))["secret memory"].how == expected.ASK
    with pytest.raises(ValueError, match="seven league boots"):
        expected.expectations(without(cannot=({"what": ["seven league boots"], "why": "no feet"},)))
    with pytest.raises(ValueError, match="refused with 0"):  # which would be a success
        expected.expectations(without(cannot=({"what": ["pages"], "code": 0, "why": "no pages"},)))


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
        "windows-x86_64", "macos-arm64", "macos-x86_64", "macos-glue"}


def test_setup_installs_what_platforms_name():
    """Each need says how it is seen and where it comes from."""
    for platform in platforms.platforms():
        for need in platform.needs:
            assert need.keys() - {"see"} in ({"apt"}, {"npm"}, {"fetch"}), platform.name


# Does the suite bite? --------------------------------------------------------------------------------------------

def at_start_of(function: str, line: str) -> tuple[str, str]:
    """Puts a line at the start of a function, which a public header declares so that it will be there."""
    return function + "\n{\n", f"{function}\n{{\n    {line}\n"


RANGE = "(void *p, size_t bytes)"
SECRET = "void *lamina_secret_map(size_t bytes, unsigned required, unsigned *got)"
MAP = "void *lamina_os_map_ex(size_t bytes, unsigned flags, size_t *page_got)"
APPLY = "bool lamina_numa_apply(void *p, size_t bytes, lamina_numa_policy policy, const uint16_t *nodes, size_t count)"
RANDOM = "bool lamina_random_bytes(void *out, size_t bytes)"
DOES_NOTHING = "return lamina_range_(p, bytes) != 0U;"

#: What is wrong, where, what stands there and what then does, and the ability whose cases must fail.
FAULTS = [
    ("a commit that does nothing", "posix/posix_os.c", *at_start_of("bool lamina_os_commit" + RANGE, DOES_NOTHING), "memory"),
    ("a guard that does nothing", "linux/os.c", *at_start_of("bool lamina_os_guard" + RANGE, DOES_NOTHING), "guards"),
    ("a release that does nothing", "posix/posix_os.c", *at_start_of("bool lamina_os_release" + RANGE, DOES_NOTHING), "memory"),
    ("reserved memory that can be read", "posix/posix_os.c", "map(pages, PROT_NONE,", "map(pages, PROT_READ,", "memory"),
    ("memory without charge that is charged", "linux/os.c", "MAP_NORESERVE : 0", "0 : 0", "memory"),
    ("rights nobody asked for", "posix/posix_os.c", "!= 0U) ? PROT_WRITE : 0)", "!= 0U) ? PROT_WRITE : PROT_WRITE)", "protect"),
    ("random bytes that are none", "linux/random.c",
     *at_start_of(RANDOM, "if ((out != NULL) && (bytes != 0U)) { return true; }"), "random"),
    ("a last error for all threads", "posix/error.c", "static __thread int", "static int", "errors"),
    ("any node will do", "linux/numa.c", "!node_set_has(&allowed, nodes[i])", "false", "numa"),
    ("one policy that is always refused", "linux/numa.c",
     *at_start_of(APPLY, "if (policy == LAMINA_NUMA_INTERLEAVE) { return lamina_refuse_(ENOTSUP); }"), "numa"),
    ("one policy in another's place", "linux/numa.c", "out = POLICY_PREFERRED_MANY;", "out = POLICY_BIND;", "numa"),
    ("huge pages that are always refused", "linux/os.c",
     *at_start_of(MAP, "if ((flags & 0x38U) == LAMINA_MAP_HUGE_2M) { return lamina_refuse_null_(ENOTSUP); }"), "huge pages"),
    ("advice for huge pages that isn't given", "linux/os.c",
     *at_start_of("bool lamina_os_huge_advise" + RANGE, DOES_NOTHING), "huge pages"),
    ("a secret map that is always refused", "linux/secret.c",
     *at_start_of(SECRET, "if (bytes != 0U) { (void)required; (void)got; return lamina_refuse_null_(ENOTSUP); }"), "secret"),
    ("hidden memory that is always refused", "linux/secret.c",
     *at_start_of(SECRET, "if ((required & LAMINA_SECRET_HIDDEN) != 0U) { return lamina_refuse_null_(ENOTSUP); }"), "secret"),
    ("memory that is left in dumps", "linux/secret.c", "MADV_DONTDUMP", "MADV_NORMAL", "secret"),
    ("memory that a forked child finds", "linux/secret.c", "MADV_WIPEONFORK", "MADV_NORMAL", "secret"),
    ("a lock that does nothing", "posix/lock.c", *at_start_of("bool lamina_os_lock" + RANGE, DOES_NOTHING), "secret"),
    ("an unlock that does nothing", "posix/lock.c", *at_start_of("bool lamina_os_unlock" + RANGE, DOES_NOTHING), "secret"),
    ("a failure that leaves something mapped", "posix/posix_os.c",
     *at_start_of("void lamina_posix_unmap_" + RANGE, "if (p != NULL) { (void)bytes; return; }"), "failures"),
    ("a failed decommit that takes the rights", "linux/os.c",
     "succeeded(PLATFORM(madvise)(p, pages, MADV_DONTNEED)) &&\n           succeeded(PLATFORM(mprotect)(p, pages, PROT_NONE));",
     "succeeded(PLATFORM(mprotect)(p, pages, PROT_NONE)) && succeeded(PLATFORM(madvise)(p, pages, MADV_DONTNEED));", "failures"),
    ("ranges with holes", "posix/posix_os.c", "(pages != 0U) && !is_mapped(p, pages)", "(pages != 0U) && (p == NULL)", "secret"),
]

#: Of the glue of macOS, on the stand-ins for its system.
MACOS_FAULTS = [
    ("pages that are given back to nobody", "macos/os.c", *at_start_of("bool lamina_os_decommit" + RANGE, DOES_NOTHING), "memory"),
    ("memory that children have", "macos/secret.c", "VM_INHERIT_NONE) == 0", "0) != 7", "secret"),
    ("pages where nothing was mapped", "posix/posix_os.c", "(pages != 0U) && !is_mapped(p, pages)",
     "(pages != 0U) && (p == NULL)", "secret"),
    ("a policy that is taken and not in force", "macos/numa.c", "return ok && ((policy == LAMINA_NUMA_DEFAULT)",
     "return ok && ((policy <= LAMINA_NUMA_DEFAULT)", "numa"),
]

NATIVE = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the native platform is x86-64's")


class Sound:
    """The suite for a platform that runs here, and variations of it: the other objects are compiled once."""

    def __init__(self, name: str, folder: Path):
        self.platform = of(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAMINA_BUILD_DIR", str(folder))
            self.exe = build.suite(self.platform).exe
        self.objects = sorted(self.exe.parent.glob("*.o"))

    def but(self, name: str, text: str, folder: Path) -> results.Result:
        """What the suite says with another source of that name."""
        (folder / f"{name}.c").write_text(text, encoding="utf-8")
        build.compile_one(self.platform, folder / f"{name}.c", folder / "other.o", ["-Wno-unused"])
        others = [path for path in self.objects if path.stem.split("-", 1)[1] != name]
        assert len(others) == len(self.objects) - 1
        build.link(self.platform, [*others, folder / "other.o"], folder / "suite.exe")
        return said_by(folder / "suite.exe")


def said_by(exe: Path) -> results.Result:
    done = subprocess.run([str(exe)], capture_output=True, text=True, timeout=120)
    result = results.Result("x")
    result.take(done.stdout, done.returncode, "the suite")
    result.settle()
    return result


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    made: dict[str, Sound] = {}

    def get(name: str) -> Sound:
        if name not in made:
            made[name] = Sound(name, tmp_path_factory.mktemp(name))
            assert said_by(made[name].exe).state == "passed"
        return made[name]

    return get


@pytest.mark.parametrize("on, fault", [("linux-x86_64", fault) for fault in FAULTS] + [("macos-glue", fault) for fault in MACOS_FAULTS],
                         ids=lambda x: x[0] if isinstance(x, tuple) else x)
@NATIVE
def test_the_suite_finds_a_fault_in_the_runtime(on, fault, sound, tmp_path):
    what, file, good, bad, ability = fault
    text = (ROOT / "runtime" / "platform" / file).read_text(encoding="utf-8")
    assert good in text, f"{file} has changed: {good}"
    result = sound(on).but(Path(file).stem, text.replace(good, bad), tmp_path)
    # A case of that ability, or the program's end while it was about it.
    assert result.state == "failed" and any(ability in line for line in result.failed), result.failed


@NATIVE
def test_a_list_of_what_cannot_be_done_that_is_stale_fails(sound, tmp_path):
    """Something works that was said not to; something doesn't that was said to; and something is asked of nobody."""
    native = sound("linux-x86_64")
    can = dataclasses.replace(native.platform, cannot=({"what": ["locked memory"], "code": 1, "why": "it can, though"},))
    text = expected.source(can)
    failed = native.but("expected", text, tmp_path).failed
    assert any(line.startswith("secret: a locked mapping") and line.endswith("gave 1, not 0") for line in failed), failed
    text = expected.source(native.platform).replace('{"memory without charge", SUITE_WORKS, 0',
                                                           '{"memory without charge", SUITE_REFUSED, 95')
    failed = native.but("expected", text, tmp_path).failed
    assert any(line.startswith("memory: memory without charge") for line in failed), failed
    text = expected.source(native.platform).replace('{"pages", ', '{"seven league boots", SUITE_WORKS, 0},\n    {"pages", ')
    failed = native.but("expected", text, tmp_path).failed
    assert len(failed) == 1 and failed[0].startswith("abilities: ") and "seven league boots" in failed[0], failed


@pytest.mark.parametrize("what, good, bad", [
    ("any node in place of the one", "1UL << (nodes[i] % BITS_PER_WORD)", "1UL"),
    ("one node after the other, bound", "out = POLICY_INTERLEAVE;", "out = POLICY_BIND;"),
    ("local as nothing", "out = POLICY_LOCAL;", "out = POLICY_DEFAULT;"),
], ids=lambda x: str(x)[:30])
@pytest.mark.skipif(not LONG, reason="boots a machine: set LAMINA_LONG=1")
@pytest.mark.skipif(bool(of("numa-machine").lacks()), reason="the machine of two nodes lacks something here")
def test_the_machine_finds_pages_that_lie_wrong(what, good, bad, monkeypatch, tmp_path):
    shutil.copytree(ROOT / "runtime", tmp_path / "runtime")
    path = tmp_path / "runtime" / "platform" / "linux" / "numa.c"
    text = path.read_text(encoding="utf-8")
    assert good in text, f"numa.c has changed: {good}"
    path.write_text(text.replace(good, bad), encoding="utf-8")
    monkeypatch.setenv("LAMINA_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(build, "RUNTIME", tmp_path / "runtime")
    result = results.Result("numa-machine")
    machine.boot(of("numa-machine"), result, quick=True)
    assert any(line.startswith("machine: ") for line in result.failed), result.failed
