/**
 * Fields that the kernel manages itself, in map values and in structs that programs allocate: locks, timers, work queues,
 * kptrs, list and tree roots and nodes, reference counts. As btf_parse_fields() finds them.
 */
import type { Btf, BtfType } from '../bpf/index.ts';
import type { DeclTags } from './btf-tags.ts';

export type FieldKind =
  | 'bpf_spin_lock'
  | 'bpf_timer'
  | 'bpf_wq'
  | 'bpf_list_head'
  | 'bpf_list_node'
  | 'bpf_rb_root'
  | 'bpf_rb_node'
  | 'bpf_refcount'
  | 'kptr'
  | 'percpu_kptr'
  | 'kptr_untrusted';

export interface Field {
  readonly kind: FieldKind;
  readonly offset: number;
  readonly size: number;
  /** Of kptrs: what they point to, in the kernel's BTF or (objects of the program's own) in the program's. */
  readonly target?: { readonly btf: Btf; readonly typeId: number };
  /** Of list and tree roots: the struct of their elements and where its node is. */
  readonly root?: { readonly btf: Btf; readonly typeId: number; readonly nodeOffset: number };
}

export interface FieldRecord {
  /** By offset. */
  readonly fields: readonly Field[];
  /** Offsets; -1 = none. */
  readonly spinLock: number;
  readonly timer: number;
  readonly wq: number;
  readonly refcount: number;
  /** The kernel refuses such a type (errno); 0 = fine. */
  readonly error: number;
}

/** How the kernel names a kind in messages. */
export const fieldName = (k: FieldKind): string => (k === 'kptr_untrusted' ? 'kptr' : k);
export const isKptr = (k: FieldKind): boolean => k === 'kptr' || k === 'percpu_kptr' || k === 'kptr_untrusted';

const SIZES: Readonly<Record<FieldKind, number>> = {
  bpf_spin_lock: 4,
  bpf_timer: 16,
  bpf_wq: 16,
  bpf_list_head: 16,
  bpf_list_node: 24,
  bpf_rb_root: 16,
  bpf_rb_node: 32,
  bpf_refcount: 4,
  kptr: 8,
  percpu_kptr: 8,
  kptr_untrusted: 8,
};

/** What a kernel generation looks for. */
export interface FieldRules {
  readonly structs: ReadonlySet<FieldKind>;
  /** Type tag of the pointer → kind. */
  readonly kptrTags: Readonly<Record<string, FieldKind>>;
  /** Structs that may be kept in referenced kptrs (they have a registered destructor). */
  readonly destructors: ReadonlySet<string>;
  /** Fields of nested structs are found, too. */
  readonly nested: boolean;
}

export const FIELDS_6_1: FieldRules = {
  structs: new Set<FieldKind>(['bpf_spin_lock', 'bpf_timer']),
  kptrTags: { kptr: 'kptr_untrusted', kptr_ref: 'kptr' },
  destructors: new Set(['prog_test_ref_kfunc', 'prog_test_member']),
  nested: false,
};
export const FIELDS_6_12: FieldRules = {
  structs: new Set<FieldKind>([
    'bpf_spin_lock',
    'bpf_timer',
    'bpf_wq',
    'bpf_list_head',
    'bpf_list_node',
    'bpf_rb_root',
    'bpf_rb_node',
    'bpf_refcount',
  ]),
  kptrTags: { kptr: 'kptr', kptr_untrusted: 'kptr_untrusted', percpu_kptr: 'percpu_kptr' },
  destructors: new Set([
    'task_struct',
    'cgroup',
    'bpf_cpumask',
    'bpf_crypto_ctx',
    'prog_test_ref_kfunc',
    'prog_test_member',
  ]),
  nested: true,
};

const ONCE: ReadonlySet<FieldKind> = new Set<FieldKind>(['bpf_spin_lock', 'bpf_timer', 'bpf_wq', 'bpf_refcount']);
const REPEATABLE: ReadonlySet<FieldKind> = new Set<FieldKind>([
  'kptr',
  'kptr_untrusted',
  'percpu_kptr',
  'bpf_list_head',
  'bpf_rb_root',
]);
const IN_MAPS: ReadonlySet<FieldKind> = new Set<FieldKind>(['bpf_list_node', 'bpf_rb_node']);
const IN_OBJECTS: ReadonlySet<FieldKind> = new Set<FieldKind>(['bpf_timer', 'bpf_wq']);
const MAX_FIELDS = 11;
const MAX_DEPTH = 32;
const ENOENT = 2;
const E2BIG = 7;
const EEXIST = 17;
const EINVAL = 22;

const NONE: FieldRecord = { fields: [], spinLock: -1, timer: -1, wq: -1, refcount: -1, error: 0 };

class Invalid extends Error {
  readonly errno: number;
  constructor(errno: number) {
    super('invalid fields');
    this.errno = errno;
  }
}

export class FieldParser {
  private readonly btf: Btf;
  private readonly kernel: Btf;
  private readonly tags: DeclTags;
  private readonly rules: FieldRules;
  private readonly structs = new Map<number, FieldRecord | null>();

  constructor(btf: Btf, kernel: Btf, tags: DeclTags, rules: FieldRules) {
    this.btf = btf;
    this.kernel = kernel;
    this.tags = tags;
    this.rules = rules;
  }

  /** Fields of a map's value (or of the data section behind a global variable map). */
  ofMapValue(typeId: number): FieldRecord {
    return this.parse(this.btf.strip(typeId), IN_MAPS);
  }

  /** Fields of a struct that programs may allocate; null = none (btf_find_struct_meta). */
  ofStruct(typeId: number): FieldRecord | null {
    let r = this.structs.get(typeId);
    if (r === undefined) {
      r = this.hasOwnFields(typeId) ? this.parse(typeId, IN_OBJECTS) : null;
      this.structs.set(typeId, r);
    }
    return r;
  }

  /** Only structs with such a field as a direct member are looked at. */
  private hasOwnFields(typeId: number): boolean {
    const t = this.btf.type(typeId);
    if (t.kind !== 'struct') return false;
    return t.members.some((m) => {
      const f = this.btf.type(m.type);
      if (f.kind === 'struct')
        return this.rules.structs.has(f.name as FieldKind) && !IN_OBJECTS.has(f.name as FieldKind);
      const tag = f.kind === 'ptr' ? this.btf.type(f.type) : f;
      return tag.kind === 'type_tag' && Object.hasOwn(this.rules.kptrTags, tag.name);
    });
  }

  private parse(typeId: number, skip: ReadonlySet<FieldKind>): FieldRecord {
    const found: Field[] = [];
    const seen = new Set<FieldKind>();
    try {
      const t = this.btf.type(typeId);
      if (t.kind === 'struct') this.members(t, 0, found, seen, skip, 0);
      else if (t.kind === 'datasec') {
        for (const v of t.vars) {
          const variable = this.btf.type(v.type);
          if (variable.kind === 'var') {
            this.one(variable.type, { id: v.type, component: -1 }, v.offset, v.size, found, seen, skip, 0);
          }
        }
      }
      return this.record(found);
    } catch (e) {
      if (!(e instanceof Invalid)) throw e;
      return { ...NONE, error: e.errno };
    }
  }

  private record(found: Field[]): FieldRecord {
    if (found.length === 0) return NONE;
    let end = 0;
    for (const f of found) {
      if (f.offset < end) throw new Invalid(EEXIST);
      end = f.offset + f.size;
    }
    const at = (kind: FieldKind): number => found.find((f) => f.kind === kind)?.offset ?? -1;
    const has = (kind: FieldKind): boolean => found.some((f) => f.kind === kind);
    const spinLock = at('bpf_spin_lock');
    const refcount = at('bpf_refcount');
    if ((has('bpf_list_head') || has('bpf_rb_root')) && spinLock < 0) throw new Invalid(EINVAL);
    if (refcount < 0 && has('bpf_list_node') && has('bpf_rb_node')) throw new Invalid(EINVAL);
    return { fields: found, spinLock, timer: at('bpf_timer'), wq: at('bpf_wq'), refcount, error: 0 };
  }

  private members(
    t: Extract<BtfType, { readonly members: unknown }>,
    base: number,
    found: Field[],
    seen: Set<FieldKind>,
    skip: ReadonlySet<FieldKind>,
    depth: number,
  ): void {
    if (depth >= MAX_DEPTH) throw new Invalid(E2BIG);
    t.members.forEach((m, i) => {
      if (m.bitSize !== 0 || m.bitOffset % 8 !== 0) return;
      this.one(m.type, { id: t.id, component: i }, base + m.bitOffset / 8, 0, found, seen, skip, depth);
    });
  }

  private one(
    typeId: number,
    place: { readonly id: number; readonly component: number },
    offset: number,
    expectedSize: number,
    found: Field[],
    seen: Set<FieldKind>,
    skip: ReadonlySet<FieldKind>,
    depth: number,
  ): void {
    let t = this.btf.type(typeId);
    let count = 1;
    for (let i = 0; t.kind === 'array' && i < MAX_DEPTH; i++) {
      count *= t.count;
      t = this.btf.type(t.type);
    }
    if (count === 0) return;
    const name = t.kind === 'struct' ? (t.name as FieldKind) : null;
    const before = found.length;
    let element: number;
    if (name !== null && this.rules.structs.has(name) && !skip.has(name)) {
      if (ONCE.has(name)) {
        if (seen.has(name)) throw new Invalid(E2BIG);
        seen.add(name);
      }
      element = SIZES[name];
      if ((expectedSize !== 0 && expectedSize !== element * count) || offset % Math.min(8, element) !== 0) return;
      if (t.kind === 'struct' && t.size !== element) return;
      const root = name === 'bpf_list_head' || name === 'bpf_rb_root' ? this.graphRoot(place, name) : undefined;
      found.push({ kind: name, offset, size: element, root });
    } else if (t.kind === 'struct') {
      if (!this.rules.nested) return;
      element = t.size;
      if (expectedSize !== 0 && expectedSize !== element * count) return;
      this.members(t, offset, found, seen, skip, depth + 1);
    } else {
      element = 8;
      if ((expectedSize !== 0 && expectedSize !== 8 * count) || offset % 8 !== 0) return;
      const k = this.kptrOf(t);
      if (k === null) return;
      found.push({ kind: k.kind, offset, size: 8, target: this.targetOf(k.kind, k.typeId) });
    }
    const n = found.length - before;
    if (n === 0) return;
    if (count > 1 && found.slice(before).some((f) => !REPEATABLE.has(f.kind))) throw new Invalid(EINVAL);
    if (before + n * count > MAX_FIELDS) throw new Invalid(E2BIG);
    const first = found.slice(before);
    for (let i = 1; i < count; i++) for (const f of first) found.push({ ...f, offset: f.offset + i * element });
  }

  /** A pointer with one of the kptr tags. */
  private kptrOf(type: BtfType): { readonly kind: FieldKind; readonly typeId: number } | null {
    let t = type;
    if (t.kind === 'volatile') t = this.btf.type(t.type);
    if (t.kind !== 'ptr') return null;
    const tag = this.btf.type(t.type);
    if (tag.kind !== 'type_tag') return null;
    const below = this.btf.type(tag.type);
    const kind = Object.hasOwn(this.rules.kptrTags, tag.name) ? this.rules.kptrTags[tag.name] : null;
    if (kind === null || below.kind === 'type_tag') throw new Invalid(EINVAL);
    const target = this.btf.type(this.btf.strip(tag.type));
    if (target.kind !== 'struct') throw new Invalid(EINVAL);
    return { kind, typeId: target.id };
  }

  /** The kernel's type of that name, else the program's own. */
  private targetOf(kind: FieldKind, typeId: number): { readonly btf: Btf; readonly typeId: number } {
    const t = this.btf.type(typeId);
    const id = t.kind === 'struct' ? this.kernel.find(t.name, 'struct') : 0;
    if (id === 0) return { btf: this.btf, typeId };
    if (kind === 'kptr' && !this.rules.destructors.has(this.kernel.name(id))) throw new Invalid(ENOENT);
    return { btf: this.kernel, typeId: id };
  }

  /** `__contains(struct, node)` of a list or tree. */
  private graphRoot(
    place: { readonly id: number; readonly component: number },
    kind: FieldKind,
  ): { readonly btf: Btf; readonly typeId: number; readonly nodeOffset: number } {
    const tags = this.tags.of(place.id, place.component).filter((t) => t.startsWith('contains:'));
    const m = tags.length === 1 ? /^contains:([^:]*):(.+)$/.exec(tags[0]) : null;
    if (m === null) throw new Invalid(EINVAL);
    const typeId = this.btf.find(m[1], 'struct');
    const t = this.btf.type(typeId);
    if (t.kind !== 'struct') throw new Invalid(ENOENT);
    const node = t.members.filter((f) => f.name === m[2]);
    if (node.length === 0) throw new Invalid(ENOENT);
    const want = kind === 'bpf_list_head' ? 'bpf_list_node' : 'bpf_rb_node';
    const nodeType = this.btf.type(node[0].type);
    if (node.length > 1 || nodeType.kind !== 'struct' || nodeType.name !== want) throw new Invalid(EINVAL);
    return { btf: this.btf, typeId, nodeOffset: node[0].bitOffset / 8 };
  }
}

export const NO_FIELDS = NONE;
