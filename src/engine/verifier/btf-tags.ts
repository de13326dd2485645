/** Declaration tags of an object's BTF, found by what they are attached to. */
import type { Btf } from '../bpf/index.ts';

export interface DeclTags {
  /** Tags of a type (-1) or of its n-th member or argument, in order of their ids. */
  of(typeId: number, component: number): readonly string[];
}

export function declTags(btf: Btf | null): DeclTags {
  // Most programs are verified without a question about tags.
  let map: ReadonlyMap<string, readonly string[]> | null = null;
  return {
    of(typeId, component) {
      map ??= collect(btf);
      return map.get(`${typeId}:${component}`) ?? [];
    },
  };
}

function collect(btf: Btf | null): ReadonlyMap<string, readonly string[]> {
  const map = new Map<string, string[]>();
  if (btf === null) return map;
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== 'decl_tag') continue;
    const t = btf.type(id);
    if (t.kind !== 'decl_tag') continue;
    const key = `${t.type}:${t.componentIndex}`;
    const list = map.get(key);
    if (list === undefined) map.set(key, [t.name]);
    else list.push(t.name);
  }
  return map;
}
