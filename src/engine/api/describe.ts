/** What an editor says about a word: helpers and kernel types. Hooks come from the hook catalogue. */
import { HELPERS, helperPrototype, printTypeDefinition, type BtfKindName } from '../bpf/index.ts';
import type { ReadyProfile } from './profiles.ts';
import type { HelperSummary } from './types.ts';

/** All helpers, with what this kernel lets lsm programs call. */
export function describeHelpers({ platform }: ReadyProfile): HelperSummary[] {
  const { normal, sleepable } = platform.lsmHelpers;
  return HELPERS.map((h) => ({
    id: h.id,
    name: h.name,
    prototype: helperPrototype(h),
    lsm: normal.has(h.id) ? 'all' : sleepable.has(h.id) ? 'sleepable' : 'none',
  }));
}

/** Tried in this order: what C code most often means by a bare word. */
const DEFINED: readonly BtfKindName[] = ['struct', 'union', 'enum', 'enum64', 'typedef'];

/** The C definition with byte offsets, null when this kernel has no such type. */
export function describeType({ profile }: ReadyProfile, name: string): string | null {
  for (const kind of DEFINED) {
    const id = profile.btf.find(name, kind);
    if (id !== 0) return printTypeDefinition(profile.btf, id, true);
  }
  return null;
}
