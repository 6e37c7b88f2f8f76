"""To disk: everything is staged first, then renamed; a file whose content did not change is not touched."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from . import __version__
from .pipeline import Options, Output, relative


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def manifest(output: Output, spec_folder: str, raw: dict[str, str], final: dict[str, str], formatter: str | None) -> str:
    """Digests of inputs and outputs. `raw` is the text before formatting, so that a formatter that differs is told
    from content that differs."""
    inputs = {}
    for path in output.inputs:
        with open(path, "rb") as stream:
            inputs[relative(path, spec_folder)] = hashlib.sha256(stream.read()).hexdigest()
    document: dict[str, Any] = {
        "lamina": __version__,
        "stack": output.stack.name,
        "spec": relative(output.stack.spec, spec_folder),
        "formatter": formatter,
        "inputs": inputs,
        "outputs": {name: {"sha256": digest(final[name]), "content": digest(raw[name])} for name in sorted(final)},
    }
    return json.dumps(document, indent=2) + "\n"


def finish(outputs: list[Output], options: Options, formatted: bool) -> dict[str, str]:
    """Formats everything in one go and adds the manifests: path under the output folder to content."""
    raw = {f"{o.stack.name}/{name}": text for o in outputs for name, text in o.files.items()}
    version = None
    final = raw
    if formatted:
        from .format import format_texts, formatter

        final = format_texts(raw)
        version = formatter()[1]
    out: dict[str, str] = {}
    for o in outputs:
        lead = f"{o.stack.name}/"
        mine = {name: final[lead + name] for name in o.files}
        out.update({lead + name: text for name, text in mine.items()})
        out[f"{lead}manifest.json"] = manifest(o, os.path.join(options.out, o.stack.name), o.files, mine, version)
    return out


def write(files: dict[str, str | bytes], folder: str) -> list[str]:
    """Stages all files, then renames those that changed; returns their paths. On an error nothing was renamed yet, or
    the error is one of renaming itself, which a second run mends."""
    base = Path(folder)
    changed: list[tuple[Path, Path]] = []
    base.mkdir(parents=True, exist_ok=True)
    stage = tempfile.mkdtemp(prefix=".lamina-", dir=base)
    try:
        for i, (name, content) in enumerate(sorted(files.items())):
            target = base / name
            data = content.encode("utf-8") if isinstance(content, str) else content
            try:
                if target.read_bytes() == data:
                    continue
            except FileNotFoundError:
                pass
            staged = Path(stage) / str(i)
            staged.write_bytes(data)
            changed.append((staged, target))
        for _, target in changed:
            target.parent.mkdir(parents=True, exist_ok=True)
        for staged, target in changed:
            os.replace(staged, target)
    finally:
        for leftover in Path(stage).iterdir():
            leftover.unlink()
        os.rmdir(stage)
    return [str(target) for _, target in changed]


def depfile(path: str, targets: list[str], inputs: list[str]) -> None:
    """A rule for make and ninja: the outputs depend on all that was read."""

    def escape(name: str) -> str:
        return name.replace("\\", "\\\\").replace(" ", "\\ ").replace("#", "\\#").replace("$", "$$")

    rule = " ".join(escape(t) for t in targets) + ": " + " \\\n  ".join(escape(i) for i in inputs) + "\n"
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(rule, encoding="utf-8")
