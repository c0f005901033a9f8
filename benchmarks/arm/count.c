/* A qemu-user plugin: how many instructions an aarch64 program executes between two marks.
 *
 * The mark is a harmless system call, close(0x7EADBEE1) to start and close(0x7EADBEE2) to stop, which appends the count
 * to the file named by out=. Declares what it needs of the plugin interface, version 1 (qemu 4.2 to 8.x), itself: no
 * package of Debian ships its header. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))
enum { CLOSE = 57, START = 0x7EADBEE1, STOP = 0x7EADBEE2, ADD = 0 };

struct qemu_plugin_tb;
typedef void translated(uint64_t id, struct qemu_plugin_tb *block);
typedef void called(uint64_t id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                    uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated *callback);
extern void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, called *callback);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *to, uint64_t by);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
EXPORTED int qemu_plugin_version = 1;

/* One thread runs at a time in what is measured, so one counter will do. */
static uint64_t executed;
static const char *out;

static void on_translated(uint64_t id, struct qemu_plugin_tb *block)
{
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &executed, qemu_plugin_tb_n_insns(block));
}

static void on_call(uint64_t id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                    uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    if (number != CLOSE)
        return;
    if ((uint32_t)a1 == START)
        executed = 0;
    if ((uint32_t)a1 == STOP) {
        FILE *file = fopen(out, "a");
        fprintf(file, "%llu\n", (unsigned long long)executed);
        fclose(file);
    }
}

EXPORTED int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "out=", 4) == 0)
            out = strdup(argv[i] + 4);
    if (!out) {
        fputs("count.so needs out=FILE\n", stderr);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    qemu_plugin_register_vcpu_syscall_cb(id, on_call);
    return 0;
}
