"""What the integration tests share: the tree, copies of it, builds, and commands that must succeed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = Path(__file__).resolve().parent / "examples"
LAUNCHER = ROOT / "generator" / "bin" / "lamina"
PYTHON = os.environ.get("LAMINA_PYTHON") or sys.executable
LONG = os.environ.get("LAMINA_LONG", "0") not in ("", "0")

#: What a clone of the project would hold; builds and caches stay behind.
LEFT_BEHIND = shutil.ignore_patterns(
    ".git", "build", "build-*", ".venv", "install", "dist", "__pycache__", "*.pyc", "*.egg-info", ".pytest_cache")


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None, text: str = "",
        status: int = 0) -> str:
    """Runs a command, gives back what it printed, and fails with everything it said unless it ended with `status`."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment(**(env or {})), input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1200)
    assert done.returncode == status, f"{' '.join(words)}\nended with {done.returncode}, not {status}:\n{done.stdout}"
    return done.stdout


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what would steer a build from outside, and with `changes`."""
    dropped = {"MAKEFLAGS", "CFLAGS", "CXXFLAGS", "LDFLAGS", "CC", "CXX", "CMAKE_GENERATOR", "CMAKE_PREFIX_PATH",
               "DESTDIR", "LAMINA_LONG", "LAMINA_BUILD_DIR", "PYTHONPATH", "PYTEST_CURRENT_TEST", "CTEST_OUTPUT_ON_FAILURE",
               "ASAN_OPTIONS", "UBSAN_OPTIONS"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "LAMINA_PYTHON": PYTHON, **changes}


def lamina(*arguments: object, cwd: Path | None = None, status: int = 0) -> str:
    """Runs the tree's `lamina`."""
    return run(PYTHON, LAUNCHER, *arguments, cwd=cwd, status=status)


def copy_tree(destination: Path) -> Path:
    """A copy of the project as a clone would give it."""
    shutil.copytree(ROOT, destination, ignore=LEFT_BEHIND, symlinks=True)
    return destination


def copy_example(name: str, destination: Path) -> Path:
    shutil.copytree(EXAMPLES / name, destination, ignore=LEFT_BEHIND)
    return destination


def configure(source: Path, build: Path, *arguments: object, generator: str = "Ninja",
              env: dict[str, str] | None = None) -> str:
    return run("cmake", "-S", source, "-B", build, "-G", generator, *arguments, env=env)


def build(folder: Path, *arguments: object, env: dict[str, str] | None = None) -> str:
    return run("cmake", "--build", folder, *arguments, env=env)


def install(prefix: Path, scratch: Path) -> Path:
    """Installs Lamina from the tree."""
    configure(ROOT, scratch, "-DLAMINA_BUILD_TESTS=OFF", f"-DCMAKE_INSTALL_PREFIX={prefix}",
              "-DCMAKE_BUILD_TYPE=Release")
    build(scratch)
    run("cmake", "--install", scratch)
    return prefix
