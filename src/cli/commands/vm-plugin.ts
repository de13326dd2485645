/** The plugin protocol of the public bpf_conformance runner. */
import { vmPlugin } from '../vm-plugin.ts';
import { EXIT, print, UsageError, type ExitCode } from '../context.ts';

export async function readStdin(): Promise<string> {
  process.stdin.setEncoding('utf8');
  let text = '';
  for await (const chunk of process.stdin) text += chunk as string;
  return text;
}

/** @param program hex on standard input; @param memory hex of what r1 points to */
export function vmPluginCommand(program: string, memory: string | undefined): ExitCode {
  try {
    print(vmPlugin(program, memory));
    return EXIT.fine;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
