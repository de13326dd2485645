/** What a load at an offset of a kernel struct reads, by BTF. */
import type { Btf, BtfType } from '../bpf/index.ts';
import type { Env } from './env.ts';
import { EACCES, EFAULT, EINVAL } from './env.ts';
import { PERCPU, RCU, UNTRUSTED, USER } from './reg.ts';

export type Walk =
  | { readonly kind: 'scalar' }
  /** A pointer to something that is no struct. */
  | { readonly kind: 'leaf' }
  | { readonly kind: 'ptr'; readonly typeId: number; readonly flags: number; readonly field: string }
  /** `untrusted`: a union lay on the way. */
  | { readonly kind: 'struct'; readonly typeId: number; readonly untrusted: boolean };

type Failure = { readonly kind: 'error'; readonly errno: number; readonly reason: string; readonly message: string };

type Composite = Extract<BtfType, { kind: 'struct' | 'union' }>;

const SCALAR: Walk = { kind: 'scalar' };
const LEAF: Walk = { kind: 'leaf' };
const error = (errno: number, reason: string, message: string): Failure => ({ kind: 'error', errno, reason, message });
/** As the kernel names a type without a name. */
const label = (t: Composite): string => t.name || '(anon)';
const isComposite = (t: BtfType): t is Composite => t.kind === 'struct' || t.kind === 'union';

/** Element type and total element count of a (nested) array; other types are one element of themselves. */
function flatten(
  btf: Btf,
  typeId: number,
): { elem: BtfType; elemId: number; count: number; size: number; array: boolean } | null {
  let t = btf.type(btf.strip(typeId));
  let count = 1;
  let array = false;
  while (t.kind === 'array') {
    array = true;
    count *= t.count;
    t = btf.type(btf.strip(t.type));
  }
  const size = btf.sizeOf(t.id);
  return size === undefined ? null : { elem: t, elemId: t.id, count, size: size * count, array };
}

/** One level: ends at a number, a pointer, or a nested struct that starts exactly at the offset. */
function walkOnce(
  env: Env,
  btf: Btf,
  structId: number,
  at: number,
  size: number,
  untrusted: boolean,
  flexible = true,
): Walk | Failure {
  let t = btf.type(btf.strip(structId));
  let off = at;
  let tainted = untrusted;
  for (let depth = 0; depth < 64; depth++) {
    if (!isComposite(t)) return error(EINVAL, 'btf-not-struct', `Type '${t.name}' is not a struct`);
    // Since 6.3: what is reached through a union is not to be trusted.
    if (env.rules.trust && t.kind === 'union' && t.members.length !== 1) tainted = true;
    if (off + size > t.size) {
      const tail = flexible ? flexibleTail(btf, t, off) : null;
      if (tail === null) {
        return error(EACCES, 'btf-beyond-struct', `access beyond struct ${label(t)} at off ${off} size ${size}`);
      }
      if (tail === 'scalar') return SCALAR;
      t = tail.elem;
      off = tail.off;
      continue;
    }
    const step = findMember(btf, t, off, size, tainted);
    if (step.kind !== 'descend') {
      return step.kind === 'ptr' ? { ...step, flags: step.flags | (tainted ? UNTRUSTED : 0) } : step;
    }
    if (off === step.offset) return { kind: 'struct', typeId: step.type.id, untrusted: tainted };
    off -= step.offset;
    t = step.type;
  }
  return error(EINVAL, 'btf-not-struct', 'struct nesting is too deep');
}

/** `struct s { ...; struct e a[]; }` read past its end: an element of the array. */
function flexibleTail(btf: Btf, t: Composite, off: number): 'scalar' | { elem: Composite; off: number } | null {
  const last = t.members[t.members.length - 1];
  if (last === undefined) return null;
  const array = btf.type(btf.strip(last.type));
  if (array.kind !== 'array' || array.count !== 0 || off < last.bitOffset / 8) return null;
  const elem = btf.type(btf.strip(array.type));
  if (elem.kind === 'int') return 'scalar';
  if (!isComposite(elem) || elem.size === 0) return null;
  return { elem, off: (off - last.bitOffset / 8) % elem.size };
}

type Member = Walk | Failure | { readonly kind: 'descend'; readonly type: Composite; readonly offset: number };

function findMember(btf: Btf, t: Composite, off: number, size: number, untrusted: boolean): Member {
  for (const m of t.members) {
    let moff = Math.floor(m.bitOffset / 8);
    if (off + size <= moff) break;
    if (m.bitSize !== 0) {
      if (off <= moff && Math.ceil((m.bitOffset + m.bitSize) / 8) <= off + size) return SCALAR;
      continue;
    }
    if (off < moff) break;
    const f = flatten(btf, m.type);
    if (f === null) return error(EFAULT, 'btf-no-size', `field ${m.name} doesn't have size`);
    const end = moff + f.size;
    if (off >= end) continue;
    let width = f.size;
    if (f.array) {
      if (moff === end) continue;
      width = f.size / f.count;
      moff += Math.floor((off - moff) / width) * width;
    }
    if (isComposite(f.elem)) return { kind: 'descend', type: f.elem, offset: moff };
    if (f.elem.kind === 'ptr') {
      if (width !== size || off !== moff) {
        return error(
          EACCES,
          'btf-ptr-partial',
          `cannot access ptr member ${m.name} with moff ${moff} in struct ${label(t)} with off ${off} size ${size}`,
        );
      }
      const target = btf.type(btf.strip(f.elem.type));
      if (isComposite(target))
        return { kind: 'ptr', typeId: target.id, flags: tagFlags(btf, f.elem.type), field: m.name };
      return LEAF;
    }
    if (off + size > end && !untrusted) {
      return error(
        EACCES,
        'btf-beyond-member',
        `access beyond the end of member ${m.name} (mend:${end}) in struct ${label(t)} with off ${off} size ${size}`,
      );
    }
    return SCALAR;
  }
  return error(EINVAL, 'btf-hole', `struct ${label(t)} doesn't have field at offset ${off}`);
}

/** `__user`, `__percpu`, `__rcu` of a pointer's target. */
export function tagFlags(btf: Btf, targetId: number): number {
  const t = btf.type(targetId);
  if (t.kind !== 'type_tag') return 0;
  return t.name === 'user' ? USER : t.name === 'percpu' ? PERCPU : t.name === 'rcu' ? RCU : 0;
}

/** What `size` bytes at `off` of a struct are; refuses like the kernel. */
export function structAccess(env: Env, btf: Btf, typeId: number, off: number, size: number, flexible = true): Walk {
  let id = typeId;
  let at = off;
  let untrusted = false;
  for (let depth = 0; depth < 64; depth++) {
    const w = walkOnce(env, btf, id, at, size, untrusted, flexible);
    if (w.kind === 'error') env.fail(w.errno, w.reason, w.message);
    if (w.kind !== 'struct') return w;
    untrusted = w.untrusted;
    id = w.typeId;
    at = 0;
  }
  return SCALAR;
}

/** What a struct is matched for. */
export interface MatchOptions {
  /** BTF of the wanted type; default the kernel's. */
  readonly needBtf?: Btf;
  /** The type itself, not one that starts inside of it. */
  readonly strict?: boolean;
  readonly flexible?: boolean;
}

/** The same type of the same BTF. */
const sameType = (a: Btf, aId: number, b: Btf, bId: number): boolean => a === b && a.strip(aId) === b.strip(bId);

/** Is the struct at `off` of type `id` (or one that starts there inside of it) a `need`? (btf_struct_ids_match) */
export function structMatches(
  env: Env,
  btf: Btf,
  id: number,
  off: number,
  need: number,
  opts: MatchOptions = {},
): boolean {
  const needBtf = opts.needBtf ?? env.btf;
  if (off === 0 && sameType(btf, id, needBtf, need)) return true;
  if (opts.strict) return false;
  let cur = id;
  let at = off;
  for (let depth = 0; depth < 64; depth++) {
    const w = walkOnce(env, btf, cur, at, 1, false, opts.flexible ?? true);
    if (w.kind !== 'struct') return false;
    if (sameType(btf, w.typeId, needBtf, need)) return true;
    cur = w.typeId;
    at = 0;
  }
  return false;
}
