/*
 * Who was called: small tracing programs of the agent's own that record, in memory the agent has mapped, every run of
 * a policy program (fexit on that program) between entry and exit of one system call of one task. Nothing has to be
 * asked of the kernel while policies are attached, so the measurement adds no hook calls of its own.
 */
#ifndef LSMITH_TRACE_H
#define LSMITH_TRACE_H

#include <bpf/libbpf.h>

#define TRACE_EVENTS 4096
#define TRACE_DEAD 256

enum { TRACE_OFF, TRACE_ARMED, TRACE_INSIDE, TRACE_DONE };

struct trace_event {
	unsigned int program;
	int ret;
};

struct trace_page {
	/* The task and system call to follow, set by the agent before `state`. */
	volatile unsigned int tid;
	volatile unsigned int nr;
	volatile unsigned int state;
	volatile unsigned int pad;
	volatile long long ret;
	/* Runs seen; only the last TRACE_EVENTS are kept. */
	volatile unsigned long long count;
	/* Tasks that ended, by thread id. */
	volatile unsigned long long dead_count;
	volatile unsigned int dead[TRACE_DEAD];
	char rest[4096 - 40 - 4 * TRACE_DEAD];
	struct trace_event event[TRACE_EVENTS];
};

/* NULL and errno when the kernel refuses. */
struct trace_page *trace_start(void);
/* Follows runs of `target` (a loaded program) as `index`. Negative errno when it cannot be traced. */
int trace_program(int target, unsigned int index);
int trace_dead(int tid);
void trace_stop(void);

#endif
