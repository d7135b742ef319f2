"""What is measured in tests: the small shipped bundle, on whichever cores there are."""

import os

import pytest

from benchmarks.subject import Subject


@pytest.fixture(scope="session")
def subject() -> Subject:
    """Service and client on all cores: a test must not wait for one that is busy."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    return Subject(bundle="esc10-resnet", server_cpus=cores, client_cpus=cores)
