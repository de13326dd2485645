/*
 * Memory that the agent and every task of a scenario share (a memfd, mapped at the same address everywhere, so that
 * pointers are valid on both sides). It is how the agent makes a task execute one system call: futex and plain memory
 * pass no LSM hook, so the remote control itself is invisible to the policies under test.
 */
#ifndef LSMITH_SHARED_H
#define LSMITH_SHARED_H

#define SHM_ADDR 0x100000000000ull
#define SHM_SIZE (8u << 20)
/* Inherited number of the memfd; high, so that a task's own first descriptor is 3. */
#define SHM_FD 1000
#define STUB_OFFSET (64u << 10)
#define DATA_OFFSET (256u << 10)
#define MAX_SLOTS 64

struct slot {
	/* The task sleeps while req == done; the agent increments req to start a call. */
	volatile unsigned int req;
	volatile unsigned int done;
	volatile long ret;
	volatile unsigned long nr;
	volatile unsigned long arg[6];
	/* For fork-like calls: slot of the child plus one; 0 otherwise. */
	volatile unsigned int child;
	volatile unsigned int pad;
};

#endif
