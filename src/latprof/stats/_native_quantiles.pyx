# cython: language_level=3, boundscheck=True, wraparound=False
"""Percentiles and intervals of the groups of a metric, with the lock of Python let go.

Optional; the Python code in measured.py gives the same bits.
"""

from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t

import numpy as np

from latprof.stats.quantiles import student_t_quantile

__all__ = ["LAYOUT", "figures", "ordered", "quantiles_of_parts"]

# To be compared with what the Python code expects, however old this file is.
LAYOUT = 1

cdef extern from "_quantiles.h" nogil:
    ctypedef double (*Point)(double *points, int64_t degrees) noexcept nogil
    int64_t ordered_rows(const double *values, int64_t n, int32_t *order, double *sorted)
    int figures_of(
        const int32_t *order, const double *values, int64_t n, const int32_t *pair, int64_t all_rows,
        const int64_t *starts, int64_t groups, const double *asked, const int64_t *least, int64_t quantiles,
        int32_t *rows, int64_t *ends, int64_t *counts, double *figures, double *points, int64_t room, Point point
    )

cdef extern from "_parts.h" nogil:
    int quantiles_of_parts_in "quantiles_of_parts"(
        const float *values, int64_t all, int64_t width, const int32_t *unordered, int64_t n, const int32_t *fine,
        int64_t groups, const int64_t *starts, const int32_t *members, int64_t parts, const double *asked,
        int64_t quantiles, double *found
    )

cdef object _empty = np.empty, _full = np.full, _INT32 = np.int32, _INT64 = np.int64, _FLOAT64 = np.float64
cdef object _student = student_t_quantile


cdef double _point(double *points, int64_t degrees) noexcept nogil:
    """The upper end of 95 % of Student's t; each is worked out once."""
    if isnan(points[degrees]):
        with gil:
            points[degrees] = _student(0.975, degrees)
    return points[degrees]


def ordered(const double[::1] values):
    """Rows of the values that are numbers, from small to large, equal ones in their order; and these values."""
    cdef int64_t n = values.shape[0], known = 0
    order, found = _empty(n, _INT32), _empty(n, _FLOAT64)
    cdef int32_t[::1] places = order
    cdef double[::1] listed = found
    if n:
        with nogil:
            known = ordered_rows(&values[0], n, &places[0], &listed[0])
    if known < 0:
        raise MemoryError
    return order[:known], found[:known]


def figures(
    const int32_t[::1] order, const double[::1] values, const int32_t[::1] pair, const int64_t[::1] starts,
    const double[::1] asked, const int64_t[::1] least, double[::1] points,
):
    """Rows group by group, where those of each group end, the sessions of each, and three figures for each quantile.

    `order` are rows from the smallest of the `values` to the largest. `points` has room for all degrees of freedom,
    NaN where a point is not known yet.
    """
    cdef int64_t n = order.shape[0], groups = starts.shape[0] - 1, quantiles = asked.shape[0], done = 0, place
    if values.shape[0] != n or least.shape[0] != quantiles or not points.shape[0] or (n and not pair.shape[0]):
        raise ValueError("columns of different lengths")
    for place in range(groups):
        if not 0 <= starts[place] <= starts[place + 1]:
            raise IndexError(starts[place])
    rows, ends, counts = _empty(max(n, 1), _INT32), _empty(max(groups, 1), _INT64), _empty(max(groups, 1), _INT64)
    found = _empty((groups, quantiles, 3), _FLOAT64)
    cdef int32_t[::1] in_groups = rows
    cdef int64_t[::1] last = ends, sessions = counts
    cdef double[::1] flat = _empty(1, _FLOAT64) if not groups * quantiles else found.reshape(-1)
    cdef const double *wanted = &asked[0] if quantiles else NULL
    cdef const int64_t *needed = &least[0] if quantiles else NULL
    if n and groups:
        with nogil:
            done = figures_of(
                &order[0], &values[0], n, &pair[0], pair.shape[0], &starts[0], groups, wanted, needed, quantiles,
                &in_groups[0], &last[0], &sessions[0], &flat[0], &points[0], points.shape[0], _point,
            )
        if done < 0:
            raise IndexError("a row, a pair or a point that is not there")
        if not done:
            raise MemoryError
    else:
        ends[:], counts[:] = 0, 0
    return rows[:n], ends[:groups], counts[:groups], found


def quantiles_of_parts(
    const float[:, ::1] values, const int32_t[::1] rows, const int32_t[::1] fine, const int64_t[::1] starts,
    const int32_t[::1] members, const double[::1] asked,
):
    """Quantiles of all values of the rows of each part taken together; all rows for None.

    `fine` is the small group of each row, None where all are of one; a part is some of these groups, its `members`
    from one of `starts` on.
    """
    cdef int64_t n = values.shape[0] if rows is None else rows.shape[0], parts = starts.shape[0] - 1
    cdef int64_t quantiles = asked.shape[0], groups = 1, done = 0, place
    cdef const int32_t *chosen = NULL
    cdef const int32_t *small = NULL
    if not quantiles or not n or parts < 1 or not members.shape[0] or not values.shape[1]:
        raise ValueError("nothing to do")
    if rows is not None:
        for place in range(n):
            if not 0 <= rows[place] < values.shape[0]:
                raise IndexError(rows[place])
        chosen = &rows[0]
    if fine is not None:
        if fine.shape[0] != values.shape[0]:
            raise ValueError("columns of different lengths")
        for place in range(fine.shape[0]):
            if fine[place] < 0:
                raise IndexError(fine[place])
            groups = max(groups, fine[place] + 1)
        small = &fine[0]
    for place in range(members.shape[0]):
        if not 0 <= members[place] < groups:
            raise IndexError(members[place])
    for place in range(parts):
        if not 0 <= starts[place] <= starts[place + 1] <= members.shape[0]:
            raise IndexError(starts[place])
    found = _empty((parts, quantiles), _FLOAT64)
    cdef double[::1] flat = found.reshape(-1)
    with nogil:
        done = quantiles_of_parts_in(
            &values[0, 0], values.shape[0], values.shape[1], chosen, n, small, groups, &starts[0], &members[0], parts,
            &asked[0], quantiles, &flat[0]
        )
    if not done:
        raise MemoryError
    return found
