"""What calibration learns of each tensor, whatever observer reads it later; saved, merged and reused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..model import Graph, Model, TensorType
from ..packing import integer_range
from .channels import Channels
from .histogram import HALF, Histogram

DECAY = 0.95
"""How much of the moving average each further sample leaves."""

STAND_IN = 1e30
"""A magnitude that stands for infinity: masks and the padding of maxima. It stretches no range; integers saturate."""

FORMAT = 2


@dataclass
class Summary:
    """One tensor over all samples: its range, the range's growth, a moving average and a histogram.

    low, high: of all values below `STAND_IN`; inf and -inf where there was none. seconds: the low and high that the
    rest would have without the one sample that holds them. average: moving averages of each sample's low and high;
    first: the first sample's. growth: (samples so far, low, high) at 1, 2, 4, ... samples. odd: values that were NaN or
    infinite. channels: where they were watched in every sample, and were the same.
    """

    samples: int = 0
    values: int = 0
    odd: int = 0
    low: float = np.inf
    high: float = -np.inf
    seconds: tuple[float, float] = (np.inf, -np.inf)
    average: tuple[float, float] = (0.0, 0.0)
    first: tuple[float, float] = (0.0, 0.0)
    growth: list[tuple[int, float, float]] = field(default_factory=list)
    histogram: Histogram = field(default_factory=Histogram)
    channels: Channels | None = None

    @staticmethod
    def of(low: float, high: float) -> Summary:
        """A range that is known without samples."""
        return Summary(low=low, high=high, average=(low, high), first=(low, high))

    @property
    def is_empty(self) -> bool:
        """Whether no finite value came, nor a range."""
        return self.low > self.high

    def add(self, values: NDArray[Any], *, by_channel: bool = False) -> None:
        """The values that the tensor has in one more sample. by_channel: whether its last axis is watched too."""
        array = np.asarray(values, np.float32)
        if array.size == 0:
            return
        low, high = float(array.min()), float(array.max())
        if not max(-low, high) < STAND_IN:
            self.odd += array.size - int(np.isfinite(array).sum())
            array, by_channel = array[np.abs(array) < STAND_IN], False
            if array.size == 0:
                return
            low, high = float(array.min()), float(array.max())
        self.values += array.size
        self.histogram.add(array, max(-low, high))
        self._count_channels(Channels.of(array) if by_channel else None)
        if self.samples == 0:
            self.first = self.average = (low, high)
        else:
            was = self.average
            self.average = (DECAY * was[0] + (1 - DECAY) * low, DECAY * was[1] + (1 - DECAY) * high)
        self._stretch(low, high)
        self.samples += 1
        self._note()

    def _count_channels(self, channels: Channels | None) -> None:
        """One more sample's; once they are missing or others, there are none."""
        if self.samples == 0:
            self.channels = channels
        elif self.channels is not None:
            self.channels = self.channels.merged(channels)

    def _stretch(self, low: float, high: float) -> None:
        """One more sample's range: the smaller of two ends becomes a second end."""
        if self.samples:
            self.seconds = min(self.seconds[0], max(self.low, low)), max(self.seconds[1], min(self.high, high))
        self.low, self.high = min(self.low, low), max(self.high, high)

    def _note(self) -> None:
        """Keeps the range at sample counts that are powers of two, and the last."""
        kept = [point for point in self.growth if point[0] & (point[0] - 1) == 0]
        self.growth = [*kept, (self.samples, self.low, self.high)]

    def merge(self, other: Summary) -> None:
        """As if the other's samples had come after this one's: exact but for the growth between powers of two."""
        if other.samples == 0:
            self.low, self.high = min(self.low, other.low), max(self.high, other.high)
            self.odd += other.odd
            return
        left = DECAY**other.samples
        if self.samples:
            parts = zip(self.average, other.average, other.first, strict=True)
            mixed = tuple(theirs + left * (ours - first) for ours, theirs, first in parts)
            self.average = (mixed[0], mixed[1])
        else:
            self.average, self.first = other.average, other.first
        self._count_channels(other.channels)
        before = (self.samples, self.low, self.high)
        rest = (min(self.seconds[0], other.seconds[0]), max(self.seconds[1], other.seconds[1]))
        if self.samples:
            rest = (min(rest[0], max(self.low, other.low)), max(rest[1], min(self.high, other.high)))
        self.seconds = rest
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.samples, self.values, self.odd = (
            self.samples + other.samples,
            self.values + other.values,
            self.odd + other.odd,
        )
        later = [(before[0] + n, min(before[1], low), max(before[2], high)) for n, low, high in other.growth]
        self.growth = [*self.growth, *later]
        self.histogram.merge(other.histogram)

    def beyond(self, low: float, high: float) -> float:
        """The share of values in bins wholly outside [low, high]; NaN where no samples were counted."""
        total = self.histogram.total
        if total == 0:
            return float("nan")
        edges = self.histogram.edges
        return float(self.histogram.counts[(edges[1:] < low) | (edges[:-1] > high)].sum()) / total


class Ranges(Mapping[str, Summary]):
    """Summaries by tensor key (`keys_of`), with what was noticed about the samples.

    `save` writes an .npz, `load` reads it; `merged` adds calibrations of the same model up; `of` takes the ranges that
    a quantized model's scales and zero points stand for.
    """

    def __init__(self, summaries: Mapping[str, Summary] | None = None, warnings: Iterable[str] = ()) -> None:
        self._summaries: dict[str, Summary] = dict(summaries or {})
        self.warnings: list[str] = list(warnings)

    def __getitem__(self, key: str) -> Summary:
        return self._summaries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._summaries)

    def __len__(self) -> int:
        return len(self._summaries)

    @property
    def samples(self) -> int:
        """How many samples the most often computed tensor saw."""
        return max((summary.samples for summary in self._summaries.values()), default=0)

    def summary(self, key: str) -> Summary:
        """The summary of a tensor, made empty where there is none."""
        return self._summaries.setdefault(key, Summary())

    def merged(self, other: Ranges) -> Ranges:
        """Both calibrations as one, this one's samples first. Neither is changed."""
        result = Ranges(
            _copies(self), [*self.warnings, *(text for text in other.warnings if text not in self.warnings)]
        )
        for key, summary in other.items():
            result.summary(key).merge(summary)
        return result

    @staticmethod
    def of(model: Model) -> Ranges:
        """The ranges that a quantized model represents, and those its file states (schema: min, max)."""
        found = Ranges()
        for number, graph in enumerate(model.graphs):
            for key, tensor in zip(keys_of(number, graph), graph.tensors, strict=True):
                q = tensor.quantization
                if q is None or tensor.is_constant:
                    continue
                if q.low is not None and q.high is not None and len(q.low) == 1 and len(q.high) == 1:
                    found._summaries[key] = Summary.of(float(q.low[0]), float(q.high[0]))
                elif q.is_affine and not q.per_channel and tensor.type in _WHOLE:
                    assert q.scale is not None
                    scale, point = float(q.scale[0]), 0 if q.zero_point is None else int(q.zero_point[0])
                    least, most = integer_range(tensor.type)
                    least += tensor.type is TensorType.INT16
                    found._summaries[key] = Summary.of((least - point) * scale, (most - point) * scale)
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz: one JSON text, the histograms, and the channels where they were watched."""
        rows = [_row(summary) for summary in self._summaries.values()]
        text = json.dumps({"format": FORMAT, "keys": list(self), "rows": rows, "warnings": self.warnings})
        counts = np.array([summary.histogram.counts for summary in self._summaries.values()], np.int64)
        with open(path, "wb") as file:
            np.savez_compressed(
                file, ranges=np.array(text), counts=counts.reshape(-1, 2 * HALF), channels=_joined(self._summaries)
            )

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Ranges:
        """Reads what `save` wrote. ValueError where the file is something else."""
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                content, counts = json.loads(str(archive["ranges"])), archive["counts"]
                channels = archive["channels"] if content["format"] > 1 else np.zeros((3, 0))
            if content["format"] not in (1, FORMAT) or counts.shape != (len(content["keys"]), 2 * HALF):
                raise KeyError("format")
            parts = _parted(channels, content["rows"])
            rows = [_summary(*row) for row in zip(content["rows"], counts, parts, strict=True)]
            return Ranges(dict(zip(content["keys"], rows, strict=True)), content["warnings"])
        except (KeyError, ValueError, TypeError, OSError, EOFError, BadZipFile) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise ValueError(
                f"expected ranges as `Ranges.save` writes them, got {os.fspath(path)!r}: {error}"
            ) from error


_WHOLE = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)


def keys_of(number: int, graph: Graph) -> list[str]:
    """A key for each tensor of graph `number`: `0/name`, with the tensor's index where names repeat or are empty."""
    names = [tensor.name or "" for tensor in graph.tensors]
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return [f"{number}/{name}" if name and seen[name] == 1 else f"{number}/{name}#{i}" for i, name in enumerate(names)]


def _copies(ranges: Ranges) -> dict[str, Summary]:
    return {
        key: _summary(_row(summary), summary.histogram.counts.copy(), summary.channels)
        for key, summary in ranges.items()
    }


def _row(summary: Summary) -> dict[str, Any]:
    plain = {name: getattr(summary, name) for name in _FIELDS}
    watched = summary.channels
    counted = {"channels": 0, "count": 0} if watched is None else {"channels": len(watched.low), "count": watched.count}
    return plain | counted | {"exponent": summary.histogram.exponent, "zeros": summary.histogram.zeros}


def _joined(summaries: Mapping[str, Summary]) -> NDArray[np.float64]:
    """The channels of all summaries side by side, (3, all of them)."""
    parts = [summary.channels.rows() for summary in summaries.values() if summary.channels is not None]
    return np.concatenate([np.zeros((3, 0)), *parts], axis=1)


def _parted(joined: NDArray[np.float64], rows: list[dict[str, Any]]) -> list[Channels | None]:
    """What `_joined` joined. ValueError where it doesn't fit."""
    lengths = [int(row.get("channels", 0)) for row in rows]
    if joined.shape != (3, sum(lengths)) or min(lengths, default=0) < 0:
        raise ValueError(f"expected {sum(lengths)} channels, got shape {joined.shape}")
    parts = np.split(joined, np.cumsum(lengths)[:-1], axis=1) if lengths else []
    return [
        Channels.from_rows(part, int(row["count"])) if length else None
        for part, row, length in zip(parts, rows, lengths, strict=True)
    ]


_FIELDS = ("samples", "values", "odd", "low", "high", "seconds", "average", "first", "growth")


def _summary(row: dict[str, Any], counts: NDArray[np.int64], channels: Channels | None) -> Summary:
    histogram = Histogram(row["exponent"], counts, row["zeros"])
    pairs = {name: (float(row[name][0]), float(row[name][1])) for name in ("seconds", "average", "first")}
    growth = [(int(n), float(low), float(high)) for n, low, high in row["growth"]]
    return Summary(
        int(row["samples"]),
        int(row["values"]),
        int(row["odd"]),
        float(row["low"]),
        float(row["high"]),
        pairs["seconds"],
        pairs["average"],
        pairs["first"],
        growth,
        histogram,
        channels,
    )
