"""The lines of one transcript as structs; see _table.h."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "_table.h":
    ctypedef int32_t Id

    ctypedef struct Name:
        size_t at
        uint32_t size

    ctypedef struct Names:
        uint8_t *bytes
        Name *names
        int32_t count

    ctypedef struct TokenCounts "Usage":
        int64_t input, read, written, output, thinking, iterations
        Id speed
        int tools

    ctypedef struct BlockFact:
        int64_t characters, signature
        Id name, type

    ctypedef struct PartFacts "Part":
        Id message_id, request_id, session_id, version, project, model, requested_model, stop_reason, request_ref, effort
        int32_t blocks, block_count, tools, tool_count
        int has_stop_details
        int64_t block_index
        double duration_s
        TokenCounts usage

    ctypedef struct LineFacts "Line":
        int64_t number, max_tokens
        double at, retry_s
        Id uuid, parent, thread, source_tool_id, interrupted_id, request_id
        int32_t part, tools, tool_count, next
        uint8_t kind, embedded, truncates

    ctypedef struct Table:
        Names names
        LineFacts *lines
        PartFacts *parts
        BlockFact *blocks
        Id *tools
        int32_t line_count, part_count, block_count, tool_count

    enum:
        NONE
        W_EMPTY, W_AGENT, W_THINKING, W_TEXT, W_TOOL_USE, W_OTHER, W_COUNT
        PROMPT, TOOL_RESULT, META, COMPACT_SUMMARY, NOTICE, INTERRUPT, INTERRUPT_TOOL, CUT_NOTE, STOP_HOOK, RESPONSE
        SYNTHETIC, API_ERROR, HOOK, QUEUED, REQUEST, PASSING

    const int64_t UNKNOWN

    ctypedef struct State:
        int32_t lines

    State state_of(const Table *table, int64_t last)
    size_t state_size(const State *state)
    void state_write(const Table *table, const State *state, uint8_t *to)
    int state_join(Table *table, const uint8_t *data, size_t size, int64_t numbers)

    int table_begin(Table *table, uint64_t seed)
    void table_free(Table *table)
    LineFacts *new_line(Table *table)
    PartFacts *new_part(Table *table)
    BlockFact *new_block(Table *table)
    int add_tool(Table *table, Id id)
    Id id_of(Names *names, const uint8_t *p, size_t size)
    size_t put_down(Names *names, const uint8_t *p, size_t size)


cdef class Kept:
    cdef Table table
    cdef Id _put(self, str text) except -2
    cdef Id _number(self, const uint8_t *text, size_t size) except -2
