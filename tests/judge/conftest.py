"""What Inspect AI warns about is not ours to mend."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "judge" in item.path.parent.name:
            item.add_marker(pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning"))
