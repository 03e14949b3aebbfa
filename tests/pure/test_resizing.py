import subprocess
import sys

import pytest
from PIL import Image, ImageChops

from jobfs.ingest import resizing
from jobfs.ingest.libraries import cykooz_resizer
from tests.pure.differences import difference
from tests.pure.test_colours import photo

quick_only = pytest.mark.skipif(cykooz_resizer is None, reason="this machine has no cykooz_resizer")


def said_by(program: str) -> str:
    """Return what a Python program prints, in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [(300, 200), (199, 133), (31, 20), (700, 500)])
def test_a_picture_looks_as_pillow_would_resize_it(mode: str, size: tuple[int, int]) -> None:
    picture = photo().convert(mode)

    resized = resizing.resized(picture, size)

    assert (resized.mode, resized.size) == (mode, size)
    expected = picture.resize(size, Image.Resampling.LANCZOS)
    apart = difference(resized, expected)
    assert apart.similarity > 0.995
    assert apart.mean < 0.5


def test_a_part_is_resized_as_pillow_would() -> None:
    picture, box = photo(), (0.0, 10.5, 321.5, 200.25)

    resized = resizing.resized(picture, (100, 60), box)

    expected = picture.resize((100, 60), Image.Resampling.LANCZOS, box)
    assert difference(resized, expected).similarity > 0.995


@pytest.mark.parametrize("mode", ["RGBA", "LAB"])
def test_other_modes_stay_what_they_are(mode: str) -> None:
    picture = Image.new(mode, (40, 30))

    assert resizing.resized(picture, (20, 15)).mode == mode


@pytest.mark.parametrize("size", [(199, 133), (321, 201)])
def test_four_bytes_a_pixel_become_the_same_rgb(size: tuple[int, int]) -> None:
    picture = photo().resize((321, 201))

    resized = resizing.resized(picture.convert("RGBX"), size)

    assert resized.mode == "RGB"
    assert ImageChops.difference(resized, resizing.resized(picture, size)).getbbox() is None


@quick_only
def test_one_that_is_not_needed_any_more_is_closed() -> None:
    picture = photo()
    kept = picture.copy()

    resized = resizing.resized(picture, (199, 133), closes=True)

    assert ImageChops.difference(resized, resizing.resized(kept, (199, 133))).getbbox() is None
    assert kept.getpixel((0, 0)) is not None
    with pytest.raises(ValueError, match="closed image"):
        picture.getpixel((0, 0))


def test_one_that_has_the_size_is_not_touched() -> None:
    picture = photo()

    assert resizing.resized(picture, picture.size) is picture


def test_without_the_quick_library_pillow_resizes() -> None:
    said = said_by(
        "import sys; sys.modules['cykooz_resizer'] = None\n"
        "from PIL import Image; from jobfs.ingest import resizing\n"
        "print(resizing.resized(Image.new('RGB', (4, 4), 'red'), (2, 2)).getpixel((1, 1)))"
    )

    assert said == "(255, 0, 0)"


@quick_only
def test_no_room_is_an_error_and_not_the_end_of_the_process() -> None:
    said = said_by(
        "import resource; from PIL import Image; from jobfs.ingest import resizing\n"
        "picture = Image.new('L', (64_000, 1000))\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "most = pages * resource.getpagesize() + 16 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "try:\n"
        "    resizing.resized(picture, (2048, 500))\n"
        "except MemoryError:\n"
        "    print('no room')\n"
    )

    assert said == "no room"


@quick_only
def test_nor_is_too_little_room_for_what_lies_between_two_directions() -> None:
    """There is room for the new picture, and not for what is made of the old one before."""
    said = said_by(
        "import resource; from PIL import Image; from jobfs.ingest import resizing\n"
        "picture = Image.new('L', (6000, 4000))\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "most = pages * resource.getpagesize() + 32 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "try:\n"
        "    resizing.resized(picture, (5900, 3900))\n"
        "except MemoryError:\n"
        "    print('no room')\n"
    )

    assert said == "no room"


@quick_only
def test_no_thread_is_begun() -> None:
    """One that a library begins before its process is confined would go on unconfined."""
    said = said_by(
        "import os; from PIL import Image; from jobfs.ingest import resizing\n"
        "resizing.resized(Image.new('RGB', (3000, 2000)), (2048, 1365))\n"
        "print(len(os.listdir('/proc/self/task')))"
    )

    assert said == "1"
