"""Whether the files on disk are what the specs give: fresh, outdated, edited by hand, or formatted by another version."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from .emit import changes, digest, recorded
from .model import Stack
from .pipeline import Options, Output


@dataclass(frozen=True)
class Finding:
    """One file that is not as it should be."""

    path: str
    state: str  # "missing", "outdated", "edited by hand", "formatter differs", "no longer given"
    diff: str = ""


def as_emitted(stack: Stack, options: Options, generic: bool | None, tests: bool | None, formatted: bool | None,
               standalone: bool | None) -> Options:
    """The options that the stack's folder was emitted with, but for those that are given, which are not None."""
    folder = Path(options.out, stack.name)
    known = recorded(folder)
    if not known:
        return replace(options, generic=generic is not False, tests=tests is not False, formatted=formatted is not False,
                       standalone=bool(standalone))
    words = known.get("options", [])
    stack.chosen = "--stack" in words
    alone = "--standalone" in words and not (generic or tests) if standalone is None else standalone
    return replace(options, standalone=alone, generic="--no-generic" not in words if generic is None else generic,
                   tests="--no-tests" not in words if tests is None else tests,
                   formatted="--no-format" not in words if formatted is None else formatted)


def compare(outputs: list[Output], files: dict[str, str], folder: str) -> list[Finding]:
    """Compares what would be written with what is there."""
    out: list[Finding] = []
    for output in outputs:
        lead = f"{output.stack.name}/"
        known_of = recorded(Path(folder, lead))
        for name in sorted(n for n in files if n.startswith(lead)):
            path = Path(folder, name)
            short = name[len(lead):]
            wanted = files[name]
            try:
                found = path.read_text(encoding="utf-8")
            except FileNotFoundError:
                out.append(Finding(str(path), "missing"))
                continue
            except UnicodeDecodeError:
                out.append(Finding(str(path), "edited by hand"))
                continue
            if found == wanted:
                continue
            known = known_of.get("outputs", {}).get(short, {})
            if short == "manifest.json":
                if any(Path(f.path).parent == path.parent for f in out):
                    continue  # it follows from the files that were named
                if _without(known_of, "formatter") == _without(json.loads(wanted), "formatter"):
                    continue  # another formatter, of the same opinion about every file
                state = "formatter differs" if _same_content(known_of, wanted) else "outdated"
            elif known and digest(found) != known.get("sha256"):
                state = "edited by hand"
            elif known and known.get("content") == json.loads(files[f"{lead}manifest.json"])["outputs"][short]["content"]:
                state = "formatter differs"
            else:
                state = "outdated"
            diff = "".join(difflib.unified_diff(found.splitlines(True), wanted.splitlines(True), str(path),
                                                f"{path} (as the spec gives it)", n=2))
            out.append(Finding(str(path), state, diff))
    found = changes(files, folder)
    out += [Finding(str(Path(folder, name)), "no longer given") for name in found.stale]
    out += [Finding(str(Path(folder, name)), "no longer given, and edited by hand") for name in found.kept]
    return out


def _without(manifest: dict, key: str) -> dict:
    return {name: value for name, value in manifest.items() if name != key}


def _same_content(known: dict, wanted: str) -> bool:
    def strip(manifest: dict) -> dict:
        outputs = {name: known.get("content") for name, known in manifest.get("outputs", {}).items()}
        return {**_without(manifest, "formatter"), "outputs": outputs}

    return strip(known) == strip(json.loads(wanted))
