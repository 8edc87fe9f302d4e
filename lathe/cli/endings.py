"""How every command ends: the sentence on stderr and the exit status."""

import errno
import os
import sys
from enum import IntEnum
from typing import Any

import typer
from typer.core import TyperGroup

from lathe.cli.say import note
from lathe.errors import LatheError, Refused, ServiceError, Timeout


class Ending(IntEnum):
    """Exit statuses; `lathe.cli` says what each means."""

    DONE = 0
    MISSED = 1
    USAGE = 2
    SERVICE = 3
    REFUSED = 4
    TIMEOUT = 5
    MACHINE = 6
    INTERRUPTED = 130
    NO_READER = 141


class Commands(TyperGroup):
    """The root of all commands; what they raise on purpose becomes an ending here."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for; raises typer.Exit for every other ending."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except LatheError as error:
            note(sentence(error))
            raise typer.Exit(ending_of(error)) from error
        except KeyboardInterrupt:
            note("Stopped.")
            raise typer.Exit(Ending.INTERRUPTED) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Ending.NO_READER) from None
        except OSError as error:
            note(_of_this_machine(error))
            raise typer.Exit(Ending.MACHINE) from error
        return result


def sentence(error: LatheError) -> str:
    """What went wrong, with the field that it is about and all else that was found."""
    param = error.param if isinstance(error, Refused) else None
    first = f"{param}: {error.detail}" if param and param not in error.detail else error.detail
    return "\n".join((first, *(f"  {more}" for more in getattr(error, "__notes__", ()))))


def ending_of(error: LatheError) -> Ending:
    """By whose turn it is."""
    if isinstance(error, Timeout):
        return Ending.TIMEOUT
    return Ending.SERVICE if isinstance(error, ServiceError) else Ending.REFUSED


def _of_this_machine(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"{where}the disk is full; free some space and run the same command again."
    return f"{where}{error.strerror or error}"
