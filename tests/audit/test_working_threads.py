import pytest
import torch

from theodolite.audit.threads import SMALL, working_threads
from theodolite.core import ModelFacts


def facts(n):
    return ModelFacts(name="m", fingerprint="f", architecture="Llama", n_parameters=n)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((SMALL - 1, 10), 1), ((10, SMALL), 3), ((), 3)],
    ids=["small", "one large", "none"],
)
def test_small_models_work_on_one_thread_and_the_number_is_put_back(sizes, expected):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(KeyError), working_threads([facts(n) for n in sizes]):
            assert torch.get_num_threads() == expected
            raise KeyError
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
