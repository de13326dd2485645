/** How a command ends. */

/** Exit codes: 0 fine, 1 findings, 2 misuse. */
export const EXIT = { fine: 0, findings: 1, misuse: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Wrong use of the command line: the message says what is wrong and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
