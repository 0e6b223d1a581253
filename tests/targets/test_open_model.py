import json
import logging
import pickle
import shutil
import socket
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from theodolite.errors import ModelError
from theodolite.targets import open_model

Saved = Callable[..., Path]


def edit(path: Path, **changes: Any) -> None:
    """Change keys of the JSON file at `path`; `...` removes one."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def refused(path: Path | str, match: str) -> str:
    with pytest.raises(ModelError, match=match) as caught:
        open_model(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mixtral"])  # a mixture's experts are merged on the way
def test_a_good_model_is_described_and_loads_as_it_was_saved(
    saved: Saved, kind: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    path = saved(kind)
    reference: Any = AutoModelForCausalLM.from_pretrained(path)
    capfd.readouterr()

    def no_network(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    model = open_model(path)
    loaded, tokenizer = model.load()
    assert capfd.readouterr() == ("", "")
    assert (model.name, model.d_model, model.n_layers, model.vocab_size) == (kind, 32, 2, 64)
    assert model.architecture == type(reference).__name__ and model.dtype == "float32"
    assert model.n_parameters == sum(parameter.numel() for parameter in reference.parameters())
    assert model.access == {"weights", "activations", "generate", "logprobs"} and model.notes == ()
    assert not loaded.training and tokenizer is not None
    ids = torch.tensor([tokenizer("1 2 3 5 8").input_ids])
    with torch.no_grad():
        assert torch.equal(loaded(ids).logits, reference(ids).logits)


def test_verbosity_and_bars_are_what_they_were(saved: Saved) -> None:
    from transformers.utils import logging as theirs

    before = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    open_model(saved("llama"))
    assert (theirs.get_verbosity(), theirs.is_progress_bar_enabled()) == before
    assert logging.getLogger().level == logging.WARNING


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_loads_in_float32(saved: Saved, tmp_path: Path, dtype: str) -> None:
    import torch

    folder = Path(shutil.copytree(saved("llama"), tmp_path / "half"))
    rewrite(
        folder, lambda tensors: tensors.update({k: v.to(getattr(torch, dtype)) for k, v in tensors.items()})
    )
    edit(folder / "config.json", dtype=dtype)
    model = open_model(folder)
    assert model.dtype == dtype
    assert {parameter.dtype for parameter in model.load()[0].parameters()} == {torch.float32}


@pytest.mark.parametrize("kept", ["lm_head.weight", "model.embed_tokens.weight"])
def test_one_of_two_tied_tensors_is_enough(saved: Saved, tmp_path: Path, kept: str) -> None:
    import torch

    folder = Path(shutil.copytree(saved("llama", tie_word_embeddings=True), tmp_path / "tied"))

    def keep_one(tensors: dict[str, Any]) -> None:
        both = [
            tensors.pop(name) for name in ("lm_head.weight", "model.embed_tokens.weight") if name in tensors
        ]
        tensors[kept] = both[0]

    rewrite(folder, keep_one)
    loaded: Any = open_model(folder).load()[0]
    assert torch.equal(loaded.lm_head.weight, loaded.model.embed_tokens.weight)


def test_names_without_the_prefix_of_the_base_model_are_understood(saved: Saved, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved("gpt2"), tmp_path / "bare"))

    def strip(tensors: dict[str, Any]) -> None:
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name)

    rewrite(folder, strip)
    model = open_model(folder)
    assert model.notes == () and model.load()[0] is not None


def test_fingerprint_follows_config_weights_and_tokenizer_and_nothing_else(
    saved: Saved, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(saved("llama"), tmp_path / "copy"))
    first = open_model(folder).fingerprint
    digest = sha256()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    assert first == digest.hexdigest() == open_model(saved("llama")).fingerprint
    (folder / "README.md").write_text("hello")
    assert open_model(folder).fingerprint == first
    rewrite(folder, lambda tensors: tensors["lm_head.weight"].add_(1e-3))
    assert open_model(folder).fingerprint != first


def test_weights_that_change_after_the_check_are_not_loaded(llama: Path) -> None:
    model = open_model(llama)
    rewrite(llama, lambda tensors: tensors.update(more=tensors["lm_head.weight"].clone()))
    with pytest.raises(ModelError, match="has changed since"):
        model.load()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_fresh_weights_get_the_note_and_load(saved: Saved, kind: str) -> None:
    model = open_model(saved(kind, untouched=True))
    assert [note for note in model.notes if "untrained" in note]


def test_one_step_of_training_is_enough_to_lose_the_note(saved: Saved, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved("llama", untouched=True), tmp_path / "step"))
    rewrite(folder, lambda tensors: tensors["model.norm.weight"].add_(1e-4))
    assert open_model(folder).notes == ()


@pytest.mark.parametrize("name", ["stories260K", "tinystories-656k"])
def test_published_models_open_without_a_note(name: str) -> None:
    path = Path(__file__).parents[3] / "shared" / "real" / "models" / name
    if not path.is_dir():
        pytest.skip("the real models are not on this machine")
    model = open_model(path)
    assert model.notes == () and model.n_parameters in (260_032, 656_000)
    loaded, tokenizer = model.load()
    assert tokenizer is not None
    ids = tokenizer("Once upon a time", return_tensors="pt").input_ids
    said = tokenizer.decode(loaded.generate(ids, max_new_tokens=12, do_sample=False)[0])  # pyright: ignore
    assert "little girl" in said


def test_shards_are_read_together_and_a_missing_one_is_named(saved: Saved, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    reference: Any = AutoModelForCausalLM.from_pretrained(saved("llama"))
    reference.save_pretrained(tmp_path, max_shard_size="10KB")
    shards = sorted(tmp_path.glob("*.safetensors"))
    assert len(shards) > 2
    loaded: Any = open_model(tmp_path).load()[0]
    assert torch.equal(loaded.lm_head.weight, reference.lm_head.weight)
    shards[1].unlink()
    assert shards[1].name in refused(tmp_path, "lacks 1 of the")


@pytest.mark.parametrize(
    "place", ["../other.safetensors", "/etc/passwd", "model.bin", "sub/model.safetensors"]
)
def test_an_index_cannot_lead_out_of_the_folder(llama: Path, place: str) -> None:
    (llama / "model.safetensors").unlink()
    (llama / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": place}}))
    refused(llama, "no safetensors file of its folder")


def test_a_folder_of_links_as_the_hub_caches_it(saved: Saved, tmp_path: Path) -> None:
    for file in saved("llama").iterdir():
        (tmp_path / file.name).symlink_to(file)
    assert open_model(tmp_path).fingerprint == open_model(saved("llama")).fingerprint


def test_paths_that_are_no_model(tmp_path: Path) -> None:
    refused(tmp_path / "absent", "there is no model folder")
    refused(tmp_path, "has no config.json")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "is a file, not a model folder")
    (tmp_path / "adapter_config.json").write_text("{}")
    refused(tmp_path, "holds an adapter")


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (Path.touch, (Path("exploded"),))  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "a.pth", "last.ckpt", "weights.pkl"])
def test_pickles_are_refused_and_never_opened(
    llama: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (llama / name).write_bytes(pickle.dumps(Bomb()))
    assert name in open_model(llama).notes[0]
    open_model(llama).load()
    (llama / "model.safetensors").unlink()
    said = refused(llama, "only as a pickle")
    assert name in said and "sandbox" in said and "safetensors" in said
    assert not (tmp_path / "exploded").exists()


def test_code_in_the_folder_is_never_run(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bomb = "from pathlib import Path\nPath('exploded').touch()\n"
    (llama / "modeling_evil.py").write_text(bomb)
    (llama / "custom_generate").mkdir()
    (llama / "custom_generate" / "generate.py").write_text(bomb)
    auto = {"AutoConfig": "modeling_evil.C", "AutoModelForCausalLM": "modeling_evil.M"}
    edit(
        llama / "config.json",
        auto_map=auto,
        _attn_implementation="evil/kernel",
        attn_implementation="evil/kernel",
    )
    edit(llama / "tokenizer_config.json", auto_map={"AutoTokenizer": ["modeling_evil.T", None]})
    model = open_model(llama)
    assert "was not run" in model.notes[0]
    model.load()
    edit(llama / "config.json", model_type="evil")
    refused(llama, "needs code of its own")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"model_type": "martian"}, "of type 'martian', which this transformers does not know"),
        ({"model_type": ...}, "names no model_type"),
        ({"model_type": ["llama"]}, "does not know"),
        ({"model_type": "bert"}, "does not generate text|lacks|architecture"),
        ({"model_type": "t5"}, "does not generate text"),
        ({"architectures": ["MartianForCausalLM"]}, "architecture 'MartianForCausalLM'"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "does not generate text"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantised"),
        ({"hidden_size": "wide"}, "makes no llama model"),
        ({"hidden_size": 30}, "makes no llama model"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers = 1,000,000,000"),
        ({"num_hidden_layers": 3}, "lacks 9 of the 30 tensors .* model.layers.2"),
        (
            {"vocab_size": 65},
            "model.embed_tokens.weight with shape 64x32, where LlamaForCausalLM .* 65x32|shape",
        ),
        ({"intermediate_size": 10**12}, "with shape"),
        ({"hidden_act": "martian"}, "makes no LlamaForCausalLM|makes no llama"),
    ],
)
def test_configs_that_do_not_fit(llama: Path, changes: dict[str, Any], match: str) -> None:
    edit(llama / "config.json", **changes)
    refused(llama, match)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"9" * 5000])
def test_a_config_that_is_no_json_object(llama: Path, content: bytes) -> None:
    (llama / "config.json").write_bytes(content)
    refused(llama, "config.json' (is no readable JSON|does not hold a JSON object)")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_numbers_that_are_not_finite_are_named(llama: Path, value: float, dtype: str) -> None:
    import torch

    def spoil(tensors: dict[str, Any]) -> None:
        name = "model.layers.1.mlp.up_proj.weight"
        tensors[name] = tensors[name].to(getattr(torch, dtype))
        tensors[name][-1, -1] = value

    rewrite(llama, spoil)
    what = "NaN" if value != value else "infinite numbers"
    refused(llama, f"holds {what} in model.layers.1.mlp.up_proj.weight")


def test_a_damaged_weight_file_is_named(llama: Path) -> None:
    path = llama / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    refused(llama, "model.safetensors' is cut short")


def test_tensors_of_no_part_are_noted_and_missing_ones_refused(llama: Path) -> None:
    rewrite(llama, lambda tensors: tensors.update(secret=tensors["lm_head.weight"].clone()))
    assert "'secret'" in open_model(llama).notes[0]
    rewrite(llama, lambda tensors: tensors.pop("model.layers.0.self_attn.q_proj.weight"))
    refused(llama, "lacks 1 of the 21 tensors .* model.layers.0.self_attn.q_proj.weight")


def test_a_tokenizer_too_large_for_the_embedding(
    llama: Path, add_tokenizer: Callable[[Path, int], None]
) -> None:
    add_tokenizer(llama, 65)
    refused(llama, "gives ids up to 64, where the model embeds ids up to 63")


def test_a_damaged_tokenizer_and_a_missing_one(llama: Path) -> None:
    (llama / "tokenizer.json").write_text("{")
    refused(llama, "tokenizer.json' is no readable JSON")
    (llama / "tokenizer.json").write_text('{"model": 3}')
    refused(llama, "the tokenizer in .* cannot be opened")
    (llama / "tokenizer.json").unlink()
    model = open_model(llama)
    assert model.access == {"weights", "activations"} and "no tokenizer" in model.notes[-1]
    assert model.load()[1] is None


def test_progress_rises_to_the_end(saved: Saved) -> None:
    told: list[tuple[int, int]] = []
    open_model(saved("llama"), lambda *at: told.append(at))
    assert told == sorted(told) and told[-1][0] > 0.95 * told[-1][1]


def test_a_name_of_the_hub_is_downloaded_without_anything_that_runs(
    saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: dict[str, Any] = {}

    def give(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(saved("llama"))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", give)
    assert open_model("org/name").name == "org/name"
    assert asked["name"] == "org/name"
    assert set(asked["allow_patterns"]) == {"*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"}


def test_a_hub_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def fail(*_: object, **__: object) -> str:
        raise RuntimeError("401\nmany\nlines")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    refused("org/name", "no model folder 'org/name', and the Hugging Face hub could not give one")
    refused("./org/name", r"there is no model folder 'org/name'; check the path")
