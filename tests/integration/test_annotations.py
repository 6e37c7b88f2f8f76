"""What AddressSanitizer and Valgrind are told of generated pools, and find there: by programs with one fault each."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import tree
from lamina.standalone import platform_folders, platform_sources

RUNTIME = tree.ROOT / "runtime"
#: Every stack of specs/. That of a device runs here, too.
STACKS = sorted(path.parent.name for path in (tree.ROOT / "generated").glob("*/manifest.json"))
#: Those whose own check of a second free comes before what the tools are told.
OWN_CHECK = ("db_audit", "game_entities")


def faults(name: str) -> tuple[str, ...]:
    """What can be done wrong with a stack: a bump has no free that could be called twice."""
    frees = f"{name}_free(" in (tree.ROOT / "generated" / name / f"{name}.h").read_text()
    return ("use", "overflow", "twice") if frees else ("use", "overflow")


def is_own_report(name: str, fault: str, status: int, said: str) -> bool:
    return fault == "twice" and name in OWN_CHECK and status == -6 and f"lamina: {name}: slab: double free at " in said


PROGRAM = """
#include "{name}.h"
#include <stdio.h>
#include <string.h>

{handle}
static LAMINA_ALIGNED(4096) unsigned char buffer[1U << 22];

static void begin(void)
{{
    (void)buffer;
    if ({init} != LAMINA_OK) {{
        puts("init failed");
        fflush(stdout);
        __builtin_trap();
    }}
}}

static unsigned char *take(void)
{{
    unsigned char *const out = {alloc};
    if (out != NULL) {{
        memset(out, 1, {bytes});
    }}
    return out;
}}

int main(int argc, char **argv)
{{
    const char *const fault = (argc > 1) ? argv[1] : "";
    begin();
    unsigned char *blocks[40] = {{NULL}};
    for (int round = 0; round < 3; round++) {{
        for (int i = 0; i < 40; i++) {{
            blocks[i] = take();
        }}
        for (int i = 0; i < 40; i += 2) {{
            {free_it}
        }}
        for (int i = 0; i < 40; i += 2) {{
            blocks[i] = take();
        }}
        for (int i = 0; i < 40; i++) {{
            if ((blocks[i] != NULL) && (blocks[i][{bytes} - 1] != 1)) {{
                puts("contents lost");
            }}
        }}
        {all_back}
    }}
    unsigned char *const last = take();
    if (last == NULL) {{
        return 3;
    }}
    if (strcmp(fault, "overflow") == 0) {{
        ((volatile unsigned char *)last)[{bytes}] = 9;
    }}
    if (strcmp(fault, "use") == 0) {{
        {give_last}
        (void)*(volatile unsigned char *)last;
    }}
    if (strcmp(fault, "twice") == 0) {{
        {give_last}
        {give_last}
    }}
    puts("to the end");
    fflush(stdout);
    {keep_last}
    {destroy};
    begin(); /* what is told of the memory doesn't outlive the allocator */
    {destroy};
    memset(buffer, 1, sizeof buffer);
    return 0;
}}
"""


def program(name: str, folder: Path | None = None) -> str:
    """A program that uses a stack as its header says, well or with the fault that its argument names."""
    header = ((folder or tree.ROOT / "generated" / name) / f"{name}.h").read_text()
    sized = "size_t size, size_t align" in header
    static = f"extern {name}_t {name}_instance" in header
    me = "" if static else "&pool"
    args = ", ".join(word for word in (me, "24, 8" if sized else "") if word)
    with_buffer = f"{name}_init_with(" in header
    init = f"{name}_init{'_with' if with_buffer else ''}({', '.join(w for w in (me, 'buffer, sizeof buffer' if with_buffer else '') if w)})"
    frees = re.search(rf"\b{name}_free\(", header) is not None
    resets = re.search(rf"\b{name}_reset\(", header) is not None
    comma = f"{me}, " if me else ""
    payload = re.findall(rf"\b{name.upper()}_\w*PAYLOAD_BYTES\b", header)[0] if not sized else ""
    free_it = f"{name}_free({comma}blocks[i]);" if frees else "(void)blocks;"
    last = f"{name}_free({comma}last);" if frees and not sized else f"{name}_reset({me});" if resets else ""
    back = f"for (int i = 0; i < 40; i++) {{ {free_it} }}" if frees else ""
    return PROGRAM.format(
        name=name, handle="" if static else f"static {name}_t pool;", init=init, alloc=f"{name}_alloc({args})",
        bytes="24U" if sized else payload, free_it=free_it,
        keep_last=f"{name}_free({comma}last);" if frees else "", all_back=f"{back} {f'{name}_reset({me});' if resets else ''}", give_last=last, destroy=f"{name}_destroy({me})")


def build(cc: str, folder: Path, name: str, *flags: str) -> Path:
    (folder / "main.c").write_text(program(name))
    own = [f"-I{path}" for path in platform_folders("linux")]
    tree.run(cc, "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", *flags, f"-I{RUNTIME}/include", *own,
             f"-I{tree.ROOT}/generated/{name}", folder / "main.c", tree.ROOT / "generated" / name / f"{name}.c",
             *platform_sources("linux"), "-lpthread", "-o", folder / "main")
    return folder / "main"


#: Parameters of the stores and of what writes into slots: each goes to free blocks in its own way.
#: Those of edges.lua are too small for the program, or leave a handler to it.
LONG_STACKS = sorted(set((tree.ROOT / "tests" / "stacks").glob("*.lua")) - {tree.ROOT / "tests" / "stacks" / "edges.lua"})


@pytest.mark.skipif(not tree.LONG, reason="minutes long: set LAMINA_LONG=1")
def test_every_kind_of_store(tmp_path: Path) -> None:
    """The matrix of stacks, used well: nothing is reported, whatever a layer does with its blocks."""
    tree.lamina("generate", "-q", "-o", tmp_path, *LONG_STACKS)
    own = [f"-I{path}" for path in platform_folders("linux")]
    flags = ["-std=gnu11", "-O1", "-g", "-w", "-fsanitize=address", f"-I{RUNTIME}/include", *own]
    (tmp_path / "runtime").mkdir()
    tree.run("gcc", *flags, "-c", *platform_sources("linux"), cwd=tmp_path / "runtime")
    used = 0
    for folder in sorted(path.parent for path in tmp_path.glob("*/manifest.json")):
        name = folder.name
        if "annotate.h" in (folder / f"{name}.h").read_text():
            (folder / "main.c").write_text(program(name, folder))
            tree.run("gcc", *flags, f"-I{folder}", folder / "main.c", folder / f"{name}.c",
                     *sorted((tmp_path / "runtime").glob("*.o")), "-lpthread", "-o", folder / "main")
            status, said = ran(folder / "main")
            assert status == 0 and said == "to the end\n", f"{name}: {said}"
            used += 1
    assert used > 100


def ran(*command: object) -> tuple[int, str]:
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=300, env=tree.environment())
    return done.returncode, done.stdout


@pytest.mark.parametrize("cc", [cc for cc in ("gcc", "clang") if shutil.which(cc)])
@pytest.mark.parametrize("name", STACKS)
def test_address_sanitizer(cc: str, name: str, tmp_path: Path) -> None:
    main = build(cc, tmp_path, name, "-fsanitize=address", "-fno-omit-frame-pointer")
    status, said = ran(main)
    assert status == 0 and said == "to the end\n", said
    for fault in faults(name):
        status, said = ran(main, fault)
        assert status not in (0, 3) and "to the end" not in said, (fault, said)
        assert "AddressSanitizer: use-after-poison" in said or is_own_report(name, fault, status, said), (fault, said)


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="Valgrind is not installed")
@pytest.mark.parametrize("name", STACKS)
def test_valgrind(name: str, tmp_path: Path) -> None:
    main = build("gcc", tmp_path, name, "-DLAMINA_VALGRIND=1")
    valgrind = ("valgrind", "-q", "--error-exitcode=9")
    status, said = ran(*valgrind, main)
    assert status == 0 and said == "to the end\n", said
    found = {"use": "Invalid read of size 1", "overflow": "Invalid write of size 1", "twice": "Invalid free()"}
    for fault in faults(name):
        status, said = ran(*valgrind, main, fault)
        assert status != 0 and (found[fault] in said or is_own_report(name, fault, status, said)), (fault, said)


def test_stacks_differ_in_what_finds_a_second_free() -> None:
    """Each kind is there: told to the tools, found by the stack itself, and impossible."""
    assert set(OWN_CHECK) < set(STACKS)
    assert {len(faults(name)) for name in STACKS} == {2, 3}


def test_nothing_is_told_unless_it_is_asked_for(tmp_path: Path) -> None:
    """The same object code with the annotations and without the header's functions being anything at all."""
    name = "game_messages"
    source = tree.ROOT / "generated" / name / f"{name}.c"
    outcome = []
    for folder, change in (("with", False), ("without", True)):
        include = tmp_path / folder
        shutil.copytree(RUNTIME / "include", include)
        if change:
            path = include / "lamina" / "annotate.h"
            calls = sorted(set(re.findall(r"\b(lamina_annotate_[a-z]+)\(", path.read_text())))
            assert len(calls) == 7
            path.write_text("\n".join(f"#define {call}(...) ((void)0)" for call in calls) + "\n")
        tree.run("gcc", "-std=c11", "-O2", f"-I{include}", "-c", source, "-o", include / "one.o")
        outcome.append(tree.run("objdump", "-d", "--no-show-raw-insn", include / "one.o").split("\n", 3)[3])
    assert outcome[0] == outcome[1]
    text = tree.run("gcc", "-std=c11", "-fsanitize=address", "-DLAMINA_ANNOTATE=0", f"-I{RUNTIME}/include", "-E", source)
    assert "__asan_poison_memory_region" not in text
