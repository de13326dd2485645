/**
 * Random restricted-C programs without undefined behaviour: a stream of choices in, source text out, so that shorter
 * streams give smaller programs. All values have the widths and signs that trip code generators.
 */
import { Choices } from './choices.ts';
import { idiom, type Scope } from './idioms.ts';
import { CONSTANTS, TYPES, WIDE } from './prelude.ts';

export interface Options {
  /** No instruction that 6.1 lacks is needed, also not by clang for cpu v3: signed division is by powers of two. */
  readonly portable?: boolean;
}

/** One program: its source (after PRELUDE) with entry point `p<n>` and results in `out<n>`. */
export function generateProgram(n: number, stream: readonly number[], options: Options = {}): string {
  return new Generator(n, new Choices(stream), options).program();
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly writable: boolean;
}

const INTEGERS = TYPES.filter((t) => t !== 'bool');

class Generator implements Scope {
  readonly n: number;
  readonly c: Choices;
  readonly portable: boolean;
  packed = false;
  /** Scalars that can be read; those at the front can be assigned too. */
  #vars: Variable[] = [];
  #next = 0;
  #depth = 0;
  #functions: { name: string; params: string[]; ret: string }[] = [];

  constructor(n: number, c: Choices, options: Options) {
    this.n = n;
    this.c = c;
    this.portable = options.portable === true;
  }

  program(): string {
    const n = this.n;
    const out: string[] = [`volatile u64 out${n}[8];`, this.#types()];
    out.push(`static const u32 table${n}[8] = { 3, 0xffffffff, 7, 0, 0x80000000, 12, 9, 1 };`);
    out.push(
      `static const struct { u8 k; s32 v; char name[3]; struct pair p; } rows${n}[4] = { { 1, -7, "ab", { 2, -1 } }, { 200, 5, { 'x' } }, { .p.hi = 9, .v = 70000 }, { 255 } };`,
    );
    out.push(`u64 glob${n} = 5; s32 counter${n}; volatile s16 wild${n} = -3;`);
    out.push(`u32 word${n} = 7; struct big${n} big${n} = { { 1, 2 }, { 7 } };`);
    out.push(`struct s${n} kept${n} = { .a = 200, .e = ${this.#constant()}, .f = ${this.#constant()}, .g = -3 };`);
    const functions = this.c.below(4);
    for (let k = 0; k < functions; k++) out.push(this.#function(k));
    out.push(this.#callback(), this.#byPointer(), this.#small());
    this.#vars = [
      { name: 'x', type: 'u64', writable: true },
      { name: 'y', type: 's32', writable: true },
    ];
    const body: string[] = [
      'u64 x = ctx[0];',
      's32 y = (s32)ctx[1];',
      `struct s${n} st = {0}, st2;`,
      'u8 buf[16] = {0};',
    ];
    for (let k = 0; k < 4; k++) body.push(this.#declare());
    body.push(...this.#block(8, 3));
    body.push('st2 = st;');
    body.push(`out${n}[0] = x; out${n}[1] = (u64)(s64)y;`);
    this.#vars
      .filter((v) => v.writable)
      .slice(2, 6)
      .forEach((v, k) => body.push(`out${n}[${k + 2}] = (u64)${v.name};`));
    body.push(
      `out${n}[6] = st2.a + st2.b * 3 + st2.c + st2.d + st2.e * 5 + st2.f * 7 + st2.g + st2.h * 13ull + st2.flag * 17 + st2.kind * 19 + st2.arr[2] + st2.in.x + st2.in.y;`,
    );
    body.push(`{ u64 sum = 0; for (int i = 0; i < 16; i++) sum = sum * 31 + buf[i]; out${n}[7] = sum; }`);
    body.push(`out${n}[5] += (u64)${this.expr(2)};`);
    // LSM hooks return -4095 to 0, and their arguments here are numbers. (6.12 knows nothing of a negated number.)
    body.push(`return (s32)((u32)(${this.expr(2)}) & 1023) - 1023;`);
    out.push(`SEC("lsm/socket_create") int p${n}(u64 *ctx) {\n  ${body.join('\n  ')}\n}`);
    return out.join('\n');
  }

  /** A structure with the same names in every program, and with bit-fields of any type, width and place. */
  #types(): string {
    const n = this.n;
    this.packed = this.c.below(3) === 0;
    // Packed ones begin at any bit and cross every boundary: mostly wide, so that they do.
    const types = this.packed ? (['u64', 's64', 'u64', 's64', 'u32', 's32', 'u16', 's8'] as const) : INTEGERS;
    const field = (name: string): string => {
      const type = this.c.pick(types);
      const bits = Number(type.slice(1));
      return `${type} ${name} : ${1 + this.c.below(bits)};`;
    };
    const members = [
      'u8 a;',
      's16 b;',
      'u32 c;',
      's64 d;',
      field('e'),
      field('f'),
      field('g'),
      field('h'),
      'bool flag : 1;',
      `enum en${n} kind : ${8 + this.c.below(20)};`,
      's8 arr[6];',
      'struct { u16 x; s32 y; } in;',
      ...(this.c.below(4) === 0 ? ['u32 : 0;'] : []),
      ...(this.c.below(4) === 0 ? ['u16 : 3;'] : []),
    ];
    return [
      `enum en${n} { E${n}_A = 3, E${n}_B, E${n}_C = 200 };`,
      `struct s${n} { ${this.c.shuffle(members).join(' ')} }${this.packed ? ' __attribute__((packed))' : ''};`,
      `struct big${n} { u64 a[3]; u8 b[${4 + this.c.below(9)}]; };`,
    ].join('\n');
  }

  #constant(): string {
    return this.c.pick(CONSTANTS);
  }

  #function(k: number): string {
    const name = `f${this.n}_${k}`;
    const count = 1 + this.c.below(4);
    const params = Array.from({ length: count }, () => this.c.pick(TYPES));
    const ret = this.c.pick(TYPES);
    this.#vars = params.map((type, i) => ({ name: `a${i}`, type, writable: true }));
    const kind = this.c.pick(['static always_inline', 'static noinline', 'static', 'noinline']);
    const body = [this.#declare(), ...this.#block(3, 2, true), `return ${this.expr(2)};`];
    this.#functions.push({ name, params: [...params], ret });
    return `${kind} ${ret} ${name}(${params.map((t, i) => `${t} a${i}`).join(', ')}) {\n  ${body.join('\n  ')}\n}`;
  }

  /** For bpf_loop() and bpf_for_each_map_elem(): state behind a pointer, ends early now and then. */
  #callback(): string {
    const n = this.n;
    const state = [
      { name: 'a', type: 'u64', writable: true },
      { name: 'b', type: 's32', writable: true },
    ];
    const body = (first: Variable): [string, string] => {
      this.#vars = [first, ...state];
      return [this.#block(2, 1, true).join(' '), this.cond(1)];
    };
    const [once, end] = body({ name: 'i', type: 'u32', writable: false });
    const [each, enough] = body({ name: '*key', type: 'u32', writable: false });
    const [turn, last] = body({ name: 'i', type: 'u64', writable: true });
    this.#vars = [
      { name: 'i', type: 'u64', writable: false },
      { name: '*n', type: 'u64', writable: true },
    ];
    const [plain, over] = [this.expr(2), this.cond(1)];
    const drop = this.c.pick(['del(&hash, &k)', '*v ^= k', '(*v)++']);
    const [often, wrapper] = [this.c.pick(['static noinline', 'static']), this.c.pick(['struct state', 'void'])];
    return `struct state${n} { u64 a; s32 b; u16 c; };
static long cb${n}(u32 i, struct state${n} *st) { u64 a = st->a; s32 b = st->b; ${once} st->a += a; st->b ^= b; st->c += i; return ${end}; }
static long each${n}(void *map, u32 *key, u64 *v, struct state${n} *st) { u64 a = st->a; s32 b = st->b; ${each} *v += 1; st->a = a + *v; st->b ^= b; return ${enough}; }
static int turn${n}(u64 i, void *ctx) { struct state${n} *st = ctx; u64 a = st->a; s32 b = st->b; ${turn} st->a ^= a; st->b -= b; return ${last}; }
static long nest${n}(u32 i, struct state${n} *st) { st->b += loop(i & 3, turn${n}, st, 0); st->c ^= for_each(&array, each${n}, st, 0); return st->a & 1; }
static long drop${n}(void *map, const u32 *key, u64 *v, struct state${n} *st) { u32 k = *key; st->a += *v; st->b ^= ${drop}; return k > 5; }
static long plain${n}(u64 i, u64 *n) { *n ^= ${plain}; return ${over}; }
static always_inline long every${n}(void *map, void *cb, void *ctx) { return for_each(map, cb, ctx, 0); }
${often} long often${n}(void *map, void *cb, ${wrapper}${wrapper === 'void' ? '' : n} *ctx) { for_each(map, cb, ctx, 0); return for_each(map, cb, ctx, 0); }`;
  }

  /** Takes a struct and a buffer by pointer. */
  #byPointer(): string {
    const n = this.n;
    this.#vars = [
      { name: 'p->c', type: 'u32', writable: true },
      { name: 'p->d', type: 's64', writable: true },
      { name: 'p->a', type: 'u8', writable: true },
      { name: 'p->g', type: 'u32', writable: true },
      { name: 'p->kind', type: 'u32', writable: false },
      { name: 'k', type: 'u32', writable: true },
    ];
    const kind = this.c.pick(['static noinline', 'static', 'static always_inline']);
    const body = this.#block(3, 1, true).join(' ');
    return `${kind} s32 by${n}(struct s${n} *p, u8 *q, u32 k) { ${body} q[k & 7] ^= p->b; p->in.y -= q[1]; return p->f + (s32)k; }`;
  }

  /** Functions as arguments, structures by value, five parameters. */
  #small(): string {
    const n = this.n;
    this.#vars = [{ name: 'v', type: 'u64', writable: true }];
    const kind = this.c.pick(['static always_inline', 'static']);
    const [half, twist, third] = [this.expr(2), this.expr(2), this.expr(2)];
    const far = this.c.pick(['static noinline', 'noinline', 'static']);
    this.#vars = ['u8', 's16', 's64', 'bool', 'u32'].map((type, i) => ({ name: `a${i}`, type, writable: true }));
    const many = this.c.pick(['static noinline', 'noinline', 'static']);
    return `static u64 half${n}(u64 v) { return ${half}; } static u64 twist${n}(u64 v) { v ^= v << 7; return ${twist}; }
${far} u64 far${n}(u64 v) { for (int i = 0; i < 3; i++) v = ${third} + i; return v; }
static always_inline u64 apply${n}(u64 (*fn)(u64), u64 v) { return fn(v) + 1; }
static const struct { u8 k; u64 (*fn)(u64); u32 add; } ops${n}[2] = { { 1, far${n}, 9 }, { .fn = half${n} } };
${kind} struct pair pair${n}(u32 lo, s32 hi) { struct pair r = { .hi = hi, .lo = lo }; r.lo += r.hi; return r; }
static always_inline s64 sum${n}(struct pair r) { r.lo -= 1; return (s64)r.lo * r.hi; }
${many} u32 many${n}(u8 a0, s16 a1, s64 a2, bool a3, u32 a4) { ${this.#block(2, 1, true).join(' ')} return ${this.expr(2)}; }`;
  }

  id(): number {
    return this.#next++;
  }

  inner(statements: number): string {
    return `{ ${this.#block(statements, this.#depth - 1).join(' ')} }`;
  }

  innerWith(names: readonly { name: string; type: string }[], statements: number): string {
    const saved = this.#vars;
    this.#vars = [...saved, ...names.map((v) => ({ ...v, writable: false }))];
    const text = this.inner(statements);
    this.#vars = saved;
    return text;
  }

  #declare(): string {
    const type = this.c.pick(TYPES);
    const init = this.expr(2);
    const name = `v${this.#next++}`;
    this.#vars.push({ name, type, writable: true });
    return `${type} ${name} = ${init};`;
  }

  #block(statements: number, depth: number, plain = false): string[] {
    const saved = this.#vars.length;
    const above = this.#depth;
    const out: string[] = [];
    for (let k = 0; k < statements && !this.c.over; k++) {
      this.#depth = depth;
      out.push(this.#statement(depth, plain));
    }
    this.#depth = above;
    this.#vars.length = saved;
    return out;
  }

  lvalue(): string {
    return this.#lvalue(false);
  }

  #lvalue(plain: boolean): string {
    const n = this.c.below(plain ? 6 : 12);
    const writable = this.#vars.filter((v) => v.writable);
    if (n < 6 && writable.length > 0) return this.c.pick(writable).name;
    switch (n) {
      case 6:
        return `st.${this.c.pick(['a', 'b', 'c', 'd', 'in.x', 'in.y'])}`;
      case 7:
        return `st.${this.c.pick(['e', 'f', 'g', 'h', 'flag'])}`;
      case 8:
        return `buf[${this.expr(1)} & 15]`;
      case 9:
        return `st.arr[${this.c.below(6)}]`;
      case 10:
        return `glob${this.n}`;
      default:
        return `counter${this.n}`;
    }
  }

  #statement(depth: number, plain: boolean): string {
    const c = this.c;
    const inner = (k: number): string => `{ ${this.#block(k, depth - 1, plain).join(' ')} }`;
    if (!plain && depth > 0 && c.below(5) < 2) return idiom(this);
    switch (depth <= 0 ? c.below(4) : c.below(12)) {
      case 0:
        return `${this.#lvalue(plain)} = ${this.expr(3)};`;
      case 1: {
        const op = c.pick(['+=', '-=', '*=', '&=', '|=', '^=']);
        return `${this.#lvalue(plain)} ${op} ${this.expr(2)};`;
      }
      case 2:
        return this.#declare();
      case 3:
        return `${this.#lvalue(plain)}${c.pick(['++', '--'])};`;
      case 4:
        return `if (${this.expr(2)}) ${inner(3)}`;
      case 5:
        return `if (${this.cond(2)}) ${inner(2)} else ${inner(2)}`;
      case 6:
      case 7: {
        const i = `i${this.id()}`;
        this.#vars.push({ name: i, type: 's32', writable: false });
        const bound = 1 + c.below(6);
        const exit = c.pick(['', `if (${this.cond(1)}) break;`, `if (${this.cond(1)}) continue;`]);
        const pragma = c.pick(['', '', '_Pragma("unroll") ', '_Pragma("nounroll") ']);
        const type = c.pick(['int', 'u32', 'u8', 'u64']);
        const text = `${pragma}for (${type} ${i} = 0; ${i} < ${bound}; ${i}++) { ${this.#block(2, depth - 1, plain).join(' ')} ${exit} ${this.#lvalue(plain)} += ${i}; }`;
        this.#vars = this.#vars.filter((v) => v.name !== i);
        return text;
      }
      case 8: {
        const i = `w${this.id()}`;
        const start = `u32 ${i} = ${1 + c.below(5)};`;
        const body = c.below(2);
        return body === 0
          ? `{ ${start} while (${i}--) ${inner(2)} }`
          : `{ ${start} do ${inner(2)} while (--${i} != 0); }`;
      }
      case 9: {
        const cases = Array.from(
          { length: 1 + c.below(4) },
          (_, k) =>
            `case ${k * 3 - 2}${c.below(3) === 0 ? ` ... ${k * 3 - 1}` : ''}: ${this.#block(1, depth - 1, plain)
              .map(closed)
              .join(' ')} ${c.pick(['break;', ''])}`,
        );
        return `switch (${c.pick(['(u32)', ''])}(${this.expr(1)}) ${c.pick(this.portable ? ['& 7', ''] : ['& 7', '% 11u', ''])}) { ${cases.join(' ')} default: ${this.#lvalue(plain)} ^= 5; }`;
      }
      case 10:
        return plain
          ? `${this.#lvalue(true)} = ${this.expr(2)};`
          : c.pick([
              '__builtin_memset(buf + 3, 7, 5);',
              'st2 = st; st2.c ^= 1; st = st2;',
              `{ u32 t[4] = { 1, (u32)x, 3 }; y += t[x & 3]; }`,
            ]);
      default:
        return plain ? `${this.#lvalue(true)} |= 1;` : `__sync_fetch_and_add(&glob${this.n}, ${this.expr(1)});`;
    }
  }

  cond(depth: number): string {
    const op = this.c.pick(['<', '>', '<=', '>=', '==', '!=']);
    const one = `${this.expr(depth - 1)} ${op} ${this.expr(depth - 1)}`;
    switch (this.c.below(4)) {
      case 0:
        return depth > 1 ? `(${one}) && (${this.cond(depth - 1)})` : one;
      case 1:
        return depth > 1 ? `(${one}) || (${this.cond(depth - 1)})` : one;
      case 2:
        return `!(${one})`;
      default:
        return one;
    }
  }

  expr(depth: number): string {
    const c = this.c;
    const kind = depth <= 0 ? c.below(3) : c.below(20);
    const sub = (): string => this.expr(depth - 1);
    const n = this.n;
    switch (kind) {
      case 0:
        return this.#vars.length > 0 ? c.pick(this.#vars).name : '1';
      case 1:
        return `(${c.pick(CONSTANTS)})`;
      case 2:
        return this.#vars.length > 0 ? c.pick(this.#vars).name : '2';
      case 3:
      case 4:
        return `(${sub()} ${c.pick(['+', '-', '*'])} ${sub()})`;
      case 5:
        return `(${sub()} ${c.pick(['&', '|', '^'])} ${sub()})`;
      case 6:
        return `((${c.pick(WIDE)})${sub()} ${c.pick(['<<', '>>'])} (${sub()} & 31))`;
      case 7:
        return `((${c.pick(['u32', 'u64'])})${sub()} ${c.pick(['/', '%'])} ((u32)${sub()} | 1))`;
      case 8:
        return this.portable
          ? `((u64)(${sub()}) ${c.pick(['/', '%'])} ${c.pick(['3u', '8u', '1000u', '0x100000001ull'])})`
          : `((${c.pick(['s32', 's64'])})(${sub()}) ${c.pick(['/', '%'])} ${c.pick(['2', '3', '7', '8', '-4', '10', '256', '-3', '0x7fffffff', '1000'])})`;
      case 9:
        return `(${c.pick(TYPES)})(${sub()})`;
      case 10:
        return `(${this.cond(depth)})`;
      case 11:
        return `(${this.cond(1)} ? ${sub()} : ${sub()})`;
      case 12:
        return `${c.pick(['-', '~', '!'])}(${sub()})`;
      case 13:
        return `table${n}[${sub()} & 7]`;
      case 14: {
        if (this.#functions.length === 0) return `(${sub()} ?: 3)`;
        const f = c.pick(this.#functions);
        return `${f.name}(${f.params.map(() => this.expr(depth - 1)).join(', ')})`;
      }
      case 15:
        return this.#pattern(depth);
      case 16:
        return `(${c.pick(TYPES)})(${c.pick(TYPES)})(${sub()})`;
      case 17:
        return c.pick([
          `(${sub()} ?: ${sub()})`,
          `(${sub()}, ${sub()})`,
          `(${this.cond(1)} && ${sub()})`,
          `(${sub()} || ${sub()})`,
        ]);
      case 18:
        return `((${c.pick(['u64', 's64'])})${sub()} ${c.pick(['<<', '>>'])} ${c.pick(['1', '8', '31', '32', '33', '48', '56', '63', `(${sub()} & 63)`])})`;
      default:
        return `({ ${c.pick(TYPES)} q = ${sub()}; ${c.pick(['q + 1', 'q', 'q ? q : 3', '-q', 'q * 3'])}; })`;
    }
  }

  /** Shapes that optimisers look for. */
  #pattern(depth: number): string {
    const c = this.c;
    const sub = (): string => this.expr(depth - 1);
    const k = 1 + c.below(31);
    const t = c.pick(WIDE);
    return c.pick([
      () => `({ u32 r = ${sub()}; (r << ${k}) | (r >> ${32 - k}); })`,
      () => `({ u64 r = ${sub()}; (r >> ${k}) | (r << ${64 - k}); })`,
      () => `({ ${t} l = ${sub()}, r = ${sub()}; l ${c.pick(['<', '>', '<=', '>='])} r ? l : r; })`,
      () => `((s64)((u64)${sub()} << ${c.pick(['32', '48', '56', '33'])}) >> ${c.pick(['32', '48', '56', '33'])})`,
      () => `({ ${t} l = ${sub()}; l < 0 ? -l : l; })`,
      () =>
        `((${sub()} & ${c.pick(['0xff', '0xff00', '0xffff', '1', '0x80000000u'])}) ${c.pick(['==', '!='])} ${c.pick(['0', '0xff', '1', '0x80'])})`,
      () => `((${sub()} >> ${c.pick(['1', '7', '8', '16'])}) & ${c.pick(['1', '0xff', '0xffff', '7'])})`,
      () => `!!(${sub()})`,
      () => `({ ${t} l = ${sub()}; l + l * ${k} - (l << 2); })`,
      () => `((u32)${sub()} * (u64)(u32)${sub()} >> 32)`,
      () => `({ u64 r = ${sub()}; (u32)r + (u32)(r >> 32); })`,
      () => `(E${this.n}_C + ${sub()})`,
    ])();
  }
}

/** A declaration cannot follow a case label in the C of clang's -O2 defaults: braces around it. */
const closed = (s: string): string => `{ ${s} }`;
