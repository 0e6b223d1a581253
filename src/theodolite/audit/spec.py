"""From a TOML file and flags to one `AuditSpec`; every error names the key."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from theodolite.core import AuditSpec, InstrumentConfig
from theodolite.errors import SpecError

__all__ = ["build_spec", "check_config", "read_spec_file", "set_value"]

DEMO = {"model": "demo:backdoor", "control": "demo:backdoor-twin"}
"""What is audited when nothing is named: an embedded organism against its clean twin."""


def build_spec(given: Mapping[str, Any]) -> AuditSpec:
    """Returns the spec of what was given; without model and data, that of the embedded default.

    Tables that are not keys of the spec itself are taken for settings of the instrument of that name.

    Raises:
        SpecError: a key or value is wrong.
    """
    values = {k: v for k, v in given.items() if v is not None}
    own = AuditSpec.model_fields
    config: dict[str, Any] = dict(values.pop("config", {}))
    for key in [k for k in values if k not in own and isinstance(values[k], Mapping)]:
        config[key] = values.pop(key)
    if config:
        values["config"] = config
    if not any(values.get(k) for k in ("model", "data", "control", "control_data")):
        values |= DEMO
    if not any(values.get(k) for k in ("model", "data")):
        raise SpecError("a control was given but nothing to audit", "name a model or give --data")
    try:
        return AuditSpec.model_validate(values)
    except ValidationError as error:
        raise _spec_error(error, AuditSpec, "") from None


def read_spec_file(path: Path) -> dict[str, Any]:
    """Returns the keys of a TOML spec, or of the spec inside an `audit.json`.

    Raises:
        SpecError: the file is missing, not TOML, or not an audit.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"the spec {str(path)!r} cannot be read ({_reason(error)})", "check the path"
        ) from None
    if path.suffix == ".json":
        return _spec_of_audit(path, text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"the spec {str(path)!r} is no TOML: {error}", "correct that line") from None


def set_value(values: dict[str, Any], assignment: str) -> None:
    """Applies `key=value` or `instrument.key=value`; the value is read as TOML, or else as plain text.

    Raises:
        SpecError: the assignment has no `=`.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key.strip():
        raise SpecError(f"--set {assignment!r} sets nothing", "write it as key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = key.strip().split(".")
    place = values
    for table in tables:
        inner = place.setdefault(table, {})
        if not isinstance(inner, dict):
            raise SpecError(f"--set {assignment!r} treats {table!r} as a table", "set the key itself")
        place = cast("dict[str, Any]", inner)
    place[last] = value


def check_config(
    name: str, config_class: type[InstrumentConfig], values: Mapping[str, Any]
) -> InstrumentConfig:
    """Returns an instrument's settings.

    Raises:
        SpecError: a setting is unknown or has a wrong value.
    """
    try:
        return config_class.model_validate(values)
    except ValidationError as error:
        raise _spec_error(error, config_class, f"{name}.") from None


def _spec_of_audit(path: Path, text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text)["spec"])
    except (ValueError, KeyError, TypeError):
        raise SpecError(f"{str(path)!r} is no audit.json", "name one that an audit wrote") from None


def _spec_error(error: ValidationError, model: type[BaseModel], prefix: str) -> SpecError:
    first = error.errors(include_url=False)[0]
    key = prefix + ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return SpecError(f"there is no key {key!r}", _choose(str(first["loc"][-1]), list(model.model_fields)))
    value = repr(first["input"])
    shown = value if len(value) <= 80 else value[:77] + "..."
    message = first["msg"][0].lower() + first["msg"][1:]
    return SpecError(f"{key} = {shown} is not valid", message)


def _choose(given: str, known: Sequence[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f"did you mean {close[0]!r}" if close else f"choose from: {', '.join(known)}"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "unreadable" if isinstance(error, OSError) else "not UTF-8"
