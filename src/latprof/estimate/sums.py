"""Sums over the cells of the speed grid, in numpy: what `_native_sums` does where it could not be compiled.

Both give the same bits on every machine: they add, subtract, multiply, divide, take roots and compare,
each step rounded to single precision and in the same order, and leave exponentials and logarithms to
those who call them. A change here is a change there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.evidence import COLUMNS, Sizes, sizes_of
from latprof.estimate.problem import NUMBERS, Problem, Step
from latprof.estimate.table import LINES, inverse, lines_of, part_of, value_at

__all__ = ["at_levels", "step", "totals"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

_ONE: Final = np.float32(1)
_TIMES: Final = ("ends_s", "span_s", "headers_s", "uncached")
# What damaged logs hold may be beyond all numbers, and compiled code does not warn of it, either.
_quietly: Final = np.errstate(all="ignore")
# Arrays of one step stay in a processor's cache.
_CALLS: Final = 1024


@dataclass(frozen=True, slots=True)
class _Joint:
    """Per cell and call the density with its two ends in L0: their lines, and how far in they lie on them."""

    density: Singles
    total: Singles
    low: tuple[Ints, Singles]
    high: tuple[Ints, Singles]
    below: Singles
    mass: Singles


@_quietly
def totals(problem: Problem) -> Singles:
    """The likelihood of each call, but for a factor that its own numbers do not change, (calls,)."""
    parts = [_joint(part).total for part in _parts(problem)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


@_quietly
def step(problem: Problem, moments: Singles, grid: Singles) -> Step:
    """Sums for a step of EM. `moments` holds the increments of log L0 as lines, like the table; `grid` log d0."""
    joint = _joint(problem)
    share = _ONE / joint.total
    # What lies outside the prior is an outlier and says nothing of its shape.
    told = joint.mass > problem.numbers[NUMBERS.index("least_mass")]
    counted = np.where(told, joint.density, np.float32(0))
    level = counted / np.where(told, joint.mass, _ONE)
    line = np.stack((joint.low[0], joint.high[0]), axis=1)
    part = part_of(line, np.stack((joint.low[1], joint.high[1]), axis=1))
    signed: Singles = np.stack((level * share, -(level * share)), axis=1)
    jumps = np.stack((_histogram(line, signed), _histogram(line, signed * part)), axis=1)
    moment = value_at(moments, *joint.high) - value_at(moments, *joint.low)
    moment *= level
    cells = np.add.accumulate((joint.density * share).astype(np.float64), axis=1)[:, -1]
    sums = (_added(moment), _added(counted), _added(joint.density * grid[:, None]))
    return Step(jumps, cells, *(each * share for each in sums))


@_quietly
def at_levels(problem: Problem, levels: Singles) -> tuple[Ints, Singles, Singles]:
    """Where each call's posterior reaches rising levels, all (calls, levels).

    The cell of the grid, which part of it lies before, and L0 there in s.
    """
    shape = (problem.columns.shape[1], len(levels))
    cell, inside, first = np.empty(shape, dtype=np.int64), np.empty(shape, np.float32), np.empty(shape, np.float32)
    begin = 0
    for part in _parts(problem):
        end = begin + part.columns.shape[1]
        cell[begin:end], inside[begin:end], first[begin:end] = _at_levels(part, levels)
        begin = end
    return cell, inside, first


def _at_levels(problem: Problem, levels: Singles) -> tuple[Ints, Singles, Singles]:
    joint = _joint(problem)
    weight = joint.density * (_ONE / joint.total)
    reached = np.add.accumulate(weight, axis=0)
    cell = (reached[:, :, None] < levels).sum(axis=0)
    np.minimum(cell, len(weight) - 1, out=cell)
    every = np.arange(weight.shape[1])[:, None]
    own, upper = weight[cell, every], reached[cell, every]
    own = np.where(own > np.float32(1e-12), own, np.float32(1e-12))
    inside = _ONE - (upper - levels) / own
    inside = np.where(inside > 0, inside, np.float32(0))
    inside = np.where(inside < _ONE, inside, _ONE)
    first = inverse(problem.table, joint.below[cell, every] + inside * joint.mass[cell, every])
    return cell, inside, first


def _parts(problem: Problem) -> Iterator[Problem]:
    """The calls some at a time."""
    for begin in range(0, problem.columns.shape[1], _CALLS):
        rows = slice(begin, begin + _CALLS)
        yield Problem(
            problem.columns[:, rows], problem.scale[rows], problem.pace[rows], problem.numbers,
            problem.slowness, problem.share, problem.table,
        )  # fmt: skip


def _added(rows: Singles) -> Singles:
    """The sum of the rows, one after the other; `np.sum` may take another order."""
    total = np.zeros(rows.shape[1], dtype=np.float32)
    for row in rows:
        total += row
    return total


def _histogram(line: Ints, value: Singles) -> Floats:
    """The values of each line, added call by call, in a call cell by cell, and in a cell its begin and its end."""
    lines, values = (part.transpose(2, 0, 1).ravel() for part in (line, value))
    return np.asarray(np.bincount(lines, values, LINES + 1), dtype=np.float64)


def _joint(problem: Problem) -> _Joint:
    numbers = dict(zip(NUMBERS, problem.numbers, strict=True))
    end_s, span_s, headers_s, uncached = (problem.columns[COLUMNS.index(name)] for name in _TIMES)
    size = sizes_of(problem.columns, problem.numbers[:3], numbers["free_tokens"])
    slow = problem.pace * problem.slowness[:, None]
    head_s = size.first * slow
    middle = end_s - head_s
    head_s *= head_s
    reach = head_s * numbers["reach"]
    reach += numbers["reach_stamp"]
    has_span = ~np.isnan(span_s)
    # A slice, which needs no copies, where calls with a span stand first.
    rows = slice(count) if has_span[: (count := int(has_span.sum()))].all() else has_span
    span = _span(Sizes(*(getattr(size, name)[rows] for name in size.__slots__)), span_s[rows], slow[:, rows], numbers)
    middle[:, rows] += span[0]
    reach[:, rows] += span[1]
    prefill_s = uncached * numbers["beta"]
    middle -= prefill_s
    middle *= problem.scale
    np.sqrt(reach, out=reach)
    reach *= problem.scale
    # The part of a cell before the headers is impossible.
    earliest = (headers_s - prefill_s) * problem.scale
    low, high = (lines_of(np.where(time_s > earliest, time_s, earliest)) for time_s in (middle - reach, middle + reach))
    below = value_at(problem.table, *low)
    mass = value_at(problem.table, *high) - below
    mass = np.where(mass > 0, mass, np.float32(0))
    # An outlier's share keeps a call that no parameters explain from deciding the fit.
    density = mass / reach
    density *= np.float32(0.5)
    density += numbers["outlier"]
    density *= problem.share[:, None]
    density[:, rows] *= span[2]
    return _Joint(density, _added(density), low, high, below, mass)


def _span(
    size: Sizes, span_s: Singles, slow: Singles, numbers: dict[str, np.float32]
) -> tuple[Singles, Singles, Singles]:
    """What the span tells: by how much it moves the first token, what it adds to the reach, its own density.

    The reach is that of a uniform distribution with the variance of what is not known: the place
    inside the cell, the first block's tokens as far as the span does not tell them, and speed that
    varies inside the first block. The span's density is Student's t with four degrees of freedom,
    (1 + r^2 / 4v)^-2.5 v^-0.5 without its constant factor, robust against pauses.
    """
    rest = size.rest * slow
    residual = span_s - rest
    own = size.error * slow
    own *= own  # variance of tokens that may belong to the other block
    rest *= rest
    rest *= numbers["wobble"]
    rest += numbers["stamp"]  # variance of speed inside the call
    total = own + rest
    own /= total
    rest *= own
    rest *= np.float32(3)
    own *= residual
    residual *= residual
    residual *= np.float32(0.25)
    residual += total
    total *= total
    density = residual * residual
    density *= np.sqrt(residual)
    np.divide(total, density, out=density)
    density += numbers["least_density"]
    return own, rest, density
