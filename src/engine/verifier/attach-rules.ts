/** How kernels differ about what tracing programs attach to, beyond which functions that are (`TracingTargets`). */
export interface AttachRules {
  /** Functions that take unions can be traced. */
  readonly unionArgs: boolean;
  /** Exits of functions may be traced only where the result fits a register; said with words of its own. */
  readonly refusesWideReturn: boolean;
  /** Said of functions that are closed to tracing; null = nothing. */
  deniedMessage(name: string): string | null;
  /** Said of fexit and fmod_ret programs on functions that do not return. */
  noReturnMessage(name: string): string;
}

export const ATTACH_6_1: AttachRules = {
  unionArgs: false,
  refusesWideReturn: false,
  deniedMessage: () => null,
  noReturnMessage: () => 'Attaching fexit/fmod_ret to __noreturn functions is rejected.',
};

export const ATTACH_6_12: AttachRules = { ...ATTACH_6_1, refusesWideReturn: true };

export const ATTACH_7_2: AttachRules = {
  ...ATTACH_6_12,
  unionArgs: true,
  deniedMessage: (name) => `Attaching tracing programs to function '${name}' is rejected.`,
  noReturnMessage: (name) => `Attaching fexit/fsession/fmod_ret to __noreturn function '${name}' is rejected.`,
};
