import subprocess
import sys

import pytest

#: Pictures of 24 MB that come and go, with the C library's settings of a decoder or its own.
PROGRAM = """
import resource, sys
from PIL import Image
from jobfs.ingest import heap
if sys.argv[1] == "kept":
    heap.keep()
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() // 2**20
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def picture():
    Image.new("RGB", (3000, 2000), "red").reduce(2)
before = resident()
picture()
kept, began = resident() - before, faults()
picture()
again = faults() - began
heap.give_back()
print(kept, again, resident() - before)
"""


@pytest.fixture(scope="module")
def numbers() -> tuple[int, ...]:
    """Return MiB that are kept after a picture, pages that the next one needs, and MiB in a pause."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, "kept"], check=True, capture_output=True, text=True
    )
    return tuple(map(int, run.stdout.split()))


def test_the_next_picture_needs_no_new_memory(numbers: tuple[int, ...]) -> None:
    kept, again, _ = numbers

    assert kept > 20
    assert again < 500


def test_in_a_pause_memory_is_given_back(numbers: tuple[int, ...]) -> None:
    assert numbers[2] < 5
