"""The commands beside generate and check."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lamina import describe, registry
from lamina.cli import cli
from lamina.commands.man import page
from lamina.commands.reference import PAGES
from lamina.commands.init import stack_name

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, status: int = 0):
    result = CliRunner(mix_stderr=False).invoke(cli, list(arguments), prog_name="lamina")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.stdout + result.stderr
    return result


# explain -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("word", ["LAM014", "lam014", "14"])
def test_explain_a_code(word):
    out = run("explain", word).stdout
    assert out.startswith("LAM014: ") and "slot = 48 is the smallest that fits" in out


@pytest.mark.parametrize("layer", registry.layers().values(), ids=lambda layer: layer.name)
def test_explain_a_layer(layer):
    out = run("explain", layer.name).stdout
    assert out.startswith(f"{layer.name}: {layer.brief} ({layer.role.value} layer)\n")
    for param in layer.params:
        assert f"\n  {param.name}\n" in out
    assert "Example:\n  lamina." in out
    assert all(len(line) <= 120 for line in out.splitlines())
    assert run("explain", f"lamina.{layer.name}").stdout == out


def test_explain_several():
    out = run("explain", "slab", "LAM041").stdout
    assert out.startswith("slab: ") and "\n\nLAM041: " in out


def test_explain_what_is_not_there():
    assert "did you mean 'slab'?" in run("explain", "slap", status=2).stderr
    assert "there is no code 'LAM999'" in run("explain", "LAM999", status=2).stderr


# list-layers -------------------------------------------------------------------------------------------------------

def test_list_layers():
    out = run("list-layers").stdout
    for name, layer in registry.layers().items():
        assert re.search(rf"^  {name} +{re.escape(layer.brief)}$", out, re.M)
    roles = re.findall(r"^(\w+):", out, re.M)
    assert roles == [role.value for role in describe.ROLES]


def test_list_layers_of_a_role():
    out = run("list-layers", "--role", "store").stdout
    assert "slab" in out and "mmap" not in out


def test_list_layers_as_json():
    found = {entry["name"]: entry for entry in json.loads(run("list-layers", "--json").stdout)}
    assert set(found) == set(registry.layers())
    assert found["quarantine"]["exactly_one_of"] == ["count", "bytes"]
    assert found["slab"]["parameters"][0] == {"name": "slot", "takes": "size, 1 byte to 1 GiB", "default": None,
                                              "required": False, "doc": "Bytes of one slot, canaries included."}


def test_codes_of_a_layer_are_known():
    for layer in registry.layers().values():
        assert set(describe.codes_of(layer)) <= set(registry.all_codes())


# init --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("suffix", [".lua", ".yaml", ".yml"])
def test_init(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    spec = "first-pool" + suffix
    assert run("init", spec).stdout == f"wrote {spec}; next: lamina generate {spec}\n"
    text = Path(spec).read_text(encoding="utf-8")
    assert len(text.splitlines()) == 10
    result = run("generate", "--list-outputs", spec)
    assert result.stdout.splitlines()[0] == os.path.join("generated", "first_pool", "first_pool.h")
    assert result.stderr == ""


def test_init_refuses_to_overwrite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pool.lua").write_text("mine", encoding="utf-8")
    assert "is there already" in run("init", "pool.lua", status=4).stderr
    assert Path("pool.lua").read_text(encoding="utf-8") == "mine"
    Path("other.lua").symlink_to("nowhere.lua")
    run("init", "other.lua", status=4)
    assert not Path("nowhere.lua").exists()


def test_init_wants_a_language(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "ends in .lua, .yaml or .yml" in run("init", "pool.txt", status=2).stderr
    assert os.listdir() == []


@pytest.mark.parametrize("path, name", [("a/conn-pool.lua", "conn_pool"), ("9lives.lua", "my_9lives"), ("int.lua", "my_int"),
                                        ("size.yaml", "my_size"), ("Ä.lua", "my"), ("pool_generic.lua", "pool"),
                                        ("a" * 90 + ".lua", "a" * 40)])
def test_init_names_the_stack(path, name):
    assert stack_name(path) == name


# convert -----------------------------------------------------------------------------------------------------------

def test_convert_by_suffix_and_by_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("init", "pool.lua")
    yaml = run("convert", "pool.lua").stdout
    assert "\n  - name: pool\n" in yaml
    run("convert", "pool.lua", "pool.yaml")
    assert Path("pool.yaml").read_text(encoding="utf-8") == yaml
    back = run("convert", "pool.yaml").stdout
    assert 'lamina.stack "pool"' in back
    assert run("convert", "pool.lua", "--to", "lua").stdout.splitlines()[2:] == back.splitlines()[2:]
    run("convert", "pool.yaml", "again", "--to", "lua")
    assert Path("again").read_text(encoding="utf-8") == back
    assert "--force writes over it" in run("convert", "pool.yaml", "again", "--to", "lua", status=4).stderr
    run("convert", "pool.yaml", "again", "--to", "yaml", "--force")


def test_convert_tells_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "[LAM001]" in run("convert", "nothing.lua", status=1).stderr
    Path("wrong.yaml").write_text("stacks: 7\n", encoding="utf-8")
    told = json.loads(run("convert", "wrong.yaml", "--diagnostics", "json", status=1).stderr)
    assert told["errors"] == 1 and told["diagnostics"][0]["code"] == "LAM017"
    Path("right.yaml").write_text("name: a\nlayers: [system]\n", encoding="utf-8")
    assert "says no language" in run("convert", "right.yaml", "out.txt", status=2).stderr


@pytest.mark.parametrize("spec", sorted((ROOT / "specs").glob("*.*")), ids=lambda path: path.name)
def test_converted_specs_emit_the_same(spec, tmp_path, monkeypatch):
    """Convert there and back: the emitted C is the same but for the banner, which names the spec."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(spec, tmp_path)
    other = ".yaml" if spec.suffix == ".lua" else ".lua"
    run("convert", spec.name, "spec" + other)
    run("convert", "spec" + other, "spec" + spec.suffix)
    texts = [run("generate", "--no-format", "--stdout", name).stdout.replace(name, "SPEC")
             for name in (spec.name, "spec" + other, "spec" + spec.suffix)]
    assert texts[0] == texts[1] == texts[2] and len(texts[0]) > 1000


# completion --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, tmp_path):
    script = run("completion", shell).stdout
    assert "_LAMINA_COMPLETE" in script
    if shutil.which(shell):
        path = tmp_path / "script"
        path.write_text(script, encoding="utf-8")
        assert subprocess.run([shell, "-n", str(path)], capture_output=True).returncode == 0


def complete(*words: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "generator"), "_LAMINA_COMPLETE": "bash_complete",
                   "COMP_WORDS": " ".join(("lamina", *words)), "COMP_CWORD": str(len(words))}
    done = subprocess.run([sys.executable, "-m", "lamina"], env=environment, capture_output=True, text=True, check=True)
    return [line.split(",")[1] for line in done.stdout.splitlines()]


def test_completion_completes():
    assert complete("list") == ["list-layers"]
    assert complete("explain", "sl") == ["slab"]
    assert "LAM014" in complete("explain", "LAM01")
    assert complete("generate", "--dep") == ["--depfile"]
    assert "man" not in complete("")


# Derived pages -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", PAGES)
def test_derived_pages_are_fresh(name):
    committed = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert committed == PAGES[name](), "run: lamina reference -o docs"


def test_reference_writes_them(tmp_path):
    run("reference", "-o", str(tmp_path / "docs"))
    assert {path.name for path in (tmp_path / "docs").iterdir()} == set(PAGES)
    assert run("reference", "--stdout", "diagnostics.md").stdout == PAGES["diagnostics.md"]()


def test_every_link_of_the_pages_leads_somewhere():
    docs = ROOT / "docs"
    for page_name in ("spec-reference.md", "diagnostics.md", "spec-language.md"):
        text = (docs / page_name).read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\(([\w./-]*)#?([\w-]*)\)", text):
            other = docs / target if target else docs / page_name
            assert other.exists(), (page_name, target)
            if anchor:
                headings = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-")
                            for h in re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.M)}
                assert anchor in headings, (page_name, target, anchor)


def test_the_guide_shows_specs_that_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "spec-language.md").read_text(encoding="utf-8")
    examples = re.findall(r"```(lua|yaml)\n(.*?)```", text, re.S)
    assert len(examples) >= 5
    for number, (language, body) in enumerate(examples):
        Path(f"example{number}.{language}").write_text(body, encoding="utf-8")
        assert run("generate", "--list-outputs", f"example{number}.{language}").stderr == ""


def test_every_layer_example_is_right(tmp_path, monkeypatch):
    """The example of each descriptor, in a stack that goes with it."""
    monkeypatch.chdir(tmp_path)
    for layer in registry.layers().values():
        role = layer.role.value
        layers = [layer.example]
        if role == "source" and not layer.whole:
            layers.append("lamina.bump {}" if "lazy" in layer.example or "bytes" in layer.example else
                          "lamina.slab { slot = 64 }")
        elif role not in ("source", "combinator"):
            below = {"range": "free_map = 'bitmap', ", "store": None}.get(role, "")
            slab = f"lamina.slab {{ slot = 64, {below}count = 1024 }}"
            layers = ['lamina.mmap { size = "1 MiB" }', *layers] if role == "store" else \
                ["lamina.mmap {}", layer.example, slab] if role == "range" else ["lamina.mmap {}", slab, layer.example]
        text = 'local lamina = require "lamina"\nreturn lamina.stack "example" {\n  ' + ",\n  ".join(layers) + "\n}\n"
        Path("example.lua").write_text(text, encoding="utf-8")
        result = run("generate", "--list-outputs", "example.lua")
        assert result.stderr == "", layer.name


def test_the_manual_page():
    text = page()
    assert text.startswith('.\\"') and ".TH LAMINA 1" in text
    for name in cli.list_commands(None):  # type: ignore[arg-type]
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert (f".SS lamina {name} ".replace("-", "\\-") in text) == (not command.hidden)
    assert run("man").stdout == text
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-Kutf8", "-wall", "-z"], input=text, capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == ""


# The commands as a whole -------------------------------------------------------------------------------------------

def test_help_of_every_command():
    shown = run("--help").stdout
    for name in cli.list_commands(None):  # type: ignore[arg-type]
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert (f"\n  {name} " in shown) == (not command.hidden)
        assert run(name, "--help").stdout.startswith(f"Usage: lamina {name} ")
        assert run(name, "-h").stdout == run(name, "--help").stdout
        for param in command.params:
            assert getattr(param, "help", "") or getattr(param, "hidden", True), (name, param.name)
