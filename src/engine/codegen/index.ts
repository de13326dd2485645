/** Code generation: a checked C unit → an eBPF ELF object. The whole public face of this folder. */
export {
  generateObject,
  compileC,
  CompileSession,
  type CodegenOptions,
  type CompileInput,
  type CompileResult,
  type GenerateResult,
} from './generate.ts';
export type { FunctionStats } from './code-cache.ts';
