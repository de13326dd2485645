/** Which other orders of a stack exist: the command lines worth trying. */
import { resolveStack, type LsmStack } from '../lsm/index.ts';
import type { KernelProfile } from '../kernel/index.ts';

/** More than this many movable modules would be thousands of runs; then only bpf's place varies. */
const MAX_PERMUTED = 4;

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
  );
}

/** All lists in which `item` takes another place and the rest keep their order. */
function placements<T>(items: readonly T[], item: T): T[][] {
  const rest = items.filter((i) => i !== item);
  return Array.from({ length: rest.length + 1 }, (_, at) => [...rest.slice(0, at), item, ...rest.slice(at)]);
}

/**
 * Command lines for every distinct order of the modules that a person can move, first the baseline's own.
 * lockdown, capability, ima and evm have fixed places. Modules without a model never decide here, so only modelled
 * ones are permuted; the others keep their places at the end.
 */
export function enumerateOrders(profile: KernelProfile, baseline: LsmStack): readonly string[] {
  const movable = baseline.entries.filter((e) => !e.why.endsWith('by rule') && !e.why.startsWith('first by rule'));
  const modelled = movable.filter((e) => e.modelled).map((e) => e.module);
  const rest = movable.filter((e) => !e.modelled).map((e) => e.module);
  const lists =
    modelled.length <= MAX_PERMUTED ? permutations(modelled) : placements(modelled, 'bpf' as (typeof modelled)[number]);
  const seen = new Set<string>();
  const out: string[] = [];
  for (const list of lists) {
    const cmdline = `lsm=${[...list, ...rest].join(',')}`;
    const text = resolveStack(profile, cmdline).text;
    if (seen.has(text)) continue;
    seen.add(text);
    out.push(cmdline);
  }
  return out;
}
