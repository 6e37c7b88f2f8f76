"""Finds the layers: every module of `lamina.layers` paired with a template of the same name."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
from pathlib import Path

from . import codes, paths, rule_codes
from .codes import Code
from .descriptor import Descriptor


def folders() -> list[Path]:
    """Where descriptors live: the package, then folders that LAMINA_LAYERS names (each holds pairs of files)."""
    extra = [Path(p) for p in os.environ.get("LAMINA_LAYERS", "").split(os.pathsep) if p]
    return [Path(__file__).parent / "layers", *extra]


def template_folders() -> list[Path]:
    """Where templates are looked for: the project's, then the extra layer folders (`<folder>/<name>.c.j2`)."""
    return [paths.templates_dir(), paths.templates_dir() / "layers", *folders()[1:]]


def pair(name: str) -> list[Path]:
    """The two files of a layer: its descriptor and its template."""
    for position, folder in enumerate(folders()):
        descriptor = folder / f"{name}.py"
        if descriptor.is_file():
            templates = paths.templates_dir() / "layers" if position == 0 else folder
            return [descriptor, templates / f"{name}.c.j2"]
    raise KeyError(name)


@functools.lru_cache(maxsize=None)
def layers() -> dict[str, Descriptor]:
    """All descriptors by name. A module without its template, or the other way round, is a broken pair."""
    found: dict[str, Descriptor] = {}
    for position, folder in enumerate(folders()):
        for path in sorted(folder.glob("*.py")):
            if path.stem.startswith("_"):
                continue
            if position == 0:
                module = importlib.import_module(f"{__package__}.layers.{path.stem}")
                template = paths.templates_dir() / "layers" / f"{path.stem}.c.j2"
            else:
                spec = importlib.util.spec_from_file_location(f"{__package__}.layers.{path.stem}", path)
                assert spec is not None and spec.loader is not None
                module = importlib.util.module_from_spec(spec)
                sys.modules[spec.name] = module
                spec.loader.exec_module(module)
                template = folder / f"{path.stem}.c.j2"
            descriptor = module.LAYER
            if not template.is_file():
                raise RuntimeError(f"layer {descriptor.name}: {template.name} is missing beside {path.name}")
            if descriptor.name in found:
                raise RuntimeError(f"layer {descriptor.name} is defined twice")
            found[descriptor.name] = descriptor
    return found


@functools.lru_cache(maxsize=None)
def all_codes() -> dict[str, Code]:
    """Every diagnostic code: the loaders', the rules' and those that layers bring."""
    merged = {**codes.CODES, **rule_codes.CODES}
    assert len(merged) == len(codes.CODES) + len(rule_codes.CODES)
    for descriptor in layers().values():
        for code in descriptor.codes:
            if code.id in merged:
                raise RuntimeError(f"code {code.id} of layer {descriptor.name} is taken")
            merged[code.id] = code
    return dict(sorted(merged.items()))
