"""Linking what LLVM compiles for x86-64 Linux, without LLVM: relocatable objects become code in memory.

Importing llvmlite takes 27 ms and 46 MB, and what is in the cache needs it for nothing else. The objects are simple:
code and constants, absolute addresses of 64 bits (LLVM's large code model), from outside only what moves and fills
memory, and what the oldest processors have no instruction for. Anything else is Unfit, and left to LLVM's own linker.
Layouts and numbers are those of the ELF-64 and x86-64 ABI specifications.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import struct
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_HEADER = struct.Struct("<16s2HI3QI6H")
_SECTION = struct.Struct("<2I4Q2I2Q")
_SYMBOL = struct.Struct("<I2BH2Q")
_RELOCATION = struct.Struct("<2Qq")
_IDENTITY = b"\x7fELF\x02\x01\x01"
"""64 bits, little-endian, version 1."""
_RELOCATABLE, _X86_64 = 1, 62
_PROGBITS, _SYMTAB, _RELA, _NOBITS, _REL = 1, 2, 4, 8, 9
_WRITE, _ALLOC = 1, 2
_UNDEFINED, _RESERVED = 0, 0xFF00
_ABSOLUTE_64 = 1

OUTSIDE = ("memcpy", "memmove", "memset", "floorf")


class Unfit(Exception):
    """An object that this linker doesn't take."""


class _Section(NamedTuple):
    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


class _Object:
    """One object file, its sections laid out from `start` bytes into memory to come."""

    def __init__(self, content: bytes, start: int) -> None:
        self.content = content
        identity, kind, machine, *_, at, _, _, _, _, size, count, _ = _HEADER.unpack_from(content)
        if not identity.startswith(_IDENTITY) or (kind, machine, size) != (_RELOCATABLE, _X86_64, _SECTION.size):
            raise Unfit("not a relocatable object of x86-64")
        self.sections = [_Section(*_SECTION.unpack_from(content, at + size * i)) for i in range(count)]
        self.places: dict[int, int] = {}
        self.end = start
        for index, section in enumerate(self.sections):
            if section.flags & _ALLOC:
                if section.type not in (_PROGBITS, _NOBITS) or section.flags & _WRITE:
                    raise Unfit(f"section {index} is neither code nor constants")
                self.end += -self.end % max(section.alignment, 1)
                self.places[index] = self.end
                self.end += section.size

    def copy(self, memory: mmap.mmap) -> None:
        for index, place in self.places.items():
            section = self.sections[index]
            if section.type == _PROGBITS:
                memory[place : place + section.size] = self.content[section.offset : section.offset + section.size]

    def relocate(self, memory: mmap.mmap, base: int) -> None:
        """Writes the addresses that the code asks for, memory lying at `base`."""
        for section in self.sections:
            if section.type == _REL and section.info in self.places:
                raise Unfit("relocations without addends")
            if section.type != _RELA or section.info not in self.places:
                continue
            table, place = self.sections[section.link], self.places[section.info]
            room = self.sections[section.info].size - 8
            for at in range(section.offset, section.offset + section.size, _RELOCATION.size):
                offset, info, addend = _RELOCATION.unpack_from(self.content, at)
                if info & 0xFFFFFFFF != _ABSOLUTE_64 or offset > room:
                    raise Unfit(f"relocation {info & 0xFFFFFFFF}")
                address = self._address(table, info >> 32, base) + addend
                struct.pack_into("<Q", memory, place + offset, address)

    def functions(self, base: int) -> Iterator[tuple[str, int]]:
        """The names that the object defines for others, and their addresses."""
        for table in self.sections:
            if table.type == _SYMTAB:
                for at in range(table.offset, table.offset + table.size, _SYMBOL.size):
                    name, binding, _, section, value, _ = _SYMBOL.unpack_from(self.content, at)
                    if binding >> 4 and section in self.places:
                        yield self._name(table, name), base + self.places[section] + value

    def _address(self, table: _Section, symbol: int, base: int) -> int:
        at = table.offset + _SYMBOL.size * symbol
        name, _, _, section, value, _ = (int(number) for number in _SYMBOL.unpack_from(self.content, at))
        if section == _UNDEFINED:
            return _outside(self._name(table, name))
        if section >= _RESERVED or section not in self.places:
            raise Unfit(f"symbol {symbol} in section {section}")
        return base + self.places[section] + value

    def _name(self, table: _Section, offset: int) -> str:
        start = self.sections[table.link].offset + offset
        return self.content[start : self.content.index(b"\0", start)].decode()


@functools.cache
def _outside(name: str) -> int:
    """The address of one of the C library's functions."""
    if name not in OUTSIDE:
        raise Unfit(f"needs {name!r}")
    try:
        address = ctypes.cast(ctypes.CDLL(None)[name], ctypes.c_void_p).value
    except AttributeError:
        raise Unfit(f"this process has no {name!r}") from None
    assert address is not None
    return address


_linked: list[object] = []
"""Memory with code, which must outlive every program that points at it: it stays for the life of the process."""


def link(contents: Iterable[bytes]) -> dict[str, int]:
    """The functions of objects, by name, in memory that can be executed and no longer written.

    Unfit where one can't be linked here; OSError where the system refuses executable memory.
    """
    if sys.platform != "linux":
        raise Unfit(f"the linker is for Linux, this is {sys.platform}")
    objects: list[_Object] = []
    try:
        for content in contents:
            objects.append(_Object(content, objects[-1].end if objects else 0))
        if not objects:
            return {}
        memory, base = executable(objects[-1].end)
        for each in objects:
            each.copy(memory)
            each.relocate(memory, base)
        found = dict(pair for each in objects for pair in each.functions(base))
    except (struct.error, IndexError, ValueError) as error:
        raise Unfit(f"damaged ({error})") from error
    protect(base, len(memory))
    return found


def executable(size: int) -> tuple[mmap.mmap, int]:
    """Writable memory that `protect` may make executable, and its address. It is never given back."""
    memory = mmap.mmap(-1, -(-max(size, 1) // mmap.PAGESIZE) * mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    first = ctypes.c_char.from_buffer(memory)
    _linked.append((memory, first))
    return memory, ctypes.addressof(first)


def protect(address: int, size: int) -> None:
    """From writable to executable. OSError where the system refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "the system refuses executable memory")
