/** Which members of the kernel's records the CO-RE accesses of a unit name: only those go into the object's BTF. */
import { strip, type CType, type RecordType } from '../../c/index.ts';
import type { CoreAccess } from '../ir.ts';

export type UsedFields = ReadonlyMap<RecordType, ReadonlySet<number>>;

/** Records behind pointers and arrays seen through. */
export function recordOf(t: CType): RecordType | null {
  const b = strip(t);
  if (b.kind === 'record') return b;
  if (b.kind === 'array') return recordOf(b.element);
  return null;
}

export function collectUsedFields(accesses: Iterable<CoreAccess>): UsedFields {
  const used = new Map<RecordType, Set<number>>();
  const touch = (r: RecordType): Set<number> => {
    let set = used.get(r);
    if (!set) used.set(r, (set = new Set()));
    return set;
  };
  for (const { type, steps } of accesses) {
    const root = recordOf(type);
    if (root) touch(root);
    for (const s of steps) {
      if (s.kind !== 'field') continue;
      touch(s.field.parent).add(s.field.index);
      const inner = recordOf(s.field.type);
      if (inner) touch(inner);
    }
  }
  return used;
}
