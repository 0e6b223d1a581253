"""Which instruments can run here, and why the others cannot."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass

from theodolite.audit.opening import Opened
from theodolite.audit.spec import check_config
from theodolite.core import AuditSpec, Instrument, InstrumentConfig, Plugin, choose, load
from theodolite.errors import SpecError

__all__ = ["Planned", "plan"]

GIVE: Mapping[str, str] = {
    "data": "give --data",
    "weights": "name a model",
    "activations": "name a model",
    "generate": "name a model with a tokenizer",
    "logprobs": "name a model with a tokenizer",
}


@dataclass(frozen=True)
class Planned:
    """One instrument of the plan."""

    name: str
    """Its name."""
    instrument: Instrument | None
    """Ready to run; None when it cannot."""
    question: str = ""
    """Its question, where its class could be loaded."""
    reason: str = ""
    """Why it cannot run."""
    traceback: str | None = None
    """Where loading failed, when it did."""
    error: Exception | None = None
    """What loading raised, for --strict."""


def plan(spec: AuditSpec, subject: Opened) -> list[Planned]:
    """Returns every instrument that was asked for, ready to run or with the reason why not.

    Raises:
        InstrumentError: a named instrument is not installed, or two packages claim one name.
        SpecError: settings are given for an instrument that is not there, or are wrong.
    """
    plugins = choose(spec.instruments)
    for name in spec.config:
        if name not in plugins:
            raise SpecError(
                f"there is no key {name!r}", f"choose from {', '.join([*AuditSpec.model_fields, *plugins])}"
            )
    return [_planned(plugin, spec, subject) for plugin in plugins.values()]


def _planned(plugin: Plugin, spec: AuditSpec, subject: Opened) -> Planned:
    try:
        cls = load(plugin)
    except Exception as error:
        # A plug-in is someone else's code: whatever its import raises is one line of this audit, no more.
        reason = (
            f"the plug-in could not be loaded from {plugin.distribution}: {type(error).__name__}: {error}"
        )
        return Planned(plugin.name, None, reason=reason, traceback=traceback.format_exc(), error=error)
    config: InstrumentConfig = check_config(plugin.name, cls.Config, spec.config.get(plugin.name, {}))
    missing = sorted(cls.needs - subject.target.access)
    if missing:
        wanted = "; ".join(f"{need} ({GIVE.get(need, 'not available here')})" for need in missing)
        return Planned(plugin.name, None, question=cls.question, reason=f"needs {wanted}")
    return Planned(plugin.name, cls(config), question=cls.question)
