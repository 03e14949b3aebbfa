"""What a decoder that was taken over could still do: real processes try it, and the kernel refuses."""

import ctypes
import io
import logging
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pillow_heif
import pytest
import trio
from PIL import Image

from jobfs.config import IngestConfig, standard_renditions
from jobfs.ingest import colour, profiles, rendering
from jobfs.ingest.confinement import Layer
from jobfs.ingest.decoder import Decoders, open_decoders
from jobfs.ingest.outcomes import Decoded, Outcome, Wanted
from tests.pure import sensors
from tests.stored.sending import shot_at


@pytest.fixture
async def decoders() -> AsyncIterator[Decoders]:
    async with open_decoders(IngestConfig(decoders=1), standard_renditions()) as decoders:
        yield decoders


def landlock() -> int:
    """Return which version of landlock this kernel offers; 0 is none."""
    libc = ctypes.CDLL(None)
    return max(0, int(libc.syscall(444, None, ctypes.c_ulong(0), ctypes.c_ulong(1))))


def offered() -> frozenset[Layer]:
    """Return what this kernel offers, found out without the code that uses it."""
    layers = {
        Layer.FILES: landlock() >= 1,
        Layer.TCP: landlock() >= 4,
        Layer.SCOPES: landlock() >= 6,
        Layer.CALLS: Path("/proc/sys/kernel/seccomp/actions_avail").exists()
        and os.uname().machine in {"x86_64", "aarch64"},
    }
    return frozenset(layer for layer, there in layers.items() if there)


# --- what is active ---


async def test_every_layer_that_the_kernel_offers_is_active(decoders: Decoders) -> None:
    (pid,) = decoders.pids
    status = await trio.Path(f"/proc/{pid}/status").read_text("ascii")

    assert decoders.layers == offered()
    assert ("Seccomp:\t2\n" in status) == (Layer.CALLS in offered())
    assert "NoNewPrivs:\t1\n" in status


async def test_the_log_says_what_is_active_and_what_is_lacking(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "jobfs.ingest.decoder"):
        async with open_decoders(IngestConfig(decoders=1), standard_renditions()):
            pass

    active, *lacking = [record.getMessage() for record in caplog.records]
    assert active.startswith("decoders are confined by ")
    assert {layer for layer in Layer if layer in active} == offered()
    assert {layer for layer in Layer if layer in "".join(lacking)} == set(Layer) - offered()


async def test_decoders_give_way_to_those_who_send(decoders: Decoders) -> None:
    """A kernel that groups processes by session weighs their niceness within the session only."""
    (pid,) = decoders.pids
    group = trio.Path(f"/proc/{pid}/autogroup")

    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
    assert os.getsid(pid) == pid
    if await group.exists():
        assert (await group.read_text("ascii")).endswith(" nice 10\n")


# --- what is refused ---

#: What somebody might do who has taken over a decoder: before it is confined, and then.
ATTEMPTS = {
    "read a file": ("", "open('/etc/passwd').close()"),
    "write a file": ("", "open(folder + '/new', 'wb').close()"),
    "list a directory": ("", "os.listdir('/')"),
    "delete a file": ("open(folder + '/old', 'wb').close()", "os.unlink(folder + '/old')"),
    "open a file of its own in /proc": ("", "os.open('/proc/self/mem', os.O_RDWR)"),
    "make a socket": ("", "socket.socket()"),
    "connect to a port": ("one = socket.socket()", "one.connect(('127.0.0.1', port))"),
    "listen at a port": ("one = socket.socket()", "one.bind(('127.0.0.1', 0))"),
    "connect to an abstract socket": (
        "one = socket.socket(socket.AF_UNIX)",
        "one.connect(b'\\0' + name.encode())",
    ),
    "send a datagram": (
        "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "one.sendto(b'x', ('127.0.0.1', port))",
    ),
    "fork": ("", "os.fork() or os._exit(0)"),
    "become another program": ("", "os.execv('/bin/echo', ['echo', 'done'])"),
    "trace a process": ("", "call(libc.ptrace, 0x4206, victim, None, None)"),  # PTRACE_SEIZE
    "read another's memory": ("", "call(libc.process_vm_readv, victim, None, 0, None, 0, 0)"),
    "get hold of a process": ("", "os.pidfd_open(victim)"),
    "signal its worker": ("", "os.kill(os.getppid(), signal.SIGWINCH)"),
    "limit another's resources": (
        "",
        "resource.prlimit(victim, resource.RLIMIT_NOFILE, resource.prlimit(victim, resource.RLIMIT_NOFILE))",
    ),
    "make memory that can be run": ("", "mmap.mmap(-1, 4096, prot=7)"),
    "enter a namespace": ("", "call(libc.unshare, 0x04000000)"),  # CLONE_NEWUTS
}

#: What landlock refuses even if there were no seccomp, by the layer that it takes.
BY_LANDLOCK = {
    "read a file": Layer.FILES,
    "write a file": Layer.FILES,
    "list a directory": Layer.FILES,
    "delete a file": Layer.FILES,
    "open a file of its own in /proc": Layer.FILES,
    "become another program": Layer.FILES,
    "connect to a port": Layer.TCP,
    "listen at a port": Layer.TCP,
    "connect to an abstract socket": Layer.SCOPES,
    "signal its worker": Layer.SCOPES,
}

PROGRAM = """
import ctypes, io, mmap, os, resource, signal, socket, sys
from jobfs.ingest import confinement
folder, name, port, victim = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
libc = ctypes.CDLL(None, use_errno=True)
def call(function, *arguments):
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), function.__name__)
{before}
{confine}
try:
    {attempt}
except OSError as refusal:
    print(type(refusal).__name__, refusal.errno)
else:
    print("done")
"""


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[list[str]]:
    """A folder, an abstract socket, a port at which somebody listens, and another process."""
    name = f"jobfs-test-{secrets.token_hex(8)}"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE) as victim,
    ):
        abstract.bind(f"\0{name}")
        abstract.listen()
        yield [str(tmp_path), name, str(server.getsockname()[1]), str(victim.pid)]
        victim.kill()


def tried(surroundings: list[str], attempt: tuple[str, str], *, confine: str) -> str:
    """Return what became of an attempt: "done", or its error."""
    before, action = attempt
    source = PROGRAM.format(before=before, confine=confine, attempt=action)
    run = subprocess.run(
        [sys.executable, "-c", source, *surroundings], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


REFUSED = {"PermissionError 1", "PermissionError 13", "OSError 38"}  # EPERM, EACCES, ENOSYS


@pytest.mark.skipif(os.geteuid() != 0, reason="some of it needs root")
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_process_that_is_not_confined_can(surroundings: list[str], attempt: str) -> None:
    assert tried(surroundings, ATTEMPTS[attempt], confine="") == "done"


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_confined_process_cannot(surroundings: list[str], attempt: str) -> None:
    if not offered():
        pytest.skip("this kernel offers nothing")
    assert tried(surroundings, ATTEMPTS[attempt], confine="confinement.confine()") in REFUSED


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_seccomp_alone_refuses(surroundings: list[str], attempt: str) -> None:
    if Layer.CALLS not in offered():
        pytest.skip("this kernel has no seccomp")
    confine = "confinement.give_up_new_privileges(); confinement.filter_calls()"
    assert tried(surroundings, ATTEMPTS[attempt], confine=confine) in REFUSED


@pytest.mark.parametrize("attempt", BY_LANDLOCK)
def test_landlock_alone_refuses(surroundings: list[str], attempt: str) -> None:
    if BY_LANDLOCK[attempt] not in offered():
        pytest.skip(f"this kernel has no {BY_LANDLOCK[attempt]}")
    confine = "confinement.give_up_new_privileges(); confinement.restrict()"
    assert tried(surroundings, ATTEMPTS[attempt], confine=confine) in REFUSED


def test_a_layer_that_is_refused_is_left_out_and_work_goes_on(surroundings: list[str]) -> None:
    if Layer.CALLS not in offered():
        pytest.skip("this kernel has no seccomp")
    attempt = ("", "assert confinement.restrict() == frozenset()")
    confine = "confinement.give_up_new_privileges(); confinement.filter_calls()"

    assert tried(surroundings, attempt, confine=confine) == "done"


def test_what_decoding_was_kept_from_is_not_taken_for_damage(surroundings: list[str]) -> None:
    """A picture whose bytes come from a file that has to be opened first."""
    curious = (
        "type('Curious', (io.BytesIO,), {'read': lambda *_: open('/etc/passwd').read()})(bytes(9))"
    )
    decode = f"rendering.render({curious}, wanted, pixel_limit=1)"
    wanted = "wanted = [outcomes.Wanted(name='one', edge=1, quality=1)]"
    attempt = (f"from jobfs.ingest import outcomes, rendering\n{wanted}", decode)

    assert tried(surroundings, attempt, confine="confinement.confine()") in REFUSED


# --- what still works ---


def saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, format_name, **options)
    return data.getvalue()


def noise(mode: str) -> Image.Image:
    return Image.effect_noise((900, 600), 60).convert("RGB").convert(mode)


def other_formats() -> dict[str, bytes]:
    """Return pictures that take a way through every other library."""
    pillow_heif.register_heif_opener()
    codes = {"tiff_lzw", "tiff_adobe_deflate", "group4", "packbits", "lzma", "jpeg", "zstd"}
    numbered = {"color_primaries": 9, "transfer_characteristics": 16}
    p3 = profiles.of_codes(12, 13)
    sensor = noise("RGB").resize((600, 400))
    whole = sensors.dng(noise("RGB"), preview=noise("RGB"))
    return {
        **{
            f"TIFF with {code}": saved(
                noise("1" if code == "group4" else "RGB"), "TIFF", compression=code
            )
            for code in codes
        },
        "CMYK TIFF": saved(noise("CMYK"), "TIFF"),
        "Lab TIFF": saved(Image.new("LAB", (90, 60), (120, 90, 180)), "TIFF"),
        "TIFF of floats": saved(noise("L").convert("F"), "TIFF"),
        "TIFF of several": saved(noise("RGB"), "TIFF", save_all=True, append_images=[noise("L")]),
        "GIF": saved(noise("P"), "GIF", save_all=True, append_images=[noise("P")]),
        "WebP": saved(noise("RGB"), "WEBP", icc_profile=p3),
        "transparent WebP": saved(noise("RGBA"), "WEBP", lossless=True),
        "animated WebP": saved(noise("RGB"), "WEBP", save_all=True, append_images=[noise("RGB")]),
        "AVIF": saved(noise("RGB"), "AVIF", speed=10, icc_profile=p3),
        "AVIF with alpha": saved(noise("RGBA"), "AVIF", speed=10),
        "HEIC": saved(noise("RGB"), "HEIF", icc_profile=p3),
        "HEIC in tiles": saved(noise("RGB"), "HEIF", tile_size=256),
        "HEIC of ten bits": saved(Image.new("I;16", (90, 60), 30_000), "HEIF"),
        "HEIC of a film": saved(noise("RGBA"), "HEIF", **numbered),
        "raw file": sensors.dng(sensor),
        "raw file by halves": sensors.dng(noise("RGB").resize((4200, 120))),
        "raw file with a preview": whole,
        "part of a raw file": whole[: len(whole) // 2],
    }


def pictures() -> dict[str, bytes]:
    """Return pictures that take different ways through Pillow."""
    shot = shot_at("2026:05:04 10:11:12")
    shot[0x0112] = 6
    adobe = Image.Exif()
    adobe.get_ifd(0x8769)[0xA001] = 0xFFFF
    adobe.get_ifd(0xA005)[1] = "R03"
    deep = Image.new("I;16", (90, 60), 30_000)
    jpeg = saved(noise("RGB"), "JPEG", exif=shot, icc_profile=colour.srgb_bytes())
    return {
        "JPEG": jpeg,
        "progressive JPEG": saved(noise("RGB"), "JPEG", progressive=True),
        "JPEG in Adobe RGB": saved(noise("RGB"), "JPEG", icc_profile=profiles.adobe_rgb()),
        "JPEG that says Adobe RGB": saved(noise("RGB"), "JPEG", exif=adobe),
        "grey JPEG": saved(noise("L"), "JPEG"),
        "CMYK JPEG": saved(noise("CMYK"), "JPEG"),
        "MPO": saved(noise("RGB"), "MPO", save_all=True, append_images=[noise("RGB")]),
        "PNG": saved(noise("RGB"), "PNG", exif=shot),
        "transparent PNG": saved(noise("RGBA"), "PNG"),
        "palette PNG": saved(noise("P"), "PNG", transparency=0),
        "black and white PNG": saved(noise("1"), "PNG"),
        "PNG of 16 bits": saved(deep, "PNG"),
        **other_formats(),
        "half a JPEG": jpeg[: len(jpeg) // 2],
        "nothing": b"",
        "another file": b"II*\0" + bytes(100),
    }


async def test_decoding_comes_to_the_same_as_without_confinement(
    decoders: Decoders, tmp_path: Path
) -> None:
    wanted = [
        Wanted(name=name, edge=rendition.edge, quality=rendition.quality)
        for name, rendition in standard_renditions().items()
    ]
    for kind, content in pictures().items():
        here = rendering.render(io.BytesIO(content), wanted, pixel_limit=10**6)

        there = await decoded(decoders, tmp_path, content)

        assert (kind, seen(there)) == (kind, seen(here))


def seen(outcome: Outcome) -> Outcome:
    """Return an outcome with pixels for files, which say when they were made, and without its duration."""
    if not isinstance(outcome, Decoded):
        return outcome
    renditions = []
    for made in outcome.renditions:
        with Image.open(io.BytesIO(made.data)) as image:
            renditions.append(replace(made, data=image.tobytes()))
    return replace(outcome, renditions=tuple(renditions), rendering=0.0)


async def test_a_decoder_has_one_thread_when_it_is_confined(decoders: Decoders) -> None:
    """A thread that a library had begun before would go on unconfined."""
    (pid,) = decoders.pids

    assert len(await trio.to_thread.run_sync(os.listdir, f"/proc/{pid}/task")) == 1


async def decoded(decoders: Decoders, folder: Path, content: bytes) -> Outcome:
    """Have a decoder decode a file; returns what it came to."""
    path = folder / "picture"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return await decoders.decode(descriptor)
    finally:
        os.close(descriptor)
