"""`lamina mutate`: the operators on small C, the kinds over all specs, and a sampled run in which every mutant dies."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lamina import emit
from lamina.diagnostics import Diagnostics
from lamina.mutation import equivalents
from lamina.mutation.ctext import Source
from lamina.mutation.operators import KINDS, Mutant, mutants_of
from lamina.pipeline import Options, load_all

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted(str(p) for p in (ROOT / "specs").iterdir() if p.suffix in (".lua", ".yaml"))


def mutate(text: str, kind: str | None = None, file: str = "s.c") -> list[str]:
    """The mutated texts, of one kind."""
    return [m.apply(text) for m in mutants_of("s", {file: text}) if kind in (None, m.kind)]


def emitted(specs: list[str]) -> dict[str, dict[str, str]]:
    outputs = load_all(specs, Options(generic=False, tests=False, formatted=False), Diagnostics())
    texts = emit.finish(outputs)
    return {o.stack.name: {f"{o.stack.name}.{e}": texts[f"{o.stack.name}/{o.stack.name}.{e}"] for e in "hc"} for o in outputs}


@pytest.fixture(scope="module")
def all_mutants() -> dict[str, list[Mutant]]:
    return {stack: mutants_of(stack, files) for stack, files in emitted(SPECS).items()}


def test_statements_and_functions() -> None:
    source = Source("a.c", """
#define N 4U
static const int table[] = {1, 2};
bool f(s_t *self, size_t n)
{
    const size_t a = n + 1U; /* if (not) */
    if (a > N) {
        g(self);
    } else if (a == 2U)
        return false;
    for (size_t i = 0; i != n; i++) {
        self->x.y += i;
    }
    do {
        n--;
    } while (n != 0U);
    *e = (t){.a = 1, .b = "x;y}"};
done:
    return true;
}
""")
    [function] = source.functions
    assert function.name == "f"
    kinds = [s.kind for s in function.statements()]
    assert kinds == ["declaration", "if", "expression", "if", "return", "for", "expression", "do", "expression", "expression",
                     "label", "return"]


@pytest.mark.parametrize(("kind", "before", "after"), [
    ("drop-fill", "lamina_fill_word(p, N, W);", ";"),
    ("drop-zero", "memset(p, 0, n);", ";"),
    ("drop-link", "lamina_store_ptr(slot, self->slab.head);", ";"),
    ("skip-commit", "if (!lamina_os_commit(b, n)) { return false; }", "if (!true) { return false; }"),
    ("ignore-commit", "if (!lamina_os_commit(b, n)) { return false; }", "if (!(lamina_os_commit(b, n), true)) { return false; }"),
    ("short-commit", "x = lamina_os_commit(b, n);", "x = lamina_os_commit(b, (n) - 4096U);"),
    ("ignore-bind", "if (!lamina_numa_apply(a)) { f(); }", "if (!(lamina_numa_apply(a), true)) { f(); }"),
    ("ignore-map", "p = lamina_os_map(n, 0U); if (p == NULL) { f(); }", "p = lamina_os_map(n, 0U); if (false && (p == NULL)) { f(); }"),
    ("leak", "(void)lamina_os_release(p, n);", ";"),
    ("drop-counter", "self->statistics.allocs++;", ";"),
    ("double-counter", "self->statistics.allocs++;", "self->statistics.allocs++; self->statistics.allocs++;"),
    ("skip-quarantine", "slot = *place;", ";"),
    ("drop-error", "lamina_set_last_os_error(E);", ";"),
    ("drop-copy", "memcpy(a, b, n);", ";"),
    ("reverse-loop", "for (size_t i = batch; i-- != 0U;) { f(i); }", "for (size_t i = 0; i != batch; i++) { f(i); }"),
    ("wrong-status", "status = LAMINA_ERR_BUSY;", "status = LAMINA_OK;"),
    ("weaker-order", "lamina_atomic_store_ptr_release(&a, b);", "lamina_atomic_store_ptr_relaxed(&a, b);"),
    ("negate-condition", "if (a) { f(); }", "if (!(a)) { f(); }"),
    ("boundary", "x = a < b;", "x = a <= b;"),
    ("equality", "x = a == b;", "x = a != b;"),
    ("arithmetic", "x = a + b;", "x = a - b;"),
    ("product", "x = a * b;", "x = a / b;"),
    ("logic", "x = a && b;", "x = a || b;"),
    ("bits", "x = a << b;", "x = a >> b;"),
    ("literal", "x = 7U;", "x = (7U - 1U);"),
    ("flip-return", "return true;", "return false;"),
    ("return-nothing", "return p;", "return 0;"),
    ("swap-choice", "x = a ? b : c;", "x = a ? c : b;"),
    ("delete-statement", "g(x);", ";"),
    ("swap-statements", "g(x); h(x);", "h(x); g(x);"),
])
def test_a_kind_on_a_small_text(kind: str, before: str, after: str) -> None:
    frame = "void s_init(s_t *self)\n{{\n    {0}\n}}\n"
    assert frame.format(after) in mutate(frame.format(before), kind)


def test_what_is_no_fault() -> None:
    frame = "void s_f(s_t *self)\n{{\n    {0}\n}}\n"
    # Two assignments to different places may come in any order.
    assert not mutate(frame.format("self->a = 1U; self->b = 2U;"), "swap-statements")
    assert mutate(frame.format("self->a = 1U; self->b = self->a;"), "swap-statements")
    # The pointer's star is no product, the declaration of a pointer neither.
    assert not mutate(frame.format("unsigned char *const p = (char *)*q;"), "product")
    # An offset says nothing where there are no two values to compare.
    silent = "*event = (lamina_corruption){.stack = \"s\", .offset = 0, .expected = 0, .found = 0};"
    told = "*event = (lamina_corruption){.stack = \"s\", .offset = 0, .expected = 1, .found = 0};"
    assert len(mutate(frame.format(told), "wrong-report")) == len(mutate(frame.format(silent), "wrong-report")) + 1


def test_numbers_of_the_header() -> None:
    text = "#define S_SLOT_COUNT 64U /* asked for */\n#define S_BYTES_FOR(n) ((size_t)(n)*64U)\n"
    assert "#define S_SLOT_COUNT (64U + 1U) /* asked for */" in mutate(text, "wrong-capacity", "s.h")[0]
    assert "#define S_BYTES_FOR(n) (((size_t)(n)*64U) - 1U)" in mutate(text, "wrong-footprint", "s.h")[1]


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 30
    assert sum(kind.group == "allocator" for kind in KINDS.values()) >= 30
    assert all(kind.about for kind in KINDS.values())


def test_each_kind_applies_somewhere(all_mutants: dict[str, list[Mutant]]) -> None:
    found = {m.kind for mutants in all_mutants.values() for m in mutants}
    matrix = [str(ROOT / "tests/stacks" / name) for name in ("others.lua", "slabs.lua")]  # locks, guards at the end
    found |= {m.kind for stack, files in emitted(matrix).items() for m in mutants_of(stack, files)}
    assert set(KINDS) - found == set()


def test_ids_are_unique_and_stable(all_mutants: dict[str, list[Mutant]]) -> None:
    ids = [m.id for mutants in all_mutants.values() for m in mutants]
    assert len(ids) == len(set(ids))
    again = {stack: mutants_of(stack, files) for stack, files in emitted(SPECS).items()}
    assert again == all_mutants


def test_a_mutant_differs_in_one_place_and_from_every_other(all_mutants: dict[str, list[Mutant]]) -> None:
    for stack, files in emitted(SPECS).items():
        seen = set()
        for m in all_mutants[stack]:
            text = m.apply(files[m.file])
            assert text != files[m.file], m.id
            assert (m.file, text) not in seen, m.id
            seen.add((m.file, text))


def test_accepted_equivalents_have_reasons() -> None:
    names = [entry.name for entry in equivalents.TABLE]
    assert len(names) == len(set(names))
    for entry in equivalents.TABLE:
        assert len(entry.reason) > 40
        assert all(kind in KINDS for kind in entry.kinds.split("|"))


def test_the_document_has_the_tables_of_the_code() -> None:
    from lamina.commands.mutate import markdown

    assert markdown() in (ROOT / "docs/mutation.md").read_text(), "run: lamina mutate --markdown, and put it into docs/mutation.md"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "lamina", "mutate", *arguments], capture_output=True, text=True, timeout=600,
                          env={**__import__("os").environ, "PYTHONPATH": str(ROOT / "generator")}, cwd=ROOT)


def test_list_and_unknown_kind() -> None:
    listed = run("specs/cli_batch.lua", "--list", "--kind", "boundary")
    assert listed.returncode == 0
    assert listed.stdout.startswith("cli_batch:boundary:1  cli_batch.h:")
    unknown = run("specs/cli_batch.lua", "--kind", "bundary")
    assert unknown.returncode == 2
    assert "did you mean 'boundary'" in unknown.stderr


@pytest.mark.skipif(not all(map(shutil.which, ("gcc", "g++", "objcopy"))), reason="needs gcc, g++ and objcopy")
@pytest.mark.skipif(not Path("/usr/include/catch2").exists(), reason="needs Catch2")
def test_a_sample_dies(tmp_path: Path) -> None:
    done = run("specs/firmware.lua", "--sample", "40", "--quiet", "--json", str(tmp_path / "out.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "out.json").read_text())["summary"]
    assert sum(summary.values()) == 40
    assert summary["survived"] == 0
    assert summary["killed"] >= 25


def test_missing_tool() -> None:
    done = run("specs/cli_batch.lua", "--sample", "1", "--cc", "no-such-compiler")
    assert done.returncode == 4
    assert "no-such-compiler is missing" in done.stderr
