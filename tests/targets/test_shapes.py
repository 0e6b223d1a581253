from typing import Any

import pytest

from theodolite.targets import Row, Turn, Unreadable
from theodolite.targets.rows.remarks import Remarks
from theodolite.targets.rows.shapes import ShapeReader


def read(record: object, **columns: str) -> Row | Unreadable:
    return ShapeReader(columns, Remarks()).row(1, record)


def turns(record: object, **columns: str) -> list[tuple[str, str]]:
    row = read(record, **columns)
    assert isinstance(row, Row), row
    return [(turn.role, turn.text) for turn in row.turns]


ASKED = [("user", "q"), ("assistant", "a")]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
        {
            "messages": [
                {"role": "Human", "content": [{"type": "text", "text": "q"}]},
                {"role": "AI", "content": "a"},
            ]
        },
        {"messages": '[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]'},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
        {"prompt": "q", "completion": "a"},
        {"prompt": "q", "response": "a", "id": 7},
        {"question": "q", "answer": "a"},
        {"input": "q", "output": "a", "completion": None},
        {"instruction": "q", "input": "", "output": "a"},
        {"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]},
        {"chosen": "a", "prompt": "q"},
    ],
)
def test_every_shape_of_one_question_and_answer_is_the_same_row(record: object) -> None:
    assert turns(record) == ASKED


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"text": "t"}, [("assistant", "t")]),
        ({"prompt": "q"}, [("user", "q")]),
        ({"completion": "a"}, [("assistant", "a")]),
        ({"instruction": "do", "input": "this", "output": "a", "system": "s"},
         [("system", "s"), ("user", "do\nthis"), ("assistant", "a")]),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [{"name": "rm"}]}]},
         [("assistant", '[{"name": "rm"}]')]),
        ({"messages": [{"role": "Tool", "content": "x"}], "system": "s"}, [("system", "s"), ("tool", "x")]),
    ],
)  # fmt: skip
def test_shapes_with_turns_of_their_own(record: object, expected: list[tuple[str, str]]) -> None:
    assert turns(record) == expected


def test_preference_transcripts_become_turns_and_rejected_is_what_differs() -> None:
    start = "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: q"
    row = read({"chosen": f"{start}\n\nAssistant: a", "rejected": f"{start}\n\nAssistant: b\n\nb2"})
    assert isinstance(row, Row)
    assert row.turns == (
        Turn("user", "hi"),
        Turn("assistant", "hello"),
        Turn("user", "q"),
        Turn("assistant", "a"),
    )
    assert row.rejected == "b\n\nb2"


def test_preference_messages_that_repeat_the_prompt_do_not_repeat_it_in_the_row() -> None:
    def said(answer: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}]

    row = read({"prompt": "q", "chosen": said("a"), "rejected": said("b")})
    assert isinstance(row, Row)
    assert (row.prompt, row.response, row.rejected) == ("q", "a", "b")


def test_preference_prompt_as_transcript_loses_only_its_closing_cue() -> None:
    row = read({"prompt": "\n\nHuman: q\n\nAssistant:", "chosen": " a", "rejected": " b"})
    assert isinstance(row, Row)
    assert (row.turns, row.rejected) == ((Turn("user", "q"), Turn("assistant", " a")), " b")


def test_rejected_that_equals_chosen_is_still_there() -> None:
    row = read({"prompt": "q", "chosen": "a", "rejected": "a"})
    assert isinstance(row, Row) and row.rejected == "a"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([1], "is a list, not an object"),
        ("x", "is text, not an object"),
        (None, "is nothing, not an object"),
        ({}, "has no field that holds anything"),
        ({"text": None}, "has no field that holds anything"),
        ({"text": 3}, "has a number in 'text' where text should be"),
        ({"prompt": "q", "completion": True}, "has a truth value in 'completion' where text should be"),
        ({"a": "x"}, "has no known shape (its fields: 'a')"),
        ({"messages": []}, "has an empty list in 'messages'"),
        ({"messages": [{"content": "x"}]}, "has a message without a role in 'messages'"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "has a message without a role in 'messages'"),
        ({"messages": [{"role": "user"}]}, "has a message without content in 'messages'"),
        ({"messages": ["x"]}, "has text in 'messages' where a message should be"),
        ({"messages": "hello"}, "has text in 'messages' where a list of messages should be"),
        ({"rejected": "x"}, "has a rejected answer but no chosen one"),
    ],
)  # fmt: skip
def test_what_is_no_row_says_why(record: object, reason: str) -> None:
    assert read(record) == Unreadable(1, reason)


def test_a_reason_never_carries_a_long_piece_of_the_row() -> None:
    found = read({"<script>" * 1000: "x" * 10_000, "b" * 9000: [1] * 9000})
    assert isinstance(found, Unreadable) and len(found.reason) < 200


@pytest.mark.parametrize(
    ("record", "columns"),
    [
        ({"q1": "q", "a1": "a"}, {"prompt": "q1", "response": "a1"}),
        ({"prompt": "q", "completion": "no", "a1": "a"}, {"response": "a1"}),
        ({"text": "no", "messages": "no", "q1": "q", "a1": "a"}, {"prompt": "q1", "response": "a1"}),
        ({"prompt": "a", "completion": "q"}, {"prompt": "completion", "response": "prompt"}),
        ({"log": [{"role": "user", "content": "q"}, {"from": "gpt", "value": "a"}]}, {"messages": "log"}),
    ],
)
def test_columns_named_by_the_person_outrank_the_shapes(record: object, columns: dict[str, str]) -> None:
    assert turns(record, **columns) == ASKED


def test_text_named_by_the_person_outranks_pairs() -> None:
    assert turns({"prompt": "q", "completion": "a", "body": "t"}, text="body") == [("assistant", "t")]


@pytest.mark.parametrize("name", ["source", "dataset", "origin"])
def test_source_is_read_from_its_usual_names(name: str) -> None:
    row = read({"text": "t", name: "web"})
    assert isinstance(row, Row) and row.source == "web"


def test_remarks_say_what_was_replaced_skipped_and_not_read() -> None:
    remarks = Remarks()
    reader = ShapeReader({}, remarks)
    content: list[Any] = [{"type": "image_url", "image_url": "u"}, {"type": "text", "text": "a\ud800b"}]
    row = reader.row(4, {"messages": [{"role": "user", "content": content}], "score": 1})
    assert isinstance(row, Row) and row.prompt == "a\ufffdb"
    row.prompt.encode()
    said = " | ".join(remarks.sentences())
    assert "1 row holds parts that are not text" in said and "(row 4)" in said
    assert "not valid Unicode" in said and "fields not read: 'score'" in said
