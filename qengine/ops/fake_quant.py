"""FAKE_QUANT."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ..errors import ModelError, Unsupported
from ..kernels.profile import Profile
from ..kernels.reference.fake_quantize import Range, fake_quantize
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._elementwise import Elementwise, plain


@dataclass(frozen=True, eq=False)
class FakeQuant(Elementwise):
    """Real numbers rounded to the steps of a quantized range, still real. A narrow range is refused."""

    code: ClassVar[int] = 80
    known_versions: ClassVar[Versions] = Versions(2)
    types: ClassVar = (TensorType.FLOAT32,)
    retypes: ClassVar[bool] = True

    min: float = 0.0
    max: float = 0.0
    num_bits: int = 0
    narrow_range: bool = False

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        if self.narrow_range:
            raise ModelError("expected no narrow range, got one", "builtin_options.narrow_range")
        if not 1 <= self.num_bits <= 16:
            raise Unsupported(f"expected 1 to 16 bits, got {self.num_bits}", "builtin_options.num_bits")
        steps = Range.of(self.min, self.max, self.num_bits)
        return plain("fake_quant", partial(fake_quantize, range_=steps), specs.output())

    def version(self, specs: Specs) -> int:
        return 2 if self.narrow_range else 1
