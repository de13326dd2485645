/** Parsing the command line: what all commands have in common. Exit codes: 0 fine, 1 findings, 2 misuse. */
import { Command, CommanderError, Option } from 'commander';
import { EXIT, UsageError, type ExitCode } from './exit.ts';

/** Adds commands to the program; each hands its exit code to `done`. */
export type Define = (
  add: (name: string, summary: string) => Command,
  root: string,
  done: (code: ExitCode) => void,
) => void;

export const kernelOption = (fallback?: string): Option =>
  new Option('-k, --kernel <id>', 'kernel profile, e.g. 6.1 or 6.12').default(fallback);
/** clang's -I and -D. */
export const includeOption = (): Option =>
  new Option('-I, --include <folder>', 'search this folder for headers (may be repeated)')
    .argParser(collect)
    .default([]);
export const defineOption = (): Option =>
  new Option('-D, --define <name[=text]>', 'define a macro (may be repeated)').argParser(collect).default([]);
const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export const jsonOption = (): Option => new Option('--json', 'machine-readable output');

/**
 * @param argv words after the program's name
 * @param root the installation: where assets/ is
 * @returns the exit code; output went to stdout, complaints to stderr
 */
export async function runProgram(argv: readonly string[], root: string, defines: readonly Define[]): Promise<number> {
  let code: ExitCode = EXIT.fine;
  const program = new Command('lsmith')
    .description('Author, verify, run and explain BPF LSM policies.')
    .showHelpAfterError('(lsmith <command> --help tells how to call it)')
    .exitOverride();
  const add = (name: string, summary: string): Command => program.command(name).description(summary).exitOverride();
  for (const define of defines) define(add, root, (c) => (code = c));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    // commander has already printed help or its complaint.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.misuse;
    if (error instanceof UsageError) {
      process.stderr.write(`lsmith: ${error.message}\n`);
      return EXIT.misuse;
    }
    throw error;
  }
}
