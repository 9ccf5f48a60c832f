/*
 * A QEMU plug-in that counts the instructions a guest executes between two marks, exactly.
 *
 * A span begins after the function `count_begin` and ends before `count_end`. At the end the file named by the argument out=FILE gets
 *
 *     span N            one line per span, in order: instructions in it
 *     symbol N NAME     of all spans together: instructions in that function
 *     stack ADDRESS     lowest address at or above floor=ADDRESS that was ever written
 *     total N           all instructions of the run
 *
 * QEMU's header isn't packaged everywhere, so what is used of it is declared here: only what is the same from QEMU 4.2 on. The number of
 * the interface is -DAPI=1 up to QEMU 8, -DAPI=2 from 9 on.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { CB_NO_REGS = 0, MEM_WRITE = 2 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, void (*)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *), int, int, void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = API;

struct symbol {
    struct symbol *next;
    char *name;
    uint64_t in_spans;
};

/* A translated block. It begins at a jump's target and never runs on into another function. */
struct block {
    struct symbol *symbol;
    uint64_t instructions;
    enum { PLAIN, BEGIN, END } kind;
};

static struct symbol *symbols;
static uint64_t *spans;
static size_t span_count, span_room;
static bool in_span;
static uint64_t span, total;
static uint64_t stack_floor, stack_lowest = UINT64_MAX;
static const char *out;

static void *must(void *p) {
    if (!p) {
        fputs("spans: out of memory\n", stderr);
        exit(1);
    }
    return p;
}

static struct symbol *symbol_named(const char *name) {
    struct symbol *s;
    for (s = symbols; s; s = s->next)
        if (!strcmp(s->name, name)) return s;
    s = must(calloc(1, sizeof *s));
    s->name = must(strdup(name));
    s->next = symbols;
    return symbols = s;
}

static void executed(unsigned cpu, void *data) {
    struct block *b = data;
    (void)cpu;
    total += b->instructions;
    if (b->kind == BEGIN) {
        in_span = true;
        span = 0;
        return;
    }
    if (!in_span) return;
    if (b->kind == END) {
        in_span = false;
        if (span_count == span_room) {
            span_room = span_room ? 2 * span_room : 1024;
            spans = must(realloc(spans, span_room * sizeof *spans));
        }
        spans[span_count++] = span;
        return;
    }
    span += b->instructions;
    b->symbol->in_spans += b->instructions;
}

static void written(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data) {
    (void)cpu, (void)info, (void)data;
    if (address >= stack_floor && address < stack_lowest) stack_lowest = address;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    size_t n = qemu_plugin_tb_n_insns(tb);
    const char *name = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(tb, 0));
    struct block *b = must(calloc(1, sizeof *b));
    (void)id;
    b->instructions = n;
    b->symbol = symbol_named(name ? name : "?");
    b->kind = !strcmp(b->symbol->name, "count_begin") ? BEGIN : !strcmp(b->symbol->name, "count_end") ? END : PLAIN;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, CB_NO_REGS, b);
    for (size_t i = 0; i < n; i++)
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), written, CB_NO_REGS, MEM_WRITE, NULL);
}

static void ended(qemu_plugin_id_t id, void *data) {
    FILE *f = fopen(out, "w");
    (void)id, (void)data;
    if (!f) {
        perror(out);
        return;
    }
    for (size_t i = 0; i < span_count; i++) fprintf(f, "span %" PRIu64 "\n", spans[i]);
    for (struct symbol *s = symbols; s; s = s->next)
        if (s->in_spans) fprintf(f, "symbol %" PRIu64 " %s\n", s->in_spans, s->name);
    fprintf(f, "stack %" PRIu64 "\ntotal %" PRIu64 "\n", stack_lowest, total);
    fclose(f);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) out = must(strdup(argv[i] + 4));
        if (!strncmp(argv[i], "floor=", 6)) stack_floor = strtoull(argv[i] + 6, NULL, 0);
    }
    if (!out) {
        fputs("spans: out=FILE is missing\n", stderr);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
