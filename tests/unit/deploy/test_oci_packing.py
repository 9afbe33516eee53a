"""Gzip over several cores: one ordinary stream, the same however many take part."""

from __future__ import annotations

import gzip
import hashlib
import random
import subprocess
import sys
import zlib
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from stead.deploy.cache import Cache
from stead.deploy.oci import layers, packing
from stead.deploy.oci.packing import BLOCK, blocks, packed
from stead.values.deployment import Member

SIZES = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 70_000)


def some(size: int) -> bytes:
    """Give bytes that repeat themselves over a few kilobytes, also from one block to the next."""
    chance = random.Random(7)
    words = [chance.randbytes(chance.randrange(2, 30)) for _ in range(800)]
    found = bytearray()
    while len(found) < size:
        found += chance.choice(words)
    return bytes(found[:size])


DATA = some(max(SIZES))


def stream(size: int, threads: int = 2, step: int = 300_001) -> bytes:
    pieces = (DATA[at : min(at + step, size)] for at in range(0, size, step))
    with ThreadPoolExecutor(threads) as pool:
        return b"".join(packed(blocks(pieces), layers.LEVEL, pool))


@pytest.mark.parametrize("size", SIZES)
def test_every_reader_gets_what_was_packed(size: int) -> None:
    found = stream(size)
    assert gzip.decompress(found) == DATA[:size]
    one = zlib.decompressobj(31)
    assert one.decompress(found) == DATA[:size]
    assert one.eof
    assert not one.unused_data  # one member, which is all that some readers read
    done = subprocess.run(["gzip", "-dc"], input=found, capture_output=True, check=True)
    assert done.stdout == DATA[:size]


@pytest.mark.parametrize("size", SIZES)
def test_neither_threads_nor_pieces_are_seen_in_it(size: int, monkeypatch) -> None:
    expected = stream(size)
    for cores, step in ((1, 1 << 22), (3, 4096), (8, BLOCK)):
        monkeypatch.setattr(packing, "cores", lambda cores=cores: cores)
        assert stream(size, threads=cores, step=step) == expected


def test_blocks_cost_hardly_anything() -> None:
    packer = zlib.compressobj(layers.LEVEL, zlib.DEFLATED, 31)
    whole = packer.compress(DATA) + packer.flush()
    assert len(stream(len(DATA))) < 1.001 * len(whole)


def test_no_more_than_a_few_blocks_are_held(monkeypatch) -> None:
    monkeypatch.setattr(packing, "cores", lambda: 2)
    held = most = 0

    class Counting(ThreadPoolExecutor):
        def submit(self, *args, **options) -> Future:
            nonlocal held, most
            held += 1
            most = max(most, held)
            return super().submit(*args, **options)

    with Counting(2) as pool:
        for number, _ in enumerate(packed((DATA[:BLOCK] for _ in range(30)), 1, pool)):
            held -= bool(number)  # the first is the header
    assert most <= 5


@pytest.mark.parametrize("cores", [1, 2, 7])
def test_a_layer_is_the_same_whatever_the_number_of_cores(cores, tmp_path, monkeypatch) -> None:
    member = Member("data", "file", content=DATA, size=len(DATA))
    monkeypatch.setattr(packing, "cores", lambda: cores)
    monkeypatch.setattr(layers, "cores", lambda: cores)
    made = layers.made(Cache(tmp_path), "data", (member,), "", ["data"])
    with open(made.path, "rb") as file:
        data = file.read()
    assert made.blob.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert made.blob.size == len(data)
    whole = gzip.decompress(data)
    assert made.diff_id == f"sha256:{hashlib.sha256(whole).hexdigest()}"
    assert whole[512:].startswith(DATA)
    with ThreadPoolExecutor(1) as pool:
        # As on any other machine: these follow from the tar and the level alone.
        assert b"".join(packed(blocks([whole]), layers.LEVEL, pool)) == data


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which cores those are")
def test_threads_are_as_many_as_this_process_may_use() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from stead.deploy.oci.packing import cores; print(cores())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
