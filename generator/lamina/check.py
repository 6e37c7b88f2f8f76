"""Whether the files on disk are what the specs give: fresh, outdated, edited by hand, or formatted by another version."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path

from .emit import digest
from .pipeline import Output


@dataclass(frozen=True)
class Finding:
    """One file that is not as it should be."""

    path: str
    state: str  # "missing", "outdated", "edited by hand", "formatter differs"
    diff: str = ""


def compare(outputs: list[Output], files: dict[str, str], folder: str) -> list[Finding]:
    """Compares what would be written with what is there."""
    out: list[Finding] = []
    for output in outputs:
        lead = f"{output.stack.name}/"
        recorded = _recorded(Path(folder, lead, "manifest.json"))
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
            known = recorded.get("outputs", {}).get(short, {})
            if short == "manifest.json":
                if any(Path(f.path).parent == path.parent for f in out):
                    continue  # it follows from the files that were named
                if _without(recorded, "formatter") == _without(json.loads(wanted), "formatter"):
                    continue  # another formatter, of the same opinion about every file
                state = "formatter differs" if _same_content(recorded, wanted) else "outdated"
            elif known and digest(found) != known.get("sha256"):
                state = "edited by hand"
            elif known and known.get("content") == digest(output.files[short]):
                state = "formatter differs"
            else:
                state = "outdated"
            diff = "".join(difflib.unified_diff(found.splitlines(True), wanted.splitlines(True), str(path),
                                                f"{path} (as the spec gives it)", n=2))
            out.append(Finding(str(path), state, diff))
    return out


def _recorded(path: Path) -> dict:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict) or not isinstance(document.get("outputs", {}), dict):
        return {}  # a manifest that somebody broke is as good as none
    outputs = {name: known for name, known in document.get("outputs", {}).items() if isinstance(known, dict)}
    return {**document, "outputs": outputs}


def _without(manifest: dict, key: str) -> dict:
    return {name: value for name, value in manifest.items() if name != key}


def _same_content(recorded: dict, wanted: str) -> bool:
    def strip(manifest: dict) -> dict:
        outputs = {name: known.get("content") for name, known in manifest.get("outputs", {}).items()}
        return {**_without(manifest, "formatter"), "outputs": outputs}

    return strip(recorded) == strip(json.loads(wanted))
