"""generator/bin/lamina finds a Python that will do; generator/setup says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tree


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that lacks every package, as a version manager's may."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    tree.run(tree.PYTHON, "-m", "venv", "--without-pip", folder)
    return folder / "bin" / "python"


def launch(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = tree.environment(**changes)
    return subprocess.run([tree.LAUNCHER, *arguments], env=environment, text=True, capture_output=True, timeout=60)


def test_passes_over_a_python_without_the_packages(bare_python: Path) -> None:
    path = f"{bare_python.parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
    usable = subprocess.run(["/usr/bin/python3", "-c", "import jinja2, yaml, click"], capture_output=True).returncode == 0
    done = launch("--version", PATH=path, LAMINA_PYTHON="" if usable else tree.PYTHON)
    assert done.returncode == 0, done.stderr


def test_takes_the_python_that_the_environment_names(bare_python: Path) -> None:
    done = launch("--version", PATH=f"{bare_python.parent}{os.pathsep}/usr/bin{os.pathsep}/bin", LAMINA_PYTHON=tree.PYTHON)
    assert done.returncode == 0, done.stderr


def test_says_what_to_install(bare_python: Path, tmp_path: Path) -> None:
    """Without a candidate that will do: /usr/bin/python3 is one, so this needs a place where it has no packages."""
    script = tmp_path / "generator" / "bin" / "lamina"
    script.parent.mkdir(parents=True)
    (tmp_path / "generator" / "lamina").mkdir()
    (tmp_path / "generator" / "lamina" / "paths.py").write_text("")
    script.write_text(tree.LAUNCHER.read_text().replace('"/usr/bin/python3"', '"no-such-python"'))
    done = subprocess.run([bare_python, script], text=True, capture_output=True, timeout=60,
                          env={"PATH": str(bare_python.parent)})
    assert done.returncode == 1
    assert "apt-get install python3-jinja2 python3-yaml python3-click" in done.stderr
    assert "pip install jinja2 pyyaml click" in done.stderr


def test_works_through_a_symbolic_link_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree.LAUNCHER)
    said = tree.run(tmp_path / "link", "--version", cwd=tmp_path)
    assert "lamina" in said.lower()


def test_modules_of_the_current_folder_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('the wrong yaml')\n")
    tree.run(tree.LAUNCHER, "--version", cwd=tmp_path)


def test_the_status_is_handed_on() -> None:
    tree.lamina("no-such-command", status=2)


def test_an_installed_launcher_works(prefix: Path, tmp_path: Path) -> None:
    tree.run(prefix / "bin" / "lamina", "--version", cwd=tmp_path)
    (tmp_path / "a.lua").write_text('local lamina = require "lamina"\n'
                                    'return lamina.stack "a" { lamina.static { bytes = "1 KiB" }, lamina.bump {} }\n')
    tree.run(prefix / "bin" / "lamina", "generate", "a.lua", "-o", ".", cwd=tmp_path)
    assert (tmp_path / "a" / "a.c").is_file()


def test_the_man_page_and_the_completions_are_installed(prefix: Path) -> None:
    share = prefix / "share"
    assert ".TH" in (share / "man" / "man1" / "lamina.1").read_text()
    for shell, place in {"bash": "bash-completion/completions/lamina", "zsh": "zsh/site-functions/_lamina",
                         "fish": "fish/vendor_completions.d/lamina.fish"}.items():
        assert (share / place).read_text() == tree.lamina("completion", shell)


def test_setup_has_nothing_to_do_here() -> None:
    """The tests run after set-up, so a second one installs nothing and says so in one line."""
    said = tree.run(tree.ROOT / "generator" / "setup", "test")
    assert len(said.splitlines()) == 1 and "nothing to install" in said


def test_setup_finds_the_same_python_as_the_launcher() -> None:
    said = tree.run(tree.ROOT / "generator" / "setup", "--python")
    assert os.path.samefile(said.strip(), tree.PYTHON) or sys.platform != "linux"


def test_setup_refuses_what_it_does_not_know() -> None:
    assert "generator/setup test" in tree.run(tree.ROOT / "generator" / "setup", "everything", status=2)
