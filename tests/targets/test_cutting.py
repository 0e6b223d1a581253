"""A file without some of its rows: what stays keeps its bytes, in any format, however odd the file."""

import gzip
import io
import json
import os
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theodolite.errors import DataError
from theodolite.targets import open_data
from theodolite.targets.rows.cutting import read_rows, write_without

FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WORDS = st.text(alphabet='aé"\\,; \t\u2028🙂', max_size=8)
TEXTS = st.text(alphabet='a"\\, \n\r\t\x00é\u2028🙂', max_size=12)
REMOVE = st.sets(st.integers(1, 12))


def cut(name, content, numbers, columns=None):
    """The file without the rows of these numbers; None when it is no data file at all."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        try:
            data = open_data(path, columns)
        except DataError:
            return None
        out = io.BytesIO()
        write_without(data, numbers, out)
        path.with_name("out-" + name).write_bytes(out.getvalue())
        kept = [r for r in data.rows() if r.number not in numbers]
        again = list(read_rows(path.with_name("out-" + name), columns or {}))
        read = [r for r in again if hasattr(r, "turns")]
        if kept:
            assert [(r.turns, r.source) for r in read] == [(r.turns, r.source) for r in kept]
        return out.getvalue()


def packed(name, content):
    return gzip.compress(content) if name.endswith(".gz") else content


def unpacked(name, content):
    return gzip.decompress(content) if name.endswith(".gz") else content


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@FEW
@given(
    texts=st.lists(st.tuples(WORDS, st.sampled_from(["row", "row", "blank", "junk", "bytes"])), min_size=1),
    numbers=REMOVE,
    end=st.sampled_from([b"\n", b"\r\n"]),
    ended=st.booleans(),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_json_lines_keep_their_bytes(name, texts, numbers, end, ended, mark):
    kinds = {"blank": b"  ", "junk": b'{"text": ', "bytes": b'{"text": "\xff\xed\xa0\x80"}'}
    lines = [kinds.get(kind) or json.dumps({"text": t}).encode() for t, kind in texts] + [b'{"text": "z"}']
    lines = [line + (end if ended or i < len(lines) - 1 else b"") for i, line in enumerate(lines)]
    kept = b"".join(line for i, line in enumerate(lines, 1) if i not in numbers)
    out = cut(name, packed(name, mark + b"".join(lines)), numbers)
    assert unpacked(name, out) == mark + kept


def cell(text, quoted):
    return '"' + text.replace('"', '""') + '"' if quoted or set(text) & set(',;\t"\r\n|') else text


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@FEW
@given(
    cells=st.lists(
        st.tuples(TEXTS, TEXTS, st.booleans(), st.sampled_from(["", "blank", "short"])), max_size=9
    ),
    numbers=REMOVE,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    ended=st.booleans(),
    lead=st.sampled_from(["", "\ufeff", "\n"]),
)
def test_csv_records_keep_their_bytes_quotes_and_inner_newlines(name, cells, numbers, end, ended, lead):
    pieces, number = [lead + f'"the\nprompt",response{end}'], 0
    kept = pieces[:]
    for prompt, response, quoted, kind in [*cells, ("x", "y", True, "")]:
        short = cell("x" + prompt.replace("\x00", ""), True)
        piece = {"blank": "", "short": short}.get(
            kind, f"{cell(prompt, quoted)},{cell(response, True)}"
        ) + end
        number += kind != "blank"
        pieces.append(piece)
        if kind == "blank" or number not in numbers:
            kept.append(piece)
    if not ended and kept[-1] is pieces[-1]:
        pieces[-1] = kept[-1] = kept[-1].removesuffix(end)
    content = "".join(pieces).encode()
    out = cut(name, packed(name, content), numbers, {"prompt": "the\nprompt"})
    assert unpacked(name, out) == "".join(kept).encode()


BLANKS = st.sampled_from(["", " ", "\n", "\r\n\t"])
VALUES = st.one_of(
    st.builds(lambda t: {"text": t, "n": [1, {"k": "]},"}]}, TEXTS), st.none(), st.just([1, [2]]), st.just(7)
)


@FEW
@given(
    lists=st.lists(st.lists(st.tuples(VALUES, BLANKS, BLANKS), max_size=5), min_size=1, max_size=3),
    nested=st.booleans(),
    numbers=REMOVE,
    blank=BLANKS,
)
def test_json_arrays_stay_valid_and_their_elements_keep_their_bytes(lists, nested, numbers, blank):
    first = ({"text": "first"}, " ", "\n")
    if nested:  # where a list begins with anything but an object, it is not taken for rows
        lists = [[item for item in some if isinstance(item[0], dict)] for some in lists]
    lists = [[first, *some] for some in (lists if nested else lists[:1])]
    number, kept_values, arrays = 0, [], []
    for some in lists:
        kept_values.append([])
        arrays.append("[" + blank + ",".join(f"{a}{json.dumps(v)}{b}" for v, a, b in some) + "]")
        for value, _, _ in some:
            number += 1
            if number not in numbers:
                kept_values[-1].append(value)
    if nested:
        parts = [f'"list{i}" : {a}' for i, a in enumerate(arrays)]
        content = '{"labels": [1, 2, 3], "note": 5,' + ",".join(parts) + ', "end": {"a": [{}]}}\n'
    else:
        content = blank + arrays[0] + "\n\n"
    out = cut("a.json", content.encode(), numbers)
    read = json.loads(out)
    assert ([read[f"list{i}"] for i in range(len(arrays))] if nested else [read]) == kept_values
    assert nested is False or (read["labels"], read["note"], read["end"]) == ([1, 2, 3], 5, {"a": [{}]})
    assert all(json.dumps(value) in out.decode() for some in kept_values for value in some)
    assert numbers & set(range(1, number + 1)) or out == content.encode()


def test_a_pretty_printed_array_stays_pretty():
    rows = [{"text": t} for t in ("zero", "one", "two", "three")]
    whole, kept = (json.dumps(some, indent=2).encode() for some in (rows, rows[1:3]))
    assert cut("a.json", whole, {1, 4}) == kept
    sloppy = b'[ {"text": "a"},, {"text": "b"} , ]'
    assert json.loads(cut("a.json", sloppy, {1, 2})) == []
    broken = b'[{"text": "a"}, {"text": "b"}, {"text": "c'
    assert cut("a.json", broken, {1}) == b'[{"text": "b"}, {"text": "c'
    large = [{"text": str(i) * 100_000} for i in range(10)]  # larger than what is read at once
    assert (
        cut("a.json", json.dumps(large).encode(), {1, 4, 10})
        == json.dumps([row for i, row in enumerate(large, 1) if i not in (1, 4, 10)]).encode()
    )


def test_lines_too_long_to_read_stay(monkeypatch):
    for module in ("cutting", "json_lines", "csv_table", "json_array"):
        monkeypatch.setattr(f"theodolite.targets.rows.{module}.MAX_ROW_BYTES", 2**19)
    long = b'{"text": "' + b"x" * 2**21 + b'"}'
    rows = [b'{"text": "a"}', long, b'{"text": "b"}']
    assert cut("a.jsonl", b"\n".join(rows), {1}) == b"\n".join(rows[1:])
    assert cut("a.json", b"[" + b",".join(rows) + b"]", {1}) == b"[" + b",".join(rows[1:]) + b"]"
    table = [b"text,n\n", b"a,1\n", b"x" * 2**21 + b",1\n", b"b,1\n"]
    assert cut("a.csv", b"".join(table), {1}) == table[0] + b"".join(table[2:])


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
@FEW
@given(content=st.text(alphabet='{}[]",:\\\n\r u0ttext ', max_size=200), numbers=REMOVE)
def test_text_that_nearly_has_the_format_is_cut_where_it_is_read(name, content, numbers):
    whole = {"a.json": '[{"text": "a"},', "a.csv": "text\nb\n"}.get(name, '{"text": "c"}\n') + content
    assert cut(name, whole.encode(), set()) == whole.encode()
    cut(name, whole.encode(), numbers)


def parquet_bytes(table, **options):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


MESSAGE = pa.struct([("role", pa.string()), ("content", pa.large_string())])
SCHEMA = pa.schema(
    [
        pa.field("messages", pa.list_(MESSAGE), nullable=False, metadata={"why": "because"}),
        ("score", pa.float32()),
        ("when", pa.timestamp("us", "Europe/Zurich")),
        ("kind", pa.dictionary(pa.int8(), pa.string())),
        ("bytes", pa.binary(2)),
        ("money", pa.decimal128(9, 2)),
    ],
    metadata={"huggingface": '{"info": {}}'},
)


@pytest.mark.parametrize("name", ["a.parquet", "a.parquet.gz"])
@FEW
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=12),
    numbers=REMOVE,
    group=st.integers(1, 12),
    codec=st.sampled_from(["zstd", "none", "snappy"]),
    compliant=st.booleans(),
)
def test_parquet_keeps_values_types_metadata_and_row_groups(name, texts, numbers, group, codec, compliant):
    rows = [
        {
            "messages": [{"role": "user", "content": t}],
            "score": None if i % 3 == 0 else i / 7,
            "when": i * 10**9,
            "kind": "ab"[i % 2],
            "bytes": b"\xff\x00",
            "money": i,
        }
        for i, t in enumerate(texts)
    ]
    table = pa.Table.from_pylist(rows, SCHEMA)
    options = {"compression": codec, "use_compliant_nested_type": compliant}
    content = parquet_bytes(table, row_group_size=group, **options)
    out = pq.ParquetFile(io.BytesIO(unpacked(name, cut(name, packed(name, content), numbers))))
    mask = [i not in numbers for i in range(1, len(rows) + 1)]
    whole = pq.ParquetFile(io.BytesIO(content))
    assert out.schema.equals(whole.schema)
    assert out.schema_arrow.equals(whole.schema_arrow, check_metadata=True)
    assert out.read().equals(whole.read().filter(pa.array(mask)))
    sizes = [sum(mask[i : i + group]) for i in range(0, len(mask), group)]
    assert [out.metadata.row_group(i).num_rows for i in range(out.num_row_groups)] == [n for n in sizes if n]
    if out.num_row_groups:
        before, after = whole.metadata.row_group(0), out.metadata.row_group(0)
        for i in range(after.num_columns):
            assert after.column(i).compression == before.column(i).compression
            assert after.column(i).physical_type == before.column(i).physical_type


def test_old_timestamps_in_parquet_keep_their_physical_type():
    table = pa.table({"text": ["a", "b"], "t": pa.array([1, 2], pa.timestamp("ns"))})
    content = parquet_bytes(table, use_deprecated_int96_timestamps=True)
    out = pq.ParquetFile(io.BytesIO(cut("a.parquet", content, {1})))
    assert out.metadata.row_group(0).column(1).physical_type == "INT96"
    assert out.read()["t"].equals(table["t"].slice(1))


def test_a_file_that_breaks_off_is_refused_and_not_cut_short(tmp_path):
    lines = b"".join(json.dumps({"text": os.urandom(40).hex()}).encode() + b"\n" for _ in range(200))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines)[:-2000])
    with pytest.raises(DataError, match="break off"):
        write_without(open_data(tmp_path / "a.jsonl.gz"), {1}, io.BytesIO())
    table = pa.table({"text": [os.urandom(40).hex() for _ in range(600)]})
    damaged = bytearray(parquet_bytes(table, row_group_size=200, compression="none", use_dictionary=False))
    at = damaged.find(table["text"][250].as_py().encode())
    damaged[at - 4 : at] = b"\xff" * 4
    (tmp_path / "a.parquet").write_bytes(damaged)
    with pytest.raises(DataError, match=r"row group 2 of .* is damaged"):
        write_without(open_data(tmp_path / "a.parquet"), {1}, io.BytesIO())
