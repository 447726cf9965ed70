"""The last rounding of each profile, drawn on a line of whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from html import escape
from math import ceil, floor

from .steps import Step, fraction_text

WIDTH, LEFT, STEP = 860, 120, 34
MOST = 8
"""A line of more whole numbers than that shows nothing."""


def roundings_of(steps: Mapping[str, tuple[Step, ...]]) -> dict[str, Step]:
    """By profile, the last step that rounds."""
    found = {name: next((step for step in reversed(own) if _drawn(step)), None) for name, own in steps.items()}
    return {name: step for name, step in found.items() if step is not None}


def _drawn(step: Step) -> bool:
    return step.exact is not None and step.rule != "" and not isinstance(step.value, tuple)


def line_of(steps: Mapping[str, tuple[Step, ...]]) -> str:
    """An SVG: for each profile where the exact number lies, and to which whole number it goes. Empty where nothing
    rounds, or the numbers are too far apart."""
    found = roundings_of(steps)
    ends = [Fraction(float(step.value)) for step in found.values()]
    ends += [step.exact for step in found.values() if step.exact is not None]
    if not ends or max(ends) - min(ends) > MOST:
        return ""
    low, high = floor(min(ends)) - 1, ceil(max(ends)) + 1
    height = STEP * len(found) + 54

    def x(number: Fraction | int) -> float:
        return round(LEFT + float((number - low) / (high - low)) * (WIDTH - LEFT - 40), 2)

    parts = []
    for whole in range(low, high + 1):
        at = x(whole)
        parts.append(f'<line x1="{at}" x2="{at}" y1="8" y2="{height - 30}" class="tick"/>')
        parts.append(f'<text x="{at}" y="{height - 10}" class="whole">{whole}</text>')
        if whole < high:
            middle = x(whole + Fraction(1, 2))
            parts.append(f'<line x1="{middle}" x2="{middle}" y1="8" y2="{height - 30}" class="half"/>')
    for row, (name, step) in enumerate(found.items()):
        assert step.exact is not None
        y, start, end = 26 + STEP * row, x(step.exact), x(Fraction(float(step.value)))
        title = f"{fraction_text(step.exact)} becomes {step.value}, {step.rule}"
        parts.append(f'<text x="0" y="{y + 5}" class="name">{escape(name)}</text>')
        parts.append(f'<path d="M{start} {y} L{end} {y}" class="way"/>')
        parts.append(f'<circle cx="{start}" cy="{y}" r="5" class="exact"><title>{escape(title)}</title></circle>')
        parts.append(f'<circle cx="{end}" cy="{y}" r="6" class="whole"><title>{escape(title)}</title></circle>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="the last rounding">{"".join(parts)}</svg>'
        '<p class="soft">The last rounding: from the exact number (open) to a whole one (filled); dotted: ties.</p>'
    )
