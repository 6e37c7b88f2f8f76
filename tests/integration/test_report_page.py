"""The page of a comparison in a browser: it loads without a complaint, the charts are there, nothing is wider than the screen, in
light and dark, and it prints."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "generator"))

from lamina.report import documents  # noqa: E402

DATA = ROOT / "tests" / "generator" / "data" / "compare" / "two_stacks.json"
RESULT = json.loads(DATA.read_text(encoding="utf-8"))
REPLAY = json.loads((DATA.parent / "replay.json").read_text(encoding="utf-8"))
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-default-apps", "--hide-scrollbars", "--proxy-server=127.0.0.1:9", "--enable-logging=stderr"]

#: What the page is asked from inside, once it stands. Parts that scroll by themselves may be wider inside.
PROBE = """<script>
window.addEventListener("load", () => {
  const screen = document.documentElement.clientWidth;
  const scrolls = (e) => e && (getComputedStyle(e).overflowX === "auto" || scrolls(e.parentElement));
  const wide = [...document.querySelectorAll("body *")].filter((e) => !e.closest("svg svg, svg *") && !scrolls(e.parentElement) &&
    e.getBoundingClientRect().right > screen + 0.5).map((e) => e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 40));
  const charts = [...document.querySelectorAll("figure svg")];
  const cut = charts.flatMap((svg) => { const box = svg.getBoundingClientRect(); return [...svg.querySelectorAll("text")].filter((t) => {
    const r = t.getBoundingClientRect(); return r.width && (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 ||
    r.bottom > box.bottom + 1); }).map((t) => svg.getAttribute("aria-label") + ": " + t.textContent.trim()); });
  const luminance = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 :
    ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = luminance(getComputedStyle(document.body).backgroundColor);
  const contrast = (c) => { const l = luminance(c); return (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05); };
  const faint = new Set();
  for (const e of document.querySelectorAll("body *:not(svg):not(svg *):not(script)"))
    if ([...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && contrast(getComputedStyle(e).color) < 4.5)
      faint.add(e.tagName + "." + e.className);
  for (const e of document.querySelectorAll("svg text")) if (contrast(getComputedStyle(e).fill) < 4.5) faint.add("chart: " + e.textContent.trim());
  const letters = Math.min(...[...document.querySelectorAll("svg text")].map((t) => t.getBoundingClientRect().height).filter((h) => h));
  parent.postMessage(JSON.stringify({width: innerWidth, scroll: document.documentElement.scrollWidth, screen, wide, cut, ground,
    faint: [...faint], charts: charts.filter((s) => { const r = s.getBoundingClientRect(); return r.width > 200 && r.height > 60; }).length,
    resources: performance.getEntriesByType("resource").length, letters}), "*");
});
</script>"""
#: A window of a browser has a least width; a frame has any.
HOST = """<!doctype html><title>host</title><body style="margin: 0"><script>
addEventListener("message", (event) => { document.body.dataset.probe = event.data; });
</script><iframe src="probed.html" style="border: 0; width: %dpx; height: 900px"></iframe>"""


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("chromium is missing, which the page is looked at with; on Debian: apt-get install chromium, or generator/setup test")
    return found


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(documents.html(RESULT, [REPLAY]), encoding="utf-8")
    return path


def browse(chromium: str, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([chromium, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", *arguments], capture_output=True, text=True, timeout=180,
                          check=True)


def complaints(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if ":CONSOLE" in line]


def probe(chromium: str, page: Path, tmp_path: Path, width: int, dark: bool) -> dict[str, object]:
    """The page's own answers. The probe is a script, so the copy that it is put into goes without the policy against them."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    (tmp_path / "probed.html").write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    host = tmp_path / "host.html"
    host.write_text(HOST % width, encoding="utf-8")
    done = browse(chromium, tmp_path, "--window-size=1500,900", "--virtual-time-budget=20000", f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--dump-dom",
                  host.as_uri())
    assert complaints(done.stderr) == []
    found = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert found, "the probe has not run"
    return json.loads(found.group(1).replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def test_loads_without_complaint(chromium: str, page: Path, tmp_path: Path) -> None:
    assert complaints(browse(chromium, tmp_path, "--dump-dom", page.as_uri()).stderr) == []


def test_a_complaint_would_be_seen(chromium: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><title>x</title><script>nothing.at.all()</script>", encoding="utf-8")
    assert complaints(browse(chromium, tmp_path, "--dump-dom", bad.as_uri()).stderr) != []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1400])
def test_fits_and_can_be_read(chromium: str, page: Path, tmp_path: Path, width: int, dark: bool) -> None:
    found = probe(chromium, page, tmp_path, width, dark)
    assert found["width"] == width
    assert found["scroll"] == found["screen"] and found["wide"] == []
    assert found["cut"] == []
    charts = 1 + 2 * sum(p["applicable"] for s in RESULT["stacks"] for p in s["patterns"]) + 2 * len(REPLAY["groups"])
    assert found["charts"] == charts
    assert found["faint"] == []
    assert found["letters"] >= 8  # pixels that the smallest line of a chart's text is high
    assert found["resources"] == 0
    assert (found["ground"] < 0.1) == dark


def test_too_wide_would_be_seen(chromium: str, page: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.html"
    wide.write_text(page.read_text(encoding="utf-8").replace("<main>", "<main><div style='width: 380px'>wide</div>"), encoding="utf-8")
    found = probe(chromium, wide, tmp_path, 360, False)
    assert found["scroll"] > found["screen"] and found["wide"] != []


def printed(chromium: str, page: Path, tmp_path: Path, *arguments: str) -> Path:
    pdf = tmp_path / "page.pdf"
    browse(chromium, tmp_path, f"--print-to-pdf={pdf}", "--no-pdf-header-footer", *arguments, page.as_uri())
    return pdf


def words_of(pdf: Path) -> list[tuple[float, list[tuple[float, float, str]]]]:
    """The pages of a PDF: its width, and of each word where it ends on the right, how high it is, and what it is."""
    out = subprocess.run([poppler("pdftotext"), "-bbox", str(pdf), "-"], capture_output=True, text=True, check=True, timeout=120).stdout
    word = re.compile(r'yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]*)</word>')
    return [(float(width), [(float(right), float(bottom) - float(top), html.unescape(text)) for top, right, bottom, text in word.findall(body)])
            for width, body in re.findall(r'<page width="([\d.]+)"[^>]*>(.*?)</page>', out, re.S)]


def poppler(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing, which printed pages are read with; on Debian: apt-get install poppler-utils, or generator/setup test")
    return found


def wrong_on_paper(pages: list[tuple[float, list[tuple[float, float, str]]]]) -> list[str]:
    """What is off the paper, or too small. A page with something too wide is printed smaller as a whole: its title shows that,
    which is 21 points."""
    off = [word for width, words in pages for right, _, word in words if right > width - 1.0]
    small = [word for _, words in pages for _, height, word in words if height < 5.0]
    title = next((height for _, words in pages for _, height, word in words if word.startswith("Comparison")), 0.0)
    return off + small + ([f"the title is {title:.1f} points high"] if title < 20.0 else [])


def test_nothing_of_a_printed_page_is_cut_off(chromium: str, page: Path, tmp_path: Path) -> None:
    pages = words_of(printed(chromium, page, tmp_path))
    assert pages and wrong_on_paper(pages) == [] and all(words for _, words in pages)
    text = " ".join(word for _, words in pages for _, _, word in words)
    for stack in documents.view.document(RESULT)["stacks"]:
        assert f"Verdict {stack['verdict']}." in text and stack["name"] in text
    # All cells of the widest tables, as often as they stand there.
    cells = Counter(word for stack in documents.view.document(RESULT)["stacks"] for pattern in stack["served"] for variant in pattern["variants"]
                    for row in variant["rows"] for word in " ".join([row["title"], *row["cells"]]).split())
    assert cells - Counter(text.split()) == Counter()
    assert REPLAY["command"] in text and "How it was measured" in text


def test_what_is_too_wide_for_paper_would_be_seen(chromium: str, page: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.html"
    wide.write_text(page.read_text(encoding="utf-8").replace("<main>", "<main><div style='width: 1100px'>wide</div>"), encoding="utf-8")
    assert wrong_on_paper(words_of(printed(chromium, wide, tmp_path))) != []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_paper_is_white(chromium: str, page: Path, tmp_path: Path, dark: bool) -> None:
    """Also where the screen is dark: nobody prints pages of black, and nothing of a light page is drawn in a dark one's colours."""
    pdf = printed(chromium, page, tmp_path, f"--blink-settings=preferredColorScheme={0 if dark else 1}")
    subprocess.run([poppler("pdftoppm"), "-r", "30", "-gray", str(pdf), str(tmp_path / "sheet")], check=True, timeout=120)
    sheets = sorted(tmp_path.glob("sheet-*.pgm"))
    assert sheets
    for sheet in sheets:
        kind, size, most, pixels = sheet.read_bytes().split(b"\n", 3)
        width, height = map(int, size.split())
        assert (kind, most, len(pixels)) == (b"P5", b"255", width * height)
        assert sum(pixel > 230 for pixel in pixels) > 0.6 * len(pixels), sheet.name
        assert min(pixels) < 120, f"{sheet.name}: nothing on it is dark enough to be read"


def test_a_missing_browser_fails(tmp_path: Path) -> None:
    """It is never skipped: a page that nobody looked at has not passed."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "loads_without_complaint"],
                          env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "1 error" in done.stdout
    assert "chromium is missing, which the page is looked at with; on Debian: apt-get install chromium" in done.stdout


def test_prints(chromium: str, page: Path, tmp_path: Path) -> None:
    data = printed(chromium, page, tmp_path).read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    pages = len(re.findall(rb"/Type\s*/Page\b", data))
    assert 3 <= pages <= 20


def test_picture_is_drawn(chromium: str, tmp_path: Path) -> None:
    """The picture of a README, as the browser takes it when an image names it."""
    (tmp_path / "all.svg").write_text(documents.picture(RESULT), encoding="utf-8")
    host = tmp_path / "host.html"
    host.write_text("<!doctype html><title>x</title><img src=all.svg onload=\"document.title = this.naturalWidth > 300 ? 'drawn' : 'small'\" "
                    "onerror=\"document.title = 'broken'\">", encoding="utf-8")
    assert "<title>drawn</title>" in browse(chromium, tmp_path, "--dump-dom", host.as_uri()).stdout
