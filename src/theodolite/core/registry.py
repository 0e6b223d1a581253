"""Which instruments are installed: the entry points of one group, loaded only when asked.

The built-in instruments come in by the same door as everyone else's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from theodolite.core.instrument import Instrument
from theodolite.errors import ContractError, InstrumentError

__all__ = ["GROUP", "Plugin", "choose", "installed", "load"]

GROUP = "theodolite.instruments"


@dataclass(frozen=True)
class Plugin:
    """An installed instrument, not yet imported."""

    name: str
    """The name that `--instruments` takes."""
    entry_point: EntryPoint
    """Where its class is."""

    @property
    def distribution(self) -> str:
        """The package that brought it."""
        dist = self.entry_point.dist
        return f"{dist.name} {dist.version}" if dist is not None else "an unnamed package"


def installed() -> dict[str, Plugin]:
    """Returns every installed instrument by name, sorted; imports none of them.

    Raises:
        InstrumentError: two packages claim one name.
    """
    found: dict[str, Plugin] = {}
    for entry_point in entry_points(group=GROUP):
        plugin = Plugin(entry_point.name, entry_point)
        other = found.get(plugin.name)
        if other is not None and other.entry_point.value != entry_point.value:
            raise InstrumentError(
                f"two packages claim the instrument {plugin.name!r}: "
                f"{other.distribution} ({other.entry_point.value}) and "
                f"{plugin.distribution} ({entry_point.value})",
                "uninstall one of them",
            )
        found[plugin.name] = plugin
    return dict(sorted(found.items()))


def load(plugin: Plugin) -> type[Instrument]:
    """Imports an instrument's class.

    Raises:
        ContractError: what the entry point names is no complete instrument of that name.
        Exception: whatever the plug-in's import raises.
    """
    cls = plugin.entry_point.load()
    if not (isinstance(cls, type) and issubclass(cls, Instrument)):
        raise ContractError(f"{plugin.entry_point.value} is not a subclass of theodolite.core.Instrument")
    missing = [a for a in ("name", "question", "needs", "margin") if not hasattr(cls, a)]
    if missing:
        raise ContractError(f"{plugin.entry_point.value} lacks the class variables {', '.join(missing)}")
    if cls.name != plugin.name:
        raise ContractError(
            f"{plugin.entry_point.value} calls itself {cls.name!r}, its entry point {plugin.name!r}"
        )
    return cls


def choose(names: Iterable[str] | None) -> dict[str, Plugin]:
    """Returns the named instruments, or all of them.

    Raises:
        InstrumentError: a name is not installed.
    """
    plugins = installed()
    if names is None:
        return plugins
    for name in names:
        if name not in plugins:
            known = ", ".join(plugins) or "none"
            raise InstrumentError(f"there is no instrument {name!r}", f"choose from: {known}")
    return {name: plugins[name] for name in dict.fromkeys(names)}
