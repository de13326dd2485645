/**
 * Statements in the manner of policies: maps, records, callbacks, pointers, unions, atomics, bounds checks, CO-RE. Each
 * takes its choices from the scope and gives one statement without undefined behaviour.
 */
import type { Choices } from './choices.ts';
import { TYPES, WIDE } from './prelude.ts';

/** What an idiom can ask of the program around it. */
export interface Scope {
  readonly c: Choices;
  /** Number of the program: names of its globals end in it. */
  readonly n: number;
  /** Structure members may lie at any byte: no pointers to them. */
  readonly packed: boolean;
  /** Objects must load on 6.1, which has no signed division. */
  readonly portable: boolean;
  expr(depth: number): string;
  cond(depth: number): string;
  /** Something assignable. */
  lvalue(): string;
  /** A block of statements with its braces. */
  inner(statements: number): string;
  /** The same with variables of its own that can be read. */
  innerWith(names: readonly { name: string; type: string }[], statements: number): string;
  /** A number for labels. */
  id(): number;
}

type Idiom = (s: Scope) => string;

const e = (s: Scope): string => s.expr(2);
const set = (s: Scope): string => s.c.pick(['=', '+=', '^=', '-=', '|=', '&=']);
/** The name of a function of one number. */
const one = (s: Scope): string => s.c.pick(['half', 'twist', 'far']) + s.n;
const bitfield = (s: Scope): string => s.c.pick(['e', 'f', 'g', 'h', 'flag', 'kind']);

const maps: Idiom[] = [
  (s) => `{ u32 key = ${e(s)} & 7; u64 v = ${e(s)}; update(&hash, &key, &v, 0); }`,
  (s) =>
    `{ u32 key = ${e(s)} & 7; u64 *v = lookup(&hash, &key); if (v) *v ${set(s)} ${e(s)}; else ${s.lvalue()} += 3; }`,
  (s) => `{ u32 key = ${e(s)} & 7; if (del(&hash, &key)) ${s.lvalue()} ^= 9; }`,
  (s) =>
    `{ u32 key = ${e(s)} & 3; struct value *v = lookup(&array, &key); if (!v) return 0; v->a += ${e(s)}; v->b = ${e(s)}; v->c ${set(s)} ${e(s)}; v->d[${e(s)} & 1]++; ${s.lvalue()} = v->c + v->b; }`,
  (s) =>
    `{ u32 o = ${e(s)} & 3, z = ${e(s)} & 1; void *m = lookup(&outer, &o); if (m) { u64 *v = lookup(m, &z); if (v) { *v ${set(s)} ${e(s)}; ${s.lvalue()} ^= *v; } } else ${s.lvalue()}++; }`,
  (s) =>
    `{ u32 key = ${s.c.below(4)}; struct value *v = lookup(&array, &key); u32 at = ${e(s)}; if (v && at < 2) { v->d[at] ${set(s)} ${e(s)}; __sync_fetch_and_add(&v->a, at); } }`,
  (s) =>
    `{ u32 key = 1; struct value *v = lookup(&array, &key), local = { ${e(s)}, 1 }; struct value *p = v ?: &local; if (v) p->b ${set(s)} ${e(s)}; local.c = p == v; ${s.lvalue()} += local.a + local.c; }`,
];

const records: Idiom[] = [
  (s) =>
    `{ static const char fmt[] = "%d %llx %u"; printk(fmt, sizeof(fmt), (s32)(${e(s)}), (u64)(${e(s)}), (u32)(${e(s)})); }`,
  (s) =>
    `{ struct value r; __builtin_memset(&r, 0, sizeof(r)); r.a = ${e(s)}; r.c = ${e(s)}; r.d[1] = ${e(s)}; output(&ring, &r, sizeof(r), 0); }`,
  (s) =>
    `{ struct value *r = reserve(&ring, sizeof(*r), 0); if (!r) ${s.lvalue()}--; else { r->a = ${e(s)}; r->b = ${e(s)}; r->c = ${e(s)}; r->d[0] = ${e(s)}; r->d[1] = r->d[0] ^ 1; r->b ${set(s)} r->c; submit(r, 0); } }`,
  (s) => `{ u64 size = ${e(s)}; if (size > 0 && size <= 16) output(&ring, buf, size, 0); else ${s.lvalue()} += size; }`,
  (s) => `{ u32 size = (${e(s)} & 7) + 1; output(&ring, buf + (${e(s)} & 7), size, 0); }`,
  (s) =>
    `{ s32 size = ${e(s)}; if (size < 1 || size > (s32)sizeof(buf)) size = ${1 + s.c.below(16)}; output(&ring, buf, size, 0); }`,
];

const callbacks: Idiom[] = [
  (s) =>
    `{ struct state${s.n} t = { ${e(s)}, ${e(s)}, 1 }; loop(${1 + s.c.below(5)}, cb${s.n}, &t, 0); ${s.lvalue()} = t.a + t.c; y ^= t.b; }`,
  (s) =>
    `{ struct state${s.n} t = { ${e(s)}, 3 }; ${s.lvalue()} ^= for_each(&${s.c.pick(['array', 'hash'])}, each${s.n}, &t, 0); ${s.lvalue()} += t.a ^ t.b; }`,
  (s) => `y += by${s.n}(&st, buf + (${e(s)} & 7), ${e(s)});`,
  (s) =>
    `y ^= by${s.n}(&(struct s${s.n}){ .c = ${e(s)}, .e = ${e(s)}, .arr = { 1, ${e(s)} } }, (u8[16]){ 1, 2, ${e(s)} }, ${e(s)});`,
  (s) => `${s.lvalue()} ${set(s)} ${s.c.pick(['half', 'twist'])}${s.n}(${e(s)});`,
  (s) =>
    `{ struct pair r = pair${s.n}(${e(s)}, ${e(s)}); r.${s.c.pick(['lo', 'hi'])} ${set(s)} ${e(s)}; ${s.lvalue()} += sum${s.n}(r); }`,
  (s) => `${s.lvalue()} += many${s.n}(${e(s)}, ${e(s)}, ${e(s)}, ${e(s)}, ${e(s)});`,
];

/** Functions by pointer: which one is known in the end; callbacks chosen at run time, from a table, behind a wrapper, one in the other. */
const pointers: Idiom[] = [
  (s) =>
    `{ u64 (*fn)(u64) = ${one(s)}; ${s.lvalue()} ${set(s)} fn(${e(s)}); fn = ${one(s)}; ${s.lvalue()} ^= (*fn)(${e(s)}); }`,
  (s) => `${s.lvalue()} ${set(s)} apply${s.n}(${one(s)}, ${e(s)}) ^ apply${s.n}(${one(s)}, ${e(s)});`,
  (s) =>
    `{ u64 (*fns[3])(u64) = { ${one(s)}, ${one(s)}, ${one(s)} }; u64 v = ${e(s)}; for (int k = 0; k < 3; k++) v ${set(s)} fns[k](v); ${s.lvalue()} ^= v; }`,
  (s) =>
    `{ u64 v = ${e(s)}; for (u32 k = 0; k < 2; k++) v ^= ops${s.n}[k].fn(v + ops${s.n}[k].add); ${s.lvalue()} += v + ops${s.n}[${s.c.below(2)}].fn(3); }`,
  (s) =>
    `{ struct { u64 (*fn)(u64); u64 arg; } o = { ${one(s)}, ${e(s)} }; ${s.c.pick(['', `o.arg += ${e(s)};`, `if (o.fn == ${one(s)}) o.arg--;`])} ${s.lvalue()} ${set(s)} o.fn(o.arg); }`,
  (s) =>
    `{ struct state${s.n} t = { ${e(s)}, ${e(s)}, 1 }; void *cb = cb${s.n}; if (${s.cond(2)}) cb = turn${s.n}; loop(${1 + s.c.below(6)}, cb, &t, 0); ${s.lvalue()} ${set(s)} t.a + t.c; y ^= t.b; }`,
  (s) =>
    `{ struct state${s.n} t = { ${e(s)}, ${e(s)} }; u32 turns = ${e(s)} & 7; ${s.lvalue()} += loop(turns, ${s.c.pick(['cb', 'turn', 'nest'])}${s.n}, &t, 0); ${s.lvalue()} ^= t.a + t.b + t.c; }`,
  (s) =>
    `{ struct state${s.n} t = { ${e(s)}, 3 }; ${s.lvalue()} ^= ${s.c.pick(['every', 'often'])}${s.n}(&${s.c.pick(['array', 'hash'])}, ${s.c.pick(['each', 'drop'])}${s.n}, &t); ${s.lvalue()} += t.a ^ t.b; }`,
  (s) => `{ u64 n = ${e(s)}; loop(${1 + s.c.below(9)}, plain${s.n}, &n, 0); ${s.lvalue()} ${set(s)} n; }`,
];

const jumps: Idiom[] = [
  (s) => {
    const id = s.id();
    return `{ ${s.lvalue()} += 1; if (${s.cond(2)}) goto l${id}; ${s.inner(2)} l${id}: ${s.lvalue()} ^= 1; }`;
  },
  (s) => {
    const id = s.id();
    return `{ u32 left${id} = ${1 + s.c.below(4)}; l${id}: ${s.inner(2)} if (--left${id}) goto l${id}; }`;
  },
  (s) => {
    const id = s.id();
    const vars = [
      { name: `i${id}`, type: 'u32' },
      { name: `j${id}`, type: 's32' },
    ];
    const leave = s.c.pick(['break', 'continue', `goto out${id}`]);
    return `{ for (u32 i${id} = 0; i${id} < ${1 + s.c.below(4)}; i${id}++) { for (s32 j${id} = ${s.c.below(4)}; j${id} >= 0; j${id}--) { if (${s.cond(1)}) ${s.c.pick(['break', 'continue'])}; ${s.innerWith(vars, 1)} if (${s.cond(1)}) ${leave}; ${s.lvalue()} += j${id}; } if (${s.cond(1)}) ${s.c.pick(['break', 'continue'])}; ${s.lvalue()} ^= i${id}; } out${id}: ; }`;
  },
  (s) => {
    const id = s.id();
    const type = s.c.pick(['u8', 's8', 'u64', 's64', 's16']);
    const values = s.c.pick(['(u64)', '(s64)', '(u8)', '(s8)', '']);
    return `for (${type} k${id} = 0; k${id} < ${2 + s.c.below(3)}; k${id}++) { switch (${values}(${e(s)})) { case -3 ... -1: ${s.lvalue()} -= 2; continue; case 0: ${s.lvalue()}++; break; case 1 ... 9: ${s.inner(1)} ${s.c.pick(['break;', 'continue;', ''])} case 100 ... 200: ${s.lvalue()} ^= k${id}; break; case 0x7fffff00 ... 0x7fffffff: y++; default: if (${s.cond(1)}) break; ${s.lvalue()} |= 2; } ${s.lvalue()} += 3; }`;
  },
  (s) =>
    `{ s8 k = ${s.c.pick(['5', '127', '-3'])}; do { ${s.lvalue()} += k; k -= 2; } while (k > ${s.c.pick(['0', '100', '-9'])}); }`,
  (s) =>
    `for (u64 k = ${s.c.pick(['0x1234', '0x100000000ull', '77'])}; k; k >>= ${3 + s.c.below(5)}) ${s.lvalue()} += k;`,
  (s) => `for (u8 *p = buf; p < buf + ${1 + s.c.below(15)}; p += ${1 + s.c.below(3)}) *p ${set(s)} ${s.expr(1)};`,
  (s) => `for (u32 k = 0, m = ${e(s)}; k < 16 && k < m; k++, m -= 3) buf[k] ${set(s)} m;`,
  (s) => `do { ${s.lvalue()} ${set(s)} ${e(s)}; if (${s.cond(2)}) break; ${s.inner(1)} } while (0);`,
];

/** Pointers, arrays, aggregates. */
const places: Idiom[] = [
  (s) =>
    `{ u8 *p = buf; p += ${e(s)} & 7; *p ${set(s)} ${e(s)}; p++; *p ^= 3; ${s.lvalue()} = p[1] - p[-1]; ${s.lvalue()} += p - buf; }`,
  (s) =>
    `{ u32 t[3][4] = { { 1, 2 }, { ${e(s)} }, { [2] = ${e(s)} } }; t[${e(s)} & 1][${e(s)} & 3] += ${e(s)}; ${s.lvalue()} = t[1][0] ^ t[${s.c.below(3)}][${e(s)} & 3]; }`,
  (s) =>
    `{ union { u64 w; u32 h[2]; s16 q[4]; u8 b[8]; s8 n; } u = { ${e(s)} }; u.${s.c.pick(['h[1]', 'q[2]', 'b[5]', 'q[0]', 'n'])} ${set(s)} ${e(s)}; ${s.lvalue()} = u.${s.c.pick(['w', 'h[0]', 'q[1]', 'b[7]', 'n'])}; }`,
  (s) =>
    `{ struct { union { u32 w; struct { u16 lo, hi; }; struct { u32 p : 9, q : 20; s32 r : 3; }; }; u8 t; } m = { .w = ${e(s)} }; m.${s.c.pick(['lo', 'hi', 'p', 'q', 'r'])} ${set(s)} ${e(s)}; m.t = m.${s.c.pick(['q', 'r', 'hi'])}; ${s.lvalue()} += m.w; ${s.lvalue()} ^= m.t + m.r; }`,
  (s) => {
    const member = s.packed
      ? s.c.pick(['u8 *p = &st.a', 's8 *p = &st.arr[3]'])
      : s.c.pick(['s32 *p = &st.in.y', 'u32 *p = &st.c', 's64 *p = &st.d', 's16 *p = &st.b', 's8 *p = &st.arr[2]']);
    return `{ ${member}; *p ${set(s)} ${e(s)}; ${s.lvalue()} ^= *p; *p ${s.c.pick(['+= 1', '<<= 1', '>>= 2', s.portable ? '|= 4' : '/= 4'])}; }`;
  },
  (s) => {
    const [a, b] = [s.c.pick(WIDE), e(s)];
    return `{ ${a} t1 = ${e(s)}, t2 = ${b}; ${a} *p = ${s.cond(1)} ? &t1 : &t2; *p ${set(s)} ${e(s)}; ${s.lvalue()} = t1 ^ t2; }`;
  },
  (s) =>
    `{ ${s.c.pick(['volatile ', ''])}${s.c.pick(TYPES)} v = ${e(s)}; v ${set(s)} ${e(s)}; ${s.lvalue()} += v; wild${s.n} ${set(s)} v; }`,
  (s) =>
    `{ st.in = (typeof(st.in)){ ${e(s)}, ${e(s)} }; ${s.lvalue()} ^= ((u32[4]){ ${e(s)}, 5, ${e(s)}, 7 })[${e(s)} & 3]; }`,
  (s) => `{ const u16 *p = (const u16[]){ 9, ${e(s)}, 60000, ${e(s)} }; ${s.lvalue()} = p[${e(s)} & 3] + sizeof(*p); }`,
  (s) =>
    `{ struct s${s.n} list[2] = { st, { .c = ${e(s)}, .e = ${e(s)}, .f = ${e(s)} } }; struct s${s.n} *p = &list[${e(s)} & 1]; p->${s.c.pick(['c', 'd', 'b'])} += ${e(s)}; p->${bitfield(s)} ${set(s)} ${e(s)}; st = *p; }`,
  (s) =>
    `{ struct pair t[4] = { { 1, 2 }, { ${e(s)} } }, *p = t, *q = &t[3]; while (p < q) { p->lo ${set(s)} ${e(s)}; p[1].hi = p->lo; p++; } ${s.lvalue()} += q->hi + (p - t) + (u32)((u64)q - (u64)t); }`,
  (s) =>
    `{ struct big${s.n} t = big${s.n}, u; t.a[${s.c.below(3)}] ${set(s)} ${e(s)}; u = t; u.b[${e(s)} & 3]++; big${s.n} = u; ${s.lvalue()} ^= t.a[1] + u.b[1]; }`,
  (s) => `big${s.n}.a[${e(s)} & 1] ${set(s)} ${e(s)};`,
  (s) => `${s.lvalue()} += rows${s.n}[${e(s)} & 3].${s.c.pick(['k', 'v', 'name[1]', 'p.hi'])};`,
  (s) => `{ static ${s.c.pick(TYPES)} seen = ${s.c.below(2)}; seen ${set(s)} ${e(s)}; ${s.lvalue()} = seen; }`,
  (s) =>
    `{ static const char w[] = "policy"; char t[8] = "abcdefg"; t[${e(s)} & 7] = w[${e(s)} & 3]; ${s.lvalue()} += t[2] + t[5] + sizeof(w); ${s.lvalue()} ^= !__builtin_memcmp(t, "abc", 3); }`,
  (s) => `st.${bitfield(s)} ${set(s)} ${e(s)};`,
  (s) => `{ kept${s.n}.${bitfield(s)} ${set(s)} ${e(s)}; ${s.lvalue()} ^= kept${s.n}.${bitfield(s)}; }`,
  (s) => `{ u64 was = st.${bitfield(s)}${s.c.pick(['++', '--', ' << 3', ' - 5'])}; ${s.lvalue()} = was; }`,
];

/** A bound that was checked is the one used: what the verifier must be able to follow. */
const bounds: Idiom[] = [
  (s) =>
    `{ ${s.c.pick(['u32', 'u64', 'u8', 'u16'])} at = ${e(s)}; if (at < 16) buf[at] ${set(s)} ${e(s)}; else ${s.lvalue()}++; }`,
  (s) =>
    `{ ${s.c.pick(['s32', 's64', 's16', 's8'])} at = ${e(s)}; if (at >= 0 && at < 16) buf[at] ${set(s)} ${e(s)}; }`,
  (s) => `{ u64 at = ${e(s)}; if (at > 15) at = ${s.c.below(16)}; ${s.lvalue()} = buf[at]; }`,
  (s) => `{ s32 at = ${e(s)}; at = at < 0 ? 0 : at > 15 ? 15 : at; ${s.lvalue()} += buf[at]; buf[at] = 3; }`,
  (s) =>
    `{ u32 from = ${e(s)} & 7, to = from + (${e(s)} & 7); ${s.inner(1)} if (to < 16) buf[to] ${set(s)} buf[from]; }`,
  (s) =>
    `{ u32 at = ${e(s)}; switch (at) { case 0 ... 9: buf[at] = ${e(s)}; break; case 10: at--; default: at &= 7; ${s.lvalue()} ^= buf[at]; } }`,
  (s) => `{ u32 at = ${e(s)}; if (at >= 16) { ${s.lvalue()} += 7; } else { ${s.inner(1)} buf[at]++; } }`,
  (s) => `{ u64 at = ${e(s)}; at >>= ${s.c.pick(['60', '61'])}; buf[at] ^= 5; ${s.lvalue()} -= buf[15 - at]; }`,
  (s) => `{ u32 at = (u32)(${e(s)}) % ${s.c.pick(['16u', '7u', '3u'])}; buf[at] ${set(s)} at; }`,
];

const operations: Idiom[] = [
  (s) =>
    `${s.lvalue()} ${s.c.pick(['=', '^='])} __sync_fetch_and_${s.c.pick(['add', 'or', 'and', 'xor', 'sub'])}(&${s.c.pick([`glob${s.n}`, `word${s.n}`])}, ${e(s)});`,
  (s) =>
    `${s.lvalue()} ${s.c.pick(['=', '^='])} ${s.c.pick(['__sync_add_and_fetch', '__sync_sub_and_fetch', '__sync_xor_and_fetch', '__sync_and_and_fetch'])}(&${s.c.pick([`glob${s.n}`, `word${s.n}`])}, ${e(s)});`,
  (s) =>
    `${s.lvalue()} += __atomic_${s.c.pick(['fetch_add', 'fetch_or', 'add_fetch', 'fetch_and'])}(&${s.c.pick([`glob${s.n}`, `word${s.n}`])}, ${e(s)}, 5);`,
  (s) =>
    `__sync_fetch_and_${s.c.pick(['add', 'or', 'and', 'xor'])}(&${s.c.pick([`glob${s.n}`, `word${s.n}`])}, ${e(s)});`,
  (s) => `${s.lvalue()} = __sync_val_compare_and_swap(&word${s.n}, (u32)(${e(s)}), (u32)(${e(s)}));`,
  (s) => `if (__sync_bool_compare_and_swap(&word${s.n}, (u32)(${e(s)}) & 7, (u32)(${e(s)}))) ${s.lvalue()}++;`,
  (s) =>
    `{ u64 was = ${e(s)}; ${s.lvalue()} ^= __atomic_compare_exchange_n(&glob${s.n}, &was, (u64)(${e(s)}), 0, 5, 5); ${s.lvalue()} += was; }`,
  (s) =>
    s.c.pick([
      `${s.lvalue()} ^= __sync_lock_test_and_set(&glob${s.n}, (u64)(${e(s)}));`,
      `${s.lvalue()} += __atomic_exchange_n(&word${s.n}, (u32)(${e(s)}), 5);`,
    ]),
  (s) =>
    `{ u8 other[16] = { 1, 2, 3 }; __builtin_memmove(buf + ${s.c.below(4)}, buf + ${s.c.below(4)}, ${1 + s.c.below(12)}); ${s.lvalue()} = !!__builtin_memcmp(buf, other, ${s.c.pick(['4', '8', '11', '16', '1', '3'])}); }`,
  (s) => {
    const size = 1 + s.c.below(8);
    return s.c.pick([
      `__builtin_memcpy(buf + ${s.c.below(8)}, &st.d, ${size});`,
      `__builtin_memcpy(&st.d, buf + ${s.c.below(8)}, ${size});`,
      `__builtin_memset(buf + ${s.c.below(8)}, ${e(s)}, ${size});`,
      `__builtin_memset(&st.arr, ${s.c.pick(['0', '-1', '0x5a'])}, ${1 + (size % 6)});`,
      `{ s32 order = __builtin_memcmp(buf, buf + ${s.c.below(8)}, ${size}); ${s.lvalue()} += (order > 0) - (order < 0); }`,
      `{ u64 w; __builtin_memcpy(&w, buf + ${s.c.below(8)}, 8); ${s.lvalue()} ^= w; }`,
      `{ u32 w = ${e(s)}; __builtin_memcpy(buf + ${s.c.below(12)}, &w, ${1 + (size % 4)}); }`,
    ]);
  },
  (s) => `${s.lvalue()} = __builtin_bswap${s.c.pick(['16', '32', '64'])}(${e(s)});`,
  (s) =>
    `${s.lvalue()} ${set(s)} __builtin_${s.c.pick(['clz', 'ctz'])}${s.c.pick(['', 'll'])}((u32)(${e(s)}) | ${s.c.pick(['1', '0x80000000u'])});`,
  (s) =>
    `${s.lvalue()} ${set(s)} __builtin_${s.c.pick(['ffs', 'popcount', 'ffsll', 'popcountll', 'abs', 'llabs'])}(${e(s)});`,
  (s) => {
    const target = s.lvalue();
    return s.c.pick([
      `${target} <<= (${e(s)} & 7);`,
      `${target} >>= (${e(s)} & 7);`,
      `${target} = (${target} ? ${e(s)} : (${e(s)}, ${e(s)}));`,
      `${target} = ${target} ?: ${e(s)};`,
    ]);
  },
  (s) => {
    // What is narrower than int becomes int: signed.
    const by = s.portable
      ? s.c.pick(['4u', '16u', '100ull'])
      : s.c.pick(['3', '7', '8', '-4', '10', '256', '-5', '1000']);
    const target = s.lvalue();
    return s.portable
      ? `${target} = (u32)${target} ${s.c.pick(['/', '%'])} ${by};`
      : `${target} ${s.c.pick(['/=', '%='])} ${by};`;
  },
  (s) =>
    `{ u64 v = ${e(s)}; asm volatile("" : "+r"(v)); ${s.lvalue()} += v; asm("%0 ${s.c.pick(['+=', '^=', '*=', '>>='])} ${1 + s.c.below(9)}" : "+r"(v)); y ^= v; }`,
  (s) =>
    `${s.lvalue()} += _Generic(${e(s)}, s32: 1, u32: 2, s64: 3, u64: 4, bool: 5, u8: 6, s8: 7, u16: 8, s16: 9, long: 10, unsigned long: 11, default: 12) + sizeof(${e(s)});`,
  (s) =>
    `{ typeof((${e(s)}) + 0) v = ${e(s)}; __auto_type w = ${e(s)}; v ${s.c.pick(['+=', '|='])} w; ${s.lvalue()} = v; }`,
  (s) =>
    `{ enum en${s.n} k = ${e(s)} & 7; switch (k) { case E${s.n}_B: ${s.lvalue()}++; break; case E${s.n}_C: k = E${s.n}_A; default: ${s.lvalue()} += k; } }`,
];

const kernel: Idiom[] = [
  (s) => {
    const field = s.c.pick(['flags', 'pid', 'exit_code', 'start_time', 'comm']);
    return `{ u64 v = 0; struct task_struct *t = current_task(); probe(&v, sizeof(t->${field}) < 8 ? sizeof(t->${field}) : 8, __builtin_preserve_access_index(&t->${field})); ${s.lvalue()} ^= v; }`;
  },
  (s) =>
    `{ struct task_struct *t = current_task_btf(); ${s.lvalue()} += t->${s.c.pick(['pid', 'flags', 'tgid', 'start_time', `comm[${s.c.below(16)}]`, 'personality'])}; }`,
  (s) =>
    `{ struct task_struct *t = current_task(); ${s.lvalue()} += __builtin_preserve_field_info(t->${s.c.pick(['pid', 'in_iowait', 'sched_reset_on_fork', 'real_parent', 'start_time'])}, ${s.c.below(6)}); }`,
  (s) =>
    `{ struct task_struct___other *o = current_task(); if (__builtin_preserve_field_info(o->${s.c.pick(['nonesuch', 'pid'])}, 2)) ${s.lvalue()}++; else ${s.lvalue()} -= 2; }`,
  (s) => {
    const field = s.c.pick(['in_execve', 'in_iowait', 'sched_reset_on_fork']);
    return `{ struct task_struct *t = current_task_btf(); u64 v = 0; const void *at = (const void *)t + __builtin_preserve_field_info(t->${field}, 0); switch (__builtin_preserve_field_info(t->${field}, 1)) { case 1: v = *(const u8 *)at; break; case 2: v = *(const u16 *)at; break; case 4: v = *(const u32 *)at; break; case 8: v = *(const u64 *)at; } v <<= __builtin_preserve_field_info(t->${field}, 4); v >>= __builtin_preserve_field_info(t->${field}, 5); ${s.lvalue()} += v; }`;
  },
  (s) =>
    `{ struct task_struct *t = current_task_btf(); ${s.lvalue()} += t->${s.c.pick(['in_execve', 'sched_reset_on_fork', 'in_iowait'])}; }`,
];

const GROUPS: readonly (readonly Idiom[])[] = [
  maps,
  records,
  callbacks,
  pointers,
  jumps,
  places,
  places,
  bounds,
  operations,
  operations,
  kernel,
];

/** One of them. */
export function idiom(s: Scope): string {
  return s.c.pick(s.c.pick(GROUPS))(s);
}
