/**
 * `lsmith build` by itself. As a process it is compared with a compiler, so its bundle has the compiler and next to
 * nothing else: no library for command lines, none for YAML, no streams.
 */
import { buildPolicy, type ReadWorkspace } from './build.ts';
import { buildArguments } from './build-arguments.ts';
import { EXIT, UsageError, type ExitCode } from './exit.ts';
import { emit } from './output.ts';

/**
 * @param argv words after the program's name, of which the first is `build`
 * @param root the installation: where assets/ is
 * @param load another bundle of the installation, by its name
 * @param build names this bundle among all that were ever built
 * @returns null when the command line is none of the usual ones: then the `main` of all commands has to have it
 */
export function main(
  argv: readonly string[],
  root: string,
  load: (name: string) => unknown,
  build: string,
): ExitCode | null {
  const read = buildArguments(argv.slice(1));
  if (read === null) return null;
  try {
    const readWorkspace = (): ReadWorkspace =>
      (load('workspace') as { workspaceSettings: ReadWorkspace }).workspaceSettings;
    return buildPolicy({ root, readWorkspace, build }, read.file, read.options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    emit(2, `lsmith: ${error.message}\n`);
    return EXIT.misuse;
  }
}
