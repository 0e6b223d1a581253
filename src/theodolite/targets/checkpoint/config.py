"""What a checkpoint claims to be: its configuration, less what could make transformers do more."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.errors import ModelError
from theodolite.targets.checkpoint.folder import read_json

if TYPE_CHECKING:
    from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel

# Each of these names code, kernels or other files to load, or changes how the weights are read.
_NEVER_PASSED_ON = frozenset(
    {
        "auto_map", "attn_implementation", "_attn_implementation", "_attn_implementation_internal",
        "experts_implementation", "_experts_implementation", "_experts_implementation_internal",
        "fusion_config", "distributed_config", "kernel_config", "transformers_weights", "custom_pipelines",
        "_name_or_path", "_commit_hash",
    }
)  # fmt: skip
_MOST_EXPERTS = 4096


def model_config(
    path: Path, raw: dict[str, Any], n_tensors: int
) -> "tuple[PretrainedConfig, type[PreTrainedModel]]":
    """The configuration and the class of the model; raises `ModelError` when there is no such."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    kind = raw.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise _unknown_kind(path, raw, kind)
    if raw.get("quantization_config") is not None:
        raise ModelError(f"'{path}' holds quantised weights", "save the model with its weights dequantised")
    _check_sizes(path, raw, n_tensors)
    try:
        config = CONFIG_MAPPING[kind].from_dict(_harmless(raw))
        model_class = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    except KeyError:
        raise ModelError(
            f"'{path}' is of type {kind!r}, which does not generate text from left to right",
            "audit a causal language model",
        ) from None
    except Exception as error:
        raise ModelError(
            f"'{path / 'config.json'}' makes no {kind} model ({last_line(error)})", "correct it"
        ) from None
    if isinstance(model_class, tuple):
        model_class = model_class[0]
    assert model_class is not None
    _check_architecture(path, raw, model_class)
    return config, model_class


def config_notes(raw: dict[str, Any]) -> list[str]:
    """What the configuration asked for and did not get."""
    if "auto_map" not in raw:
        return []
    return [
        "config.json asks for code of its own (auto_map), which was not run: transformers' own code was used"
    ]


def generation_config(path: Path) -> "GenerationConfig | None":
    """The defaults for generating that the folder holds, if it holds any."""
    from transformers import GenerationConfig

    if not (path / "generation_config.json").is_file():
        return None
    raw = read_json(path / "generation_config.json")
    try:
        return GenerationConfig.from_dict(raw)
    except Exception as error:
        raise ModelError(
            f"'{path / 'generation_config.json'}' cannot be used ({last_line(error)})", "correct or remove it"
        ) from None


def last_line(error: BaseException) -> str:
    """The last line of an error's text, which is the one that says what was wrong, cut at 160 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:160].rstrip(".")


def _unknown_kind(path: Path, raw: dict[str, Any], kind: object) -> ModelError:
    if "auto_map" in raw:
        return ModelError(
            f"'{path}' needs code of its own ({str(kind)[:60]!r}, by auto_map), which is never run",
            "convert the model to an architecture that transformers has",
        )
    if kind is None:
        return ModelError(
            f"'{path / 'config.json'}' names no model_type", "save the model with save_pretrained"
        )
    return ModelError(
        f"'{path}' is of type {str(kind)[:60]!r}, which this transformers does not know",
        "update transformers, or check config.json",
    )


def _check_architecture(path: Path, raw: dict[str, Any], model_class: "type[PreTrainedModel]") -> None:
    import transformers

    named = raw.get("architectures")
    name = named[0] if isinstance(named, list) and named else None
    if name is None or name == model_class.__name__:
        return
    if not isinstance(name, str) or not name.isidentifier() or not hasattr(transformers, name):
        raise ModelError(
            f"'{path}' is of architecture {str(name)[:60]!r}, which this transformers does not know",
            "update transformers, or check config.json",
        )
    if not name.endswith(("LMHeadModel", "ForCausalLM", "ForConditionalGeneration", "Model")):
        raise ModelError(
            f"'{path}' is a {name}, which does not generate text", "audit a causal language model"
        )


def _check_sizes(path: Path, raw: dict[str, Any], n_tensors: int) -> None:
    # A model of a billion layers is built one Python object at a time, before any tensor is compared.
    for name, value in _numbers(raw):
        most = n_tensors if "layer" in name and name.startswith(("num_", "n_")) else None
        most = _MOST_EXPERTS if "expert" in name and name.startswith(("num_", "n_")) else most
        if most is not None and value > most:
            raise ModelError(
                f"'{path / 'config.json'}' has {name} = {value:,}, where there are {n_tensors:,} tensors",
                "correct it",
            )


def _numbers(raw: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for name, value in raw.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif type(value) is int:
            yield name, value


def _harmless(raw: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _harmless(value) if isinstance(value, dict) else value
        for name, value in raw.items()
        if name not in _NEVER_PASSED_ON
    }
