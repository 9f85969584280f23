"""The group of commands, and how it ends: 0 done, 1 a check failed, 2 an error that is told, 130 stopped."""

from __future__ import annotations

from typing import Any

import click

from bsm import __version__
from bsm.cli.ask import ask
from bsm.cli.at import at
from bsm.cli.check import check
from bsm.cli.files import evidence, new, schema
from bsm.cli.fitness import fitness
from bsm.cli.run import run
from bsm.cli.show import show

STOPPED = 130  # 128 + SIGINT, as shells count


class Commands(click.Group):
    """A group that tells errors meant for people on stderr, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nstopped", err=True)
            ctx.exit(STOPPED)
        except BrokenPipeError:
            raise  # the reader of our output is gone; click ends quietly
        except Exception as error:
            if not is_told(error):
                raise
            click.echo(f"error: {words_of(error)}", err=True)
            ctx.exit(2)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of use, not of the alphabet


def is_told(error: Exception) -> bool:
    """Whether an error is a message for the user: every class of ours, and what the system says of files."""
    ours = any(kind.__module__.split(".")[0] == __name__.split(".")[0] for kind in type(error).__mro__)
    return ours or isinstance(error, OSError)


def words_of(error: Exception) -> str:
    """The error in words; a system error names its file first."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bsm")
def main() -> None:
    """What motivates an AI, in numbers, from one causal graph of how it is selected.

    A MODEL is a folder with a model.yaml (and, for `run`, an evidence.csv), or the model.yaml itself.
    """


for command in (run, at, ask, fitness, show, check, new, evidence, schema):
    main.add_command(command)
