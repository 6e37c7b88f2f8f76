"""docs/platforms.md, written from what the suite said on each platform."""

from __future__ import annotations

import re

from lamina.targets import ABILITIES, TARGETS, shown, with_all

from . import revision
from .expected import ASK, WORKS, expectations
from .platforms import SUITE, Platform
from .results import Result

NOTE = "<!-- Written by `tests/platform/run --markdown docs/platforms.md`: do not edit. -->"

INTRO = f"""# Platforms

{NOTE}

The runtime and the example stacks are built and run on each of these. One suite of the platform glue, in C and written
once ([tests/platform/suite](../tests/platform/suite)), runs on all of them; the example stacks are generated anew for each
target and tested by a suite in C, and where processes and a C++ library can be had by their generated tests too. What a
platform does where platforms differ is what the suite found there, not what a manual says.

```sh run
tests/platform/run --list
```

shows the platforms and which packages each lacks on this machine, as the command that installs them; `tests/platform/run
--only windows` runs one, `generator/setup platforms` installs what all need. A platform that lacks something is skipped, which never counts as
passed: the exit status is then 77.

Each platform is held to what is expected of it: that an ability works, or that it is refused with one particular code. What
is expected is what its target has ([targets.py](../generator/lamina/targets.py)), less what its file in
[targets](../tests/platform/targets) or [emulators.yaml](../tests/platform/emulators.yaml) says that it can't do here, each
with its reason; an ability that works although it is on that list is a failure as well. Where it depends on how a machine
is set up, the suite asks the kernel itself, past the runtime.
"""


def of_what() -> str:
    """The line by which a test sees that the page is older than what it tells of."""
    return (f"It tells of the runtime and the suite `{revision.glue()}` and of the emitted stacks `{revision.stacks()}`, which are "
            "digests of the files, without comments.\n")


def told_of(lines: list[str]) -> str:
    """The line of a page that says which sources it tells of; nothing where there is none."""
    return next((line for line in lines if line.startswith("It tells of ")), "")


LIMITS = """## What this doesn't show

- Wine isn't Windows. It is close in what reserve, commit and protect do; large pages, and more than one memory node, it
  has not.
- qemu-user translates the processor and hands system calls to this machine's kernel. Page sizes other than its own are
  imitated: what is decommitted faults, but how many pages are resident is the host's business.
- Nothing here runs programs for macOS: that side is compiled and linked against Apple's headers as zig brings them.
  `macos-glue` runs the same code on Linux, over stand-ins for the few calls that Linux hasn't: what our code does with what
  it is answered is shown by it, and nothing of what macOS answers.
- The C++ tests of the stacks need processes and what a system tells of its memory, so on macOS, where nothing runs, and
  without an operating system the stacks are held to the suite in C alone: alignment, counts, reuse, a random life in step
  with the twin, detection of damage, and each call of the platform refused once. That part of the suite runs on all others
  too.
- On Windows, which has no fork, a C++ test that may die runs in its program started again, up to the same place. Names of
  mappings aren't looked for there, as the system has none.
- Under qemu-user there are no memory policies: there `numa_slab` is shown to refuse with the system's code and to leave
  nothing mapped, and is then tested in C with a stand-in for the two system calls; its C++ tests are left out.
- Under qemu-user and on the machine of two nodes the C++ tests run with one seed and 160 steps in place of three and 480.
- Weighted interleaving with weights other than the default, and names of mappings, need a kernel that has them: the machine
  of two nodes boots Debian's 6.1, which has neither (weights came with 6.9; names are left out of its configuration), so
  that both are shown to be refused there. A later kernel, named by `LAMINA_KERNEL`, is held to three pages to one.
"""


def abilities(platform: Platform) -> list[str]:
    """What the suite has cases for, in the order of its parts; what only a machine of several nodes can show is the
    business of that one."""
    order = re.findall(r"^ +(part_\w+)\(\);", (SUITE / "suite.c").read_text(encoding="utf-8"), re.M)
    last = ["part_stacks"] + (["part_machine"] if platform.how == "machine" else [])
    found: list[str] = []
    for part in [part for part in dict.fromkeys(order) if part not in ("part_stacks", "part_machine")] + last:
        text = (SUITE / f"{part}.c").read_text(encoding="utf-8")
        found += re.findall(r'CASE\(\s*"([\w ]+)"', text)
    return list(dict.fromkeys(found))


def _count(number: int, word: str = "case") -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _overview(platforms: list[Platform], results: dict[str, Result]) -> list[str]:
    out = ["## Platforms and results", "",
           "| platform | what it is | glue | stacks, in C | stacks, in C++ | result |", "|---|---|---|---|---|---|"]
    for platform in platforms:
        result = results[platform.name]
        glue = sum(len(v) for k, v in result.ok.items() if k != "stacks")
        left = f", {len(result.skipped)} skipped" if result.skipped else ""
        stacks = _count(len(result.stacks), "stack")
        if result.ok.get("stacks"):
            stacks += f", {_count(len(result.ok['stacks']))}"
        cpp = f"{_count(len(result.catch2), 'stack')}, {_count(result.catch2_cases)}" if result.catch2 else \
            "by `tests/run`" if platform.name == "linux-x86_64" else "not in this run" if not result.whole and (platform.catch2 or platform.how == "machine") else "–"
        out.append(f"| [{platform.name}](#{platform.name}) | {platform.brief} | {_count(glue) + left if glue else 'linked'} | "
                   f"{stacks} | {cpp} | {'compiled and linked, not run' if result.state == 'built' else result.state} |")
    return out


def _platform(platform: Platform, result: Result) -> list[str]:
    how = {"run": "run directly" if not platform.emulator else f"run by `{platform.emulator.split()[0]}`",
           "wine": "run by wine", "machine": "booted by `qemu-system-x86_64`",
           "link": "compiled and linked"}[platform.how]
    out = ["", f"### {platform.name}", "", f"{platform.brief[0].upper()}{platform.brief[1:]}: `{platform.cc.split()[0]}`, {how}. "
           f"Target `{platform.target}`."]
    if result.refused:
        out[-1] += f" Refused when the spec is read: {', '.join(f'`{name}`' for name in result.refused)}."
    if result.state == "built":
        return out + ["", "All of the suite and of the stacks compiles with warnings as errors, and links."]
    out += ["", "| ability | what happens | how it was tested |", "|---|---|---|"]
    for ability in abilities(platform):
        cases = result.ok.get(ability, [])
        skipped = [line for line in result.skipped if line.startswith(f"{ability}: ")]
        if not cases and not skipped:
            out.append(f"| {ability} | not there | – |")
            continue
        # What is shown on the one machine of several nodes is its cases themselves.
        finds = "; ".join(cases if ability == "machine" else result.finds.get(ability, [])) or "as promised"
        tested = _count(len(cases)) + (f", {len(skipped)} skipped" if skipped else "")
        out.append(f"| {ability} | {finds} | {how}: {tested} |")
    return out + _expected(platform, result)


def _expected(platform: Platform, result: Result) -> list[str]:
    """What doesn't simply work: refused, and why; and what the machine's kernel was asked."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, it in expectations(platform).items():
        if it.how not in (WORKS, ASK):
            groups.setdefault((it.words, it.why), []).append(name)
    out = [f"- {', '.join(names)}: {words}, because {why}" for (words, why), names in groups.items()]
    out += [f"- {name}: {answer} (what this machine's kernel says when it is asked directly)"
            for name, answer in result.asked.items()]
    return ["", "Expected here, and found:", "", *out] if out else []


def _targets() -> list[str]:
    out = ["", "## What a spec can ask for", "",
           "A layer or a value that its target lacks is an error ([LAM057](diagnostics.md#lam057)) when the spec is read. "
           "`lamina explain` tells what a layer needs; the table is [targets.py](../generator/lamina/targets.py).", "",
           "| target | what it is | pages |", "|---|---|---|"]
    out += [f"| `{t.name}` | {t.brief} | {t.page // 1024} KiB |" for t in TARGETS.values()]
    out += ["", "| ability | what it is | there on |", "|---|---|---|"]
    out += [f"| {name} | {what} | {shown(with_all((name,)))} |" for name, what in ABILITIES.items()]
    return out


def text(platforms: list[Platform], results: list[Result]) -> str:
    by_name = {result.platform: result for result in results}
    out = [INTRO, of_what(), *_overview(platforms, by_name), "", LIMITS, "## What happens where"]
    for platform in platforms:
        out += _platform(platform, by_name[platform.name])
    return "\n".join(out + _targets()) + "\n"
