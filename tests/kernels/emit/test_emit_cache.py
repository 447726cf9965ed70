"""The cache of compiled kernels: never trusted unchecked, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fresh import fresh_process
from hypothesis import given
from hypothesis import strategies as st

from qengine.kernels.emit import cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QENGINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_written_is_read(folder):
    assert cache.read("key") is None
    assert cache.write("key", b"code")
    assert cache.read("key") == b"code"
    assert cache.read("another") is None
    assert [path.name for path in folder.iterdir()] == [cache._full_key("key").hex()]
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700


@given(data=st.data())
def test_a_changed_file_is_a_miss(data, tmp_path_factory):
    os.environ["QENGINE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    cache.write("key", b"some machine code")
    (path,) = Path(cache.folder()).iterdir()
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    path.write_bytes(content)
    assert cache.read("key") is None


def test_a_file_under_another_key_is_a_miss(folder):
    cache.write("key", b"code")
    (path,) = folder.iterdir()
    path.rename(folder / cache._full_key("other").hex())
    assert cache.read("other") is None


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720])
def test_a_folder_that_others_write_is_not_trusted(folder, mode):
    cache.write("key", b"code")
    folder.chmod(mode)
    assert cache.read("key") is None
    assert not cache.write("key", b"code")


@pytest.mark.skipif(os.name != "posix", reason="POSIX owners")
def test_a_folder_of_somebody_else_is_not_trusted(folder, monkeypatch):
    cache.write("key", b"code")
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert cache.read("key") is None
    assert not cache.write("key", b"code")


@pytest.mark.skipif(os.name != "posix", reason="POSIX links")
def test_a_link_to_a_folder_is_not_trusted(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("QENGINE_CACHE", str(tmp_path / "link"))
    assert not cache.write("key", b"code")


def test_without_a_place_kernels_live_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("QENGINE_CACHE", str(tmp_path / "file"))
    assert not cache.write("key", b"code")
    assert cache.read("key") is None
    monkeypatch.setenv("QENGINE_CACHE", str(tmp_path / "file" / "below"))
    assert not cache.write("key", b"code")


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("QENGINE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == str(tmp_path / "qengine")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert cache.folder() == str(tmp_path / ".cache" / "qengine")


SCRIPT = """
import numpy as np
from qengine.kernels.emit import cache, native, library
from qengine.kernels.emit.flip import plan_flip
from qengine.kernels.emit.program import Program
compiled = []
text = library.text
library.text = lambda *a: compiled.append(a[0]) or text(*a)
x, out = np.arange(200, dtype=np.uint8), np.zeros(200, np.uint8)
plan = plan_flip(native.variant(), 200)
Program(plan.bind([x.ctypes.data], [out.ctypes.data]), plan.target).run()
assert (out == x ^ 128).all()
import sys
assert 'numba' not in sys.modules
print(len(compiled))
"""


def test_another_process_loads_what_one_compiled_and_rebuilds_what_was_damaged(host, tmp_path):
    folder = tmp_path / "cache"
    assert fresh_process(SCRIPT, folder) == "2"
    assert fresh_process(SCRIPT, folder) == "0"
    files = sorted(folder.iterdir(), key=lambda file: file.stat().st_size)
    assert len(files) == 3, "two kernels, and what LLVM says of this processor"
    files[0].write_bytes(files[0].read_bytes()[:-1])
    files[1].write_bytes(b"")
    content = files[2].read_bytes()
    files[2].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert fresh_process(SCRIPT, folder) == "2"
    assert fresh_process(SCRIPT, folder) == "0"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="a place where nobody can write")
def test_with_a_read_only_home_kernels_live_in_memory(host, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/proc")
    assert fresh_process(SCRIPT, "") == "2"
    assert fresh_process(SCRIPT, "") == "2"


def test_a_full_disk_leaves_nothing_behind(folder, monkeypatch):
    cache.write("key", b"code")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    assert not cache.write("other", b"code")
    assert cache.read("other") is None
    assert len(list(folder.iterdir())) == 1


def test_what_a_killed_process_left_half_written_is_not_read(folder):
    cache.write("key", b"code")
    (path,) = folder.iterdir()
    path.rename(f"{path}.1.2")
    assert cache.read("key") is None
    assert cache.write("key", b"code")
    assert cache.read("key") == b"code"


def test_two_processes_at_once_do_not_harm_each_other(host, tmp_path):
    command = [sys.executable, "-c", SCRIPT]
    environment = {**os.environ, "QENGINE_CACHE": str(tmp_path / "cache")}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    for process in both:
        process.stdout.close()
    assert fresh_process(SCRIPT, tmp_path / "cache") == "0"
