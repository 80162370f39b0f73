# cython: language_level=3, boundscheck=True, wraparound=False
"""What sums.py and plain.py do, without the interpreter and without its lock.

Optional; they give the same bits.
"""

cimport cython as _cython
from libc.math cimport NAN
from libc.stdint cimport int64_t

import numpy as np

from latprof.estimate.problem import MOST_SWEEPS, VERSION, Step

__all__ = ["at_levels", "cumulative", "dealt", "descend", "pooled", "refitted", "step", "totals"]


cdef extern from "_sums.h":
    enum:
        MOST_CELLS, PART_BITS, FIRST_LINE, LINES, COLUMNS, NUMBERS
    ctypedef struct Problem:
        const float *columns
        const float *scale
        const float *pace
        const float *numbers
        const float *slowness
        const float *share
        const float *table
        Py_ssize_t calls
        int cells
    ctypedef struct Sums "Step":
        double *jumps
        double *cells
        float *moment
        float *inside
        float *log_speed
    ctypedef struct Reached:
        int64_t *cell
        float *inside
        float *first_s
    void totals_of(const Problem *problem, float *result) nogil
    void step_of(const Problem *problem, const float *moments, const float *grid, Sums *step) nogil
    void levels_of(const Problem *problem, const float *levels, int count, Reached *reached) nogil


cdef extern from "_plain.h":
    void descend_by(
        int size, const double *gram, const double *moments, const double *divisors, const double *roots,
        const double *floors, double *values, double least, int most_sweeps
    ) nogil
    void cumulative_of(
        int components, const double *share, const double *centre, const double *steps, const double *table, int last,
        double begin, const double *z, Py_ssize_t n, double *result
    ) nogil
    void refit_by(
        int components, Py_ssize_t n, const double *z, const double *mass, double *share, double *centre,
        double *width, double least, double most, int rounds, double *part, double *below
    ) nogil
    void pool_by(
        Py_ssize_t calls, int factors, const float *values, const int64_t *levels, const int64_t *sizes,
        const double *effects, double *changed, double pooling, double *left, double *sums, double *counts
    ) nogil


_COLUMNS = (
    "ends_s", "span_s", "thinking", "text", "tool", "head", "first_type", "first_error", "tools", "headers_s", "uncached",
)
_NUMBERS = (
    "cost_0", "cost_1", "cost_2", "free_tokens", "beta", "reach", "reach_stamp", "wobble", "stamp", "least_density",
    "outlier", "least_mass",
)
if (
    VERSION != (2, _COLUMNS, _NUMBERS, (PART_BITS, FIRST_LINE, LINES))
    or len(_COLUMNS) != COLUMNS or len(_NUMBERS) != NUMBERS
):
    raise ImportError("compiled beside another version of sums.py")

cdef int _most_sweeps = MOST_SWEEPS
cdef object _Step = Step, _array = np.array, _empty = np.empty, _zeros = np.zeros, _FLOAT32 = np.float32, _INT64 = np.int64


cdef class _Arrays:
    """The arrays of a problem, held as long as the C code looks at them."""

    cdef const float[:, ::1] columns
    cdef const float[::1] scale, pace, numbers, slowness, share
    cdef const float[:, ::1] table
    cdef Problem problem

    def __init__(self, problem):
        self.columns, self.scale, self.pace = problem.columns, problem.scale, problem.pace
        self.numbers, self.slowness, self.share = problem.numbers, problem.slowness, problem.share
        self.table = problem.table
        self.problem.calls = self.columns.shape[1]
        self.problem.cells = <int>self.share.shape[0]
        if (
            self.columns.shape[0] < COLUMNS
            or self.scale.shape[0] != self.problem.calls or self.pace.shape[0] != self.problem.calls
            or self.numbers.shape[0] != NUMBERS
            or not 0 < self.share.shape[0] <= MOST_CELLS or self.slowness.shape[0] != self.problem.cells
            or not _is_table(self.table)
        ):
            raise ValueError("arrays that do not go together")
        if self.problem.calls:
            self.problem.columns = &self.columns[0, 0]
            self.problem.scale, self.problem.pace = &self.scale[0], &self.pace[0]
        self.problem.numbers = &self.numbers[0]
        self.problem.slowness, self.problem.share = &self.slowness[0], &self.share[0]
        self.problem.table = &self.table[0, 0]


cdef bint _is_table(const float[:, ::1] table):
    return table.shape[0] == LINES + 1 and table.shape[1] == 2


def totals(problem):
    """As in sums.py."""
    cdef _Arrays arrays = _Arrays(problem)
    found = _empty(arrays.problem.calls, _FLOAT32)
    cdef float[::1] result = found
    if arrays.problem.calls:
        with nogil:
            totals_of(&arrays.problem, &result[0])
    return found


def step(problem, const float[:, ::1] moments not None, const float[::1] grid not None):
    """As in sums.py."""
    cdef _Arrays arrays = _Arrays(problem)
    if not _is_table(moments) or grid.shape[0] != arrays.problem.cells:
        raise ValueError("arrays that do not go together")
    jumps_, cells_ = _zeros((LINES + 1, 2)), _zeros(arrays.problem.cells)
    columns_ = _empty((3, arrays.problem.calls), _FLOAT32)
    cdef double[:, ::1] jumps = jumps_
    cdef double[::1] cells = cells_
    cdef float[:, ::1] columns = columns_
    cdef Sums sums
    if arrays.problem.calls:
        sums.jumps, sums.cells = &jumps[0, 0], &cells[0]
        sums.moment, sums.inside, sums.log_speed = &columns[0, 0], &columns[1, 0], &columns[2, 0]
        with nogil:
            step_of(&arrays.problem, &moments[0, 0], &grid[0], &sums)
    return _Step(jumps_, cells_, *columns_)


def at_levels(problem, const float[::1] levels not None):
    """As in sums.py."""
    cdef _Arrays arrays = _Arrays(problem)
    cdef Py_ssize_t count = levels.shape[0]
    shape = (arrays.problem.calls, count)
    cell_, inside_, first_ = _empty(shape, _INT64), _empty(shape, _FLOAT32), _empty(shape, _FLOAT32)
    cdef int64_t[:, ::1] cell = cell_
    cdef float[:, ::1] inside = inside_
    cdef float[:, ::1] first = first_
    cdef Reached reached
    if arrays.problem.calls and count:
        reached.cell, reached.inside, reached.first_s = &cell[0, 0], &inside[0, 0], &first[0, 0]
        with nogil:
            levels_of(&arrays.problem, &levels[0], <int>count, &reached)
    return cell_, inside_, first_


def descend(
    const double[:, ::1] gram not None, const double[::1] moments not None, const double[::1] divisors not None,
    const double[::1] roots not None, const double[::1] floors not None, start not None, double least,
):
    """As in plain.py."""
    found = _array(start)
    cdef double[::1] values = found
    cdef Py_ssize_t size = values.shape[0]
    if not (
        gram.shape[0] == size and gram.shape[1] == size and moments.shape[0] == size and divisors.shape[0] == size
        and roots.shape[0] == size and floors.shape[0] == size
    ):
        raise ValueError("arrays that do not go together")
    if size:
        descend_by(
            <int>size, &gram[0, 0], &moments[0], &divisors[0], &roots[0], &floors[0], &values[0], least, _most_sweeps
        )
    return found


def cumulative(
    const double[::1] share not None, const double[::1] centre not None, const double[::1] steps not None,
    const double[:, ::1] table not None, double begin, const double[::1] z not None,
):
    """As in plain.py."""
    found = _empty(z.shape[0])
    cdef double[::1] result = found
    cdef Py_ssize_t components = share.shape[0], last = table.shape[0] - 1
    if centre.shape[0] != components or steps.shape[0] != components or table.shape[1] != 2 or last < 0:
        raise ValueError("arrays that do not go together")
    if components and z.shape[0]:
        cumulative_of(
            <int>components, &share[0], &centre[0], &steps[0], &table[0, 0], <int>last, begin, &z[0], z.shape[0],
            &result[0],
        )
    return found


def refitted(
    const double[::1] z not None, const double[::1] mass not None, share not None, centre not None, width not None,
    tuple widths not None, int rounds,
):
    """As in plain.py."""
    found = _array((share, centre, width))
    cdef double[:, ::1] shape = found
    cdef Py_ssize_t components = shape.shape[1], n = z.shape[0]
    cdef double least, most
    least, most = widths
    if not (components and n and mass.shape[0] == n):
        raise ValueError("arrays that do not go together")
    cdef double[:, ::1] room = _empty((components + 1, n))
    refit_by(
        <int>components, n, &z[0], &mass[0], &shape[0, 0], &shape[1, 0], &shape[2, 0], least, most, rounds,
        &room[0, 0], &room[components, 0],
    )
    return tuple(found)


def pooled(
    const float[:, ::1] values not None, const int64_t[:, ::1] levels not None, const int64_t[::1] sizes not None,
    const double[:, ::1] effects not None, double pooling,
):
    """As in plain.py."""
    cdef Py_ssize_t calls = values.shape[1], factors = sizes.shape[0], f, i, wide = effects.shape[1]
    changed_ = _empty((2, wide))
    if not wide:
        return changed_
    if not (values.shape[0] == effects.shape[0] == 2 and levels.shape[0] == factors and levels.shape[1] == calls > 0):
        raise ValueError("arrays that do not go together")
    for f in range(factors):
        wide -= sizes[f]
        for i in range(calls):
            if not 0 <= levels[f, i] < sizes[f]:
                raise ValueError("a level that its factor does not have")
    if wide:
        raise ValueError("arrays that do not go together")
    cdef double[:, ::1] changed = changed_
    cdef double[::1] left = _empty(calls)
    cdef double[:, ::1] room = _empty((2, effects.shape[1]))
    for i in range(2):
        pool_by(
            calls, <int>factors, &values[i, 0], &levels[0, 0], &sizes[0], &effects[i, 0], &changed[i, 0], pooling,
            &left[0], &room[0, 0], &room[1, 0],
        )
    return changed_


ctypedef fused number:
    float
    double


@_cython.cdivision(True)
def dealt(
    const int64_t[::1] rows not None, const double[::1] tokens not None, const float[:, ::1] first not None,
    const float[:, ::1] speed not None, double least, number[:, ::1] values not None, number[:, ::1] ends not None,
    number[:, ::1] speeds not None, number[:, ::1] speed_ends not None,
):
    """As in plain.py."""
    cdef Py_ssize_t calls = rows.shape[0], width = values.shape[1], i, j, row, n = values.shape[0]
    cdef float median
    cdef number nothing = <number>NAN
    if not (
        tokens.shape[0] == first.shape[0] == speed.shape[0] == calls and width == speeds.shape[1] and width >= 2
        and first.shape[1] == speed.shape[1] == width + 2 and ends.shape[1] == speed_ends.shape[1] == 2
        and ends.shape[0] == speeds.shape[0] == speed_ends.shape[0] == n
    ):
        raise ValueError("arrays that do not go together")
    for i in range(calls):
        if not 0 <= rows[i] < n:
            raise IndexError(rows[i])
    with nogil, _cython.boundscheck(False):
        for i in range(calls):
            row = rows[i]
            for j in range(width):
                values[row, j] = first[i, j]
            ends[row, 0], ends[row, 1] = first[i, width], first[i, width + 1]
            median = (speed[i, width // 2 - 1] + speed[i, width // 2]) / 2
            if (tokens[i] - 1) / <double>median >= least:
                for j in range(width):
                    speeds[row, j] = speed[i, j]
                speed_ends[row, 0], speed_ends[row, 1] = speed[i, width], speed[i, width + 1]
            else:
                for j in range(width):
                    speeds[row, j] = nothing
                speed_ends[row, 0], speed_ends[row, 1] = nothing, nothing
