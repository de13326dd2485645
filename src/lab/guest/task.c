/*
 * The program that every task of a scenario runs: waits in its slot of the shared memory for a system call, executes
 * exactly that call and stores the result. No libc: nothing but the requested calls reaches the kernel's hooks
 * (a static glibc start-up alone passes brk, mprotect, readlinkat and prlimit).
 *
 * Environment: LSMITH=<slot>  continue under remote control in that slot (one mmap of the inherited memfd);
 * anything else               park: do nothing until killed. Used after an exec that ends the task's part.
 */
#include <linux/futex.h>
#include <sys/syscall.h>
#include "shared.h"

#define PROT_RW 3
#define MAP_SHARED_FIXED 0x11

static inline long sys6(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
			unsigned long e, unsigned long f)
{
	long ret;
	register unsigned long r10 __asm__("r10") = d;
	register unsigned long r8 __asm__("r8") = e;
	register unsigned long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static __attribute__((noreturn)) void park(void)
{
	for (;;)
		sys6(SYS_pause, 0, 0, 0, 0, 0, 0);
}

static __attribute__((noreturn)) void serve(struct slot *slots, struct slot *me)
{
	for (;;) {
		unsigned int done = me->done;

		if (me->req == done) {
			sys6(SYS_futex, (unsigned long)&me->req, FUTEX_WAIT, done, 0, 0, 0);
			continue;
		}
		unsigned int child = me->child;
		long ret = sys6(me->nr, me->arg[0], me->arg[1], me->arg[2], me->arg[3], me->arg[4], me->arg[5]);

		if (child && ret == 0) {
			/* We are the child: an own slot that waits already. */
			me = &slots[child - 1];
			continue;
		}
		me->ret = ret;
		me->done = done + 1;
		sys6(SYS_futex, (unsigned long)&me->done, FUTEX_WAKE, 1, 0, 0, 0);
	}
}

__attribute__((noreturn, used)) void task_main(unsigned long *sp)
{
	char **env = (char **)(sp + 1 + sp[0] + 1);
	int slot = -1;

	for (; *env; env++) {
		const char *s = *env, *want = "LSMITH=";

		while (*want && *s == *want)
			s++, want++;
		if (*want)
			continue;
		for (slot = 0; *s >= '0' && *s <= '9'; s++)
			slot = slot * 10 + (*s - '0');
	}
	if (slot < 0 || slot >= MAX_SLOTS)
		park();
	long at = sys6(SYS_mmap, SHM_ADDR, SHM_SIZE, PROT_RW, MAP_SHARED_FIXED, SHM_FD, 0);
	if (at != (long)SHM_ADDR)
		sys6(SYS_exit_group, 99, 0, 0, 0, 0, 0);
	struct slot *slots = (struct slot *)SHM_ADDR;
	struct slot *me = &slots[slot];

	/* The exec that started us was itself a requested call: report it. */
	if (me->req != me->done) {
		me->ret = 0;
		me->done = me->req;
		sys6(SYS_futex, (unsigned long)&me->done, FUTEX_WAKE, 1, 0, 0, 0);
	}
	serve(slots, me);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall task_main\n");
