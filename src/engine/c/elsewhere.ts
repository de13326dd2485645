/** What this kernel's types lack and those of another known kernel have: said with the diagnostic. */
import { kernelsHave } from '../../base/index.ts';
import type { Btf } from '../bpf/index.ts';
import type { Context } from './context.ts';
import type { DiagnosticOptions } from './diagnostics.ts';
import { KernelTypes } from './kernel-types.ts';
import { findField } from './layout.ts';
import { typeText } from './type-text.ts';
import { strip, type CType, type RecordType } from './types.ts';

function kernelsWhere(cx: Context, holds: (btf: Btf) => boolean): string[] {
  return (cx.target.otherKernels?.() ?? []).filter((k) => holds(k.btf)).map((k) => k.kernel);
}

/** A member of a kernel's struct that this kernel does not have and another does. */
export function memberElsewhere(cx: Context, record: RecordType, name: string): DiagnosticOptions {
  if (record.name === '') return {};
  const kernels = kernelsWhere(cx, (btf) => {
    const found = new KernelTypes(btf).record(record.tag, record.name);
    return found !== null && found.complete && findField(found, name, strip) !== null;
  });
  if (kernels.length === 0) return {};
  const what = typeText(record);
  return {
    explanation:
      `${kernelsHave(kernels)} '${name}' in '${what}', kernel ${cx.target.kernelVersion} does not. For a policy that runs on both, declare ` +
      `what you need of it as '${what}___other' with __attribute__((preserve_access_index)), cast to that, and read the member ` +
      `only behind if (bpf_core_field_exists(...)).`,
  };
}

/** What to write where a type of a newer kernel is behind a macro that the author did write. */
const INSTEAD: readonly (readonly [RegExp, string])[] = [
  [/^bpf_iter_/, 'Open-coded iterators (bpf_for, bpf_repeat, bpf_for_each) need it; bpf_loop() works on both.'],
];

/** A struct or union that is declared nowhere here, and that another kernel has. */
export function typeElsewhere(cx: Context, type: CType): DiagnosticOptions {
  const record = strip(type);
  if (record.kind !== 'record' || record.complete || record.name === '') return {};
  const kernels = kernelsWhere(cx, (btf) => new KernelTypes(btf).record(record.tag, record.name)?.complete === true);
  if (kernels.length === 0) return {};
  const instead =
    INSTEAD.find(([name]) => name.test(record.name))?.[1] ??
    'For a policy that runs on both, declare what you need of it with __attribute__((preserve_access_index)) and use it ' +
      'only behind if (bpf_core_type_exists(...)).';
  return {
    explanation: `${kernelsHave(kernels)} '${typeText(record)}', kernel ${cx.target.kernelVersion} does not. ${instead}`,
  };
}
