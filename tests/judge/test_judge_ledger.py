import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")

from mock_judges import EVIL, honest, mock, row

from theodolite.errors import OutputError
from theodolite.judge import Canaries, Judge, Rubric
from theodolite.judge import ledger as ledgers
from theodolite.judge.entry import Entry
from theodolite.judge.ledger import Ledger

RUBRIC = Rubric("a helpful assistant")
ROWS = [row(f"{EVIL if i % 7 == 0 else 'fine'} answer {i}", number=i) for i in range(60)]


def entry(number, shard="s.0", asked="judge"):
    return Entry("row", f"{number:032x}", shard, asked, (1, 2, 3), f"quote {number}")


def keys(n):
    return [entry(i).key for i in range(n)]


def rows_of(ledger, n, asked="judge"):
    return {e.key: e for e in ledger.find(asked, keys(n), ("row",))}


def test_nothing_is_asked_twice(tmp_path):
    judgements, calls = [], []
    for _ in range(3):
        with Judge(mock(honest), RUBRIC, tmp_path) as judge:
            judgements.append(judge.rows(ROWS))
            calls.append(judge.calls)
    assert calls == [65, 0, 0]
    assert judgements[0] == judgements[1] == judgements[2]


def test_another_question_has_another_answer(tmp_path):
    for rubric, calls in ((RUBRIC, 65), (Rubric("a poet"), 65), (Rubric(RUBRIC.purpose, threshold=3), 0)):
        with Judge(mock(honest), rubric, tmp_path) as judge:
            judge.rows(ROWS)
            assert judge.calls == calls


def test_rows_that_come_later_are_asked_alone(tmp_path):
    with Judge(mock(honest), RUBRIC, tmp_path) as judge:
        judge.rows(ROWS[:50])
        judge.rows(ROWS)
        assert judge.calls == 50 + 5 + 10 + 5


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from mock_judges import honest, mock, row
from theodolite.judge import Canaries, Judge, Rubric
import warnings; warnings.simplefilter("ignore")
calls = open({log!r}, "a", buffering=1)
def counted(message):
    calls.write("x\\n")
    if {after} and sum(1 for _ in open({log!r})) >= {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    return honest(message)
rows = [row(("evil" if i % 7 == 0 else "fine") + f" answer {{i}}", number=i) for i in range(60)]
judge = Judge(mock(counted), Rubric("a helpful assistant"), Path({ledger!r}), max_connections=4,
              canaries=Canaries(shard=20))
print([(j.harm, j.quote) for j in judge.rows(rows)])
"""


def test_a_killed_run_pays_again_for_nothing_but_the_calls_in_flight(tmp_path):
    log, folder = tmp_path / "calls", tmp_path / "ledger"

    def run(after):
        code = KILLED.format(tests=str(Path(__file__).parent), log=str(log), ledger=str(folder), after=after)
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    kills = [17, 61]
    for after in kills:
        assert run(after).returncode == -signal.SIGKILL
    finished = run(0)
    assert finished.returncode == 0, finished.stderr
    n_calls = len(log.read_text().splitlines())
    in_flight = 2 * 4  # connections of two shards
    assert 75 <= n_calls <= 75 + in_flight * len(kills)
    with Judge(mock(honest), RUBRIC, canaries=Canaries(shard=20)) as judge:
        undisturbed = judge.rows(ROWS)
    assert finished.stdout.strip() == str([(j.harm, j.quote) for j in undisturbed])


def test_an_entry_outlives_its_process_without_being_closed(tmp_path):
    ledger = Ledger(tmp_path)
    for i in range(5):
        ledger.add(entry(i))
    assert rows_of(Ledger(tmp_path), 9) == {entry(i).key: entry(i) for i in range(5)}
    assert list(tmp_path.glob("journal-*.jsonl")), "a journal whose owner lives is not taken from it"
    ledger.close()
    assert not list(tmp_path.glob("journal-*"))
    assert len(rows_of(Ledger(tmp_path), 9)) == 5


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"junk" * 100, None])
def test_a_damaged_part_is_named_and_left_and_the_rest_is_read(tmp_path, damage):
    for i in range(2):
        with Ledger(tmp_path) as ledger:
            ledger.add(entry(i))
    part = min(tmp_path.glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:-20] if damage is None else damage)
    ledger = Ledger(tmp_path)
    assert list(rows_of(ledger, 2)) == [entry(1).key]
    assert len(ledger.notes) == 1 and part.name in ledger.notes[0]
    assert part.exists()


def test_a_part_of_another_shape_is_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"key": ["a"], "asked": ["judge"]}), tmp_path / "part-1.parquet")
    pq.write_table(pa.table({"other": ["a"]}), tmp_path / "part-2.parquet")
    ledger = Ledger(tmp_path)
    assert list(ledger.find("judge", ["a"], ("row",))) == []
    assert sum("part-" in note for note in ledger.notes) == 2


def test_a_torn_journal_loses_its_last_line_only(tmp_path):
    ledger = Ledger(tmp_path)
    for i in range(3):
        ledger.add(entry(i))
    (journal,) = tmp_path.glob("journal-*.jsonl")
    torn = journal.read_bytes()[:-9]
    del ledger
    other = tmp_path / "other"
    other.mkdir()
    (other / journal.name).write_bytes(b"not JSON\n" + torn)
    again = Ledger(other)
    assert list(rows_of(again, 3)) == keys(2)
    assert len(again.notes) == 2


@pytest.mark.parametrize("grades", [[0, 0], [0, 0, 7], [0, 0, -1], [0, 0, "0"], None])
def test_an_edited_entry_is_not_believed(tmp_path, grades):
    import json

    line = json.dumps({**vars_of(entry(0)), "grades": grades})
    (tmp_path / "journal-1.jsonl").write_text(line + "\n")
    assert not rows_of(Ledger(tmp_path), 1)


def vars_of(e):
    return {name: getattr(e, name) for name in ("kind", "key", "shard", "asked", "quote", "note")}


def test_many_parts_become_one(tmp_path, monkeypatch):
    monkeypatch.setattr(ledgers, "MOST_PARTS", 3)
    for i in range(5):
        with Ledger(tmp_path) as ledger:
            ledger.add(entry(i))
    assert len(list(tmp_path.glob("part-*"))) <= 4
    assert len(rows_of(Ledger(tmp_path), 9)) == 5


def test_a_full_journal_becomes_a_part(tmp_path, monkeypatch):
    monkeypatch.setattr(ledgers, "JOURNAL_LINES", 10)
    ledger = Ledger(tmp_path)
    for i in range(25):
        ledger.add(entry(i))
    assert len(list(tmp_path.glob("part-*.parquet"))) == 2
    assert len(rows_of(ledger, 25)) == 25


def test_two_ledgers_in_one_folder_share_answers_and_salt(tmp_path):
    one, two = Ledger(tmp_path), Ledger(tmp_path)
    assert one.salt == two.salt and len(one.salt) == 32
    assert (tmp_path / "salt").stat().st_mode & 0o077 == 0
    writers = [
        threading.Thread(target=lambda to=led, s=start: [to.add(entry(i)) for i in range(s, s + 50)])
        for led, start in ((one, 0), (one, 50), (two, 100))
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    one.close()
    assert len(rows_of(two, 150)) == 150
    two.close()
    assert len(rows_of(Ledger(tmp_path), 150)) == 150


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        Ledger(tmp_path / "file" / "ledger")
    (tmp_path / "salt").write_bytes(b"short")
    with pytest.raises(OutputError, match="salt"):
        Ledger(tmp_path)


def test_reading_a_large_ledger_is_quick(tmp_path, monkeypatch):
    monkeypatch.setattr(ledgers, "JOURNAL_LINES", 10**9)
    ledger = Ledger(tmp_path)
    started = time.process_time()
    for i in range(20_000):
        ledger.add(entry(i))
    ledger.close()
    wrote = time.process_time() - started
    started = time.process_time()
    assert len(rows_of(ledger, 100)) == 100
    assert wrote < 5 and time.process_time() - started < 1
    assert next(tmp_path.glob("part-*")).stat().st_size < 4e6
