"""Open subject and control: what is there, what it is, and what can be done with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from theodolite.core import AuditSpec, DataFacts, ModelFacts, Target, TargetFacts, UnreadableRow
from theodolite.targets import Data, Model, open_data, open_model

__all__ = ["Opened", "open_control", "open_subject", "open_target"]

DEMO = "demo:"


@dataclass(frozen=True)
class Opened:
    """A target, and what is written down about it."""

    target: Target
    facts: TargetFacts
    unreadable: tuple[UnreadableRow, ...]

    @property
    def identity(self) -> list[str | None]:
        """Its fingerprints."""
        model, data = self.facts.model, self.facts.data
        return [model and model.fingerprint, data and data.fingerprint]


def open_subject(spec: AuditSpec) -> Opened:
    """Opens what the spec audits.

    Raises:
        UserError: the model or the data cannot be opened.
    """
    return open_target(spec.model, spec.data, spec.columns, spec.seed, base=spec.base)


def open_control(spec: AuditSpec) -> Opened | None:
    """Opens what the spec holds it against; None without a control.

    Raises:
        UserError: the model or the data cannot be opened.
    """
    if spec.control is None and spec.control_data is None:
        return None
    return open_target(
        spec.control, spec.control_data, spec.columns, spec.seed, base=spec.base, file_prefix="control:"
    )


def open_target(
    model: str | None,
    data: str | None,
    columns: Mapping[str, str],
    seed: int,
    *,
    base: str | None = None,
    file_prefix: str = "",
) -> Opened:
    """Opens a model, a data file, or both; `demo:NAME` stands for an embedded organism with its data.

    Raises:
        UserError: the model or the data cannot be opened.
    """
    opened_model, opened_data = _model(model), _data(model, data, columns)
    access: set[str] = set(opened_model.access) if opened_model is not None else set()
    if opened_data is not None:
        access.add("data")
    facts = TargetFacts(
        name=model or Path(data or "").name,
        access=tuple(sorted(access)),
        model=None if opened_model is None else _model_facts(str(model), opened_model),
        data=None if opened_data is None else _data_facts(opened_data),
    )
    target = Target(
        model=opened_model, base=_model(base), data=opened_data, seed=seed, access=frozenset(access)
    )
    return Opened(target, facts, _unreadable(opened_data, file_prefix))


def _model(name: str | None) -> Model | None:
    if name is None:
        return None
    if name.startswith(DEMO):
        from theodolite.organisms import demo

        return open_model(demo(name.removeprefix(DEMO)).model)
    return open_model(name)


def _data(model: str | None, name: str | None, columns: Mapping[str, str]) -> Data | None:
    demo_name = name if name is not None else model
    if demo_name is not None and demo_name.startswith(DEMO):
        from theodolite.organisms import demo

        file = demo(demo_name.removeprefix(DEMO)).data
        if name is None and not file.exists():
            return None
        return open_data(file)
    return open_data(Path(name), columns) if name is not None else None


def _model_facts(name: str, model: Model) -> ModelFacts:
    return ModelFacts(
        name=name,
        fingerprint=model.fingerprint,
        architecture=model.architecture,
        n_parameters=model.n_parameters,
        notes=model.notes,
    )


def _data_facts(data: Data) -> DataFacts:
    summary = data.summary
    return DataFacts(
        name=data.name,
        fingerprint=data.fingerprint,
        rows=summary.rows,
        rows_unreadable=summary.unreadable_total,
        duplicates=summary.duplicates,
        shapes=dict(summary.shapes),
        notes=summary.notes,
    )


def _unreadable(data: Data | None, prefix: str) -> tuple[UnreadableRow, ...]:
    if data is None:
        return ()
    return tuple(
        UnreadableRow(file=prefix + data.name, row=row.number, reason=row.reason)
        for row in data.summary.unreadable
    )
