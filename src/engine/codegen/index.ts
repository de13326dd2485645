/** Code generation: a checked C unit → an eBPF ELF object. The whole public face of this folder. */
export {
  generateObject,
  compileC,
  CompileSession,
  type CodegenOptions,
  type CompileInput,
  type CompileResult,
  type GenerateResult,
  type FunctionStats,
} from './generate.ts';
