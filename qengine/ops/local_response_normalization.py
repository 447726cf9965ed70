"""LOCAL_RESPONSE_NORMALIZATION."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ..errors import ModelError
from ..kernels.profile import Profile
from ..kernels.reference.normalization import local_response, local_response_sliding
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ..shapes import of_rank
from ._elementwise import Elementwise, plain


@dataclass(frozen=True, eq=False)
class LocalResponseNormalization(Elementwise):
    """x (n h w c) times (bias + alpha * the sum of squares in channels around)**-beta.

    The channels are c - radius to c + radius; reference kernels leave the last one out.
    """

    code: ClassVar[int] = 13
    types: ClassVar = (TensorType.FLOAT32,)

    radius: int = 0
    bias: float = 0.0
    alpha: float = 0.0
    beta: float = 0.0

    def block(self, specs: Specs, profile: Profile) -> int:
        return 0

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        of_rank(specs.input(0), 4, "inputs[0]")
        if self.radius < 0:
            raise ModelError(f"expected a radius of 0 or more, got {self.radius}", "builtin_options.radius")
        kernel = profile.pick(reference=local_response, optimized=local_response_sliding)
        function = partial(kernel, radius=self.radius, bias=self.bias, alpha=self.alpha, beta=self.beta)
        return plain("local_response_normalization", function, specs.output())
