"""From LLVM IR to functions that can be called: compiling, linking, and why that may be impossible here.

llvmlite is imported when there is something to compile, Numba never. Where the linker of this package doesn't serve,
LLVM's does, one MCJIT engine for the life of the process: an engine owns its target machine, and code must outlive
every program that points at it.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import mmap
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import cache, elf, target
from .target import Target

_lock = threading.RLock()


class NoNativeCode(Exception):
    """Kernels can't run in this process; the reference can. Reads `no native code: <why>`."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no native code: {why}")


@dataclass(frozen=True, slots=True)
class Host:
    """This processor in LLVM's words."""

    triple: str
    processor: str
    features: frozenset[str]
    versions: str

    @property
    def feature_string(self) -> str:
        return ",".join(f"+{name}" for name in sorted(self.features))


@functools.cache
def obstacle() -> str:
    """Why this process can't run kernels, as one clause; empty where it can, as far as is known without compiling."""
    if sys.byteorder != "little" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return "the kernels are written for 64-bit little-endian processors"
    try:
        import llvmlite  # noqa: F401
    except Exception as error:
        return f"llvmlite can't be imported ({error})"
    if os.name == "posix" and not _may_execute():
        return "the system refuses executable memory"
    return ""


def _may_execute() -> bool:
    """Whether a page that was written may become executable, as a linker needs."""
    try:
        elf.protect(elf.executable(1)[1], mmap.PAGESIZE)
    except OSError:
        return False
    return True


@functools.cache
def _llvm() -> Any:
    """llvmlite's binding, ready to generate code, or NoNativeCode."""
    if obstacle():
        raise NoNativeCode(obstacle())
    try:
        import llvmlite.binding as llvm
    except Exception as error:  # a broken shared library raises OSError or RuntimeError
        raise NoNativeCode(f"llvmlite can't be imported ({error})") from error
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@functools.cache
def host() -> Host:
    """This processor, as LLVM knows it, or as it did when last asked. NoNativeCode where nothing can be compiled."""
    if obstacle():
        raise NoNativeCode(obstacle())
    key = _seen()
    remembered = cache.read(key) if key else None
    if remembered is not None:
        triple, processor, versions, *features = remembered.decode().split("\n")
        return Host(triple, processor, frozenset(features), versions)
    asked = _asked()
    if key:
        facts = asked.triple, asked.processor, asked.versions, *sorted(asked.features)
        cache.write(key, "\n".join(facts).encode())
    return asked


def _asked() -> Host:
    """This processor, by LLVM."""
    llvm = _llvm()
    try:
        features = frozenset(name for name, there in llvm.get_host_cpu_features().items() if there)
    except RuntimeError:  # LLVM doesn't know how to ask this processor
        features = frozenset()
    import llvmlite

    versions = f"llvmlite {llvmlite.__version__}, LLVM {llvm.llvm_version_info}"
    return Host(llvm.get_default_triple(), llvm.get_host_cpu_name(), features, versions)


_TELLING = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")


def _seen() -> str:
    """What decides LLVM's answer, without asking it: this installation of it, and the processor as Linux tells of it.
    Empty where that can't be said."""
    import llvmlite

    try:
        installed = os.stat(llvmlite.__file__).st_mtime_ns
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            first = itertools.takewhile(str.strip, file)
            told = [line for line in first if line.partition(":")[0].strip() in _TELLING]
    except OSError:
        return ""
    if len(told) != len(_TELLING):
        return ""
    return f"host\nllvmlite {llvmlite.__version__} {installed}\n{''.join(told)}"


@functools.cache
def variant(forced: str | None = None) -> Target:
    """The variant to write kernels with here: `forced`, else QENGINE_CPU, else the best."""
    return target.choose(host().features, forced)


def _generated_for(variant: Target) -> tuple[str, str]:
    """The processor and features that LLVM generates a variant's code for.

    A poorer variant forced on an x86-64 machine gets its baseline, so that what runs is what such a processor runs.
    """
    best = target.choose(host().features, "")
    if variant == best or not variant.baseline or not host().triple.startswith("x86_64"):
        return host().processor, host().feature_string
    return variant.baseline, ""


@functools.cache
def _machine(variant: Target) -> Any:
    processor, features = _generated_for(variant)
    return _llvm().Target.from_default_triple().create_target_machine(cpu=processor, features=features, opt=2, jit=True)


def compile(text: str, variant: Target) -> bytes:
    """LLVM IR to a relocatable object. No optimizer passes: code generation alone does what is needed."""
    llvm = _llvm()
    with _lock:
        module = llvm.parse_assembly(text)
        return bytes(_machine(variant).emit_object(module))


def assembly(text: str, variant: Target) -> str:
    """What a kernel becomes, to read."""
    with _lock:
        return str(_machine(variant).emit_assembly(_llvm().parse_assembly(text)))


def cross_assembly(text: str, triple: str, processor: str = "") -> str:
    """The same for a processor that isn't this one: `aarch64-unknown-linux-gnu`."""
    llvm = _llvm()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=processor, opt=2, jit=True)
    return str(machine.emit_assembly(llvm.parse_assembly(text)))


def cache_key(name: str, variant: Target) -> str:
    """What a cached object depends on, besides the sources that wrote it."""
    processor, features = _generated_for(variant)
    return "\n".join([variant.name, host().triple, processor, features, host().versions, name])


_addresses: dict[tuple[str, str], int] = {}
_engine: Any = None


def link(objects: Mapping[str, bytes], variant: Target) -> None:
    """Make functions of objects, each holding the function it is named by. Their bytes are trusted here."""
    with _lock:
        try:
            found = elf.link(objects.values())
        except elf.Unfit:
            found = _linked_by_llvm(objects, variant)
        for name in objects:
            address = found.get(symbol(name, variant), 0)
            if not address:
                raise NoNativeCode(f"the linker didn't find {name}")
            _addresses[variant.name, name] = address


def _linked_by_llvm(objects: Mapping[str, bytes], variant: Target) -> dict[str, int]:
    global _engine
    llvm = _llvm()
    if _engine is None:
        _engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _engine_machine())
    for code in objects.values():
        _engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    _engine.finalize_object()
    names = [symbol(name, variant) for name in objects]
    return {name: _engine.get_function_address(name) for name in names}


def _engine_machine() -> Any:
    """A machine for the engine alone, which takes it over."""
    return (
        _llvm()
        .Target.from_default_triple()
        .create_target_machine(cpu=host().processor, features=host().feature_string, opt=2, jit=True)
    )


def symbol(name: str, variant: Target) -> str:
    """The name a kernel has in object files: variants of one kernel can live side by side."""
    return f"{variant.name}.{name}"


def _text(name: str, variant: Target) -> str:
    """A kernel's LLVM IR. What writes it is imported when something is missing in the cache, and only then."""
    from . import library

    return library.text(name, variant)


def addresses(names: Iterable[str], variant: Target) -> dict[str, int]:
    """Kernels as function addresses: from this process, else from the cache, else compiled now."""
    wanted = sorted(set(names))
    with _lock:
        missing = [name for name in wanted if (variant.name, name) not in _addresses]
        objects: dict[str, bytes] = {}
        for name in missing:
            key = cache_key(name, variant)
            code = cache.read(key)
            if code is None:
                code = compile(_text(name, variant), variant)
                cache.write(key, code)
            objects[name] = code
        if objects:
            link(objects, variant)
        return {name: _addresses[variant.name, name] for name in wanted}
