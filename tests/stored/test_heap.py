import subprocess
import sys

import pytest

from jobfs.ingest.decoder import BLOCK
from jobfs.ingest.libraries import cykooz_resizer

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


#: A JPEG of 24 megapixels, a small one before it, and MiB that the large one takes at the most.
RENDERING = """
import io
from PIL import Image
from jobfs.ingest import heap, rendering
from jobfs.ingest.outcomes import Wanted
heap.keep()
wanted = [Wanted(name=str(edge), edge=edge, quality=90) for edge in (2048, 1024, 256)]
def render(width, height):
    file = io.BytesIO()
    noise = Image.effect_noise((width // 8, height // 8), 50)
    noise.resize((width, height)).convert("RGB").save(file, "JPEG")
    del noise
    heap.give_back()
    open("/proc/self/clear_refs", "w").write("5")  # forget the highest so far
    began = said("VmRSS")
    made = rendering.render(file, wanted, pixel_limit=10**8)
    assert [one.name for one in made.renditions] == ["2048", "1024", "256"]
    return said("VmHWM") - began
def said(name):
    return int(open("/proc/self/status").read().partition(name + ":")[2].split()[0]) // 2**10
render(640, 480)
print(render(6000, 4000))
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


@pytest.mark.skipif(cykooz_resizer is None, reason="Pillow takes 8 MB more")
def test_renditions_are_made_in_less_memory_than_the_picture_has_pixels() -> None:
    """6000 x 4000 pixels are 69 MiB, and half of that, as it is decoded, 23 in Pillow's four bytes each."""
    run = subprocess.run(
        [sys.executable, "-c", RENDERING], check=True, capture_output=True, text=True,
        env={"PILLOW_BLOCK_SIZE": BLOCK},
    )  # fmt: skip

    assert int(run.stdout) < 2.2 * 23


def test_in_a_pause_memory_is_given_back(numbers: tuple[int, ...]) -> None:
    assert numbers[2] < 5
