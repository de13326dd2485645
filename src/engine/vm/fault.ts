/** A run that cannot go on: what the kernel would have oopsed on (or its verifier refused). */
export class VmFault extends Error {
  override readonly name = 'VmFault';
}
