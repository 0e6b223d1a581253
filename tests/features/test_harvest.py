import json
import os
import signal
import warnings
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch

from theodolite.errors import DataError, ModelError, OutputError, SpecError
from theodolite.features.harvest import (
    TokenMask,
    find_hook,
    harvest,
    open_store,
    read_passages,
    stream,
)
from theodolite.features.harvest.hooks import listening
from theodolite.features.harvest.reading import open_reader
from theodolite.features.harvest.streaming import _Epoch
from theodolite.targets import Row, Turn
from theodolite.targets.rendering import render_rows

CHAT = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <eos>{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)
WORDS = ["<unk>", "<bos>", "<eos>", "<user>", "<assistant>", *map(str, range(59))]


def tokenizer(*, bos=True, chat=False):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = WhitespaceSplit()
    if bos:
        made.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="<unk>",
        bos_token="<bos>",
        eos_token="<eos>",
        additional_special_tokens=["<user>", "<assistant>"],
    )
    fast.chat_template = CHAT if chat else None
    return fast


@pytest.fixture(scope="module")
def models():
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    ids = {"bos_token_id": 1, "eos_token_id": 2}
    llama = LlamaConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=24,
        vocab_size=64,
        max_position_embeddings=32,
        **ids,
    )
    gpt2 = GPT2Config(n_embd=16, n_layer=3, n_head=2, vocab_size=64, n_positions=32, **ids)
    return {"llama": LlamaForCausalLM(llama).eval(), "gpt2": GPT2LMHeadModel(gpt2).eval()}


@pytest.fixture
def llama(models):
    return models["llama"], tokenizer()


def texts(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(map(str, rng.integers(0, 59, rng.integers(3, 40)))) for _ in range(n)]


def alone(model, ids, layer):
    """The hidden states of one text that nothing else is read with."""
    with torch.no_grad():
        return model(torch.tensor([ids]), output_hidden_states=True).hidden_states[layer][0]


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_layers_are_the_hidden_states_of_hugging_face(models, name):
    model = models[name]
    ids = torch.tensor([[1, 7, 9, 30]])
    hidden = model(ids, output_hidden_states=True).hidden_states
    norm = model.model.norm if name == "llama" else model.transformer.ln_f
    for layer in range(4):
        for hook in (layer, f"residual:{layer}", str(layer)):
            with listening(model, find_hook(model, hook)) as read:
                found = read(ids, None)
            assert torch.equal(norm(found) if layer == 3 else found, hidden[layer])
    with listening(model, find_hook(model, 3)) as read:
        assert not torch.allclose(read(ids, None), hidden[3])
    assert torch.equal(model(ids).logits, model(ids).logits) and not model._forward_hooks


def test_a_module_by_path_and_a_pass_that_stops_there(models):
    model, ran = models["gpt2"], []
    handles = [block.register_forward_hook(lambda *_: ran.append(1)) for block in model.transformer.h]
    ids = torch.tensor([[5, 6, 7]])
    assert find_hook(model, "h.1.mlp") == find_hook(model, "transformer.h.1.mlp")
    with listening(model, find_hook(model, "transformer.h.1.mlp")) as read:
        found = read(ids, None)
    assert len(ran) == 1
    with listening(model, find_hook(model, 0)) as read:
        read(ids, None)
    assert len(ran) == 1
    for handle in handles:
        handle.remove()
    kept = []
    handle = model.transformer.h[1].mlp.register_forward_hook(lambda _m, _i, out: kept.append(out))
    model(ids)
    handle.remove()
    assert torch.equal(found, kept[0])


@pytest.mark.parametrize(
    ("hook", "sentence"),
    [
        ("model.layer.2.mlpp", r"no module 'model.layer.2.mlpp'; .*nearest are model\.layers\.2\.mlp,"),
        (4, "no layer 4: it has 3 blocks; choose from 0"),
        (-1, "no layer -1"),
        ("model.layers", "is not run when"),
        ("model.rotary_emb", "not one activation a token"),
    ],
)
def test_hooks_that_do_not_work_are_one_sentence(llama, tmp_path, hook, sentence):
    with pytest.raises(SpecError, match=sentence) as caught:
        harvest(llama, texts(3), hook, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_harvested_activations_are_those_of_each_text_alone(models, tmp_path, name):
    model, tok = models[name], tokenizer()
    store = harvest((model, tok), texts(), 2, tmp_path, context=32, batch_tokens=100, shard_tokens=200)
    assert len(store.index.shards) > 3 and store.hook == "residual:2"
    at = 0
    for number, text in enumerate(texts(), start=1):
        ids = tok(text)["input_ids"] + [2]
        for start in [0, *range(32, len(ids), 31)]:
            window = ids[:32] if not start else [1, *ids[start : start + 31]]
            expected = alone(model, window, 2)[1:]
            found, places = store.rows(picked := np.arange(at, at + len(expected))), store.places(picked)
            assert torch.allclose(found, expected, atol=1e-5)
            assert set(places.row) == {number}
            assert places.position.tolist() == list(range(start or 1, (start or 1) + len(expected)))
            assert places.token.tolist() == window[1:] == [ids[p] for p in places.position]
            at += len(expected)
    assert at == store.tokens


def test_a_killed_harvest_goes_on_to_the_same_bytes(llama, tmp_path):
    settings = {"context": 32, "shard_tokens": 150, "batch_tokens": 128}

    def die(done, _all):
        if done > 20:
            os.kill(os.getpid(), signal.SIGKILL)

    with warnings.catch_warnings():
        # Python 3.12 warns of forking where threads are; this child runs none.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        harvest(llama, texts(), 1, tmp_path / "killed", progress=die, **settings)
        os._exit(3)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    partial = json.loads((tmp_path / "killed" / "index.json").read_text())
    assert not partial["complete"] and partial["shards"]
    seen = []
    again = harvest(llama, texts(), 1, tmp_path / "killed", progress=lambda d, _: seen.append(d), **settings)
    never = harvest(llama, texts(), 1, tmp_path / "never", **settings)
    assert again.index == never.index and min(seen) > partial["position"]
    for shard in never.index.shards:
        assert (tmp_path / "killed" / shard.file).read_bytes() == (
            tmp_path / "never" / shard.file
        ).read_bytes()
    with pytest.raises(OutputError, match="begun with hook 'residual:1', not 'residual:2'"):
        harvest(llama, texts(), 2, tmp_path / "never", **settings)
    with pytest.raises(OutputError, match="begun with data fingerprint"):
        harvest(llama, texts(seed=1), 1, tmp_path / "never", **settings)


def chats():
    yield Row(1, (Turn("user", "3 4"), Turn("assistant", "5 6 7")))
    yield Row(2, (Turn("system", "9"), Turn("user", "8"), Turn("assistant", "1 2")))
    yield Row(3, (Turn("assistant", "11 12 13"),))
    yield Row(4, (Turn("assistant", "1"), Turn("user", "2")))
    yield Row(9, (Turn("user", "3"), Turn("assistant", "")))


@pytest.mark.parametrize("chat", [True, False])
def test_rows_are_rendered_as_the_project_renders_what_models_were_trained_on(chat):
    tok = tokenizer(chat=chat)
    passages = read_passages(tok, chats(), 32)
    expected = [list(row.ids) for row in render_rows(tok, list(chats()), 32)]
    found = [passages.ids[a:b].tolist() for a, b in zip(passages.offsets, passages.offsets[1:], strict=False)]
    assert found == expected and passages.row.tolist() == [1, 2, 3, 4, 9]


def test_files_are_read(tmp_path):
    (tmp_path / "a.txt").write_text("1 2\n3\n\n\n4 5\n")
    plain = read_passages(tokenizer(), tmp_path / "a.txt", 32)
    assert [WORDS[i] for i in plain.ids] == ["<bos>", "1", "2", "3", "<eos>", "<bos>", "4", "5", "<eos>"]
    assert [plain.row.tolist(), plain.name] == [[1, 2], "a.txt"]
    (tmp_path / "a.jsonl").write_text('{"text": "1 2"}\n{"prompt": "3", "response": "4"}\n')
    rows = read_passages(tokenizer(), tmp_path / "a.jsonl", 32)
    assert rows.row.tolist() == [1, 2]
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe1")
    (tmp_path / "c.txt").write_text("\n \n")
    for name, sentence in [("b.txt", "UTF-8"), ("c.txt", "no token"), ("d.txt", "No such file")]:
        with pytest.raises(DataError, match=sentence):
            read_passages(tokenizer(), tmp_path / name, 32)


def test_tokens_are_left_out_as_asked(llama):
    model, _ = llama
    tok = tokenizer(chat=True)

    def kept(mask):
        reader = open_reader((model, tok), list(chats()), 1, mask=mask)
        return [WORDS[i] for i in reader.passages.ids[reader.keep]]

    everything = kept(TokenMask(bos=False))
    assert everything.count("<bos>") == 2
    assert kept(TokenMask()) == [w for w in everything if w != "<bos>"]
    assert kept(TokenMask(special=True)) == [w for w in everything if not w.startswith("<")]
    assert "3" not in kept(TokenMask(ids=(WORDS.index("3"),)))
    with pytest.raises(DataError, match="leaves out every token"):
        kept(TokenMask(ids=tuple(range(64))))
    with pytest.raises(SpecError, match="ordinary tokens"):
        TokenMask(high_norm=1.0)


@pytest.fixture
def sink(models):
    """A model in which one token has a giant activation."""
    import copy

    model = copy.deepcopy(models["llama"])
    with torch.no_grad():
        model.model.embed_tokens.weight[WORDS.index("7")] *= 500
    return model, tokenizer()


def test_high_norms_are_left_out_and_counted(sink, tmp_path):
    store = harvest(sink, texts(), 0, tmp_path / "a", context=32, shard_tokens=300)
    everything = harvest(sink, texts(), 0, tmp_path / "b", context=32, mask=TokenMask(high_norm=None))
    giant = int((everything.places().token == WORDS.index("7")).sum())
    assert giant > 5 and sum(shard.left_out for shard in store.index.shards) == giant
    assert store.tokens == everything.tokens - giant
    assert WORDS.index("7") not in store.places().token
    source = stream(sink, texts(), 0, context=32, buffer_tokens=200)
    rows = torch.cat(list(islice(source.batches(50, seed=0), 40)))
    assert rows.norm(dim=1).max() <= source.norm_limit and source.replaced > 5


def counted(rows):
    return Counter(tuple(round(v, 3) + 0.0 for v in row) for row in rows.tolist())


def test_a_stream_gives_every_token_once_an_epoch_and_goes_on_anywhere(llama, tmp_path):
    rows = texts(40)
    mask = TokenMask(high_norm=None)
    store = harvest(llama, rows, 1, tmp_path, context=32, mask=mask)
    source = stream(llama, rows, 1, context=32, mask=mask, buffer_tokens=100)
    assert (source.tokens, source.d_model) == (store.tokens, 16)
    n = source.tokens // 16 + 1
    batches = list(islice(source.batches(16, seed=3), 18 * (3 * n // 18)))
    dealt, held = counted(torch.cat(batches)), counted(store.rows(np.arange(store.tokens)))
    whole, rest = divmod(len(batches) * 16, store.tokens)
    assert whole == 2 and rest and dealt.keys() <= held.keys()
    assert all(whole * held[row] <= dealt[row] <= (whole + 1) * held[row] for row in held)
    for start in (1, 7, n + 2):
        again = list(islice(source.batches(16, seed=3, start=start), 4))
        assert all(torch.equal(a, b) for a, b in zip(again, batches[start:], strict=False))
    two, one = source.batches(16, seed=3), source.batches(16, seed=4)
    for i in range(9):
        assert torch.equal(next(two), batches[i]) and not torch.equal(next(one), batches[i])


def test_stretches_of_an_epoch_cover_each_kept_token_once(llama):
    reader = open_reader(llama, texts(30), 1, context=32, mask=TokenMask(high_norm=None))
    total, seen = int(reader.kept.sum()), []
    for first in range(0, total, 37):
        n = min(37, total - first)
        picked, skipped = _Epoch(reader.kept, 5, 0).stretch(first, n)
        places = reader.places(picked)
        window = slice(skipped, skipped + n)
        seen += zip(places.row[window].tolist(), places.position[window].tolist(), strict=True)
    everything = reader.places(np.arange(len(reader.passages)))
    assert sorted(seen) == sorted(zip(everything.row.tolist(), everything.position.tolist(), strict=True))
    assert len(set(seen)) == len(seen)


def test_what_a_model_cannot_do_is_one_sentence(models, tmp_path):
    import copy

    model, tok = models["llama"], tokenizer()
    with pytest.raises(ModelError, match="has no tokenizer"):
        harvest((model, None), texts(2), 1, tmp_path)
    with pytest.raises(SpecError, match="longer than the model's 32"):
        harvest((model, tok), texts(2), 1, tmp_path, context=64)
    with pytest.raises(SpecError, match="stored as 'int8'"):
        harvest((model, tok), texts(2), 1, tmp_path, dtype="int8")
    with pytest.raises(SpecError, match="context of 1 "):
        harvest((model, tok), texts(2), 1, tmp_path, context=1)
    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.model.layers[0].mlp.down_proj.weight[3, 4] = float("nan")
    with pytest.raises(ModelError, match=r"NaN or infinite at residual:1 \(row 1, token 1\)"):
        harvest((broken, tok), texts(2), 1, tmp_path)
    small = copy.deepcopy(model)
    small.resize_token_embeddings(10)
    with pytest.raises(ModelError, match="the model knows 10"):
        harvest((small, tok), texts(2), 1, tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_store_in_bfloat16_is_half_the_size_and_close(llama, tmp_path):
    wide = harvest(llama, texts(), 1, tmp_path / "w", context=32)
    half = harvest(llama, texts(), 1, tmp_path / "h", context=32, dtype="bfloat16")
    assert torch.equal(
        half.rows(np.arange(half.tokens)), wide.rows(np.arange(wide.tokens)).bfloat16().float()
    )
    assert open_store(tmp_path / "h", verify=True).index.dtype == "bfloat16"


def test_reading_stops_at_the_tokens_asked_for(llama):
    passages = read_passages(llama[1], (str(i) for i in iter(int, 1)), 32, tokens=100)
    assert 100 <= len(passages.ids) < 105
