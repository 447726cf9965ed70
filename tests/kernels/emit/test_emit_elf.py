"""Linking without LLVM: the same results as its own linker, and nothing taken that isn't understood."""

from __future__ import annotations

import platform
import struct
import sys

import pytest
from fresh import fresh_process

from qengine.kernels.emit import elf, library, native, target

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the linker is for x86-64 Linux"
)


@pytest.fixture(scope="module")
def objects(host):
    """A kernel that calls memcpy, and one with constants."""
    variant = native.variant()
    return [native.compile(library.text(name, variant), variant) for name in ("copy", "floatunary_tanh_plain")]


def test_code_can_be_executed_and_not_written(objects):
    addresses = elf.link(objects).values()
    with open("/proc/self/maps", encoding="utf-8") as maps:
        ranges = [line.split()[:2] for line in maps]
    for address in addresses:
        (access,) = [a for r, a in ranges if int(r.split("-")[0], 16) <= address < int(r.split("-")[1], 16)]
        assert access == "r-xp"


def test_nothing_to_link_is_nothing():
    assert elf.link([]) == {}


@pytest.mark.parametrize("end", [0, 3, 63, 64, 200, -1, -100])
def test_a_truncated_object_is_refused(objects, end):
    with pytest.raises(elf.Unfit):
        elf.link([objects[0][:end]])


@pytest.mark.parametrize(("at", "value"), [(0, 0), (4, 1), (5, 2), (16, 2), (18, 3), (18, 183)])
def test_an_object_for_something_else_is_refused(objects, at, value):
    changed = bytearray(objects[0])
    changed[at] = value
    with pytest.raises(elf.Unfit):
        elf.link([bytes(changed)])


def relocations(content):
    """Where the relocations of code lie in a file."""
    found = elf._Object(content, 0)
    for section in found.sections:
        if section.type == elf._RELA and section.info in found.places:
            yield from range(section.offset, section.offset + section.size, elf._RELOCATION.size)


def test_a_relocation_of_another_kind_is_refused(objects):
    changed = bytearray(objects[0])
    at = next(relocations(objects[0]))
    struct.pack_into("<I", changed, at + 8, 2)
    with pytest.raises(elf.Unfit, match="relocation 2"):
        elf.link([bytes(changed)])


def test_a_relocation_outside_of_its_section_is_refused(objects):
    changed = bytearray(objects[0])
    struct.pack_into("<Q", changed, next(relocations(objects[0])), 1 << 40)
    with pytest.raises(elf.Unfit):
        elf.link([bytes(changed)])


def test_code_that_needs_something_else_from_outside_is_refused(objects):
    assert b"\0memcpy\0" in objects[0]
    with pytest.raises(elf.Unfit, match="needs 'system'"):
        elf.link([objects[0].replace(b"\0memcpy\0", b"\0system\0")])


SCRIPT = """
import sys
import numpy as np
from qengine.kernels.emit import elf, native
from qengine.kernels.emit.float32.elementwise import plan_unary
from qengine.kernels.emit.program import Program
def refuse(contents):
    raise elf.Unfit("not today")
if REFUSE:
    elf.link = refuse
x, out = np.linspace(-4, 4, 1000, dtype=np.float32), np.zeros(1000, np.float32)
plan = plan_unary(native.variant(), "tanh", 1000)
Program(plan.bind([x.ctypes.data], [out.ctypes.data]), plan.target).run()
print(out.tobytes().hex(), native._engine is not None, "llvmlite.binding" in sys.modules)
"""


def test_llvm_links_what_is_refused_with_the_same_result(tmp_path):
    ours = fresh_process(f"REFUSE = False\n{SCRIPT}", tmp_path / "cache").split()
    llvm = fresh_process(f"REFUSE = True\n{SCRIPT}", tmp_path / "cache").split()
    warm = fresh_process(f"REFUSE = False\n{SCRIPT}", tmp_path / "cache").split()
    assert ours[0] == llvm[0] == warm[0]
    assert (ours[1], llvm[1], warm[1]) == ("False", "True", "False")
    assert (ours[2], llvm[2], warm[2]) == ("True", "True", "False"), "nothing of LLVM is imported on a warm start"


def test_the_processor_is_asked_once(host, monkeypatch, tmp_path):
    monkeypatch.setenv("QENGINE_CACHE", str(tmp_path))
    asked = []
    monkeypatch.setattr(native, "_asked", lambda: asked.append(1) or host)
    ask = native.host.__wrapped__
    assert ask() == ask() == host
    assert len(asked) == 1
    monkeypatch.setattr(native, "_seen", lambda: "another processor")
    assert ask() == host
    assert len(asked) == 2, "another processor is asked anew"
    monkeypatch.setattr(native, "_seen", lambda: "")
    assert (ask(), ask()) == (host, host)
    assert len(asked) == 4, "what can't be told apart isn't remembered"


def test_what_is_remembered_is_what_llvm_says(host):
    assert host == native._asked()
    assert target.choose(host.features) == target.choose(native._asked().features)
