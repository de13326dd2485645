/* The tracing programs, written as instructions: the guest has no compiler. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "agent.h"
#include "trace.h"

#define MAX_FDS 2048
static int fds[MAX_FDS], fd_count, map = -1;
static struct trace_page *page;

#define MOV_REG(d, s) ((struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (d), .src_reg = (s) })
#define MOV_IMM(d, i) ((struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (d), .imm = (i) })
#define ALU_IMM(o, d, i) ((struct bpf_insn){ .code = BPF_ALU64 | (o) | BPF_K, .dst_reg = (d), .imm = (i) })
#define ALU_REG(o, d, s) ((struct bpf_insn){ .code = BPF_ALU64 | (o) | BPF_X, .dst_reg = (d), .src_reg = (s) })
#define LOAD(size, d, s, o) ((struct bpf_insn){ .code = BPF_LDX | BPF_MEM | (size), .dst_reg = (d), .src_reg = (s), .off = (o) })
#define STORE(size, d, s, o) ((struct bpf_insn){ .code = BPF_STX | BPF_MEM | (size), .dst_reg = (d), .src_reg = (s), .off = (o) })
#define STORE_IMM(size, d, o, i) ((struct bpf_insn){ .code = BPF_ST | BPF_MEM | (size), .dst_reg = (d), .off = (o), .imm = (i) })
#define JNE32_REG(d, s, o) ((struct bpf_insn){ .code = BPF_JMP32 | BPF_JNE | BPF_X, .dst_reg = (d), .src_reg = (s), .off = (o) })
#define JNE_REG(d, s, o) ((struct bpf_insn){ .code = BPF_JMP | BPF_JNE | BPF_X, .dst_reg = (d), .src_reg = (s), .off = (o) })
#define JNE_IMM(d, i, o) ((struct bpf_insn){ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = (d), .off = (o), .imm = (i) })
#define CALL(f) ((struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = (f) })
#define EXIT() ((struct bpf_insn){ .code = BPF_JMP | BPF_EXIT })
#define MAP_VALUE(d) \
	((struct bpf_insn){ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (d), .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map }), \
		((struct bpf_insn){})

#define AT(field) __builtin_offsetof(struct trace_page, field)

static int keep(int fd)
{
	if (fd < 0)
		return -errno;
	if (fd_count == MAX_FDS) {
		close(fd);
		return -EMFILE;
	}
	fds[fd_count++] = fd;
	return fd;
}

static int tracepoint(const char *name, const struct bpf_insn *insns, size_t n)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	int prog = keep(bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, name, "GPL", insns, n, &opts));

	return prog < 0 ? prog : keep(bpf_raw_tracepoint_open(name, prog));
}

struct trace_page *trace_start(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	map = keep(bpf_map_create(BPF_MAP_TYPE_ARRAY, "lab_trace", 4, sizeof(struct trace_page), 1, &opts));
	if (map < 0) {
		errno = -map;
		return NULL;
	}
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (page == MAP_FAILED)
		return NULL;
	const struct bpf_insn enter[] = {
		MOV_REG(6, 1), CALL(BPF_FUNC_get_current_pid_tgid), MAP_VALUE(7),
		LOAD(BPF_W, 2, 7, AT(tid)), JNE32_REG(0, 2, 6),
		LOAD(BPF_W, 2, 7, AT(state)), JNE_IMM(2, TRACE_ARMED, 4),
		LOAD(BPF_DW, 3, 6, 8), LOAD(BPF_W, 4, 7, AT(nr)), JNE_REG(3, 4, 1),
		STORE_IMM(BPF_W, 7, AT(state), TRACE_INSIDE),
		MOV_IMM(0, 0), EXIT(),
	};
	const struct bpf_insn leave[] = {
		MOV_REG(6, 1), CALL(BPF_FUNC_get_current_pid_tgid), MAP_VALUE(7),
		LOAD(BPF_W, 2, 7, AT(tid)), JNE32_REG(0, 2, 5),
		LOAD(BPF_W, 2, 7, AT(state)), JNE_IMM(2, TRACE_INSIDE, 3),
		LOAD(BPF_DW, 3, 6, 8), STORE(BPF_DW, 7, 3, AT(ret)),
		STORE_IMM(BPF_W, 7, AT(state), TRACE_DONE),
		MOV_IMM(0, 0), EXIT(),
	};
	int a = tracepoint("sys_enter", enter, sizeof(enter) / sizeof(*enter));
	int b = tracepoint("sys_exit", leave, sizeof(leave) / sizeof(*leave));
	const struct bpf_insn ended[] = {
		CALL(BPF_FUNC_get_current_pid_tgid), MAP_VALUE(7),
		LOAD(BPF_DW, 3, 7, AT(dead_count)), MOV_REG(4, 3),
		ALU_IMM(BPF_AND, 4, TRACE_DEAD - 1), ALU_IMM(BPF_LSH, 4, 2), ALU_REG(BPF_ADD, 4, 7),
		STORE(BPF_W, 4, 0, AT(dead)),
		ALU_IMM(BPF_ADD, 3, 1), STORE(BPF_DW, 7, 3, AT(dead_count)),
		MOV_IMM(0, 0), EXIT(),
	};
	int c = tracepoint("sched_process_exit", ended, sizeof(ended) / sizeof(*ended));

	if (a < 0 || b < 0 || c < 0) {
		errno = a < 0 ? -a : b < 0 ? -b : -c;
		return NULL;
	}
	return page;
}

/* fexit on the program `target`, which has its return value behind `args` eight-byte arguments. */
static int follow(int target, int btf_id, unsigned int index, int args)
{
	const struct bpf_insn insns[] = {
		MOV_REG(6, 1), CALL(BPF_FUNC_get_current_pid_tgid), MAP_VALUE(7),
		LOAD(BPF_W, 2, 7, AT(tid)), JNE32_REG(0, 2, 12),
		LOAD(BPF_W, 2, 7, AT(state)), JNE_IMM(2, TRACE_INSIDE, 10),
		LOAD(BPF_DW, 3, 7, AT(count)), MOV_REG(4, 3),
		ALU_IMM(BPF_AND, 4, TRACE_EVENTS - 1), ALU_IMM(BPF_LSH, 4, 3), ALU_REG(BPF_ADD, 4, 7),
		STORE_IMM(BPF_W, 4, AT(event), index),
		LOAD(BPF_DW, 5, 6, args * 8), STORE(BPF_W, 4, 5, AT(event) + 4),
		ALU_IMM(BPF_ADD, 3, 1), STORE(BPF_DW, 7, 3, AT(count)),
		MOV_IMM(0, 0), EXIT(),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FEXIT, .attach_btf_id = btf_id,
		    .attach_prog_fd = target);
	int prog = keep(bpf_prog_load(BPF_PROG_TYPE_TRACING, "lab_fexit", "GPL", insns, sizeof(insns) / sizeof(*insns), &opts));

	return prog < 0 ? prog : keep(bpf_raw_tracepoint_open(NULL, prog));
}

int trace_program(int target, unsigned int index)
{
	struct bpf_func_info first = {};
	struct bpf_prog_info info = { .nr_func_info = 1, .func_info_rec_size = sizeof(first), .func_info = (unsigned long)&first };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(target, &info, &size))
		return -errno;
	if (!info.nr_func_info || !first.type_id)
		return -ENODATA;
	/*
	 * Where the verifier does not trust the program's BTF prototype (it never does for `unsigned long long *ctx`), its
	 * trampoline passes five arguments whatever the prototype says, and the return value behind them; a read there is
	 * refused in the other case (btf_distill_func_proto, kernel/bpf/btf.c).
	 */
	int link = follow(target, first.type_id, index, 5);

	if (link == -EACCES || link == -EINVAL)
		link = follow(target, first.type_id, index, 1);
	return link < 0 ? link : 0;
}

/* Asks the mapped memory only: pidfd_open opens a file of pidfs on 6.12, which a policy would see. */
int trace_dead(int tid)
{
	for (unsigned long long i = 0; page && i < page->dead_count && i < TRACE_DEAD; i++)
		if (page->dead[i] == (unsigned int)tid)
			return 1;
	return 0;
}

void trace_stop(void)
{
	while (fd_count)
		close(fds[--fd_count]);
	if (page && page != MAP_FAILED)
		munmap(page, sizeof(*page));
	page = NULL;
	map = -1;
}
