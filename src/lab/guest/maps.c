/* Contents of the maps of a loaded object, as JSON lines. Keys and values are hex of the raw bytes. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "agent.h"

/* Larger maps are cut off, and say so. */
#define MAX_ENTRIES 4096

static size_t value_size(struct bpf_map *map)
{
	size_t n = bpf_map__value_size(map);

	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return ((n + 7) & ~7ul) * libbpf_num_possible_cpus();
	default:
		return n;
	}
}

static void storage(struct bpf_map *map, const struct map_keys *keys, void *value, int *first)
{
	for (int i = 0; i < keys->count; i++) {
		if (keys->fd[i] < 0 || bpf_map_lookup_elem(bpf_map__fd(map), &keys->fd[i], value))
			continue;
		out(*first ? "[" : ",[");
		*first = 0;
		out_string(keys->name[i]);
		out(",");
		out_hex(value, bpf_map__value_size(map));
		out("]");
	}
}

static void plain(struct bpf_map *map, void *value, size_t size, int *first)
{
	size_t key_size = bpf_map__key_size(map);
	void *key = calloc(1, key_size + 1), *next = calloc(1, key_size + 1);
	int fd = bpf_map__fd(map), n = 0, e = bpf_map_get_next_key(fd, NULL, next);

	for (; !e && n < MAX_ENTRIES; n++) {
		memcpy(key, next, key_size);
		if (!bpf_map_lookup_elem(fd, key, value)) {
			out(*first ? "[" : ",[");
			*first = 0;
			out_hex(key, key_size);
			out(",");
			out_hex(value, size);
			out("]");
		}
		e = bpf_map_get_next_key(fd, key, next);
	}
	free(key);
	free(next);
}

void dump_maps(struct bpf_object *object, const char *name, const struct map_keys *tasks, const struct map_keys *files)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		enum bpf_map_type type = bpf_map__type(map);
		const char *map_name = bpf_map__name(map);
		size_t size = value_size(map);
		void *value = calloc(1, size + 8);
		int first = 1;

		if (strstr(map_name, ".rodata") || strstr(map_name, ".kconfig")) {
			free(value);
			continue;
		}
		out("{\"t\":\"map\",\"object\":");
		out_string(name);
		out(",\"map\":");
		/* Globals as their section: libbpf puts the object's name in front. */
		out_string(bpf_map__is_internal(map) && strchr(map_name, '.') ? strchr(map_name, '.') : map_name);
		out(",\"type\":%d,\"keySize\":%u,\"valueSize\":%u,\"entries\":[", type, bpf_map__key_size(map), bpf_map__value_size(map));
		if (type == BPF_MAP_TYPE_TASK_STORAGE)
			storage(map, tasks, value, &first);
		else if (type == BPF_MAP_TYPE_INODE_STORAGE)
			storage(map, files, value, &first);
		else if (bpf_map__key_size(map) && type != BPF_MAP_TYPE_SK_STORAGE && type != BPF_MAP_TYPE_RINGBUF)
			plain(map, value, size, &first);
		out("]}");
		out_line();
		free(value);
	}
}
