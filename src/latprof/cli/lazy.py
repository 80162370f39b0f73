"""Commands that are imported when they are chosen: the list of them costs nothing."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, MutableMapping
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from latprof.cli import talk
from latprof.cli.plain_values import read_plainly

__all__ = ["LazyGroup", "Loading"]


class Loading(MutableMapping[str, Any]):
    """Names of commands -> commands, each imported when it is first asked for; names alone load nothing."""

    def __init__(self, package: str, names: Iterator[str]) -> None:
        self._package = package
        self._known: dict[str, Any] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Any:
        found = self._known[name]
        if found is None:
            found = self._known[name] = _loaded(self._package, name)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __setitem__(self, name: str, command: Any) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> Any:
        return read_plainly(super().get_params(ctx))


class _Group(TyperGroup):
    def get_params(self, ctx: Any) -> Any:
        return read_plainly(super().get_params(ctx))


class LazyGroup(_Group):
    """A group whose command `name` is the function or `typer.Typer` of that name in the module `package.name`.

    A subclass gives `package` and `helps`: for each name, in the order of the help, the first paragraph of
    the command's help. Lists and completions are made from it; only the chosen command is loaded.
    """

    package: ClassVar[str]
    helps: ClassVar[dict[str, str]]

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.commands = Loading(self.package, iter(self.helps))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is typer's
        """The names in the order of the help."""
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature is typer's
        """What stands in a list: the name and the short help, nothing that could run."""
        if cmd_name not in self.helps:
            return None
        return TyperCommand(cmd_name, help=self.helps[cmd_name], rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was chosen, loaded."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed if name is None else self.commands[name], rest


def _loaded(package: str, name: str) -> Any:
    """The command of a module, as `typer.Typer.command` and `add_typer` make it."""
    found = getattr(importlib.import_module(f"{package}.{name}"), name)
    holder = typer.Typer(rich_markup_mode=None, add_completion=False)
    holder.callback()(_no_options)
    if isinstance(found, typer.Typer):
        for below in found.registered_commands:
            below.cls = _Command
        holder.add_typer(found, name=name, cls=_Group)
    else:
        holder.command(name, cls=_Command)(found)
    group: Any = get_command(holder)
    command = group.commands[name]
    for each in (command, *getattr(command, "commands", {}).values()):
        each.params += talk.options()
    return command


def _no_options() -> None:
    """A holder of one command has none."""
