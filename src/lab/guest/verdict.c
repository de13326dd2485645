/*
 * Verdicts of the real verifier: programs of ELF objects, each on its own through libbpf, and batches of raw
 * instruction streams straight through BPF_PROG_LOAD (some hundreds a second even under emulation).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agent.h"

struct object_options {
	int level;
	int attach;
	size_t cap;
	/* Whole objects first; programs on their own only where that fails. */
	int together;
};

/* Maps of maps whose object leaves open what they hold: what its own loader would set before the load. */
#define MAX_INNER 16

static struct inner {
	char map[64];
	int fd, outer_entries;
} inners[MAX_INNER];
static int inner_count;

static void forget_inner(void)
{
	while (inner_count)
		close(inners[--inner_count].fd);
}

/* `MAP TYPE KEY VALUE ENTRIES OUTER_ENTRIES`; OUTER_ENTRIES 0: as the object says. */
static int declare_inner(char **line)
{
	struct inner *i = &inners[inner_count];
	char *map = next_word(line);
	int type = number(next_word(line)), key = number(next_word(line)), value = number(next_word(line));
	int entries = number(next_word(line));

	if (!map || inner_count >= MAX_INNER)
		return -EINVAL;
	snprintf(i->map, sizeof(i->map), "%s", map);
	i->outer_entries = number(next_word(line));
	i->fd = bpf_map_create(type, "inner", key, value, entries, NULL);
	if (i->fd < 0)
		return -errno;
	inner_count++;
	return 0;
}

static void set_inner(struct bpf_object *object)
{
	for (int i = 0; object && i < inner_count; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, inners[i].map);

		if (!map)
			continue;
		bpf_map__set_inner_map_fd(map, inners[i].fd);
		if (inners[i].outer_entries)
			bpf_map__set_max_entries(map, inners[i].outer_entries);
	}
}

/* The last "processed N insns" of a log; -1 when it has none. */
static long processed(const char *log)
{
	const char *found = NULL;

	for (const char *at = log; (at = strstr(at, "processed ")); at++)
		found = at;
	return found ? atol(found + 10) : -1;
}

/* What became of one program; `e` is the error of the load. */
static void report(const char *name, struct bpf_program *me, int e, int level, double ms, const char *log,
		   struct object_options o)
{
	out("{\"t\":\"program\",\"object\":");
	out_string(name);
	out(",\"name\":");
	out_string(bpf_program__name(me));
	out(",\"section\":");
	out_string(bpf_program__section_name(me));
	out(",\"accepted\":%s,\"errno\":%d,\"insns\":%zu,\"processed\":%ld,\"ms\":%.2f,\"level\":%d", e ? "false" : "true", -e,
	    bpf_program__insn_cnt(me), processed(log), ms, level);
	if (!e) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(me), &info, &size))
			out(",\"xlatedBytes\":%u,\"jitedBytes\":%u,\"verifiedInsns\":%u", info.xlated_prog_len, info.jited_prog_len,
			    info.verified_insns);
		if (o.attach) {
			errno = 0;
			struct bpf_link *link = bpf_program__attach(me);

			out(",\"attached\":%s,\"attachErrno\":%d", link ? "true" : "false", link ? 0 : errno);
			bpf_link__destroy(link);
		}
	}
	out(",\"log\":");
	out_text(log, o.cap);
	out(",\"libbpf\":");
	out_text(e ? libbpf_text : "", 4000);
	out("}");
	out_line();
	out_flush();
}

static struct bpf_object *open_object(const char *name, const char *bytes, size_t n)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);

	libbpf_reset();
	struct bpf_object *object = bpf_object__open_mem(bytes, n, &opts);

	set_inner(object);
	return object;
}

static void one_program(const char *name, const char *bytes, size_t n, const char *program, struct object_options o)
{
	struct bpf_object *object = open_object(name, bytes, n);
	struct bpf_program *p, *me = NULL;

	if (!object)
		return;
	bpf_object__for_each_program(p, object) {
		int is = !strcmp(bpf_program__name(p), program);

		bpf_program__set_autoload(p, is);
		if (is)
			me = p;
	}
	libbpf_reset();
	log_buffer[0] = 0;
	bpf_program__set_log_buf(me, log_buffer, LOG_SIZE);
	bpf_program__set_log_level(me, o.level);
	double t0 = seconds();
	int e = bpf_object__load(object);
	double t1 = seconds();
	if (e == -ENOSPC && o.level != 4) {
		/* Kernels before 6.4 let a log that does not fit replace the verdict: ask again for statistics only. */
		bpf_object__close(object);
		o.level = 4;
		one_program(name, bytes, n, program, o);
		return;
	}
	report(name, me, e, o.level, (t1 - t0) * 1e3, log_buffer, o);
	bpf_object__close(object);
}

/* Statistics of a program that loads. */
#define SHORT_LOG 4096

/* The program that libbpf complained about last, by its place in `names`; -1 when it named none. */
static int blamed(char *const *names, int count)
{
	int found = -1;
	const char *last = NULL;

	for (int i = 0; i < count; i++) {
		char text[256];

		if (!names[i])
			continue;
		snprintf(text, sizeof(text), "prog '%s':", names[i]);
		for (const char *at = libbpf_text; (at = strstr(at, text)); at++)
			if (at > last) {
				last = at;
				found = i;
			}
	}
	return found;
}

/*
 * Loads the programs of `names` (NULL: has its answer) in one go, again without each that is refused: what is slow is
 * libbpf's preparation of an object, not the verifier. Answered names are freed. What is left did not go that way.
 */
static void all_programs(const char *name, const char *bytes, size_t n, char **names, int count, struct object_options o)
{
	for (;;) {
		struct bpf_object *object = open_object(name, bytes, n);
		struct bpf_program *p;
		int i = 0, wanted = 0;
		char *logs = calloc(count + 1, SHORT_LOG);

		if (!object || !logs) {
			free(logs);
			return;
		}
		bpf_object__for_each_program(p, object) {
			if (i >= count)
				break;
			bpf_program__set_autoload(p, names[i] != NULL);
			wanted += names[i] != NULL;
			bpf_program__set_log_buf(p, logs + i * SHORT_LOG, SHORT_LOG);
			bpf_program__set_log_level(p, 4);
			i++;
		}
		int e = wanted ? bpf_object__load(object) : 0;

		i = 0;
		if (!e && wanted)
			bpf_object__for_each_program(p, object) {
				if (i >= count)
					break;
				if (names[i]) {
					report(name, p, 0, 4, 0, logs + i * SHORT_LOG, o);
					free(names[i]);
					names[i] = NULL;
				}
				i++;
			}
		bpf_object__close(object);
		free(logs);
		if (!e)
			return;
		i = blamed(names, count);
		if (i < 0)
			return;
		one_program(name, bytes, n, names[i], o);
		free(names[i]);
		names[i] = NULL;
	}
}

/*
 * Payload: `options LEVEL ATTACH CAP TOGETHER`, then per object any `inner ...` (see declare_inner), `object NAME BYTES`
 * and its bytes.
 */
int job_objects(struct payload *p)
{
	struct object_options o = { 5, 1, 48 * 1024, 0 };
	char *line;

	while ((line = payload_line(p))) {
		char *word = next_word(&line);

		if (!word)
			continue;
		if (!strcmp(word, "options")) {
			o.level = number(next_word(&line));
			o.attach = number(next_word(&line));
			o.cap = number(next_word(&line));
			o.together = number(next_word(&line));
			continue;
		}
		if (!strcmp(word, "inner")) {
			int e = declare_inner(&line);

			if (e) {
				out_error("objects: inner map cannot be created", -e);
				return -1;
			}
			continue;
		}
		if (strcmp(word, "object")) {
			out_error("objects: unknown line", 0);
			return -1;
		}
		char *name = next_word(&line);
		size_t n = number(next_word(&line));
		char *bytes = payload_bytes(p, n);

		if (!name || !bytes) {
			out_error("objects: payload cut short", 0);
			return -1;
		}
		struct bpf_object *object = open_object(name, bytes, n);

		if (!object) {
			out("{\"t\":\"object\",\"object\":");
			out_string(name);
			out(",\"errno\":%d,\"libbpf\":", errno);
			out_text(libbpf_text, 4000);
			out("}");
			out_line();
			forget_inner();
			continue;
		}
		int count = 0;
		struct bpf_program *program;
		char *names[1024];

		bpf_object__for_each_program(program, object)
			if (count < 1024)
				names[count++] = strdup(bpf_program__name(program));
		bpf_object__close(object);
		out("{\"t\":\"object\",\"object\":");
		out_string(name);
		out(",\"errno\":0,\"programs\":%d}", count);
		out_line();
		if (o.together)
			all_programs(name, bytes, n, names, count, o);
		for (int i = 0; i < count; i++) {
			if (!names[i])
				continue;
			one_program(name, bytes, n, names[i], o);
			free(names[i]);
		}
		forget_inner();
	}
	return 0;
}

#define MAX_MAPS 64

/* Replaces map indices by descriptors, as libbpf does. */
static int patch_maps(struct bpf_insn *insns, size_t n, const int *maps, int count)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD || insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			if (insns[i].imm < 0 || insns[i].imm >= count)
				return -1;
			insns[i].imm = maps[insns[i].imm];
		}
		i++;
	}
	return 0;
}

/* BPF_MAP_TYPE_INSN_ARRAY and its values (6.19), which older headers lack. */
#define INSN_ARRAY 34
struct table_entry {
	__u32 insn, xlated, jitted, unused;
};

/* `FD FROZEN ENTRIES INSN...`: an instruction array; FD where the kernel has none. Negative: it cannot be filled. */
static int make_table(char **line)
{
	int none = number(next_word(line)), frozen = number(next_word(line)), entries = number(next_word(line));
	int fd = bpf_map_create(INSN_ARRAY, "t", sizeof(__u32), sizeof(struct table_entry), entries, NULL);

	if (fd < 0)
		return none;
	for (__u32 i = 0; i < (__u32)entries; i++) {
		struct table_entry e = { number(next_word(line)) };

		if (bpf_map_update_elem(fd, &i, &e, 0)) {
			close(fd);
			return -1;
		}
	}
	if (frozen && bpf_map_freeze(fd)) {
		close(fd);
		return -1;
	}
	return fd;
}

#define MAX_FUNCS 64

/* BTF of the next program, and its functions; fd 0: none. */
static struct {
	int fd, count;
	struct bpf_func_info funcs[MAX_FUNCS];
} info;

/* `BYTES COUNT (INSN TYPE)...` and the bytes of the BTF. */
static int load_info(char **line, struct payload *p)
{
	size_t n = number(next_word(line));

	info.count = number(next_word(line));
	if (info.count > MAX_FUNCS)
		return -1;
	for (int i = 0; i < info.count; i++) {
		info.funcs[i].insn_off = number(next_word(line));
		info.funcs[i].type_id = number(next_word(line));
	}
	char *bytes = payload_bytes(p, n);

	info.fd = bytes ? bpf_btf_load(bytes, n, NULL) : -1;
	return info.fd;
}

static void forget_info(void)
{
	if (info.fd > 0)
		close(info.fd);
	info.fd = info.count = 0;
}

/*
 * Payload: `options LEVEL TAIL`; `map TYPE KEY VALUE ENTRIES FLAGS` (index = order); `table ...` (see make_table), a map of
 * the next program only, with the next index; `btf ...` (see load_info), of the next program only;
 * `prog TYPE ATTACH FLAGS LICENSE FUNC SLOTS` and SLOTS * 8 raw bytes (FUNC `-` for none, `#ID` for a BTF id).
 * Answers one line per program: {"t":"raw","i":..,"errno":..,"log":tail}.
 */
int job_raw(struct payload *p)
{
	int level = 1, maps[MAX_MAPS], count = 0, tables = 0, index = 0;
	size_t tail = 600;
	char *line;
	double t0 = seconds();

	while ((line = payload_line(p))) {
		char *word = next_word(&line);

		if (!word)
			continue;
		if (!strcmp(word, "options")) {
			level = number(next_word(&line));
			tail = number(next_word(&line));
		} else if (!strcmp(word, "map")) {
			int type = number(next_word(&line)), key = number(next_word(&line)), value = number(next_word(&line));
			int entries = number(next_word(&line));
			LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = number(next_word(&line)));
			int fd = count < MAX_MAPS ? bpf_map_create(type, "m", key, value, entries, &opts) : -1;

			if (fd < 0) {
				out_error("raw: map cannot be created", errno);
				break;
			}
			maps[count++] = fd;
		} else if (!strcmp(word, "table")) {
			int fd = count < MAX_MAPS ? make_table(&line) : -1;

			if (fd < 0) {
				out_error("raw: instruction array cannot be filled", errno);
				break;
			}
			maps[count++] = fd;
			tables++;
		} else if (!strcmp(word, "btf")) {
			if (load_info(&line, p) < 0) {
				out_error("raw: BTF cannot be loaded", errno);
				break;
			}
		} else if (!strcmp(word, "prog")) {
			int type = number(next_word(&line)), attach = number(next_word(&line)), flags = number(next_word(&line));
			char *license = next_word(&line), *func = next_word(&line);
			size_t slots = number(next_word(&line));
			struct bpf_insn *raw = (struct bpf_insn *)payload_bytes(p, slots * 8);

			if (!license || !func || !raw) {
				out_error("raw: payload cut short", 0);
				break;
			}
			struct bpf_insn *insns = malloc(slots * 8 + 8);

			memcpy(insns, raw, slots * 8);
			LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_level = level, .log_buf = log_buffer, .log_size = LOG_SIZE,
				    .expected_attach_type = attach, .prog_flags = flags);

			if (info.fd > 0) {
				opts.prog_btf_fd = info.fd;
				opts.func_info = info.funcs;
				opts.func_info_cnt = info.count;
				opts.func_info_rec_size = sizeof(info.funcs[0]);
			}
			log_buffer[0] = 0;
			int e = 0, id = *func == '#' ? number(func + 1) : strcmp(func, "-") ? kernel_function(func) : 0;

			if (id < 0)
				e = ESRCH;
			else if (patch_maps(insns, slots, maps, count))
				e = EINVAL;
			if (!e) {
				opts.attach_btf_id = id;
				int fd = bpf_prog_load(type, "p", license, insns, slots, &opts);

				e = fd < 0 ? errno : 0;
				if (fd < 0 && e == ENOSPC) {
					opts.log_level = 4;
					fd = bpf_prog_load(type, "p", license, insns, slots, &opts);
					e = fd < 0 ? errno : 0;
				}
				if (fd >= 0)
					close(fd);
			} else {
				strcpy(log_buffer, e == ESRCH ? "no such kernel function" : "map index out of range");
			}
			size_t n = strlen(log_buffer);

			out("{\"t\":\"raw\",\"i\":%d,\"errno\":%d,\"processed\":%ld,\"log\":", index++, e, processed(log_buffer));
			out_string(n > tail ? log_buffer + n - tail : log_buffer);
			out("}");
			out_line();
			if (index % 64 == 0)
				out_flush();
			free(insns);
			for (; tables; tables--)
				close(maps[--count]);
			forget_info();
		} else {
			out_error("raw: unknown line", 0);
			break;
		}
	}
	while (count)
		close(maps[--count]);
	out("{\"t\":\"raw-end\",\"count\":%d,\"seconds\":%.3f}", index, seconds() - t0);
	out_line();
	return 0;
}
