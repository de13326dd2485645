/** What every generated file starts with: types, helpers, maps, and kernel structures read through CO-RE. */

export const TYPES = ['u32', 's32', 'u64', 's64', 'u8', 's8', 'u16', 's16', 'bool'] as const;
export const WIDE = ['u32', 's32', 'u64', 's64'] as const;

export const CONSTANTS = [
  '0',
  '1',
  '2',
  '3',
  '7',
  '-1',
  '-2',
  '8',
  '31',
  '127',
  '128',
  '255',
  '256',
  '-128',
  '32767',
  '32768',
  '65535',
  '0x7fffffff',
  '0x80000000u',
  '0xffffffffu',
  '-0x7fffffff',
  '0x100000000ull',
  '0x7fffffffffffffffull',
  '0xffffffffffffffffull',
  '0x123456789abcdef0ull',
  '42',
  '-0x8000',
  '0x8000000000000000ull',
  "'a'",
  '0x80',
  '-129',
] as const;

export const PRELUDE = `
typedef unsigned char u8; typedef signed char s8; typedef unsigned short u16; typedef short s16; typedef _Bool bool;
typedef unsigned int u32; typedef int s32; typedef unsigned long long u64; typedef long long s64;
#define SEC(n) __attribute__((section(n), used))
#define CORE __attribute__((preserve_access_index))
#define noinline __attribute__((noinline))
#define always_inline inline __attribute__((always_inline))
#define __uint(n, v) int (*n)[v]
#define __type(n, t) typeof(t) *n
#define __array(n, t) typeof(t) *n[]
char LICENSE[] SEC("license") = "GPL";
static void *(*lookup)(void *map, const void *key) = (void *)1;
static long (*update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*del)(void *map, const void *key) = (void *)3;
static long (*printk)(const char *fmt, u32 size, ...) = (void *)6;
static void *(*current_task)(void) = (void *)35;
static long (*probe)(void *dst, u32 size, const void *src) = (void *)113;
static long (*output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*submit)(void *data, u64 flags) = (void *)132;
static void *(*current_task_btf)(void) = (void *)158;
static long (*for_each)(void *map, void *callback, void *ctx, u64 flags) = (void *)164;
static long (*loop)(u32 n, void *callback, void *ctx, u64 flags) = (void *)181;
struct value { u64 a; u32 b; s16 c; u8 d[2]; };
struct pair { u32 lo; s32 hi; };
struct inner { __uint(type, 2); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } inner0 SEC(".maps"), inner1 SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 16); __type(key, u32); __type(value, u64); } hash SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 4); __type(key, u32); __type(value, struct value); } array SEC(".maps");
struct { __uint(type, 27); __uint(max_entries, 4096); } ring SEC(".maps");
struct { __uint(type, 12); __uint(max_entries, 3); __type(key, u32); __array(values, struct inner); } outer SEC(".maps") = { .values = { &inner0, 0, &inner1 } };
struct task_struct { u32 flags; s32 pid, tgid; s32 exit_code; u32 personality; u32 in_execve : 1; u32 in_iowait : 1; u32 sched_reset_on_fork : 1; char comm[16]; u64 start_time; struct task_struct *real_parent; } CORE;
struct task_struct___other { s32 pid; int nonesuch; } CORE;
`;
