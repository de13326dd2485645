// SPDX-License-Identifier: GPL-2.0
/* Kernel functions of Linux 7.2, and what it asks of their arguments. */
#include "common.h"
char LICENSE[] SEC("license") = "GPL";

#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))

struct item {
	struct bpf_list_node link;
	u64 key;
};

struct leaf {
	struct bpf_rb_node node;
	u64 key;
};

struct shelf {
	struct bpf_spin_lock lock;
	struct bpf_list_head list __contains(item, link);
};

struct forest {
	struct bpf_spin_lock lock;
	struct bpf_rb_root tree __contains(leaf, node);
};

struct clock {
	struct bpf_timer timer;
	u64 ticks;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct shelf);
} shelves SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct forest);
} forests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct clock);
} clocks SEC(".maps");

extern void *bpf_obj_new(u64 local_type_id) __ksym;
extern void bpf_obj_drop(void *kptr) __ksym;
extern int bpf_list_push_front(struct bpf_list_head *head, struct bpf_list_node *node) __ksym;
extern int bpf_list_add(struct bpf_list_head *head, struct bpf_list_node *new, struct bpf_list_node *prev) __ksym;
extern struct bpf_list_node *bpf_list_del(struct bpf_list_head *head, struct bpf_list_node *node) __ksym;
extern struct bpf_list_node *bpf_list_front(struct bpf_list_head *head) __ksym;
extern struct bpf_list_node *bpf_list_back(struct bpf_list_head *head) __ksym;
extern bool bpf_list_is_first(struct bpf_list_head *head, struct bpf_list_node *node) __ksym;
extern bool bpf_list_is_last(struct bpf_list_head *head, struct bpf_list_node *node) __ksym;
extern bool bpf_list_empty(struct bpf_list_head *head) __ksym;
extern struct bpf_rb_node *bpf_rbtree_root(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_left(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern struct bpf_rb_node *bpf_rbtree_right(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern int bpf_dynptr_from_file(struct file *file, u32 flags, struct bpf_dynptr *ptr) __ksym;
extern int bpf_dynptr_file_discard(struct bpf_dynptr *dynptr) __ksym;
extern int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *clone) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, u64 offset, void *buffer, u64 buffer__szk) __ksym;
extern u64 bpf_dynptr_size(const struct bpf_dynptr *p) __ksym;
extern int bpf_stream_vprintk(int stream_id, const char *fmt, const void *args, u32 len) __ksym;
extern int bpf_stream_print_stack(int stream_id) __ksym;
extern int bpf_timer_cancel_async(struct bpf_timer *timer) __ksym;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern struct file *bpf_get_task_exe_file(struct task_struct *task) __ksym;
extern void bpf_put_file(struct file *file) __ksym;
extern int bpf_path_d_path(const struct path *path, char *buf, size_t buf__sz) __ksym;
extern bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *cpumask) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym;
extern int bpf_strcmp(const char *a, const char *b) __ksym;
extern struct inode *bpf_real_data_inode(struct file *file) __ksym;

char text[64];
const char format[] = "%d opened\n";

static struct shelf *shelf(void)
{
	u32 k = 0;

	return bpf_map_lookup_elem(&shelves, &k);
}

static struct forest *forest(void)
{
	u32 k = 0;

	return bpf_map_lookup_elem(&forests, &k);
}

#define new_item() ((struct item *)bpf_obj_new(bpf_core_type_id_local(struct item)))
#define new_leaf() ((struct leaf *)bpf_obj_new(bpf_core_type_id_local(struct leaf)))
#define item_of(ptr) ((struct item *)((void *)(ptr) - __builtin_offsetof(struct item, link)))
#define leaf_of(ptr) ((struct leaf *)((void *)(ptr) - __builtin_offsetof(struct leaf, node)))

SEC("lsm/file_open")
int BPF_PROG(list__looked_at)
{
	struct shelf *s = shelf();
	struct bpf_list_node *n;
	u64 key = 0;

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	n = bpf_list_front(&s->list);
	if (n)
		key = item_of(n)->key;
	n = bpf_list_back(&s->list);
	if (n)
		key += item_of(n)->key;
	bpf_spin_unlock(&s->lock);
	return key == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__looked_at_without_check)
{
	struct shelf *s = shelf();
	u64 key;

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	key = item_of(bpf_list_front(&s->list))->key;
	bpf_spin_unlock(&s->lock);
	return key == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__looked_at_after_its_lock)
{
	struct shelf *s = shelf();
	struct bpf_list_node *n;

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	n = bpf_list_front(&s->list);
	bpf_spin_unlock(&s->lock);
	return n && item_of(n)->key == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__looked_at_without_its_lock)
{
	struct shelf *s = shelf();

	return s && bpf_list_front(&s->list) ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__front_is_dropped)
{
	struct shelf *s = shelf();
	struct bpf_list_node *n;

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	n = bpf_list_front(&s->list);
	if (n)
		bpf_obj_drop(item_of(n));
	bpf_spin_unlock(&s->lock);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__front_taken_out)
{
	struct shelf *s = shelf();
	struct bpf_list_node *n, *d = 0;

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	n = bpf_list_front(&s->list);
	if (n)
		d = bpf_list_del(&s->list, n);
	bpf_spin_unlock(&s->lock);
	if (d)
		bpf_obj_drop(item_of(d));
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__front_taken_out_and_lost)
{
	struct shelf *s = shelf();
	struct bpf_list_node *n;

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	n = bpf_list_front(&s->list);
	if (n)
		bpf_list_del(&s->list, n);
	bpf_spin_unlock(&s->lock);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__added_after_the_front)
{
	struct shelf *s = shelf();
	struct item *i;
	struct bpf_list_node *n;

	if (!s)
		return 0;
	i = new_item();
	if (!i)
		return 0;
	bpf_spin_lock(&s->lock);
	n = bpf_list_front(&s->list);
	if (!n) {
		bpf_list_push_front(&s->list, &i->link);
		bpf_spin_unlock(&s->lock);
		return 0;
	}
	bpf_list_add(&s->list, &i->link, n);
	bpf_spin_unlock(&s->lock);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__added_and_used)
{
	struct shelf *s = shelf();
	struct item *i;
	struct bpf_list_node *n;

	if (!s)
		return 0;
	i = new_item();
	if (!i)
		return 0;
	bpf_spin_lock(&s->lock);
	n = bpf_list_front(&s->list);
	if (n)
		bpf_list_add(&s->list, &i->link, n);
	bpf_spin_unlock(&s->lock);
	i->key = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__added_twice)
{
	struct shelf *s = shelf();
	struct item *i;
	struct bpf_list_node *n;

	if (!s)
		return 0;
	i = new_item();
	if (!i)
		return 0;
	bpf_spin_lock(&s->lock);
	n = bpf_list_front(&s->list);
	if (n) {
		bpf_list_add(&s->list, &i->link, n);
		bpf_list_push_front(&s->list, &i->link);
	}
	bpf_spin_unlock(&s->lock);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__asked)
{
	struct shelf *s = shelf();
	struct bpf_list_node *n;
	bool only = false;

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	if (!bpf_list_empty(&s->list)) {
		n = bpf_list_front(&s->list);
		if (n)
			only = bpf_list_is_first(&s->list, n) && bpf_list_is_last(&s->list, n);
	}
	bpf_spin_unlock(&s->lock);
	return only ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__asked_for_an_item_of_its_own)
{
	struct shelf *s = shelf();
	struct item *i;
	bool first;

	if (!s)
		return 0;
	i = new_item();
	if (!i)
		return 0;
	bpf_spin_lock(&s->lock);
	first = bpf_list_is_first(&s->list, &i->link);
	bpf_spin_unlock(&s->lock);
	bpf_obj_drop(i);
	return first ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(list__asked_without_its_lock)
{
	struct shelf *s = shelf();

	return s && bpf_list_empty(&s->list) ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(tree__walked_down)
{
	struct forest *f = forest();
	struct bpf_rb_node *n;
	u64 key = 0;

	if (!f)
		return 0;
	bpf_spin_lock(&f->lock);
	n = bpf_rbtree_root(&f->tree);
	if (n)
		n = bpf_rbtree_left(&f->tree, n);
	if (n)
		n = bpf_rbtree_right(&f->tree, n);
	if (n)
		key = leaf_of(n)->key;
	bpf_spin_unlock(&f->lock);
	return key == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(tree__walked_down_without_check)
{
	struct forest *f = forest();
	struct bpf_rb_node *n;

	if (!f)
		return 0;
	bpf_spin_lock(&f->lock);
	n = bpf_rbtree_left(&f->tree, bpf_rbtree_root(&f->tree));
	bpf_spin_unlock(&f->lock);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(tree__root_taken_out)
{
	struct forest *f = forest();
	struct leaf *l;
	struct bpf_rb_node *n;

	if (!f)
		return 0;
	bpf_spin_lock(&f->lock);
	n = bpf_rbtree_root(&f->tree);
	if (n)
		n = bpf_rbtree_remove(&f->tree, n);
	bpf_spin_unlock(&f->lock);
	if (n)
		bpf_obj_drop(leaf_of(n));
	l = new_leaf();
	if (l)
		bpf_obj_drop(l);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(tree__walked_down_after_its_lock)
{
	struct forest *f = forest();
	struct bpf_rb_node *n;

	if (!f)
		return 0;
	bpf_spin_lock(&f->lock);
	n = bpf_rbtree_root(&f->tree);
	bpf_spin_unlock(&f->lock);
	if (n)
		bpf_rbtree_left(&f->tree, n);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file, struct file *file)
{
	struct bpf_dynptr d;

	if (!bpf_dynptr_from_file(file, 0, &d))
		bpf_dynptr_read(text, 8, &d, 0, 0);
	bpf_dynptr_file_discard(&d);
	return 0;
}

SEC("lsm.s/file_open")
int BPF_PROG(dynptr__of_a_file_that_may_sleep, struct file *file)
{
	struct bpf_dynptr d;
	char here[8];
	char *p;
	int first = 0;

	if (!bpf_dynptr_from_file(file, 0, &d)) {
		p = bpf_dynptr_slice(&d, 0, here, sizeof(here));
		if (p)
			first = p[0];
	}
	bpf_dynptr_file_discard(&d);
	return first == 'x' ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file_not_given_up, struct file *file)
{
	struct bpf_dynptr d;

	bpf_dynptr_from_file(file, 0, &d);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file_given_up_twice, struct file *file)
{
	struct bpf_dynptr d;

	bpf_dynptr_from_file(file, 0, &d);
	bpf_dynptr_file_discard(&d);
	bpf_dynptr_file_discard(&d);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file_given_up_before_it_was_made, struct file *file)
{
	struct bpf_dynptr d = {};

	bpf_dynptr_file_discard(&d);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file_slice_after_it_was_given_up, struct file *file)
{
	struct bpf_dynptr d;
	char here[8];
	char *p;

	bpf_dynptr_from_file(file, 0, &d);
	p = bpf_dynptr_slice(&d, 0, here, sizeof(here));
	bpf_dynptr_file_discard(&d);
	return p && p[0] == 'x' ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file_made_twice, struct file *file)
{
	struct bpf_dynptr d;

	bpf_dynptr_from_file(file, 0, &d);
	bpf_dynptr_from_file(file, 0, &d);
	bpf_dynptr_file_discard(&d);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file_cloned, struct file *file)
{
	struct bpf_dynptr d, e;

	bpf_dynptr_from_file(file, 0, &d);
	bpf_dynptr_clone(&d, &e);
	bpf_dynptr_file_discard(&d);
	return bpf_dynptr_size(&e) == 8 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file_clone_given_up, struct file *file)
{
	struct bpf_dynptr d, e;

	bpf_dynptr_from_file(file, 0, &d);
	bpf_dynptr_clone(&d, &e);
	bpf_dynptr_file_discard(&e);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file_overwritten_by_a_clone, struct file *file)
{
	struct bpf_dynptr d, e;

	bpf_dynptr_from_file(file, 0, &d);
	bpf_dynptr_clone(&d, &e);
	*(volatile u64 *)&d = 0;
	bpf_dynptr_file_discard(&e);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_file_overwritten, struct file *file)
{
	struct bpf_dynptr d;

	bpf_dynptr_from_file(file, 0, &d);
	*(volatile u64 *)&d = 0;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_a_ring_buffer_given_up_as_a_file)
{
	struct bpf_dynptr d;

	bpf_ringbuf_reserve_dynptr(&events, 16, 0, &d);
	bpf_dynptr_file_discard(&d);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__of_no_file, struct file *file)
{
	struct bpf_dynptr d;

	bpf_dynptr_from_file(0, 0, &d);
	bpf_dynptr_file_discard(&d);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(timer__cancelled_later)
{
	u32 k = 0;
	struct clock *c = bpf_map_lookup_elem(&clocks, &k);

	if (c)
		bpf_timer_cancel_async(&c->timer);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(timer__cancelled_later_at_a_wrong_place)
{
	u32 k = 0;
	struct clock *c = bpf_map_lookup_elem(&clocks, &k);

	if (c)
		bpf_timer_cancel_async((struct bpf_timer *)&c->ticks);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(timer__cancelled_later_on_the_stack)
{
	struct bpf_timer t = {};

	bpf_timer_cancel_async(&t);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(stream__printed)
{
	u64 args[1] = { 5 };

	bpf_stream_vprintk(2, format, args, sizeof(args));
	bpf_stream_print_stack(2);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(stream__printed_under_a_lock)
{
	struct shelf *s = shelf();
	u64 args[1] = { 5 };

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	bpf_stream_vprintk(2, format, args, sizeof(args));
	bpf_spin_unlock(&s->lock);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(stream__format_that_may_change)
{
	u64 args[1] = { 5 };

	bpf_stream_vprintk(2, text, args, sizeof(args));
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(stream__more_arguments_than_there_are)
{
	u64 args[1] = { 5 };

	bpf_stream_vprintk(2, format, args, 16);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(kfunc_trusted__walked_to_a_mask, struct file *file)
{
	struct task_struct *t = bpf_get_current_task_btf();

	return bpf_cpumask_test_cpu(0, t->cpus_ptr) ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(kfunc_trusted__walked_to_a_path, struct file *file)
{
	bpf_path_d_path(&file->f_path, text, sizeof(text));
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(kfunc_trusted__path_walked_to_twice, struct file *file)
{
	struct task_struct *t = bpf_get_current_task_btf();

	bpf_path_d_path(&t->fs->pwd, text, sizeof(text));
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(kfunc_trusted__no_string)
{
	return bpf_strcmp(0, format) == 0 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(kfunc_trusted__two_strings)
{
	return bpf_strcmp(text, format) == 0 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(kfunc_null__result_that_is_held, struct file *file)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct file *exe = bpf_get_task_exe_file(t);

	if (!exe)
		return 0;
	bpf_path_d_path(&exe->f_path, text, sizeof(text));
	bpf_put_file(exe);
	return 0;
}

SEC("lsm.s/file_open")
int BPF_PROG(kfunc_sleepable__inode_behind, struct file *file)
{
	struct inode *i = bpf_real_data_inode(file);

	return i && i->i_ino == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(kfunc_sleepable__inode_behind_where_it_may_not_sleep, struct file *file)
{
	struct inode *i = bpf_real_data_inode(file);

	return i && i->i_ino == 5 ? -1 : 0;
}

SEC("lsm.s/file_open")
int BPF_PROG(kfunc_null__inode_behind_not_checked, struct file *file)
{
	return bpf_real_data_inode(file)->i_ino == 5 ? -1 : 0;
}

SEC("lsm.s/file_open")
int BPF_PROG(iterator__tasks_under_rcu)
{
	struct bpf_iter_task it;
	struct task_struct *t;
	int n = 0;

	bpf_rcu_read_lock();
	bpf_iter_task_new(&it, 0, 0);
	while ((t = bpf_iter_task_next(&it)))
		n = t->pid;
	bpf_iter_task_destroy(&it);
	bpf_rcu_read_unlock();
	return n == 5 ? -1 : 0;
}

SEC("lsm.s/file_open")
int BPF_PROG(iterator__tasks_without_rcu)
{
	struct bpf_iter_task it;
	struct task_struct *t;
	int n = 0;

	bpf_iter_task_new(&it, 0, 0);
	while ((t = bpf_iter_task_next(&it)))
		n = t->pid;
	bpf_iter_task_destroy(&it);
	return n == 5 ? -1 : 0;
}
