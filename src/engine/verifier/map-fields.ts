/** Fields of a map's value that the kernel manages itself and programs may not touch like data. */
import type { Btf } from '../bpf/index.ts';
import type { MapDef } from '../loader/index.ts';

export interface MapField {
  readonly name: 'bpf_spin_lock' | 'bpf_timer' | 'bpf_wq' | 'bpf_list_head' | 'bpf_rb_root' | 'kptr';
  readonly offset: number;
  readonly size: number;
}

export interface MapFields {
  readonly fields: readonly MapField[];
  /** Offset of the spin lock; -1 = none. */
  readonly spinLock: number;
}

const SPECIAL: ReadonlySet<string> = new Set(['bpf_spin_lock', 'bpf_timer', 'bpf_wq', 'bpf_list_head', 'bpf_rb_root']);
const KPTR_TAGS: ReadonlySet<string> = new Set(['kptr', 'kptr_untrusted', 'percpu_kptr']);

/** Looks into the value type; nested structs and arrays of them are searched, too. */
export function mapFields(btf: Btf | null, map: MapDef): MapFields {
  const fields: MapField[] = [];
  if (btf !== null && map.valueTypeId !== 0) collect(btf, map.valueTypeId, 0, fields, 0);
  return { fields, spinLock: fields.find((f) => f.name === 'bpf_spin_lock')?.offset ?? -1 };
}

function collect(btf: Btf, typeId: number, base: number, out: MapField[], depth: number): void {
  if (depth > 8) return;
  const t = btf.type(btf.strip(typeId));
  if (t.kind === 'datasec') {
    for (const v of t.vars) {
      const variable = btf.type(v.type);
      if (variable.kind === 'var') collect(btf, variable.type, base + v.offset, out, depth + 1);
    }
  } else if (t.kind === 'array') {
    const size = btf.sizeOf(t.type) ?? 0;
    // Arrays of special fields are rare: 16 elements are enough to find them all in what the kernel supports.
    for (let i = 0; i < Math.min(t.count, 16); i++) collect(btf, t.type, base + i * size, out, depth + 1);
  } else if (t.kind === 'struct') {
    if (SPECIAL.has(t.name)) {
      out.push({ name: t.name as MapField['name'], offset: base, size: t.size });
      return;
    }
    for (const m of t.members) if (m.bitSize === 0) collect(btf, m.type, base + m.bitOffset / 8, out, depth + 1);
  } else if (t.kind === 'ptr') {
    let p = btf.type(t.type);
    while (p.kind === 'type_tag' || p.kind === 'const' || p.kind === 'volatile') {
      if (p.kind === 'type_tag' && KPTR_TAGS.has(p.name)) {
        out.push({ name: 'kptr', offset: base, size: 8 });
        return;
      }
      p = btf.type(p.type);
    }
  }
}
