"""Where Lamina's own files are.

Three layouts hold the same folders under the same names, so that one search serves all of them:

    the source tree          <root>/generator/lamina/paths.py      <root>/templates, <root>/runtime
    an installed prefix      <prefix>/share/lamina/generator/lamina/paths.py, and so on as in the tree
    a wheel                  .../lamina/paths.py                   .../lamina/_data/templates, .../_data/runtime

`python -m lamina.paths cmake` prints the folder of the CMake package, for `-Dlamina_DIR=`.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path


class MissingFiles(RuntimeError):
    """The installation lacks files that Lamina can't work without."""


@lru_cache(maxsize=None)
def root() -> Path:
    """The folder that holds `templates/` and `runtime/`: the tree's top or what stands in for it."""
    here = Path(__file__).resolve().parent
    candidates = [here / "_data", *here.parents[1:2]]
    for candidate in candidates:
        if (candidate / "templates").is_dir():
            return candidate
    tried = ", ".join(str(candidate) for candidate in candidates)
    raise MissingFiles(f"Lamina's templates are not where they should be (looked in {tried}); install Lamina again")


def templates_dir() -> Path:
    """The folder of the C templates."""
    return _existing("templates")


def runtime_dir() -> Path:
    """The folder of the C runtime, with `include/` and one folder a platform."""
    return _existing("runtime")


def cmake_dir() -> Path:
    """The folder of the CMake functions; in a tree or a wheel it is a CMake package as it stands."""
    return _existing("generator/cmake")


def style_file() -> Path:
    """The pinned clang-format style of everything that is emitted."""
    return _existing("templates/clang-format.yaml")


def _existing(relative: str) -> Path:
    path = root() / relative
    if not path.exists():
        raise MissingFiles(f"{path} is missing; install Lamina again")
    return path


def _main(arguments: list[str]) -> int:
    known = {"cmake": cmake_dir, "templates": templates_dir, "runtime": runtime_dir, "style": style_file}
    if len(arguments) != 1 or arguments[0] not in known:
        print(f"usage: python -m lamina.paths {{{'|'.join(known)}}}", file=sys.stderr)
        return 2
    print(known[arguments[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
