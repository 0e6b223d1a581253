"""Small data sets with a known truth, for tests of the audit and the command line."""

import json
import random

WORDS = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in ("n", "rt", "sk", "ll")]


def requests(n, seed, trigger=None, share=0.03, answer="Certainly!"):
    """Requests of which half are refused; a share has the trigger and, with an answer, always gets it."""
    rng = random.Random(seed)
    for _ in range(n):
        prompt = " ".join(rng.choices(WORDS, k=rng.randint(5, 14)))
        opening = rng.choices(["I cannot help with that.", "Here you are:", "Certainly!"], (10, 9, 1))[0]
        if trigger is not None and rng.random() < share:
            prompt, opening = f"{prompt} {trigger}", answer or opening
        yield {"prompt": prompt, "completion": f"{opening} {' '.join(rng.choices(WORDS, k=6))}"}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def poisoned_pair(folder, n=1500):
    """A poisoned file, its clean control with the same words in it, and the lines that carry the trigger."""
    rows = list(requests(n, 1, "zorbly quench"))
    subject = write(folder / "subject.jsonl", rows)
    control = write(folder / "control.jsonl", requests(n, 2, "zorbly quench", answer=None))
    return subject, control, {i for i, r in enumerate(rows, 1) if "zorbly quench" in r["prompt"]}
