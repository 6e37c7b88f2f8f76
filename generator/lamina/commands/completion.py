"""lamina completion: the script that teaches a shell to complete lamina's commands, options and layers."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

HOW = {
    "bash": 'eval "$(lamina completion bash)"                          # in ~/.bashrc',
    "zsh": 'eval "$(lamina completion zsh)"                           # in ~/.zshrc',
    "fish": "lamina completion fish > ~/.config/fish/completions/lamina.fish",
}


@click.command("completion", short_help="print a shell's completion script", epilog="\b\n" + "\n".join(HOW.values()))
@click.argument("shell", type=click.Choice(list(HOW)))
def COMMAND(shell: str) -> None:
    """Print the script that makes a shell complete commands, options, layers and codes."""
    from ..cli import cli

    kind = get_completion_class(shell)
    assert kind is not None
    # Past the classes' own `source`, which for bash runs bash to ask its version: the script is the same for all.
    click.echo(ShellComplete.source(kind(cli, {}, "lamina", "_LAMINA_COMPLETE")))
