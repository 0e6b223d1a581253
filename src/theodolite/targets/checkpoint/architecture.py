"""Whether the tensors of a checkpoint are those of its architecture, found out without reading them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.errors import ModelError
from theodolite.targets.checkpoint.config import last_line
from theodolite.targets.checkpoint.tensor_file import TensorEntry

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_LARGEST_TABLES = 8 * 2**30  # bytes


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A model without weights: its size, and what it says of the checkpoint's tensors."""

    n_parameters: int
    vocab_size: int
    notes: tuple[str, ...]


def compare(
    path: Path,
    config: "PretrainedConfig",
    model_class: "type[PreTrainedModel]",
    entries: Iterable[TensorEntry],
) -> Skeleton:
    """The model on torch's meta device; raises `ModelError` when a tensor is missing or has another shape."""
    model = _on_meta_device(path, config, model_class)
    expected = dict(model.named_parameters(remove_duplicate=False))
    present, unexpected = set[int](), list[str]()
    names = _name_mapping(model)
    for entry in entries:
        name, converted = names(entry.name)
        if name not in expected:
            unexpected.append(entry.name)
            continue
        present.add(id(expected[name]))  # tied parameters are one object, so one of their tensors is enough
        shape = tuple(expected[name].shape)
        if not converted and shape != entry.shape:
            raise ModelError(
                f"'{entry.file}' holds {entry.name} with shape {_shape(entry.shape)}, where "
                f"{model_class.__name__} of this config has {_shape(shape)}",
                "use the config.json that belongs to these weights",
            )
    missing = [name for name, parameter in expected.items() if id(parameter) not in present]
    if missing:
        raise ModelError(
            f"'{path}' lacks {len(missing):,} of the {len(expected):,} tensors of {model_class.__name__}, "
            f"the first being {missing[0]}",
            "copy all of its weights, or use the config.json that belongs to them",
        )
    return Skeleton(
        sum(parameter.numel() for parameter in model.parameters()),
        model.get_input_embeddings().weight.shape[0],  # pyright: ignore
        tuple(_unexpected_note(model, unexpected)),
    )


def _on_meta_device(
    path: Path, config: "PretrainedConfig", model_class: "type[PreTrainedModel]"
) -> "PreTrainedModel":
    import torch

    try:
        with torch.device("meta"):
            model = model_class(config)
        model.tie_weights()
    except Exception as error:
        raise ModelError(
            f"'{path / 'config.json'}' makes no {model_class.__name__} ({last_line(error)})", "correct it"
        ) from None
    tables = sum(buffer.numel() * buffer.element_size() for buffer in model.buffers())
    if tables > _LARGEST_TABLES:
        raise ModelError(
            f"'{path / 'config.json'}' asks for {tables / 2**30:,.0f} GiB of tables", "correct it"
        )
    return model


def _name_mapping(model: "PreTrainedModel") -> Any:
    """From a checkpoint's name of a tensor to the model's, and whether it is merged or split on the way."""
    parameters: dict[str, Any] = model.state_dict(keep_vars=True)
    prefix = model.base_model_prefix
    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

        changes = get_model_conversion_mapping(model)
        renamings = [change for change in changes if isinstance(change, WeightRenaming)]
        converters = [change for change in changes if isinstance(change, WeightConverter)]
    except ImportError:  # transformers 4 loads every tensor as it is
        return lambda name: (_with_prefix(name, prefix, parameters), False)

    def mapped(name: str) -> tuple[str, bool]:
        new, converter = rename_source_key(name, renamings, converters, prefix, parameters)
        return new, converter is not None

    return mapped


def _with_prefix(name: str, prefix: str, parameters: dict[str, Any]) -> str:
    for candidate in (name, f"{prefix}.{name}", name.removeprefix(f"{prefix}.")):
        if candidate in parameters:
            return candidate
    return name


def _unexpected_note(model: "PreTrainedModel", names: list[str]) -> Iterable[str]:
    buffers = dict(model.named_buffers())
    prefix = model.base_model_prefix
    left = [
        name
        for name in names
        if name not in buffers
        and f"{prefix}.{name}" not in buffers
        and not name.endswith((".attn.bias", ".inv_freq"))
    ]
    if left:
        count = "1 tensor belongs" if len(left) == 1 else f"{len(left):,} tensors belong"
        yield f"{count} to no part of the architecture and will not be used, the first being {left[0][:80]!r}"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape) or "scalar"
