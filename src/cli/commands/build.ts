/** `build` among all commands. */
import { workspaceSettings } from '../../engine/api/index.ts';
import { buildPolicy, DEFAULT_KERNEL } from '../build.ts';
import { defineOption, includeOption, jsonOption, kernelOption, type Define } from '../program.ts';

export const defineBuild: Define = (add, root, done) =>
  add('build', 'Compile a policy into an ELF object.')
    .argument('<file>')
    .option('-o, --output <file>', 'where to write the object (default: beside the policy)')
    .addOption(kernelOption(DEFAULT_KERNEL))
    .addOption(includeOption())
    .addOption(defineOption())
    .addOption(jsonOption())
    .action((file, o) => done(buildPolicy({ root, readWorkspace: () => workspaceSettings }, file, o)));
