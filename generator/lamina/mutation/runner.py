"""Runs mutants against the generated tests.

Everything but the flat form is compiled once for a stack: its tests, its generic twin, the runtime with the table of
platform calls, Catch2. A mutant is a shared library of two C files, the mutated stack and its adapter, which that
executable loads; so that a mutant costs a tenth of a second to build. The tests that are quick, and those that caught
other mutants of the same function, run first.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

from .. import paths
from ..standalone import platform_folders, platform_sources
from .operators import Mutant

KILLED, STILLBORN, SURVIVED, IDENTICAL, ACCEPTED = "killed", "stillborn", "survived", "identical", "accepted"
LEVELS = ("-O2", "-O3")  # at which the object code of an equivalent mutant is the same
CASE = re.compile(r'<TestCase name="([^"]*)"')


class MissingTool(Exception):
    """A compiler, Catch2 or objcopy isn't there."""


class Broken(Exception):
    """The stack as it was emitted doesn't compile, or doesn't pass its own tests."""


@dataclass
class Verdict:
    mutant: Mutant
    state: str
    by: str = ""  # the test that failed, or why
    how: str = ""  # failed, crash, timeout, sanitizer, compiler
    seconds: float = 0.0
    killers: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    status: int | None  # None: its time was up
    text: str
    errors: str


def run(command: list[str], cwd: Path, seconds: float, env: dict[str, str] | None = None) -> Outcome:
    """Runs a program in a session of its own, which ends with it."""
    process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=env, start_new_session=True)
    status: int | None
    try:
        out, err = process.communicate(timeout=seconds)
        status = process.returncode
    except subprocess.TimeoutExpired:
        status = None
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # what a test left running
        except (ProcessLookupError, PermissionError):
            pass
    return Outcome(status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingTool(f"{name} is missing; on Debian: apt-get install {package}")
    return found


class Toolbox:
    """The compilers, and what is compiled once for all stacks."""

    def __init__(self, cc: list[str], cxx: list[str], root: Path) -> None:
        self.cc, self.cxx, self.root = cc, cxx, root
        tool(cc[0], "gcc")
        tool(cxx[0], "g++")
        self.objcopy = tool("objcopy", "binutils")
        self.runtime = root / "runtime"  # a copy: nothing changes under a run that takes minutes
        shutil.copytree(paths.runtime_dir(), self.runtime)
        self.include = [f"-I{self.runtime / 'include'}", f"-I{self.runtime / 'testing' / 'include'}"]
        self._main: Path | None = None
        self._lock = threading.Lock()

    def compile(self, command: list[str], cwd: Path, what: str, seconds: float = 600) -> None:
        done = run(command, cwd, seconds)
        if done.status != 0:
            raise Broken(f"{what}:\n" + "\n".join(done.errors.splitlines()[:12]))

    def main(self) -> list[str]:
        """What brings Catch2 and a main function: version 3's libraries, or version 2's main file, which takes long
        and is kept in the user's cache folder."""
        with self._lock:
            probe = self.root / "probe.cpp"
            probe.write_text("#if __has_include(<catch2/catch_all.hpp>)\n3\n#elif __has_include(<catch2/catch.hpp>)\n2\n#else\n0\n"
                             "#endif\n")
            told = run([*self.cxx, "-std=c++17", "-E", "-P", str(probe)], self.root, 60).text.split()
            version = told[-1] if told else "0"
            if version == "3":
                return ["-lCatch2Main", "-lCatch2"]
            if version != "2":
                raise MissingTool("Catch2 is missing; on Debian: apt-get install catch2")
            if self._main is None:
                source = "#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n"
                where = run([*self.cxx, "-std=c++17", "-E", "-x", "c++", "-H", "-"], self.root, 60)
                compiler = run([*self.cxx, "--version"], self.root, 60).text
                header = Path("/usr/include/catch2/catch.hpp")
                stamp = str(header.stat().st_mtime_ns) if header.exists() else where.text
                key = hashlib.sha256((source + compiler + stamp).encode()).hexdigest()[:16]
                base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
                folder = Path(base) / "lamina" / "mutate"
                try:
                    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                except OSError:
                    folder = self.root
                kept = folder / f"catch2-{key}.o"
                if not kept.exists():
                    (self.root / "main.cpp").write_text(source)
                    fresh = self.root / "main.o"
                    self.compile([*self.cxx, "-std=c++17", "-O0", "-w", "-fPIC", "-c", "main.cpp", "-o", str(fresh)], self.root,
                                 "Catch2's main file does not compile")
                    partial = folder / f".{key}.{os.getpid()}"
                    shutil.copyfile(fresh, partial)
                    os.replace(partial, kept)
                self._main = kept
            return [str(self._main)]


class Bench:
    """One stack, ready to be tested in many versions. `sanitizer` is "", "address,undefined" or "thread"."""

    def __init__(self, tools: Toolbox, stack: str, files: dict[str, str], sanitizer: str, level: str) -> None:
        self.tools, self.stack, self.files = tools, stack, files
        self.sanitizer = sanitizer
        self.folder = tools.root / f"{stack}-{sanitizer.replace(',', '-') or 'plain'}"
        self.flags = [level, "-fPIC", "-DLAMINA_OS_TABLE=1", "-DLAMINA_ANNOTATE=0", "-w", *tools.include]
        self.link: list[str] = ["-pthread"]
        if sanitizer:
            extra = [f"-fsanitize={sanitizer}", "-fno-omit-frame-pointer", "-g"]
            if "undefined" in sanitizer:
                extra.append("-fno-sanitize-recover=undefined")
            self.flags += extra
            self.link += extra[:1]
        self.cases: list[str] = []
        self.quick: list[str] = []
        self.slow: list[str] = []
        self.killers: dict[str, list[str]] = {}  # function to tests that caught faults in it, the best first
        self.baseline = 0.0
        self._lock = threading.Lock()

    # ---- once ----

    def prepare(self) -> None:
        """Compiles what stays the same, and sees that the unchanged stack passes."""
        name, tools = self.stack, self.tools
        self.folder.mkdir(parents=True)
        for file, text in self.files.items():
            if file == f"test_{name}.cpp":  # the twin is not what is mutated: it only has to agree
                text = re.sub(rf"^ *&{name}_generic_subject,\n", "", text, flags=re.M)
            (self.folder / file).write_text(text, encoding="utf-8")
        c, cxx = [*tools.cc, "-std=c11", *self.flags], [*tools.cxx, "-std=c++17", *self.flags]
        runtime = platform_sources("linux", testing=True)
        c += [f"-I{folder}" for folder in platform_folders("linux")]
        objects = []
        for source in (*runtime, self.folder / f"{name}_generic.c", self.folder / f"test_{name}_generic.c"):
            objects.append(f"{source.stem}.o")
            tools.compile([*c, "-c", str(source), "-o", objects[-1]], self.folder, f"{source.name} does not compile")
        tools.compile([*cxx, "-c", f"test_{name}.cpp", "-o", "tests.o"], self.folder, f"test_{name}.cpp does not compile")
        problem = self.build(self.folder, None)
        if problem:
            raise Broken(f"{name} does not compile:\n{problem}")
        tools.compile([*cxx[:1], "-rdynamic", "tests.o", *objects, *tools.main(), "-L.", "-lstack", *self.link, "-o", "tests"],
                      self.folder, f"the tests of {name} can't be linked")
        done = run(self.command(["-d", "yes"], 600), self.folder, 900, self.environment(self.folder))
        if done.status != 0:
            raise Broken(f"{name} fails its own tests as it is:\n" + "\n".join(done.text.splitlines()[-30:]))
        timed = {}
        for line in done.text.splitlines():
            found = re.match(r"\s*(\d+\.\d+) s: (.*\S)", line)
            if found:
                timed[found[2]] = float(found[1])
        self.cases = sorted(timed, key=lambda case: timed[case])
        self.baseline = sum(timed.values())
        limit = max(0.004, self.baseline / 50)
        self.quick = [case for case in self.cases if timed[case] <= limit]
        self.slow = [case for case in self.cases if timed[case] > limit]

    def environment(self, folder: Path) -> dict[str, str]:
        return {**os.environ, "LD_LIBRARY_PATH": str(folder), "LAMINA_TEST_SHRINK": "0",
                "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:abort_on_error=1", "TSAN_OPTIONS": "halt_on_error=1",
                "UBSAN_OPTIONS": "halt_on_error=1"}

    def command(self, arguments: list[str], cpu: int) -> list[str]:
        memory = "" if self.sanitizer else "ulimit -v 8000000; "
        return ["sh", "-c", f'ulimit -c 0; ulimit -t {cpu}; {memory}exec "$@"', "sh", str(self.folder / "tests"), *arguments]

    # ---- for each mutant ----

    def texts(self, mutant: Mutant | None) -> dict[str, str]:
        name = self.stack
        own = {file: self.files[file] for file in (f"{name}.h", f"{name}.c", f"test_{name}_flat.c")}
        if mutant is not None:
            own[mutant.file] = mutant.apply(own[mutant.file])
        return own

    def write(self, folder: Path, mutant: Mutant | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in self.texts(mutant).items():
            (folder / file).write_text(text, encoding="utf-8")
        (folder / "both.c").write_text(f'#include "{self.stack}.c"\n#include "test_{self.stack}_flat.c"\n', encoding="utf-8")

    def build(self, folder: Path, mutant: Mutant | None) -> str:
        """Writes and compiles the flat form; answers what the compiler complained of."""
        self.write(folder, mutant)
        done = run([*self.tools.cc, "-std=c11", *self.flags, "-shared", "both.c", "-o", "libstack.so"], folder, 120)
        return "" if done.status == 0 else done.errors or "no answer from the compiler"

    def object_code(self, folder: Path, level: str) -> str:
        """A digest of the object code of what is in the folder."""
        flags = [flag for flag in self.flags if not flag.startswith(("-O", "-fsanitize", "-g"))]
        done = run([*self.tools.cc, "-std=c11", *flags, level, "-ffunction-sections", "-c", "both.c", "-o", "both.o"], folder, 120)
        if done.status != 0:
            return f"no object: {done.errors}"
        run([self.tools.objcopy, "--strip-debug", "--remove-section=.comment", "both.o", "bare.o"], folder, 60)
        return hashlib.sha256((folder / "bare.o").read_bytes()).hexdigest()

    def identical(self, folder: Path, mutant: Mutant) -> bool:
        """Whether the compiler makes the same code of the mutant and of the original, at every level."""
        for level in LEVELS:
            with self._lock:
                if not hasattr(self, "_codes"):
                    self._codes: dict[str, str] = {}
                if level not in self._codes:
                    self.write(self.folder / "same", None)
                    self._codes[level] = self.object_code(self.folder / "same", level)
            self.write(folder, mutant)
            if self.object_code(folder, level) != self._codes[level]:
                return False
        return True

    def _select(self, cases: list[str]) -> list[str]:
        return [",".join('"' + re.sub(r'([\\,\[\]"*~])', r"\\\1", case) + '"' for case in cases)]

    def examine(self, folder: Path, mutant: Mutant) -> Verdict:
        """Builds the mutant and runs the tests until one fails."""
        problem = self.build(folder, mutant)
        if problem:
            if "static assertion" in problem:
                return Verdict(mutant, KILLED, "a static assertion", "compiler")
            return Verdict(mutant, STILLBORN, problem.splitlines()[0] if problem else "")
        place = f"{mutant.function} {mutant.kind if not mutant.function else ''}"
        with self._lock:
            first = list(self.killers.get(place, [])[:3])
        rounds = [first, [c for c in self.quick if c not in first], [c for c in self.slow if c not in first]]
        slower = 10 if self.sanitizer else 1
        for cases in rounds:
            if not cases:
                continue
            wall = slower * (8.0 + 10 * self.baseline)
            done = run(self.command(["--abort", "-r", "xml", *self._select(cases)], slower * (3 + int(4 * self.baseline))), folder,
                       wall, self.environment(folder))
            if done.status == 0 and cases and not self._ran(done.text):
                raise Broken(f"no test of {self.stack} was run by {self._select(cases)}")
            if done.status == 0:
                continue
            names = [html.unescape(name) for name in CASE.findall(done.text)]
            case = names[-1] if names else cases[0] if len(cases) == 1 else ""
            how = self._how(done)
            if case:
                with self._lock:
                    known = self.killers.setdefault(place, [])
                    if case in known:
                        known.remove(case)
                    known.insert(0, case)
            return Verdict(mutant, KILLED, case or "a test", how)
        return Verdict(mutant, SURVIVED)

    @staticmethod
    def _ran(text: str) -> bool:
        return bool(CASE.search(text))

    @staticmethod
    def _how(done: Outcome) -> str:
        if "Sanitizer" in done.errors or "runtime error:" in done.errors:
            return "sanitizer"
        if done.status is None or done.status in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
            return "timeout"
        return "crash" if done.status < 0 or "FatalErrorCondition" in done.text or done.status > 128 else "failed"
