"""To disk: everything is staged first, then renamed; a file whose content did not change is not touched."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Sequence

from . import __version__, standalone
from .pipeline import Output, relative
from .targets import TARGETS


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def manifest(output: Output, spec_folder: str, raw: dict[str, str], final: dict[str, str], formatter: str | None) -> str:
    """Options, and digests of inputs and outputs. `raw` is the text before formatting, so that a formatter that
    differs is told from content that differs."""
    inputs = {}
    for path in output.inputs:
        with open(path, "rb") as stream:
            inputs[relative(path, spec_folder)] = hashlib.sha256(stream.read()).hexdigest()
    document: dict[str, Any] = {
        "lamina": __version__,
        "stack": output.stack.name,
        "spec": relative(output.stack.spec, spec_folder),
        **({"options": list(output.words)} if output.words else {}),
        "formatter": formatter,
        "inputs": inputs,
        "outputs": {name: {"sha256": digest(final[name]), "content": digest(raw[name])} for name in sorted(final)},
    }
    return json.dumps(document, indent=2) + "\n"


def recorded(folder: Path) -> dict[str, Any]:
    """What the manifest in a stack's folder says; a manifest that somebody broke is as good as none."""
    try:
        document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict) or not isinstance(document.get("outputs", {}), dict):
        return {}
    outputs = {name: known for name, known in document.get("outputs", {}).items() if isinstance(known, dict)}
    words = document.get("options", [])
    words = [word for word in words if isinstance(word, str)] if isinstance(words, list) else []
    return {**document, "outputs": outputs, **({"options": words} if words else {})}


def finish(outputs: list[Output]) -> dict[str, str]:
    """Formats everything in one go, adds the runtime's files where they are asked for, and the manifests: path under
    the output folder to content."""
    raw: dict[str, dict[str, str]] = {}
    for o in outputs:
        raw[o.stack.name] = dict(o.files)
        if o.options.standalone:
            texts = [text for name, text in o.files.items() if name.endswith((".c", ".h"))]
            runtime = standalone.runtime_files(texts, TARGETS[o.stack.options.target].runtime)
            raw[o.stack.name].update({name: data.decode("utf-8") for name, data in runtime.items()})
    formattable = {f"{o.stack.name}/{name}": text for o in outputs
                   for name, text in o.files.items() if o.options.formatted}
    final: dict[str, str] = {}
    version = None
    if formattable:
        from .format import format_texts, formatter

        final = format_texts(formattable)
        version = formatter()[1]
    out: dict[str, str] = {}
    for o in outputs:
        lead = f"{o.stack.name}/"
        mine = {name: final.get(lead + name, text) for name, text in raw[o.stack.name].items()}
        out.update({lead + name: text for name, text in mine.items()})
        folder = os.path.join(o.options.out, o.stack.name)
        by = version if o.options.formatted else None
        out[f"{lead}manifest.json"] = manifest(o, folder, raw[o.stack.name], mine, by)
    return out


@dataclass
class Changes:
    """What writing would do to files that are there, beside replacing what is outdated. Paths are under the output
    folder."""

    #: Edited by hand, and about to be written over.
    edited: list[str] = field(default_factory=list)
    #: Emitted once, no longer given, and still as they were emitted.
    stale: list[str] = field(default_factory=list)
    #: No longer given, but edited by hand: these stay.
    kept: list[str] = field(default_factory=list)
    #: What was read of those that are to be written: whether it is there as it would be.
    same: dict[str, bool] = field(default_factory=dict)


def abandoned(outputs: list[Output], specs: Sequence[str], folder: str) -> list[str]:
    """The folders of stacks that were emitted from one of the specs, which doesn't declare them any more."""
    mine = {os.path.abspath(spec) for spec in specs}
    given = {output.stack.name for output in outputs}
    out = []
    for path in sorted(Path(folder).glob("*/manifest.json")):
        spec = recorded(path.parent).get("spec")
        if isinstance(spec, str) and path.parent.name not in given and not path.parent.is_symlink() and \
                os.path.abspath(path.parent / spec) in mine:
            out.append(path.parent.name)
    return out


def changes(files: dict[str, str], folder: str, gone: Sequence[str] = ()) -> Changes:
    """Compares what is to be written with what is there and what the manifests say was put there. Of the folders `gone`
    nothing is to be left but what was edited, and its manifest."""
    out = Changes()
    for lead in sorted({name.split("/")[0] for name in files} | set(gone)):
        base = Path(folder, lead)
        for name, known in sorted(recorded(base).get("outputs", {}).items()):
            found = _found(base, name)
            if found is None:
                continue
            wanted = files.get(f"{lead}/{name}")
            # A checkout may have changed the ends of lines, which is nobody's edit.
            as_emitted = known.get("sha256") in (_sha256(found), _sha256(found.replace(b"\r\n", b"\n")))
            if wanted is None:
                (out.stale if as_emitted else out.kept).append(f"{lead}/{name}")
                continue
            out.same[f"{lead}/{name}"] = same = found == wanted.encode("utf-8")
            if not as_emitted and not same:
                out.edited.append(f"{lead}/{name}")
        if lead in gone and not any(name.startswith(f"{lead}/") for name in out.kept):
            out.stale.append(f"{lead}/manifest.json")
    return out


def _found(base: Path, name: str) -> bytes | None:
    """The bytes of a file that a manifest names; None where it is gone, or lies outside of the manifest's folder: a
    manifest is only a file, and what it names is read and removed."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        return None
    target = base / path
    if target.is_symlink() or not target.is_file() or base.resolve() not in target.resolve().parents:
        return None
    return target.read_bytes()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(files: dict[str, str], folder: str, stale: list[str]) -> list[str]:
    """Stages all files, removes those that are stale, then renames those that changed; returns their paths. On an error
    nothing was renamed yet, or the error is one of renaming itself, which a second run mends."""
    base = Path(folder)
    changed: list[tuple[Path, Path]] = []
    base.mkdir(parents=True, exist_ok=True)
    stage = tempfile.mkdtemp(prefix=".lamina-", dir=base)
    try:
        for i, (name, content) in enumerate(sorted(files.items())):
            target = base / name
            data = content.encode("utf-8")
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
        for name in stale:
            (base / name).unlink(missing_ok=True)
            lead = base / name.split("/")[0]
            _remove_empty((base / name).parent, base if lead / "manifest.json" == base / name else lead)
        for staged, target in changed:
            os.replace(staged, target)
    finally:
        for leftover in Path(stage).iterdir():
            leftover.unlink()
        os.rmdir(stage)
    return [str(target) for _, target in changed]


def _remove_empty(folder: Path, top: Path) -> None:
    """Removes folders inside of `top` that nothing is left in."""
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def depfile(path: str, targets: list[str], inputs: list[str]) -> None:
    """A rule for make and ninja: the outputs depend on all that was read."""

    def escape(name: str) -> str:
        return name.replace("\\", "\\\\").replace(" ", "\\ ").replace("#", "\\#").replace("$", "$$")

    rule = " ".join(escape(t) for t in targets) + ": " + " \\\n  ".join(escape(i) for i in inputs) + "\n"
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(rule, encoding="utf-8")
