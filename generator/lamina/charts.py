"""Charts for pages: matplotlib draws them as SVG, the page's style sheet gives them their colours.

A chart is drawn in the tokens of COLORS. In the SVG each becomes a variable of CSS, so that one picture serves a light
page, a dark one and print, and `page` makes a file that needs no other: no script, no font, no network.

    picture = Chart("live memory over time", "bytes in use, and the peak")
    picture.axes.plot(x, y, color=COLORS["1"])
    body = figure(picture.svg(), "What is live")
"""

from __future__ import annotations

import html
import io
import re
import sys
from typing import Any, Sequence

from .cli import ENVIRONMENT, Failed

#: Tokens, which matplotlib takes for colours and draws nothing else in: ink, lines behind, ground, and six series.
COLORS = {"ink": "#010203", "soft": "#010204", "grid": "#010205", "ground": "#010206",
          **{str(n): f"#0102{16 + n:02x}" for n in range(1, 7)}}
#: The colours that they become, light and dark; the series' can be told apart by those who see red and green as one.
LIGHT = {"ink": "#1a1d21", "soft": "#5b6570", "grid": "#d5dae0", "ground": "#ffffff", "1": "#0b6bb8", "2": "#c2570c", "3": "#0a8a68",
         "4": "#9b4a8f", "5": "#8a6d00", "6": "#4d5a68"}
DARK = {"ink": "#e6e9ec", "soft": "#a3adb8", "grid": "#3a424b", "ground": "#14171a", "1": "#5fb2f0", "2": "#f2955a", "3": "#4cc9a4",
        "4": "#d896cc", "5": "#d9bb4a", "6": "#a9b6c4"}

#: Inches. As wide as a narrow screen, so that the letters have their size there; wider screens show several in a row.
WIDTH, HEIGHT = 4.6, 2.7

STYLE = {
    "font.size": 9.0, "axes.titlesize": 9.5, "axes.labelsize": 9.0, "xtick.labelsize": 8.5, "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5, "svg.fonttype": "none", "font.family": "DejaVu Sans", "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "axes.grid": True, "grid.linewidth": 0.6, "axes.linewidth": 0.8, "lines.linewidth": 1.4,
    "text.color": COLORS["ink"], "axes.labelcolor": COLORS["ink"], "axes.edgecolor": COLORS["soft"], "xtick.color": COLORS["soft"],
    "ytick.color": COLORS["soft"], "grid.color": COLORS["grid"], "axes.facecolor": COLORS["ground"], "figure.facecolor": "none",
    "legend.frameon": False, "axes.prop_cycle": None, "path.simplify": True, "legend.labelcolor": COLORS["ink"],
    "xtick.labelcolor": COLORS["ink"], "ytick.labelcolor": COLORS["ink"], "legend.borderpad": 0.1, "legend.handlelength": 1.4,
}


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise Failed(ENVIRONMENT, f"{sys.executable} has no matplotlib, which draws the charts; on Debian: apt-get install "
                     "python3-matplotlib, and LAMINA_PYTHON=/usr/bin/python3 where another Python comes first") from None
    return matplotlib


class Chart:
    """One picture: `axes` are matplotlib's, to be drawn on in the tokens of COLORS."""

    def __init__(self, title: str, about: str, width: float = WIDTH, height: float = HEIGHT) -> None:
        matplotlib = _matplotlib()
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self.title, self.about = title, about
        cycle = matplotlib.cycler(color=[COLORS[str(n)] for n in range(1, 7)])
        self._style = {**STYLE, "axes.prop_cycle": cycle}
        with matplotlib.rc_context(self._style):
            self.figure = Figure(figsize=(width, height), layout="constrained")
            FigureCanvasSVG(self.figure)
            self.axes = self.figure.add_subplot()

    def legend(self, columns: int = 2) -> None:
        """Names of the series, above the axes, where they cover nothing."""
        with _matplotlib().rc_context(self._style):
            self.axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns, borderaxespad=0.1)

    def svg(self) -> str:
        """The picture to stand in a page. The same drawing gives the same bytes."""
        matplotlib = _matplotlib()
        out = io.StringIO()
        # Names of clip paths and markers are made from the salt: two pictures of a page may not share them.
        with matplotlib.rc_context({**self._style, "svg.hashsalt": f"{self.title} {self.about}"}):
            self.figure.savefig(out, format="svg", transparent=True,
                                metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        text = out.getvalue()
        text = text[text.index("<svg"):]
        text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.S)
        for name, token in COLORS.items():
            text = text.replace(token, f"var(--{'c' if name.isdigit() else ''}{name})")
        size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', text)
        assert size is not None
        opening = (f'role="img" aria-label="{html.escape(self.title)}" style="aspect-ratio: {size.group(1)} / {size.group(2)}; '
                   f'max-width: {float(size.group(1)) * 1.9:.0f}px"')
        text = text.replace(size.group(0), opening, 1)
        names = sorted(set(re.findall(r'\bid="([^"]+)"', text)))
        prefix = re.sub(r"\W+", "-", self.title.lower()).strip("-")
        for name in names:  # matplotlib numbers its groups from 1 in every picture
            text = re.sub(rf'(\bid="|href="#|url\(#){re.escape(name)}(?=["\)])', rf"\g<1>{prefix}-{name}", text)
        head, body = text.split(">", 1)
        return f"{head}><title>{html.escape(self.title)}</title><desc>{html.escape(self.about)}</desc>{body}"


def figure(svg: str, caption: str) -> str:
    """A picture with the sentence that says what it shows."""
    return f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A table whose first `words` columns are words, and the others numbers; it scrolls by itself where it is too wide."""
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f'<{tag}{"" if i < words else " class=n"}>{html.escape(cell)}</{tag}>' for i, cell in enumerate(cells)) + "</tr>"

    return ("<div class=scroll><table><thead>" + row(head, "th") + "</thead><tbody>" +
            "\n".join(row(cells, "td") for cells in rows) + "</tbody></table></div>")


def _variables(colors: dict[str, str]) -> str:
    return " ".join(f"--{'c' if name.isdigit() else ''}{name}: {value};" for name, value in colors.items())


def style() -> str:
    """The style sheet of a page with charts."""
    return f"""
:root {{ color-scheme: light dark; {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; }} h2 {{ font-size: 1.15rem; margin: 2rem 0 .5rem; }}
p {{ max-width: 46rem; }} p.note {{ border-left: 4px solid var(--c2); padding-left: .75rem; }}
code, pre {{ font-family: ui-monospace, monospace; font-size: .9em; }} pre {{ overflow-x: auto; }}
.charts {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem 2rem; }}
figure {{ margin: 0; min-width: 0; }} figcaption {{ color: var(--soft); font-size: .9rem; }}
svg {{ display: block; width: 100%; height: auto; }} svg text {{ font-family: system-ui, sans-serif !important; }}
.scroll {{ overflow-x: auto; }} table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .95rem; }}
th, td {{ padding: .2rem .75rem .2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid);
  overflow-wrap: normal; }}
.n {{ text-align: right; white-space: nowrap; }}
dl.facts {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1rem 0; }}
dl.facts div {{ border-top: 2px solid var(--c1); padding-top: .25rem; }}
dl.facts dt {{ color: var(--soft); font-size: .9rem; }} dl.facts dd {{ margin: 0; font-size: 1.2rem; }}
@media print {{
  :root {{ {_variables(LIGHT)} }}
  body {{ max-width: none; padding: 0; font-size: 10pt; }} .scroll {{ overflow: visible; }}
  .charts {{ grid-template-columns: 1fr 1fr; }} figure, tr, dl.facts {{ break-inside: avoid; }} h2 {{ break-after: avoid; }}
}}
"""


def page(title: str, body: str) -> str:
    """A whole page in one file."""
    return ("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<link rel="icon" href="data:,">\n'
            f"<title>{html.escape(title)}</title>\n<style>{style()}</style>\n</head>\n<body>\n<h1>{html.escape(title)}</h1>\n"
            f"{body}\n</body>\n</html>\n")
