"""The JSON Schema of YAML specs: fresh, right about right specs, and right about wrong ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lamina import registry
from lamina.convert import to_yaml
from lamina.diagnostics import Diagnostics
from lamina.load import load_spec
from lamina.schema import schema

jsonschema = pytest.importorskip("jsonschema")
yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted([*(ROOT / "specs").glob("*.*"), *(ROOT / "tests" / "stacks").glob("*.*")])
NEGATIVE = ROOT / "tests" / "negative"
#: Specs whose mistake lies in one value or key, so that a schema can see it.
FORM = {
    "alignment_not_a_power_of_two", "missing_branch", "missing_budget", "no_layers", "no_source_in_branch", "none_of_several",
    "not_a_name", "one_of_several", "out_of_range", "text_that_is_code", "handler_is_a_keyword", "unknown_layer",
    "unknown_layer_in_branch", "unknown_parameter", "wrong_type", "wrong_type_in_list", "wrong_unit", "all_at_once",
    "cannot_commit_in_steps", "fraction_as_integer", "guessed_beside_another",
}


@pytest.fixture(scope="module")
def validator():
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def problems(validator, value) -> list[str]:
    return [error.message for error in validator.iter_errors(value)]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_every_spec_is_valid(validator, path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".lua":
        document = load_spec(str(path), (), Diagnostics())
        assert document is not None
        text = to_yaml(document)
    assert problems(validator, yaml.safe_load(text)) == []


@pytest.mark.parametrize("path", sorted(NEGATIVE.glob("*.yaml")), ids=lambda path: path.stem)
def test_wrong_specs(validator, path):
    found = problems(validator, yaml.safe_load(path.read_text(encoding="utf-8")))
    assert bool(found) == (path.stem in FORM), found


@pytest.mark.parametrize("text", [
    "name: pool\nlayers: [system]",
    "x-sizes: [1, 2]\nstacks:\n  - {name: pool, layers: [{mmap: }, {slab: {slot: 64, count: 8}}]}",
    "name: pool\nbudget: {pair: 18}\nlayers: [system]",
    "name: pool\nlayers: [static, {slab: {slot: 4 pages, count: 3}}, {poison: {on_free: false, on_alloc: 0xDEADBEEFDEADBEEF}}]",
    "name: pool\nlayers: [static, {slab: {slot: 64, count: 8}}, {watermark: {levels: [1, 80 %]}}]",
])
def test_forms_that_are_right(validator, text):
    assert problems(validator, yaml.safe_load(text)) == []


@pytest.mark.parametrize("text", [
    "[]", "stacks: []", "name: pool", "layers: [system]", "name: pool\nlayers: []", "name: pool\nlayers: [quarantine]",
    "name: pool\nlayers: [{slab: {slot: 64}, poison: {}}]", "name: pool\nlayers: [{}]", "name: pool\nlayers: [7]",
    "name: pool\nlayers: [{numa: {bind: [0], local: true}}]", "name: pool\nlayers: [{numa: {bind: [0, 0]}}]",
    "stacks: [{name: pool, layers: [system]}]\nother: 1", "name: pool\nlayers: [{fallback: {primary: [system]}}]",
    "name: pool\npage_size: 512\nlayers: [system]", "name: size\nlayers: [system]", "name: pool_generic\nlayers: [system]",
])
def test_forms_that_are_wrong(validator, text):
    assert problems(validator, yaml.safe_load(text)) != []


def test_the_schema_and_the_compiler_agree_on_bounds(validator):
    """Each parameter's bounds, one inside and one outside, as the compiler sees them."""
    from lamina.descriptor import Int, Refused, Size
    from lamina.tree import Scalar, Span

    checked = 0
    for layer in registry.layers().values():
        for param in layer.params:
            if not isinstance(param.kind, (Int, Size)):
                continue
            part = jsonschema.Draft202012Validator(param.kind.schema())
            for value in (param.kind.least - 1, param.kind.least, param.kind.most, param.kind.most + 1):
                try:
                    param.kind.read(Scalar(value, Span("", 1)), 4096)
                    fits = True
                except Refused:
                    fits = False
                assert part.is_valid(value) == fits, (layer.name, param.name, value)
                checked += 1
    assert checked > 40


def test_every_parameter_is_described():
    made = schema()
    for name, layer in registry.layers().items():
        entry = made["$defs"][f"layer.{name}"]
        assert set(entry["properties"]) == {param.name for param in layer.params}
        assert all(part["description"] for part in entry["properties"].values())


def test_it_is_committed_fresh():
    committed = json.loads((ROOT / "docs" / "spec.schema.json").read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(schema())), "run: lamina reference -o docs"


def test_it_names_no_host():
    assert not re.search(r"/(home|root|tmp|work|usr)/", json.dumps(schema()))
