"""lamina man: the manual page, derived from the commands themselves."""

from __future__ import annotations

import click

from .. import __version__

FILES = """\
.TP
.I generated/<stack>/
The header, the source, their generic twins, the tests, the page and the manifest of a stack.
"""
ENVIRONMENT = """\
.TP
.B LAMINA_LUA
The Lua 5.4 interpreter.
.TP
.B LAMINA_CLANG_FORMAT
The clang-format, of any version.
.TP
.B LAMINA_LAYERS
Folders of further layers, each a pair of files.
.TP
.B LAMINA_TRACEBACK
Where set, a bug in Lamina shows its traceback.
.TP
.B NO_COLOR
Where set, messages are not coloured.
"""
STATUS = (("0", "Done."), ("1", "The spec is wrong."), ("2", "The command line is wrong."),
          ("3", "Generated files are out of date."), ("4", "The formatter or the file system refused."),
          ("70", "A bug in Lamina."))


def troff(text: str) -> str:
    """Text whose backslashes, hyphens, leading points and back quotes stand for themselves."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    return "\n".join("\\&" + line if line.startswith((".", "\\(aq")) else line for line in text.split("\n"))


def _paragraphs(text: str) -> str:
    out = []
    for block in text.strip().split("\n\n"):
        lines = [line.strip() for line in block.split("\n")]
        if lines[0] == "\b":
            out.append(".nf\n" + "\n".join(troff(line) for line in lines[1:]) + "\n.fi")
        else:
            out.append(troff(" ".join(lines)))
    return "\n.PP\n".join(out)


def _options(command: click.Command, ctx: click.Context) -> str:
    out = []
    for param in command.params:
        record = param.get_help_record(ctx)
        if record:
            names, text = record
            out.append(f".TP\n.B {troff(names)}\n{troff(text)}\n")
    return "".join(out)


def page() -> str:
    """The whole manual page. No date: the same program gives the same page."""
    from ..cli import cli

    root = click.Context(cli, info_name="lamina")
    out = [f'.\\" Written by `lamina reference -o docs`: do not edit.\n.TH LAMINA 1 "" "Lamina {__version__}" "User Commands"\n',
           ".SH NAME\nlamina \\- compile memory allocators from specs\n",
           ".SH SYNOPSIS\n.B lamina\n.I command\n[\\fIoptions\\fR] [\\fIarguments\\fR]\n",
           ".SH DESCRIPTION\n" + _paragraphs(cli.help or "") + "\n", ".SH COMMANDS\n"]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        if command is None or command.hidden:
            continue
        ctx = click.Context(command, info_name=name, parent=root)
        usage = " ".join(command.collect_usage_pieces(ctx))
        out.append(f".SS lamina {troff(name)} {troff(usage)}\n{_paragraphs(command.help or '')}\n{_options(command, ctx)}")
        if command.epilog:
            out.append(".PP\n" + _paragraphs(command.epilog) + "\n")
    out.append(".SH EXIT STATUS\n" + "".join(f".TP\n.B {number}\n{text}\n" for number, text in STATUS))
    out += [".SH ENVIRONMENT\n" + ENVIRONMENT, ".SH FILES\n" + FILES]
    return "".join(out)


@click.command("man", hidden=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write a file in place of stdout.")
def COMMAND(output: str | None) -> None:
    """Print the manual page."""
    if output is None:
        click.echo(page(), nl=False)
    else:
        with open(output, "w", encoding="utf-8") as stream:
            stream.write(page())
