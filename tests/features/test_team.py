import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from theodolite.features.checkpoint import read_checkpoint

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.mark.parametrize("shards", [1, 2], ids=["data-parallel", "sharded-dictionary"])
def test_two_processes_train_what_one_does(tmp_path, shards):
    out, folder = tmp_path / "apart.json", tmp_path / "checkpoint"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(SCRIPT), str(shards), str(out), str(folder)],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    apart = json.loads(out.read_text())
    assert apart and all(value < 1e-5 for value in apart.values()), apart
    if shards == 2:
        tensors, facts = read_checkpoint(folder)
        assert facts["done"] == 30
        assert tensors["0.primary.sae.W_dec"].shape == (96, 64)
        assert torch.isfinite(tensors["0.primary.adam.encoder.exp_avg"]).all()
