/*
 * Runs a scenario. The host lowers it to a list of simple operations; here they are executed one after the other:
 * a fresh root file system, tasks under remote control (shared.h), policies loaded and attached, steps traced.
 *
 *   world                                     new mount namespace with an empty tmpfs as root, /proc mounted
 *   data OFFSET HEX | poke OFFSET SIZE ARG    bytes, or the value of a variable, into the shared memory
 *   spawn SLOT PID EXE                        task as a child of init (EXE hex; `-`: the stub itself, any pid for 0)
 *   sys SLOT CHILD SAVE LABEL NR A0..A5       a system call that must succeed (LABEL hex, `-` = may fail)
 *   reap SLOT                                 kill that task and wait for it
 *   aa VERB BYTES                             bytes to /sys/kernel/security/apparmor/.VERB
 *   write PATH VALUE                          a setting of the kernel, e.g. yama's scope
 *   object NAME BYTES                         an ELF object (bytes follow)
 *   global OBJECT VARIABLE HEX | mapset OBJECT MAP KEY VALUE
 *   load | attach                             all objects, in the order given
 *   inode PATH                                (hex) whose inode storage is dumped at the end
 *   nextpid PID                               the next fork gets this pid
 *   step SLOT CHILD SAVE FLAGS TIMEOUT NR A0..A5   a traced system call (FLAGS 1: an exec after which the task goes on)
 *
 * An argument is a number or `$n`, the result saved as n. SAVE -1: nowhere. CHILD -1: no fork.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "agent.h"
#include "shared.h"
#include "trace.h"

#define MAX_OBJECTS 32
#define MAX_PROGRAMS 512
#define MAX_VARS 1024
#define SETUP_TIMEOUT 5000

struct task {
	int pid;
	int pidfd;
	/* The call in progress; equal to the slot's `done` when idle. */
	unsigned int req;
	/* Runs something that no longer listens (an exec that ended its part). */
	int parked;
};

struct policy {
	char *name;
	struct bpf_object *object;
	struct ring_buffer *rings;
};

struct program {
	int policy;
	struct bpf_program *program;
	struct bpf_link *link;
	/* 0: runs are traced; otherwise why not, and run_cnt is used. */
	int trace_error;
	unsigned long long runs;
};

static unsigned char *shm;
static struct slot *slots;
static int shm_fd = -1, stub_fd = -1, null_fd = -1, own_ns = -1, pid_fd = -1;

static struct task tasks[MAX_SLOTS];
static struct policy policies[MAX_OBJECTS];
static struct program programs[MAX_PROGRAMS];
static int policy_count, program_count, world_fd = -1, stats_fd = -1, step_index, record_count;
static long long vars[MAX_VARS];
static struct map_keys inodes;
static struct trace_page *trace;

static int pidfd_open(int pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

static void nap(long microseconds)
{
	struct timespec t = { 0, microseconds * 1000 };

	nanosleep(&t, NULL);
}

/* Once, before the first job: shared memory, the stub, settings that all runs need. */
int run_init(void)
{
	struct stat st;

	shm_fd = syscall(SYS_memfd_create, "lsmith", MFD_CLOEXEC);
	if (shm_fd < 0 || ftruncate(shm_fd, SHM_SIZE))
		return errno;
	shm = mmap((void *)SHM_ADDR, SHM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, shm_fd, 0);
	if (shm == MAP_FAILED)
		return errno;
	slots = (struct slot *)shm;
	stub_fd = open("/task", O_RDONLY | O_CLOEXEC);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	own_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	pid_fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	if (stub_fd < 0 || null_fd < 0 || own_ns < 0 || pid_fd < 0 || fstat(stub_fd, &st))
		return errno;
	/* Kernel threads that start later take high pids and leave the low ones to scenarios. */
	write_file("/proc/sys/kernel/pid_max", "4194304", 7);
	if (pwrite(pid_fd, "1000000", 7, 0) != 7)
		return errno;
	return 0;
}

static int world(void)
{
	if (unshare(CLONE_NEWNS))
		return -errno;
	int e = 0;

	mkdir("/world", 0755);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("world", "/world", "tmpfs", 0, "mode=0755") ||
	    mkdir("/world/proc", 0555) || mount("proc", "/world/proc", "proc", 0, NULL) || chdir("/world") ||
	    mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		e = -errno;
	world_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (setns(own_ns, CLONE_NEWNS) || world_fd < 0)
		e = e ? e : -errno;
	return e;
}

static void start_slot(int slot, int pid)
{
	tasks[slot].pid = pid;
	tasks[slot].pidfd = trace ? -1 : pidfd_open(pid);
	tasks[slot].parked = 0;
}

static int spawn(int slot, int pid, const char *exe)
{
	int set[1] = { pid };
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = pid ? (unsigned long)set : 0, .set_tid_size = pid ? 1 : 0 };
	char path[4096] = "", env[32];

	memset(&slots[slot], 0, sizeof(slots[slot]));
	tasks[slot].req = 0;
	if (strcmp(exe, "-"))
		path[unhex(exe, (unsigned char *)path, sizeof(path) - 1)] = 0;
	snprintf(env, sizeof(env), "LSMITH=%d", slot);
	/* The stub answers its first request right after its exec: that is how we know that it runs. */
	slots[slot].req = tasks[slot].req = 1;
	long child = syscall(SYS_clone3, &args, sizeof(args));

	if (child < 0)
		return -errno;
	if (child == 0) {
		char *argv[] = { path[0] ? path : "task", NULL }, *envp[] = { env, NULL };

		if (setns(world_fd, CLONE_NEWNS) || chdir("/"))
			_exit(97);
		for (int fd = 0; fd < 3; fd++)
			dup2(null_fd, fd);
		dup2(shm_fd, SHM_FD);
		if (path[0])
			execve(path, argv, envp);
		else
			execveat(stub_fd, "", argv, envp, AT_EMPTY_PATH);
		_exit(98);
	}
	start_slot(slot, child);
	return 0;
}

static int gone(const struct task *t)
{
	struct pollfd p = { t->pidfd, POLLIN, 0 };

	if (trace && trace_dead(t->pid))
		return 1;
	if (t->pidfd < 0)
		return !trace;
	return poll(&p, 1, 0) > 0;
}

enum outcome { DONE, DIED, BLOCKED, BUSY };
static const char *const outcome_names[] = { "done", "died", "blocked", "busy" };

/* Waits for the call in progress; `exec_done`: the tracer's word that an exec returned is enough. */
static enum outcome await(int slot, int timeout, int exec_done)
{
	double end = seconds() + timeout / 1e3;

	for (;;) {
		if (slots[slot].done == tasks[slot].req)
			return DONE;
		if (exec_done && trace->state == TRACE_DONE && trace->ret == 0) {
			tasks[slot].parked = 1;
			return DONE;
		}
		if (gone(&tasks[slot]))
			return slots[slot].done == tasks[slot].req ? DONE : DIED;
		if (seconds() > end)
			return BLOCKED;
		nap(200);
	}
}

static void start_call(int slot, int child, long long nr, const long long *args)
{
	struct slot *s = &slots[slot];

	if (child >= 0) {
		memset(&slots[child], 0, sizeof(slots[child]));
		tasks[child].req = 0;
	}
	s->nr = nr;
	for (int i = 0; i < 6; i++)
		s->arg[i] = args[i];
	s->child = child + 1;
	s->req = ++tasks[slot].req;
	syscall(SYS_futex, &s->req, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static long long argument(const char *word)
{
	if (word && word[0] == '$') {
		int i = atoi(word + 1);

		return i >= 0 && i < MAX_VARS ? vars[i] : 0;
	}
	return number(word);
}

static int slot_number(const char *word)
{
	int n = number(word);

	return n >= -1 && n < MAX_SLOTS ? n : -1;
}

static void save_result(int save, long long ret)
{
	if (save >= 0 && save < MAX_VARS)
		vars[save] = ret;
}

/* A call of the set-up. Returns 0, or -1 when it had to succeed and did not (already reported). */
static int setup_call(char *line)
{
	int slot = slot_number(next_word(&line)), child = slot_number(next_word(&line)), save = number(next_word(&line));
	char *label = next_word(&line);
	long long nr = number(next_word(&line)), args[6];
	char text[512] = "";

	for (int i = 0; i < 6; i++)
		args[i] = argument(next_word(&line));
	if (label && strcmp(label, "-"))
		text[unhex(label, (unsigned char *)text, sizeof(text) - 1)] = 0;
	if (slot < 0 || tasks[slot].pid <= 0) {
		out_error(text[0] ? text : "system call of a task that does not exist", ESRCH);
		return -1;
	}
	start_call(slot, child, nr, args);
	enum outcome o = await(slot, SETUP_TIMEOUT, 0);
	long long ret = o == DONE ? slots[slot].ret : o == DIED ? -ESRCH : -ETIMEDOUT;

	save_result(save, ret);
	if (child >= 0 && ret > 0)
		start_slot(child, ret);
	if (ret < 0 && ret >= -4095 && text[0]) {
		out_error(text, -ret);
		return -1;
	}
	return 0;
}

static void reap(int slot)
{
	struct task *t = &tasks[slot];

	if (t->pid <= 0)
		return;
	kill(t->pid, SIGKILL);
	for (int i = 0; i < 1000 && !gone(t); i++)
		nap(1000);
	waitpid(t->pid, NULL, WNOHANG);
	close(t->pidfd);
	t->pid = 0;
}

/* ---- policies ---- */

static struct policy *policy_named(const char *name)
{
	for (int i = 0; name && i < policy_count; i++)
		if (!strcmp(policies[i].name, name))
			return &policies[i];
	return NULL;
}

static int set_global(const char *object, const char *variable, const char *hex)
{
	struct policy *p = policy_named(object);
	const struct btf *btf = p ? bpf_object__btf(p->object) : NULL;

	if (!btf || !variable || !hex)
		return -ENOENT;
	for (unsigned int id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *section = btf__type_by_id(btf, id);

		if (!btf_is_datasec(section))
			continue;
		const struct btf_var_secinfo *v = btf_var_secinfos(section);

		for (int i = 0; i < btf_vlen(section); i++, v++) {
			const struct btf_type *type = btf__type_by_id(btf, v->type);
			struct bpf_map *map;

			if (strcmp(btf__name_by_offset(btf, type->name_off), variable))
				continue;
			bpf_object__for_each_map(map, p->object) {
				size_t size = 0;
				unsigned char *initial;

				/* libbpf puts the object's name in front: `policy.rodata`. */
				const char *dot = bpf_map__is_internal(map) ? strchr(bpf_map__name(map), '.') : NULL;

				if (!dot || strcmp(dot, btf__name_by_offset(btf, section->name_off)))
					continue;
				initial = (unsigned char *)bpf_map__initial_value(map, &size);
				if (!initial || v->offset + v->size > size)
					return -ERANGE;
				memset(initial + v->offset, 0, v->size);
				unhex(hex, initial + v->offset, v->size);
				return 0;
			}
		}
	}
	return -ENOENT;
}

static int set_map(const char *object, const char *name, const char *key_hex, const char *value_hex)
{
	struct policy *p = policy_named(object);
	struct bpf_map *map = p && name ? bpf_object__find_map_by_name(p->object, name) : NULL;

	if (!map || !key_hex || !value_hex)
		return -ENOENT;
	/* Per-CPU values: the same for every CPU. */
	size_t value_size = bpf_map__value_size(map), slot = (value_size + 7) & ~7ul;
	int cpus = libbpf_num_possible_cpus(), e;
	unsigned char *key = calloc(1, bpf_map__key_size(map) + 8), *value = calloc(cpus, slot + 8);

	unhex(key_hex, key, bpf_map__key_size(map));
	for (int i = 0; i < cpus; i++)
		unhex(value_hex, value + i * slot, value_size);
	e = bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY);
	free(key);
	free(value);
	return e;
}

static int on_record(void *context, void *data, size_t n)
{
	out(record_count++ ? ",[" : "[");
	out_string(context);
	out(",");
	out_hex(data, n);
	out("]");
	return 0;
}

/* Loads all objects; a refusal is reported with the verifier's log and ends the job. */
static int load_all(void)
{
	for (int i = 0; i < policy_count; i++) {
		struct bpf_object *object = policies[i].object;
		struct bpf_program *p, *refused = NULL;
		struct bpf_map *map;
		int e, n = 0;
		static char *logs[MAX_PROGRAMS];

		bpf_object__for_each_program(p, object) {
			if (n >= MAX_PROGRAMS)
				break;
			if (!logs[n])
				logs[n] = malloc(1 << 18);
			logs[n][0] = 0;
			bpf_program__set_log_buf(p, logs[n], 1 << 18);
			bpf_program__set_log_level(p, 1);
			n++;
		}
		libbpf_reset();
		e = bpf_object__load(object);
		if (e) {
			const char *log = "";

			n = 0;
			bpf_object__for_each_program(p, object) {
				const char *name = bpf_program__name(p);
				char quoted[256];

				snprintf(quoted, sizeof(quoted), "prog '%s'", name);
				if (strstr(libbpf_text, quoted) && strstr(libbpf_text, "BPF program load failed"))
					refused = p, log = n < MAX_PROGRAMS && logs[n] ? logs[n] : "";
				n++;
			}
			out("{\"t\":\"refused\",\"object\":");
			out_string(policies[i].name);
			out(",\"program\":");
			out_string(refused ? bpf_program__name(refused) : "");
			out(",\"errno\":%d,\"libbpf\":", -e);
			out_text(libbpf_text, 4000);
			out(",\"log\":");
			out_text(log, 8000);
			out("}");
			out_line();
			return -1;
		}
		bpf_object__for_each_map(map, object) {
			if (bpf_map__type(map) != BPF_MAP_TYPE_RINGBUF)
				continue;
			if (!policies[i].rings)
				policies[i].rings = ring_buffer__new(bpf_map__fd(map), on_record, (void *)bpf_map__name(map), NULL);
			else
				ring_buffer__add(policies[i].rings, bpf_map__fd(map), on_record, (void *)bpf_map__name(map));
		}
		bpf_object__for_each_program(p, object) {
			if (program_count == MAX_PROGRAMS)
				break;
			programs[program_count++] = (struct program){ .policy = i, .program = p };
		}
	}
	return 0;
}

static int on_bpf_hook(const struct program *p)
{
	const char *section = bpf_program__section_name(p->program), *slash = strchr(section, '/');

	return slash && (!strncmp(slash + 1, "bpf", 3) || !strncmp(slash + 1, "capable", 7));
}

static void attach_one(int i)
{
	struct program *p = &programs[i];

	errno = 0;
	libbpf_reset();
	p->link = bpf_program__attach(p->program);
	int e = p->link ? 0 : errno;

	out("{\"t\":\"attach\",\"i\":%d,\"object\":", i);
	out_string(policies[p->policy].name);
	out(",\"program\":");
	out_string(bpf_program__name(p->program));
	out(",\"section\":");
	out_string(bpf_program__section_name(p->program));
	out(",\"errno\":%d,\"traceErrno\":%d}", e, -p->trace_error);
	out_line();
}

/*
 * Tracers first, then the policies' programs in their order; those on the bpf and capable hooks last, so that a
 * policy cannot forbid us to attach the rest of itself. Order only matters among programs of one hook, and is kept.
 */
static int attach_all(void)
{
	trace = trace_start();
	if (!trace) {
		out_error("system-call tracer refused", errno);
		return -1;
	}
	int counted = 0;

	for (int i = 0; i < program_count; i++) {
		programs[i].trace_error = trace_program(bpf_program__fd(programs[i].program), i);
		counted += programs[i].trace_error != 0;
	}
	if (counted)
		stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	for (int last = 0; last < 2; last++)
		for (int i = 0; i < program_count; i++)
			if (on_bpf_hook(&programs[i]) == last)
				attach_one(i);
	return 0;
}

/* Run counts of programs that cannot be traced. Asking passes the bpf and capable hooks itself. */
static void run_counts(int print)
{
	int first = 1;

	for (int i = 0; i < program_count; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (!programs[i].trace_error)
			continue;
		if (bpf_obj_get_info_by_fd(bpf_program__fd(programs[i].program), &info, &size))
			continue;
		if (print && info.run_cnt > programs[i].runs) {
			out("%s[%d,%llu]", first ? "" : ",", i, info.run_cnt - programs[i].runs);
			first = 0;
		}
		programs[i].runs = info.run_cnt;
	}
}

static int step(char *line)
{
	int slot = slot_number(next_word(&line)), child = slot_number(next_word(&line)), save = number(next_word(&line));
	int flags = number(next_word(&line)), timeout = number(next_word(&line)), index = step_index++;
	long long nr = number(next_word(&line)), args[6], ret = 0;
	enum outcome o = BUSY;

	for (int i = 0; i < 6; i++)
		args[i] = argument(next_word(&line));
	trace->state = TRACE_OFF;
	trace->count = 0;
	trace->ret = 0;
	if (slot >= 0 && tasks[slot].pid > 0 && gone(&tasks[slot])) {
		o = DIED;
	} else if (slot >= 0 && tasks[slot].pid > 0 && !tasks[slot].parked && slots[slot].done == tasks[slot].req) {
		run_counts(0);
		trace->tid = tasks[slot].pid;
		trace->nr = nr;
		trace->state = TRACE_ARMED;
		start_call(slot, child, nr, args);
		o = await(slot, timeout, nr == SYS_execve && !(flags & 1));
	}
	unsigned int state = trace->state;

	trace->state = TRACE_OFF;
	ret = state == TRACE_DONE ? trace->ret : o == DONE ? slots[slot].ret : 0;
	save_result(save, o == DONE ? ret : -EBADF);
	if (child >= 0 && o == DONE && ret > 0)
		start_slot(child, ret);
	out("{\"t\":\"step\",\"i\":%d,\"ret\":%lld,\"state\":\"%s\",\"traced\":%d,\"runs\":%llu,\"calls\":[", index, ret,
	    outcome_names[o], state, trace->count);
	unsigned long long from = trace->count > TRACE_EVENTS ? trace->count - TRACE_EVENTS : 0;

	for (unsigned long long i = from; i < trace->count; i++) {
		struct trace_event *e = &trace->event[i % TRACE_EVENTS];

		out("%s[%u,%d]", i > from ? "," : "", e->program, e->ret);
	}
	out("],\"counts\":[");
	if (o != BUSY)
		run_counts(1);
	out("],\"records\":[");
	record_count = 0;
	for (int i = 0; i < policy_count; i++)
		if (policies[i].rings)
			ring_buffer__consume(policies[i].rings);
	out("]}");
	out_line();
	return 0;
}

static void remember_inode(const char *hex)
{
	char path[4096];

	if (inodes.count == 64)
		return;
	path[unhex(hex, (unsigned char *)path, sizeof(path) - 1)] = 0;
	inodes.fd[inodes.count] = -1;
	inodes.name[inodes.count++] = strdup(path);
}

/* Detach first: from here on nothing we do is seen or refused by a policy. */
static void finish(void)
{
	struct map_keys processes = { .count = 0 };
	char name[16];

	for (int i = 0; i < program_count; i++)
		bpf_link__destroy(programs[i].link);
	if (trace)
		trace_stop();
	trace = NULL;
	for (int i = 0; i < MAX_SLOTS; i++)
		if (tasks[i].pid > 0 && tasks[i].pidfd < 0)
			tasks[i].pidfd = pidfd_open(tasks[i].pid);
	if (world_fd >= 0 && inodes.count && !setns(world_fd, CLONE_NEWNS)) {
		for (int i = 0; i < inodes.count; i++)
			inodes.fd[i] = open(inodes.name[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		setns(own_ns, CLONE_NEWNS);
	}
	for (int i = 0; i < MAX_SLOTS; i++) {
		if (tasks[i].pid <= 0)
			continue;
		snprintf(name, sizeof(name), "%d", tasks[i].pid);
		processes.fd[processes.count] = tasks[i].pidfd;
		processes.name[processes.count++] = strdup(name);
	}
	for (int i = 0; i < policy_count; i++)
		dump_maps(policies[i].object, policies[i].name, &processes, &inodes);
	while (processes.count)
		free(processes.name[--processes.count]);
	while (inodes.count) {
		free(inodes.name[--inodes.count]);
		if (inodes.fd[inodes.count] >= 0)
			close(inodes.fd[inodes.count]);
	}
	for (int i = 0; i < MAX_SLOTS; i++)
		if (tasks[i].pid > 0)
			kill(tasks[i].pid, SIGKILL);
	for (int i = 0; i < MAX_SLOTS; i++)
		reap(i);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	for (int i = 0; i < policy_count; i++) {
		ring_buffer__free(policies[i].rings);
		bpf_object__close(policies[i].object);
		free(policies[i].name);
	}
	if (stats_fd >= 0)
		close(stats_fd);
	if (world_fd >= 0)
		close(world_fd);
	stats_fd = world_fd = -1;
	memset(policies, 0, sizeof(policies));
	memset(programs, 0, sizeof(programs));
	memset(tasks, 0, sizeof(tasks));
	policy_count = program_count = step_index = 0;
}

static int add_object(struct payload *p, char *line)
{
	char *name = next_word(&line);
	size_t n = number(next_word(&line));
	char *bytes = payload_bytes(p, n);

	if (!name || !bytes || policy_count == MAX_OBJECTS)
		return -EINVAL;
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	struct bpf_object *object = bpf_object__open_mem(bytes, n, &opts);

	if (!object)
		return -errno;
	policies[policy_count++] = (struct policy){ .name = strdup(name), .object = object };
	return 0;
}

/* One operation; 0, or non-zero to end the job. A negative errno is reported here. */
static int operation(struct payload *p, char *op, char *line)
{
	int e = 0;

	if (!strcmp(op, "step"))
		return trace ? step(line) : -1;
	if (!strcmp(op, "sys"))
		return setup_call(line);
	if (!strcmp(op, "load"))
		return load_all();
	if (!strcmp(op, "attach"))
		return attach_all();
	char text[600];

	snprintf(text, sizeof(text), "%s %.500s", op, line);
	if (!strcmp(op, "world")) {
		e = world();
	} else if (!strcmp(op, "data")) {
		size_t at = number(next_word(&line));

		if (at < DATA_OFFSET || at >= SHM_SIZE)
			e = -ERANGE;
		else
			unhex(line, shm + at, SHM_SIZE - at);
	} else if (!strcmp(op, "poke")) {
		size_t at = number(next_word(&line)), n = number(next_word(&line));
		long long value = argument(next_word(&line));

		if (at < DATA_OFFSET || n > 8 || at + n > SHM_SIZE)
			e = -ERANGE;
		else
			memcpy(shm + at, &value, n);
	} else if (!strcmp(op, "spawn")) {
		int slot = slot_number(next_word(&line)), pid = number(next_word(&line));

		e = slot < 0 ? -EINVAL : spawn(slot, pid, next_word(&line));
		if (!e) {
			enum outcome o = await(slot, SETUP_TIMEOUT, 0);

			e = o == DONE ? 0 : o == DIED ? -ENOEXEC : -ETIMEDOUT;
		}
	} else if (!strcmp(op, "reap")) {
		int slot = slot_number(next_word(&line));

		if (slot >= 0)
			reap(slot);
	} else if (!strcmp(op, "aa")) {
		char path[128], *verb = next_word(&line);
		size_t n = number(next_word(&line));
		char *bytes = payload_bytes(p, n);

		snprintf(path, sizeof(path), "/sys/kernel/security/apparmor/.%s", verb ? verb : "");
		e = bytes ? write_file(path, bytes, n) : -EINVAL;
	} else if (!strcmp(op, "write")) {
		char *path = next_word(&line);

		e = path ? write_file(path, line, strlen(line)) : -EINVAL;
	} else if (!strcmp(op, "object")) {
		e = add_object(p, line);
	} else if (!strcmp(op, "global")) {
		char *object = next_word(&line), *variable = next_word(&line);

		e = set_global(object, variable, next_word(&line));
	} else if (!strcmp(op, "mapset")) {
		char *object = next_word(&line), *map = next_word(&line), *key = next_word(&line);

		e = set_map(object, map, key, next_word(&line));
	} else if (!strcmp(op, "inode")) {
		remember_inode(line);
	} else if (!strcmp(op, "nextpid")) {
		int n = snprintf(text, sizeof(text), "%lld", number(next_word(&line)) - 1);

		e = pwrite(pid_fd, text, n, 0) == n ? 0 : -errno;
	} else {
		e = -ENOSYS;
	}
	if (e)
		out_error(text, -e);
	return e;
}

int job_run(struct payload *p)
{
	char *line;
	double start = seconds(), load = 0, attach = 0;

	memset(vars, 0, sizeof(vars));
	while ((line = payload_line(p))) {
		char *op = next_word(&line);
		double t = seconds();
		int e = op ? operation(p, op, line) : 0;

		if (op && !strcmp(op, "load"))
			load = seconds() - t;
		if (op && !strcmp(op, "attach"))
			attach = seconds() - t;
		if (e)
			break;
	}
	double end = seconds();

	finish();
	out("{\"t\":\"time\",\"load\":%.3f,\"attach\":%.3f,\"rest\":%.3f,\"finish\":%.3f}", load, attach, end - start - load - attach,
	    seconds() - end);
	out_line();
	return 0;
}
