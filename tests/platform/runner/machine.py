"""A machine of two memory nodes, booted by qemu-system for one run: a kernel, busybox, and static programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import build
from .platforms import SUITE, Platform, find_kernel
from .results import Result

SECONDS = 1800
#: Of each node: room on the second for the page of 1 GiB, which has to lie at a multiple of its size.
MIB = (384, 2176)
#: Not the 20 that a kernel assumes which isn't told.
DISTANCE = 23
#: Without the check that the timer ticks in time, which panics where the emulator gets too little of a processor.
KERNEL = ("console=ttyS0 quiet panic=-1 no_timer_check hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=16 "
          "secretmem.enable=1")
INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for program in suite stacks nodes; do
    echo "@@ $program"
    "/$program"
    echo "@@ status $?"
done
for program in /catch2/*; do
    [ -x "$program" ] || continue
    echo "@@ $program"
    LAMINA_TEST_STEPS=160 LAMINA_TEST_SEED=1 "$program"
    echo "@@ status $?"
done
/bin/busybox poweroff -f
"""


def nodes(platform: Platform) -> build.Built:
    """The program that looks where pages lie: numa_slab, and the stacks of nodes.lua."""
    from lamina import emit
    from lamina.diagnostics import Diagnostics
    from lamina.pipeline import Options, load_all

    folder = platform.folder / "nodes-generated"
    shutil.rmtree(folder, ignore_errors=True)
    options = Options(str(folder), generic=False, tests=False, target=platform.target, formatted=False)
    diags = Diagnostics()
    outputs = load_all([str(build.ROOT / "specs" / "numa_slab.lua"), str(SUITE / "nodes.lua")], options, diags)
    if not diags.ok:
        raise build.Broken("nodes.lua is refused: " + diags.render(False))
    emit.write(emit.finish(outputs), str(folder), [])
    names = [output.stack.name for output in outputs]
    sources = [*build.runtime_sources(platform), SUITE / "suite.c", *build.host_sources(platform), SUITE / "part_machine.c",
               *(folder / name / f"{name}.c" for name in names)]
    exe = build.compile_all(platform, sources, platform.folder / "nodes", "nodes.exe",
                            ["-DSUITE_MACHINE=1", f"-DSUITE_DISTANCE={DISTANCE}", *(f"-I{folder / name}" for name in names)])
    return build.Built(exe, tuple(names))


def initramfs(folder: Path, programs: dict[str, Path]) -> Path:
    root = folder / "root"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "proc", "sys", "dev", "catch2"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    for name, path in programs.items():
        shutil.copy(path, root / name)
    (root / "init").write_text(INIT, encoding="utf-8")
    for path in [root / "init", root / "bin" / "busybox", *(root / name for name in programs)]:
        path.chmod(0o755)
    archive = folder / "initramfs.cpio"
    listing = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
    with open(archive, "wb") as out:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=root, input=listing.encode(), stdout=out,
                       check=True)
    return archive


def boot(platform: Platform, result: Result, quick: bool) -> None:
    built = build.stacks(platform)
    programs = {"suite": build.suite(platform).exe, "stacks": built.exe, "nodes": nodes(platform).exe}
    if not quick:
        for program in build.catch2(platform, built.examples):
            programs[f"catch2/{program.name}"] = program
    log = platform.folder / "console.txt"
    command = ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-smp", "2,sockets=2,cores=1", "-m", f"{sum(MIB)}M",
               "-kernel", find_kernel() or "", "-initrd", str(initramfs(platform.folder, programs)),
               "-append", KERNEL, "-display", "none", "-serial", f"file:{log}",
               "-monitor", "none", "-no-reboot", "-nic", "none"]
    for node, mib in enumerate(MIB):
        command += ["-object", f"memory-backend-ram,id=m{node},size={mib}M",
                    "-numa", f"node,nodeid={node},cpus={node},memdev=m{node}"]
    command += ["-numa", f"dist,src=0,dst=1,val={DISTANCE}", "-numa", f"dist,src=1,dst=0,val={DISTANCE}"]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=SECONDS,
                       check=True, env=os.environ)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as problem:
        result.failed.append(f"the machine didn't come to its end: {problem}")
    text = log.read_text(encoding="utf-8", errors="replace").replace("\r", "") if log.is_file() else ""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)  # the console is a terminal, and Catch2 has colours for it
    found = dict(re.findall(r"^@@ (\S+)\n(.*?^@@ status \d+)$", text, re.M | re.S))
    for name in programs:
        said = found.get(f"/{name}" if name.startswith("catch2") else name, "")
        status = int(said.rsplit(" ", 1)[-1]) if said else 255
        if name.startswith("catch2/"):
            result.take_catch2(name.removeprefix("catch2/").removesuffix("_tests"), said, status)
        else:
            result.take(said, status, f"{name} on the machine")
    result.stacks, result.refused = list(built.stacks), list(built.refused)
