import pytest

from lpc_scratch.runs import folder


@pytest.fixture(autouse=True)
def every_checkpoint(monkeypatch):
    """Keep every epoch, however short."""
    monkeypatch.setattr(folder, "BETWEEN_CHECKPOINTS", 0.0)
