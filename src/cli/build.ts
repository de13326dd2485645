/** `lsmith build`, without the parsing of its command line: see main-build.ts for why it is apart. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { workspaceOf, type CompileSettings, type FileProvider } from '../engine/api/index.ts';
import { diskFiles, openCompiler, requireFile, requireKernel } from './context.ts';
import { EXIT, UsageError, type ExitCode } from './exit.ts';
import { emit } from './output.ts';
import { diagnosticText } from './render.ts';
import { compileSettings, type CompileOptions } from './settings.ts';

export const DEFAULT_KERNEL = '6.12';

export interface BuildOptions extends CompileOptions {
  readonly kernel: string;
  readonly json?: boolean;
  readonly output?: string;
}

/** `workspaceSettings` of the engine. */
export type ReadWorkspace = (files: FileProvider) => (file: string) => CompileSettings;

/**
 * Whether a workspace can have settings for the compiler at all. Reading YAML takes time, so a text in which neither of the
 * two keys can stand is not read; with a backslash one could be spelled in escapes.
 */
const hasSettings = (text: string): boolean => /include|defines|\\/.test(text);

export interface BuildContext {
  /** The installation. */
  readonly root: string;
  /** Called only when there is something to read. */
  readonly readWorkspace: () => ReadWorkspace;
  /** See CompilerSetup. */
  readonly build?: string;
}

export function buildPolicy(cx: BuildContext, file: string, o: BuildOptions): ExitCode {
  requireFile(file);
  const output = o.output ?? file.replace(/(\.bpf)?\.c$/, '') + '.bpf.o';
  if (output === file) throw new UsageError(`${file} would be overwritten; name the output with -o`);
  const { text } = workspaceOf(diskFiles, resolve(file));
  const compiler = openCompiler(cx.root, {
    settings: compileSettings(o),
    ...(text !== undefined && hasSettings(text) ? { workspaceSettings: cx.readWorkspace()(diskFiles) } : {}),
    ...(cx.build === undefined ? {} : { build: cx.build }),
  });
  const report = compiler.build(file, requireKernel(compiler, o.kernel));
  if (o.json === true) {
    const { diagnostics, object } = report;
    const size = object?.length ?? 0;
    emit(1, JSON.stringify({ file, output: object ? output : null, size, diagnostics }, null, 2) + '\n');
  } else if (report.diagnostics.length > 0) {
    emit(2, report.diagnostics.map((d) => diagnosticText(d) + '\n').join(''));
  }
  if (!report.object) return EXIT.findings;
  try {
    writeFileSync(output, report.object);
  } catch (error) {
    throw new UsageError(`cannot write ${output}: ${(error as Error).message}`);
  }
  if (o.json !== true) emit(1, `${output}: ${report.object.length} bytes\n`);
  return EXIT.fine;
}
