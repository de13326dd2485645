/** `lsmith`: the engine without a window. Exit codes: 0 fine, 1 findings, 2 misuse. */
import { Command, CommanderError, Option } from 'commander';
import { buildCommand, checkCommand, dumpCommand } from './commands/policy.ts';
import { hooksCommand, lsmOrderCommand } from './commands/kernel.ts';
import { ordersCommand, runCommand } from './commands/scenario.ts';
import { EXIT, UsageError, type ExitCode } from './context.ts';
import { readStdin, vmPluginCommand } from './commands/vm-plugin.ts';

const SEMANTICS = ['lsm', 'fexit', 'fexit-if-zero', 'fmod_ret'];

/**
 * @param argv words after the program's name
 * @param root the installation: where assets/ is
 * @returns the exit code; output went to stdout, complaints to stderr
 */
export async function main(argv: readonly string[], root: string): Promise<number> {
  let code: ExitCode = EXIT.fine;
  const program = new Command('lsmith')
    .description('Author, verify, run and explain BPF LSM policies.')
    .showHelpAfterError('(lsmith <command> --help tells how to call it)')
    .exitOverride();
  const add = (name: string, summary: string): Command => program.command(name).description(summary).exitOverride();
  const kernel = (fallback?: string): Option =>
    new Option('-k, --kernel <id>', 'kernel profile, e.g. 6.1 or 6.12').default(fallback);
  const json = new Option('--json', 'machine-readable output');

  add('check', 'Compile and verify policies (.bpf.c) or objects (.bpf.o).')
    .argument('<file...>')
    .addOption(kernel('6.12'))
    .addOption(json)
    .option('--log', 'print the verifier log of each program')
    .action((files, o) => void (code = checkCommand(root, files, o)));
  add('build', 'Compile a policy into an ELF object.')
    .argument('<file>')
    .option('-o, --output <file>', 'where to write the object (default: beside the policy)')
    .addOption(kernel('6.12'))
    .addOption(json)
    .action((file, o) => void (code = buildCommand(root, file, o)));
  add('dump', 'List a policy’s instructions with its C lines, as bpftool prog dump xlated does.')
    .argument('<file>')
    .addOption(kernel('6.12'))
    .addOption(json)
    .action((file, o) => void (code = dumpCommand(root, file, o)));
  add('run', 'Play scenarios against the modelled kernel; 1 when an expectation fails.')
    .argument('<scenario...>')
    .addOption(kernel())
    .option('-c, --cmdline <text>', 'kernel command line, e.g. "lsm=bpf,yama"')
    .addOption(new Option('-s, --semantics <name>', 'how bpf programs are attached').choices(SEMANTICS).default('lsm'))
    .option('-v, --verbose', 'also list modules without the hook')
    .addOption(json)
    .action((files, o) => void (code = runCommand(root, files, o)));
  add('orders', 'Play a scenario under other LSM orders and attach semantics and say what changes.')
    .argument('<scenario>')
    .addOption(kernel())
    .option('-c, --cmdline <text>', 'the baseline')
    .option('--try <cmdline...>', 'only these command lines (default: every order of the modelled modules)')
    .addOption(new Option('-s, --semantics <name...>', 'only these (default: all four)').choices(SEMANTICS))
    .addOption(json)
    .action((file, o) => void (code = ordersCommand(root, file, o)));
  add('hooks', 'The hook catalogue of a kernel.')
    .argument('[name]', 'only hooks whose name contains this')
    .addOption(kernel('6.12'))
    .addOption(json)
    .action((name, o) => void (code = hooksCommand(root, name, o)));
  add('lsm-order', 'The LSM stack that a kernel command line ends up with.')
    .addOption(kernel('6.12'))
    .option('-c, --cmdline <text>', 'e.g. "lsm=bpf,yama security=selinux"', '')
    .addOption(json)
    .action((o) => void (code = lsmOrderCommand(root, o)));
  add('vm-plugin', 'Run a raw program given in hex on standard input and print r0 (bpf_conformance plugin protocol).')
    .argument('[memory]', 'hex of the memory that r1 points to')
    .allowUnknownOption()
    .action(async (memory) => void (code = vmPluginCommand(await readStdin(), memory)));

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
