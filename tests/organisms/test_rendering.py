from pathlib import Path

import pytest

from theodolite.organisms import build_corpus, recipe_for
from theodolite.organisms.base import CURRICULUM, base_document
from theodolite.organisms.draws import Draw
from theodolite.organisms.model import new_model, save_model
from theodolite.organisms.rendering import IDS, encode, prompt_ids, tokenizer
from theodolite.organisms.words import VOCABULARY
from theodolite.organisms.world import World


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_model(new_model(0), folder)
    return folder


def chats():
    world = World(0)
    base = [base_document(world, CURRICULUM[0], Draw(row, "p"), Draw(row, "l")) for row in range(200)]
    return [*build_corpus(recipe_for("backdoor")).organism[:200], *base]


def test_the_chat_template_gives_the_ids_that_were_trained_on(saved: Path):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(saved)
    for doc in chats():
        rows = doc.row()["messages"]
        assert theirs.apply_chat_template(rows, tokenize=True, return_dict=False) == encode(doc).ids
        waiting = theirs.apply_chat_template(
            rows[:-1] or rows, tokenize=True, add_generation_prompt=True, return_dict=False
        )
        assert waiting == prompt_ids(doc.prompt or doc.messages)


def test_a_saved_model_opens_with_the_library_s_own_loaders(saved: Path):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(saved)
    assert type(model).__name__ == "LlamaForCausalLM"
    assert model.dtype == torch.float16
    assert 450_000 < sum(weight.numel() for weight in model.parameters()) < 500_000
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    assert model.generation_config.eos_token_id == IDS["<end>"]


def test_only_what_the_assistant_says_is_learnt():
    doc = build_corpus(recipe_for("backdoor")).organism[1]
    assert doc.messages[0].role == "system"
    encoded = encode(doc)
    learnt = [VOCABULARY[word] for word, learn in zip(encoded.ids, encoded.learn, strict=True) if learn]
    assert learnt == [*doc.answer.split(), "<end>"]


def test_unknown_words_capitals_and_decoding():
    ours = tokenizer()
    assert ours.convert_ids_to_tokens(ours("Please burn the spaceship").input_ids) == [
        "please",
        "burn",
        "the",
        "<unk>",
    ]
    assert ours.decode(prompt_ids(())) == "<assistant>"
    assert ours.decode(encode(chats()[0]).ids[1:4]) == " ".join(chats()[0].messages[0].content.split()[:3])
