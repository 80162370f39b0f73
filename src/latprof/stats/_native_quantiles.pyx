# cython: language_level=3, boundscheck=True, wraparound=False
"""Percentiles and intervals of the groups of a metric, with the lock of Python let go.

Optional; the Python code in cuts.py gives the same bits.
"""

from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np

__all__ = ["LAYOUT", "Groups", "drawn", "quantiles_of_rows", "upper_point"]

# To be compared with what the Python code expects, however old this file is.
LAYOUT = 5

# Places among the values that are set aside are counted in 32 bits.
cdef int64_t MOST_PLACES = (1 << 31) - 1

cdef extern from "_quantiles.h" nogil:
    int64_t VERY_MANY
    ctypedef struct Plan:
        const int32_t *cell
        const int32_t *sizes
        const int32_t *pair
        const int64_t *starts
        const int64_t *begins
        int64_t n, cells, cuts
    ctypedef struct Order:
        uint32_t *rows
        double *sorted
    ctypedef struct Desk:
        Order order
    ctypedef struct Wanted:
        const uint8_t *chosen
        const uint8_t *bounded
        const double *asked
        const int64_t *least
        int64_t quantiles
        int64_t *calls
        int64_t *sessions
        double *figures
        double *points
        int64_t room
    int64_t set_up(Desk *desk, const Plan *plan, char *memory)
    int64_t in_order(Order *order, const double *values, int64_t n)
    int measured_in "measured"(const Plan *plan, const double *values, char *memory, Wanted *wanted)

cdef extern from "_student.h" nogil:
    double upper_point_of "upper_point"(int64_t degrees)

cdef extern from "_parts.h" nogil:
    int64_t AT_ONCE
    ctypedef struct Question:
        const float *values
        const int32_t *of_row
        const int64_t *starts
        const int32_t *members
        const double *asked
        int64_t n, width, groups, parts, quantiles
    int answer_parts(const Question *asked, uint32_t *kept, int32_t *rows, double *answer)

cdef object _empty = np.empty, _INT32 = np.int32, _INT64 = np.int64, _FLOAT64 = np.float64


cdef class _Memory:
    """Memory that is used for one metric after the other: new memory costs time."""

    cdef char *place
    cdef int64_t size

    cdef char *of(self, int64_t size) except NULL:
        """So many bytes, whatever they hold."""
        if size > self.size or self.place == NULL:
            free(self.place)
            self.size = 0
            self.place = <char *>malloc(max(size, 1))
            if self.place == NULL:
                raise MemoryError
            self.size = size
        return self.place

    def __dealloc__(self):
        free(self.place)


cdef class Groups:
    """How the calls fall into the groups of some cuts.

    Calls of one session that are in the same groups are of one cell: `cell` is the number of each call's, `sizes` are
    their calls. `pairs` (cuts, cells) numbers each cell's session in its group, counted over all groups of all cuts;
    those of a group begin at one of `starts`, and the groups of a cut at one of `begins`. Any thread may ask.
    """

    cdef Plan plan
    cdef tuple held
    cdef list desks, kept

    def __init__(
        self, const int32_t[::1] cell, const int32_t[::1] sizes, const int32_t[:, ::1] pairs,
        const int64_t[::1] starts, const int64_t[::1] begins,
    ):
        cdef int64_t cells = sizes.shape[0], cuts = pairs.shape[0], groups = starts.shape[0] - 1, place, cut, last = 0
        counts = np.bincount(cell, minlength=max(cells, 1))
        if not cells or not cuts or len(counts) != cells or (counts != np.asarray(sizes)).any():
            raise IndexError("cells that are not those of the calls")
        if pairs.shape[1] != cells or begins.shape[0] != cuts + 1 or begins[0] or begins[cuts] != groups or starts[0]:
            raise ValueError("columns of different lengths")
        for cut in range(cuts):
            if not begins[cut] <= begins[cut + 1] <= groups:
                raise IndexError(begins[cut])
            for place in range(begins[cut], begins[cut + 1]):
                if not last <= starts[place + 1]:
                    raise IndexError(starts[place + 1])
                last = starts[place + 1]
            for place in range(cells):
                if not starts[begins[cut]] <= pairs[cut, place] < starts[begins[cut + 1]]:
                    raise IndexError(pairs[cut, place])
        self.held, self.desks, self.kept = (cell, sizes, pairs, starts, begins), [], []
        self.plan.cell, self.plan.sizes, self.plan.pair = &cell[0], &sizes[0], &pairs[0, 0]
        self.plan.starts, self.plan.begins = &starts[0], &begins[0]
        self.plan.n, self.plan.cells, self.plan.cuts = cell.shape[0], cells, cuts

    def measured(
        self, const double[::1] values, const double[::1] asked, const int64_t[::1] least, double[::1] points,
        const uint8_t[::1] chosen, const uint8_t[::1] bounded,
    ):
        """The calls and the sessions of each group that have a value, and three figures for each quantile.

        Cuts that are not `chosen` have no calls, quantiles that are not `bounded` one figure and NaN. `points` has room
        for all degrees of freedom, NaN where a point is not known yet.
        """
        cdef int64_t groups = self.plan.begins[self.plan.cuts], quantiles = asked.shape[0]
        cdef int done
        cdef Desk desk
        cdef Wanted wanted
        if (
            values.shape[0] != self.plan.n or least.shape[0] != quantiles or not points.shape[0]
            or chosen.shape[0] != self.plan.cuts or bounded.shape[0] != quantiles
        ):
            raise ValueError("columns of different lengths")
        _check_asked(asked)
        counted, found = _empty((2, groups), _INT64), _empty((groups, quantiles, 3), _FLOAT64)
        cdef int64_t[:, ::1] counts = counted
        cdef double[::1] flat = found.reshape(-1) if quantiles else _empty(1, _FLOAT64)
        wanted.asked = &asked[0] if quantiles else NULL
        wanted.least = &least[0] if quantiles else NULL
        wanted.chosen, wanted.bounded = &chosen[0], &bounded[0] if quantiles else NULL
        wanted.quantiles, wanted.calls, wanted.sessions = quantiles, &counts[0, 0], &counts[1, 0]
        wanted.figures, wanted.points, wanted.room = &flat[0], &points[0], points.shape[0]
        cdef _Memory memory = _free(self.desks)
        cdef char *place = memory.of(set_up(&desk, &self.plan, NULL))
        with nogil:
            done = measured_in(&self.plan, &values[0], place, &wanted)
        self.desks.append(memory)
        if done < 0:
            raise IndexError("a point that is not there")
        if not done:
            raise MemoryError
        return counted[0], counted[1], found

    def ordered(self, const double[::1] values):
        """Rows of the values that are numbers, from small to large, equal ones in their order; and these values."""
        cdef int64_t known, place
        cdef Desk desk
        cdef _Memory memory = _Memory()
        if values.shape[0] != self.plan.n:
            raise ValueError("columns of different lengths")
        set_up(&desk, &self.plan, memory.of(set_up(&desk, &self.plan, NULL)))
        known = in_order(&desk.order, &values[0], values.shape[0])
        if known < 0:
            raise MemoryError
        order, found = _empty(known, _INT32), _empty(known, _FLOAT64)
        for place in range(known):
            order[place], found[place] = desk.order.rows[place], desk.order.sorted[place]
        return order, found

    def quantiles(
        self, const double[::1] known, const float[:, ::1] values, const int32_t[::1] small, const int64_t[::1] starts,
        const int32_t[::1] members, const double[::1] asked,
    ):
        """Quantiles of all values of the calls of each part taken together, of calls that are `known` by a number.

        `small` is the small group of each cell, -1 for none; a part is some of these groups, its `members` from one of
        `starts` on.
        """
        cdef int64_t n = self.plan.n, row
        if known.shape[0] != n or values.shape[0] != n or small.shape[0] != self.plan.cells:
            raise ValueError("columns of different lengths")
        rows = _empty(n, _INT32)
        cdef int32_t[::1] of_row = rows
        cdef const int32_t *cell = self.plan.cell
        with nogil:
            for row in range(n):
                of_row[row] = -1 if isnan(known[row]) else small[cell[row]]
        cdef _Memory memory = _free(self.kept)
        found = _answers(values, of_row, starts, members, asked, memory)
        if n <= VERY_MANY:
            self.kept.append(memory)
        return found


cdef _Memory _free(list memories):
    try:
        return memories.pop()
    except IndexError:
        return _Memory()


def upper_point(int64_t degrees):
    """The upper end of 95 % of Student's t at so many degrees of freedom."""
    if degrees < 1:
        raise ValueError("no degree of freedom")
    return upper_point_of(degrees)


def drawn(const float[:, ::1] values, const int64_t[::1] group, int64_t groups, double ratio):
    """Of each row the value whose place is the part behind the point of that many times its number in its group."""
    cdef int64_t n = values.shape[0], width = values.shape[1], row, place, own
    cdef double turns
    found = _empty(n, _FLOAT64)
    cdef double[::1] flat = found
    if not 0 <= ratio < 1 or n > MOST_PLACES or not width or group.shape[0] != n or not 0 <= groups <= MOST_PLACES:
        raise ValueError("no place among the values of a row")
    for row in range(n):
        if not -1 <= group[row] < groups:
            raise ValueError("a group that there is not")
    cdef int64_t[::1] numbers = np.zeros(groups + 1, _INT64)
    with nogil:
        for row in range(n):
            own = group[row] + 1
            turns = numbers[own] * ratio
            numbers[own] += 1
            place = <int64_t>((turns - <double><int64_t>turns) * width)
            flat[row] = values[row, place]
    return found


def quantiles_of_rows(const float[:, ::1] values, const int32_t[::1] chosen, const double[::1] asked):
    """Quantiles of all values of the rows with a 0 taken together, those with -1 left out."""
    one = np.array([0, 1]), np.zeros(1, _INT32)
    return _answers(values, chosen, one[0], one[1], asked, _Memory())[0]


cdef int _check_asked(const double[::1] asked) except -1:
    cdef int64_t place
    for place in range(asked.shape[0]):
        if not 0 <= asked[place] <= 1:
            raise ValueError("a quantile that is not between 0 and 1")
    return 0


cdef object _answers(
    const float[:, ::1] values, const int32_t[::1] of_row, const int64_t[::1] starts, const int32_t[::1] members,
    const double[::1] asked, _Memory memory,
):
    cdef int64_t n = values.shape[0], width = values.shape[1], parts = starts.shape[0] - 1, groups = 1, place
    cdef int done
    cdef Question question
    if not asked.shape[0] or not n or parts < 1 or not members.shape[0] or not width or of_row.shape[0] != n:
        raise ValueError("nothing to do")
    if width > AT_ONCE or n > MOST_PLACES // width:
        raise ValueError("too many values for each row")
    _check_asked(asked)
    for place in range(members.shape[0]):
        if members[place] < 0:
            raise IndexError(members[place])
        groups = max(groups, members[place] + 1)
    with nogil:
        for place in range(n):
            if of_row[place] < -1 or of_row[place] >= groups:
                with gil:
                    raise IndexError(of_row[place])
    for place in range(parts):
        if not 0 <= starts[place] <= starts[place + 1] <= members.shape[0]:
            raise IndexError(starts[place])
        if starts[place + 1] - starts[place] > groups:
            raise ValueError("a part that names a group twice")
    found = _empty((parts, asked.shape[0]), _FLOAT64)
    cdef double[:, ::1] answer = found
    question.values, question.of_row, question.starts = &values[0, 0], &of_row[0], &starts[0]
    question.members, question.asked = &members[0], &asked[0]
    question.n, question.width, question.groups = n, width, groups
    question.parts, question.quantiles = parts, asked.shape[0]
    cdef int64_t room = n * width + 1
    cdef char *piece = memory.of(room * sizeof(uint32_t) + n * sizeof(int32_t))
    with nogil:
        done = answer_parts(
            &question, <uint32_t *>piece, <int32_t *>(piece + room * sizeof(uint32_t)), &answer[0, 0]
        )
    if not done:
        raise MemoryError
    return found
