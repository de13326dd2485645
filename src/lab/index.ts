/**
 * The real-kernel laboratory (Node only): boots Debian's kernels in QEMU and asks them what the model claims to know.
 *
 *     const lab = prepareLab();                       // packages, kernels, guest image; fast when all is there
 *     if (!lab.ok) return labUnavailable(lab.reason);
 *     const guest = await bootGuest({ kernel: '6.12', cmdline: 'lsm=yama,bpf', lab: lab.lab });
 */
export { cacheDir, kernelsDir } from './cache.ts';
export { KERNEL_IDS, type KernelId } from './kernels.ts';
export { cachedKernel, ensureKernel, type LabKernel } from './packages.ts';
export { labKernels, labUnavailable, prepareLab, type Lab, type LabResult, type PrepareOptions } from './prepare.ts';
export { kernelBtf } from './btf.ts';
export { bootGuest, Guest, LabError, type BootOptions, type GuestLine } from './guest.ts';
export {
  loadVerdicts,
  NO_TABLE_FD,
  rawVerdicts,
  type KernelVerdict,
  type ObjectVerdict,
  type RawMap,
  type RawProgram,
  type RawTable,
  type RawVerdict,
  type VerdictOptions,
  type InnerMap,
  type VerdictObject,
} from './verdicts.ts';
export {
  runScenarioOnKernel,
  type KernelMap,
  type KernelProgram,
  type KernelRun,
  type KernelStep,
  type LabObject,
  type RawSettings,
  type ScenarioOnKernel,
} from './run.ts';
export { compareRun, renderAgreement, type Agreement, type AgreementRow } from './compare.ts';
export { measureKernel, type MeasuredFacts } from './measure.ts';
export {
  ATTACH_WAYS,
  askAttach,
  kernelFunctions,
  tracingFacts,
  type AttachWay,
  type KernelFunction,
} from './attach.ts';
