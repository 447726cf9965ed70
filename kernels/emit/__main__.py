"""Print a kernel: `python -m qengine.kernels.emit NAME [VARIANT] [--assembly]`; without a name, the families."""

from __future__ import annotations

import sys

from . import library, native
from .target import TARGETS


def main(arguments: list[str]) -> int:
    words = [word for word in arguments if word != "--assembly"]
    if not words or len(words) > 2 or (len(words) == 2 and words[1] not in TARGETS):
        print(f"usage: NAME [{'|'.join(TARGETS)}] [--assembly]; families: {', '.join(sorted(library.FAMILIES))}")
        return 2
    variant = TARGETS[words[1]] if len(words) == 2 else native.variant()
    text = library.text(words[0], variant)
    print(native.assembly(text, variant) if "--assembly" in arguments else text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
