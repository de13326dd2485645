/** `Kernel 6.12 has`, `Kernels 6.12 and 7.2 have`: the start of a sentence about kernels. @param ids at least one */
export function kernelsHave(ids: readonly string[]): string {
  if (ids.length === 1) return `Kernel ${ids[0]} has`;
  return `Kernels ${ids.slice(0, -1).join(', ')} and ${ids.at(-1)} have`;
}
