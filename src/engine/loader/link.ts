/** Puts a program together: the subprograms that it reaches are appended behind it, calls and lines adjusted. */
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, OP_CALL, OP_LD_IMM64, emptyInsns, type InsnArray } from '../bpf/index.ts';
import { functionAt } from './open.ts';
import type { OpenedFunction, OpenedObject } from './opened.ts';
import { fail } from './problem.ts';
import type { Subprog } from './types.ts';

/** One function within the linked program. */
export interface Placed {
  readonly func: OpenedFunction;
  readonly start: number;
}

export interface Linked {
  readonly insns: InsnArray;
  readonly parts: readonly Placed[];
  readonly subprogs: readonly Subprog[];
}

/** The kernel refuses larger programs (BPF_COMPLEXITY_LIMIT_INSNS), so nothing is lost. */
const MAX_SLOTS = 1_000_000;

/**
 * Follows the calls from `main` in instruction order, depth first, as libbpf's bpf_object__reloc_code() does: the order of
 * the appended functions is the one that a kernel's log and dump show.
 */
export function linkProgram(
  object: OpenedObject,
  main: OpenedFunction,
  callbacks: ReadonlyMap<number, readonly string[]>,
): Linked {
  const text = object.functions.filter((f) => f.sectionIndex === object.textIndex && object.textIndex !== 0);
  const parts: Placed[] = [];
  const starts = new Map<OpenedFunction, number>();
  const targets: { readonly at: number; readonly to: OpenedFunction }[] = [];
  let size = 0;

  const add = (func: OpenedFunction): void => {
    starts.set(func, size);
    parts.push({ func, start: size });
    size += func.insns.count;
    if (size > MAX_SLOTS) {
      fail(
        'too-large',
        `prog '${main.name}': more than ${MAX_SLOTS} instructions`,
        'The kernel takes at most a million.',
        { program: main.name },
      );
    }
  };
  // An explicit stack: call depth is the author's, and must not become ours.
  interface Walk {
    readonly func: OpenedFunction;
    readonly base: number;
    readonly calls: readonly Call[];
    next: number;
  }
  const walkFrom = (root: OpenedFunction): void => {
    const rootBase = size;
    add(root);
    const stack: Walk[] = [{ func: root, base: rootBase, calls: callsOf(root, text), next: 0 }];
    while (stack.length > 0) {
      const walk = stack[stack.length - 1];
      if (walk.next === walk.calls.length) {
        stack.pop();
        continue;
      }
      const { insn, to } = walk.calls[walk.next++];
      targets.push({ at: walk.base + insn, to });
      if (starts.has(to)) continue;
      const base = size;
      add(to);
      stack.push({ func: to, base, calls: callsOf(to, text), next: 0 });
    }
  };
  walkFrom(main);
  const names = callbacks.get(main.funcTypeId) ?? [];
  // Several are for the kernel to refuse.
  const callback = names.length === 1 ? text.find((f) => f.name === names[0]) : undefined;
  if (callback !== undefined && !starts.has(callback)) walkFrom(callback);

  const insns = emptyInsns(size);
  for (const { func, start } of parts) {
    insns.op.set(func.insns.op, start);
    insns.dst.set(func.insns.dst, start);
    insns.src.set(func.insns.src, start);
    insns.off.set(func.insns.off, start);
    insns.imm.set(func.insns.imm, start);
  }
  for (const { at, to } of targets) insns.imm[at] = starts.get(to)! - at - 1;
  const subprogs = parts.map(({ func, start }): Subprog => ({
    name: func.name,
    start,
    end: start + func.insns.count,
    funcTypeId: func.funcTypeId,
    linkage: func.linkage,
  }));
  return { insns, parts, subprogs };
}

const EXCEPTION_TAG = 'exception_callback:';

/**
 * Names of the functions that exceptions end in, by BTF id of the program's function: they are appended although nothing
 * calls them (bpf_prog_assign_exc_cb).
 */
export function exceptionCallbacks({ btf }: OpenedObject): ReadonlyMap<number, readonly string[]> {
  const out = new Map<number, string[]>();
  for (let id = 1; btf !== null && id < btf.typeCount; id++) {
    if (btf.kind(id) !== 'decl_tag') continue;
    const t = btf.type(id);
    if (t.kind !== 'decl_tag' || t.type === 0 || t.componentIndex !== -1 || !t.name.startsWith(EXCEPTION_TAG)) continue;
    const name = t.name.slice(EXCEPTION_TAG.length);
    const list = out.get(t.type);
    if (list === undefined) out.set(t.type, [name]);
    else list.push(name);
  }
  return out;
}

interface Call {
  readonly insn: number;
  readonly to: OpenedFunction;
}

/** Calls and function addresses in a function, in instruction order. */
function callsOf(f: OpenedFunction, text: readonly OpenedFunction[]): Call[] {
  const { op, src, imm, count } = f.insns;
  const relocs = new Map(f.relocs.map((r) => [r.insn, r]));
  const calls: Call[] = [];
  for (let i = 0; i < count; i++) {
    const isCall = op[i] === OP_CALL && src[i] === BPF_PSEUDO_CALL;
    const isAddress = op[i] === OP_LD_IMM64 && src[i] === BPF_PSEUDO_FUNC;
    const relo = relocs.get(i);
    if (op[i] === OP_LD_IMM64) i++;
    const insn = relo?.insn ?? (isCall ? i : i - 1);
    if (relo?.kind === 'extern') continue;
    let slot: number;
    if (relo?.kind === 'func') slot = (relo.offset + imm[relo.insn]) / 8;
    else if (!isCall && !isAddress) continue;
    else if (relo?.kind === 'call') slot = relo.offset / 8 + imm[relo.insn] + 1;
    else if (isCall && relo === undefined) slot = f.start + insn + imm[insn] + 1;
    else {
      return fail(
        'relocation',
        `prog '${f.name}': missing subprog addr relo for insn #${insn}`,
        'The object is damaged.',
        {
          program: f.name,
          section: f.section,
          insn,
        },
      );
    }
    const to = functionAt(text, slot);
    if (to === undefined || to.start !== slot) {
      return fail(
        'relocation',
        `prog '${f.name}': no .text section found yet sub-program call exists`,
        'The program calls something that is not the beginning of a function in .text.',
        { program: f.name, section: f.section, insn },
      );
    }
    if (to === f && text.length === 0) continue;
    calls.push({ insn, to });
  }
  return calls;
}
