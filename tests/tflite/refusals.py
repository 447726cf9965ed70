"""Files that must be refused, as they are made, and what is said of them. `python refusals.py` writes them anew."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from raw import Raw

FOLDER = Path(__file__).parent / "refused"

REFUSALS: dict[str, tuple[Callable[[], bytes], str]] = {}
"""Name of the file: who makes it, and the message of the ModelError."""


def refused(message: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    def note(make: Callable[[], bytes]) -> Callable[[], bytes]:
        REFUSALS[make.__name__] = (make, message)
        return make

    return note


def patched(blob: bytes, at: int, form: str, value: int) -> bytes:
    """The file with one number replaced."""
    held = bytearray(blob)
    struct.pack_into(form, held, at, value)
    return bytes(held)


def shape_of(blob: bytes) -> int:
    """Where the length of the shape of tensor `x` lies, which is the only (7,)."""
    return blob.index(struct.pack("<II", 1, 7))


def root_table(blob: bytes) -> int:
    return int(struct.unpack_from("<I", blob)[0])


def vtable(blob: bytes) -> int:
    """Where the vtable of the root table lies."""
    return root_table(blob) - int(struct.unpack_from("<i", blob, root_table(blob))[0])


# --- a file that isn't one


@refused("expected a file with the identifier b'TFL3', got b''")
def empty() -> bytes:
    return b""


@refused("expected a file with the identifier b'TFL3', got b'TFL'")
def seven_bytes() -> bytes:
    return b"\x10\0\0\0TFL"


@refused("expected a file with the identifier b'TFL3', got b'TFL2'")
def other_identifier() -> bytes:
    return Raw().file().replace(b"TFL3", b"TFL2")


@refused("expected a file of at least 20 bytes, got 8 - at `$`")
def nothing_but_the_identifier() -> bytes:
    return b"\x10\0\0\0TFL3"


@refused("expected an offset from 1 to 2**31 - 1, got 4294967295 - at `$`")
def root_beyond_the_file() -> bytes:
    return patched(Raw().file(), 0, "<I", 2**32 - 1)


@refused("expected schema version 3, got 2 - at `$.version`")
def version_2() -> bytes:
    return Raw().file(Model={"version": 2})


@refused("expected subgraphs, got none - at `$.subgraphs`")
def no_subgraphs() -> bytes:
    return Raw().file(Model={"subgraphs": None})


@refused("expected buffers, got none - at `$.buffers`")
def no_buffers() -> bytes:
    return Raw().file(Model={"buffers": None})


@refused("expected tensors, got none - at `$.subgraphs[0].tensors`")
def no_tensors() -> bytes:
    return Raw().file(SubGraph={"tensors": None})


# --- offsets and lengths


@refused("expected a vtable within the file, got one at byte -2147483615 - at `$`")
def vtable_before_the_file() -> bytes:
    blob = Raw().file()
    return patched(blob, root_table(blob), "<i", 2**31 - 1)


@refused("expected a vtable of an even length, got 3 - at `$`")
def vtable_of_an_odd_length() -> bytes:
    blob = Raw().file()
    return patched(blob, vtable(blob), "<H", 3)


@refused("expected an offset from 1 to 2**31 - 1, got 0 - at `$`")
def offset_to_itself() -> bytes:
    return patched(Raw().file(), 0, "<I", 0)


@refused("expected a number at a multiple of 4, got byte 34 - at `$`")
def table_between_words() -> bytes:
    blob = Raw().file()
    return patched(blob, 0, "<I", root_table(blob) + 2)


@refused("expected a number at a multiple of 4, got byte 37 - at `$.version`")
def field_between_words() -> bytes:
    blob = Raw().file()
    return patched(blob, vtable(blob) + 4, "<H", 5)


@refused("expected a file of at least 65552 bytes, got 288 - at `$`")
def vtable_beyond_the_file() -> bytes:
    blob = Raw().file()
    return patched(blob, vtable(blob), "<H", 2**16 - 2)


@refused("expected a file of at least 65571 bytes, got 288 - at `$.version`")
def field_beyond_the_file() -> bytes:
    blob = Raw().file()
    return patched(blob, vtable(blob) + 4, "<H", 2**16 - 1)


@refused("expected a file of at least 17179869464 bytes, got 288 - at `$.subgraphs[0].tensors[0].shape`")
def endless_shape() -> bytes:
    blob = Raw().file(Tensor={"shape": (7,)})
    return patched(blob, shape_of(blob), "<I", 2**32 - 1)


@refused("expected a string ended by a zero byte, got another - at `$.subgraphs[0].tensors[0].name`")
def name_without_an_end() -> bytes:
    return Raw().file(Tensor={"name": "needle"}).replace(b"needle\0", b"needle!")


@refused("expected tables that share little, got over 8 times 24304 bytes of them")
def many_tensors_that_are_one() -> bytes:
    """Five thousand tensors that are one table, with a shape of a thousand numbers."""
    raw = Raw()
    tensor = raw.table("Tensor", shape=(1,) * 1000)
    return raw.file(SubGraph={"tensors": [tensor] * 5000})


@refused("expected tables that share little, got over 8 times 12304 bytes of them")
def many_graphs_that_are_one() -> bytes:
    raw = Raw()
    tensor = raw.table("Tensor")
    graph = raw.table("SubGraph", tensors=[tensor] * 1000)
    return raw.file(Model={"subgraphs": [graph] * 2000})


# --- numbers that name nothing


@refused("expected the index of one of 2 buffers, got 2 - at `$.subgraphs[0].tensors[0].buffer`")
def buffer_that_is_not_there() -> bytes:
    return Raw().file(Tensor={"buffer": 2})


@refused("expected a file of at least 464 bytes, got 320 - at `$.buffers[1]`")
def buffer_behind_the_file() -> bytes:
    return Raw().file(Buffer={"offset": 400, "size": 64})


@refused("expected a file of at least 36893488147419103230 bytes, got 320 - at `$.buffers[1]`")
def buffer_of_all_numbers() -> bytes:
    return Raw().file(Buffer={"offset": 2**64 - 1, "size": 2**64 - 1})


@refused("expected the index of one of 1 operator codes, got 1 - at `$.subgraphs[0].operators[0].opcode_index`")
def operator_code_that_is_not_there() -> bytes:
    return Raw().file(Operator={"inputs": (0,), "opcode_index": 1})


@refused("expected the name of a custom operator, got none - at `$.operator_codes[0].custom_code`")
def custom_operator_without_a_name() -> bytes:
    return Raw().file(OperatorCode={"builtin_code": 32})


@refused(
    "expected a file of at least 1000 bytes, got 352 - at `$.subgraphs[0].operators[0].large_custom_options_offset`"
)
def custom_options_behind_the_file() -> bytes:
    return Raw().file(
        OperatorCode={"builtin_code": 32, "custom_code": "mine"},
        Operator={"large_custom_options_offset": 999, "large_custom_options_size": 1},
    )


@refused("expected Padding (0 SAME, 1 VALID), got 7 - at `$.subgraphs[0].operators[0].builtin_options.padding`")
def padding_7() -> bytes:
    raw = Raw()
    table = raw.table("Conv2DOptions", padding=7)
    return raw.file(OperatorCode={"builtin_code": 3}, Operator={"builtin_options_type": 1, "builtin_options": table})


@refused("expected the index of one of 2 buffers, got 9 - at `$.metadata[0].buffer`")
def metadata_in_no_buffer() -> bytes:
    raw = Raw()
    return raw.file(Model={"metadata": [raw.table("Metadata", buffer=9)]})


@refused("expected the index of one of 2 buffers, got -1 - at `$.metadata_buffer[0]`")
def older_metadata_in_no_buffer() -> bytes:
    return Raw().file(Model={"metadata_buffer": (-1,)})


@refused("expected the name of an argument, got none - at `$.signature_defs[0].inputs[0].name`")
def argument_without_a_name() -> bytes:
    raw = Raw()
    return raw.file(Model={"signature_defs": [raw.table("SignatureDef", inputs=[raw.table("TensorMap")])]})


# --- external data


@refused("expected the id of one of 0 external buffers, got 5 - at `$.subgraphs[0].tensors[0].external_buffer`")
def external_buffer_that_is_not_there() -> bytes:
    return Raw().file(Tensor={"buffer": 0, "external_buffer": 5})


@refused("expected a buffer or an external buffer, got both - at `$.subgraphs[0].tensors[0].external_buffer`")
def buffer_and_external_buffer() -> bytes:
    return Raw().file(Tensor={"external_buffer": 5}, Buffer={"data": b"1234"})


@refused("expected the index of one of 0 groups, got 0 - at `$.external_buffers[0].group`")
def external_buffer_without_a_group() -> bytes:
    raw = Raw()
    return raw.file(Model={"external_buffers": [raw.table("ExternalBuffer", id=1)]})


@refused("expected the name of a file, got none - at `$.external_buffer_groups[0].name`")
def group_without_a_name() -> bytes:
    raw = Raw()
    return raw.file(Model={"external_buffer_groups": [raw.table("ExternalBufferGroup")]})


@refused("expected an id of its own above 0, got 0 - at `$.external_buffers[0].id`")
def external_buffer_zero() -> bytes:
    raw = Raw()
    group = raw.table("ExternalBufferGroup", name="weights.bin")
    external = raw.table("ExternalBuffer", id=0)
    return raw.file(Model={"external_buffer_groups": [group], "external_buffers": [external]})


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, (make, _) in REFUSALS.items():
        (FOLDER / f"{name}.tflite").write_bytes(make())
