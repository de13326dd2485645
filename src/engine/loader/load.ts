/** Fits an opened object to one kernel: CO-RE, externs, maps, attach targets. What libbpf does in bpf_object__load(). */
import { err, ok, type Result } from '../../base/index.ts';
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  OP_CALL,
  OP_LD_IMM64,
  POISON_CALL_KFUNC_BASE,
  CORE_RELO_KINDS,
  type Btf,
  type InsnArray,
} from '../bpf/index.ts';
import { CoreResolver, type CoreOutcome } from './core-relo.ts';
import { CoreError, essentialName, typesCompatible } from './core-types.ts';
import { fillKconfig } from './kconfig.ts';
import { exceptionCallbacks, linkProgram } from './link.ts';
import { checkMaps } from './map-check.ts';
import type { OpenedExtern, OpenedFunction, OpenedObject, OpenedProgram, RawLine } from './opened.ts';
import { LoadFailure, fail, problem } from './problem.ts';
import type {
  AttachTarget,
  CoreReloOutcome,
  LineRecord,
  LoadProblem,
  LoadTarget,
  LoadedObject,
  LoadedProgram,
  MapDef,
  ProgType,
} from './types.ts';

/** Licences that license_is_gpl_compatible() of the kernel knows. */
const GPL_COMPATIBLE = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

/**
 * Loads for one kernel. The error side is for what concerns the whole object; what concerns one program is in `problems`
 * of the result.
 */
export function loadObject(opened: OpenedObject, target: LoadTarget): Result<LoadedObject, readonly LoadProblem[]> {
  try {
    const refused = checkMaps(opened.maps);
    if (refused.length > 0) return err([...opened.warnings, ...refused]);
    return ok(new Loader(opened, target).load());
  } catch (e) {
    if (e instanceof LoadFailure) return err([...opened.warnings, e.problem]);
    throw e;
  }
}

/** What libbpf puts before the target's name to find it in the kernel's BTF. */
const BTF_PREFIX: Partial<Record<ProgType, string>> = {
  lsm: 'bpf_lsm_',
  lsm_cgroup: 'bpf_lsm_',
  tp_btf: 'btf_trace_',
  iter: 'bpf_iter_',
};

/** How an extern came out: a value for its instruction, or 0 for an absent weak one. */
interface ResolvedExtern {
  readonly extern: OpenedExtern;
  /** BTF id of the kernel's variable or function; 0 = absent. */
  readonly id: number;
  /** Declared without a type: only where it is counts. */
  readonly address?: bigint;
}

/**
 * Where an untyped kernel symbol is said to be. Real addresses differ from boot to boot; what counts is that it is not 0, lies
 * where the kernel's code does, and that symbols do not share one.
 */
const symbolAddress = (id: number): bigint => 0xffff_ffff_8100_0000n + BigInt(id) * 16n;

interface Relocated {
  readonly insns: InsnArray;
  readonly outcomes: readonly CoreReloOutcome[];
}

class Loader {
  readonly #opened: OpenedObject;
  readonly #target: LoadTarget;
  readonly #problems: LoadProblem[];
  readonly #relocated = new Map<OpenedFunction, Relocated | LoadFailure>();
  #externs: readonly ResolvedExtern[] = [];
  #resolver: CoreResolver | undefined;
  #kconfig = -1;
  readonly #strings = new Map<number, string>();
  readonly #callbacks: ReadonlyMap<number, readonly string[]>;

  constructor(opened: OpenedObject, target: LoadTarget) {
    this.#opened = opened;
    this.#target = target;
    this.#problems = [...opened.warnings];
    this.#callbacks = exceptionCallbacks(opened);
  }

  load(): LoadedObject {
    const { name, license, btf } = this.#opened;
    const maps = this.#maps();
    this.#externs = this.#opened.externs.map((extern) => this.#resolveExtern(extern));
    const programs = this.#opened.programs.flatMap((p) => this.#program(p) ?? []);
    return { name, license, gplCompatible: GPL_COMPATIBLE.has(license), btf, maps, programs, problems: this.#problems };
  }

  #maps(): MapDef[] {
    this.#kconfig = this.#opened.maps.findIndex((m) => m.section === '.kconfig');
    return this.#opened.maps.map((m) =>
      m.section === '.kconfig' ? { ...m, initial: fillKconfig(this.#opened.externs, m.valueSize, this.#target) } : m,
    );
  }

  #resolveExtern(extern: OpenedExtern): ResolvedExtern {
    if (extern.kind === 'kconfig') return { extern, id: 0 };
    const kernel = this.#target.btf;
    const isFunc = extern.kind === 'ksym-func';
    const what = isFunc ? 'func ksym' : 'var ksym';
    const untyped = !isFunc && extern.typeId === 0;
    const id =
      kernel.find(isFunc ? essentialName(extern.name) : extern.name, isFunc ? 'func' : 'var') ||
      (untyped ? kernel.find(extern.name, 'func') : 0);
    const absent = { extern, id: 0 };
    if (id === 0) {
      if (extern.weak) return absent;
      const advice = 'Declare it __weak and test it before use, or use another kernel.';
      if (untyped) {
        return fail(
          'ksym',
          `extern '${extern.name}' (strong): not resolved`,
          `Of untyped kernel symbols only functions and variables that this kernel's BTF has are known. ${advice}`,
        );
      }
      return fail(
        'ksym',
        `extern (${what}) '${extern.name}': not found in kernel BTF`,
        `This kernel has no ${extern.name} in its BTF. ${advice}`,
      );
    }
    if (untyped) return { extern, id: 0, address: symbolAddress(id) };
    const type = kernel.type(id);
    const kernelType = type.kind === 'func' ? type.type : type.kind === 'var' ? kernel.strip(type.type) : 0;
    if (!this.#compatible(extern.typeId, kernelType)) {
      if (isFunc && extern.weak) return absent;
      const local = this.#opened.btf!.typeText(extern.typeId);
      fail(
        'ksym',
        `extern (${what}) '${extern.name}': incompatible types, expected ${local}, but kernel has ${kernel.typeText(kernelType)}`,
        'The declaration in the program does not fit this kernel. Correct it (kernel versions differ).',
      );
    }
    return { extern, id };
  }

  #compatible(localId: number, kernelId: number): boolean {
    try {
      return typesCompatible(this.#opened.btf!, localId, this.#target.btf, kernelId);
    } catch (e) {
      if (e instanceof CoreError) return false;
      throw e;
    }
  }

  #program(p: OpenedProgram): LoadedProgram | null {
    const main = this.#opened.functions[p.func];
    const severity = p.autoload ? 'error' : 'warning';
    try {
      const linked = linkProgram(this.#opened, main, this.#callbacks);
      const coreRelos: CoreReloOutcome[] = [];
      for (const { func, start } of linked.parts) {
        const { insns, outcomes } = this.#relocate(func);
        // Calls and function addresses were set by the linker; all the rest comes from the function's own relocation.
        for (let i = 0; i < insns.count; i++) {
          const op = insns.op[i];
          const at = start + i;
          linked.insns.op[at] = op;
          linked.insns.dst[at] = insns.dst[i];
          linked.insns.src[at] = insns.src[i];
          linked.insns.off[at] = insns.off[i];
          const byLinker =
            (op === OP_CALL && insns.src[i] === 1) || (op === OP_LD_IMM64 && insns.src[i] === BPF_PSEUDO_FUNC);
          if (!byLinker) linked.insns.imm[at] = insns.imm[i];
          else if (op === OP_LD_IMM64) linked.insns.imm[at + 1] = 0;
          if (op === OP_LD_IMM64 && i + 1 < insns.count) {
            i++;
            linked.insns.op[at + 1] = insns.op[i];
            linked.insns.dst[at + 1] = insns.dst[i];
            linked.insns.src[at + 1] = insns.src[i];
            linked.insns.off[at + 1] = insns.off[i];
            if (!byLinker) linked.insns.imm[at + 1] = insns.imm[i];
          }
        }
        for (const o of outcomes) coreRelos.push({ ...o, insn: o.insn + start });
      }
      const attach = this.#attach(p, main, severity);
      if (attach === null) return null;
      const lines = linked.parts.flatMap(({ func, start }) => func.lines.map((l) => this.#line(l, start)));
      return {
        name: main.name,
        section: main.section,
        autoload: p.autoload,
        attach,
        insns: linked.insns,
        subprogs: linked.subprogs,
        lines,
        coreRelos,
      };
    } catch (e) {
      if (!(e instanceof LoadFailure)) throw e;
      this.#problems.push({ ...e.problem, severity, program: main.name, section: main.section });
      return null;
    }
  }

  /** Lines come many times, and files too. */
  #string(offset: number): string {
    let text = this.#strings.get(offset);
    if (text === undefined) this.#strings.set(offset, (text = this.#opened.btf!.string(offset)));
    return text;
  }

  #line(l: RawLine, start = 0): LineRecord {
    return {
      insn: l.insn + start,
      file: this.#string(l.fileOffset),
      text: this.#string(l.textOffset),
      line: l.line,
      column: l.column,
    };
  }

  #lineAt(func: OpenedFunction, insn: number): LineRecord | undefined {
    let found: RawLine | undefined;
    for (const l of func.lines) if (l.insn <= insn) found = l;
    return found && this.#line(found);
  }

  #attach(p: OpenedProgram, main: OpenedFunction, severity: LoadProblem['severity']): AttachTarget | null {
    const { progType, sleepable, target, attachType } = p.spec;
    if (!p.spec.needsTarget) return { progType, sleepable, attachType, hook: null, func: target ?? '', btfId: 0 };
    const first = main.lines[0];
    const place = { program: main.name, section: main.section, insn: 0, line: first && this.#line(first) };
    if (target === null || target === '') {
      this.#problems.push(
        problem(
          severity,
          'no-attach-target',
          `prog '${main.name}': no BTF-based attach target is specified, use bpf_program__set_attach_target()`,
          `SEC("${main.section}") does not say where the program goes. Write SEC("${main.section.replace(/[?/]/g, '')}/<name>").`,
          place,
        ),
      );
      return null;
    }
    const isLsm = progType === 'lsm' || progType === 'lsm_cgroup';
    const func = (BTF_PREFIX[progType] ?? '') + target;
    const btfId = this.#target.btf.find(func, progType === 'tp_btf' ? 'typedef' : 'func');
    if (btfId === 0) {
      const near = this.#similar(func, isLsm);
      this.#problems.push(
        problem(
          severity,
          'no-such-hook',
          `prog '${main.name}': failed to find kernel BTF type ID of '${func}': -3`,
          isLsm
            ? `This kernel has no LSM hook named '${target}'.${near === undefined ? '' : ` Did you mean '${near}'?`}`
            : `This kernel has no function '${target}' in its BTF; it may be inlined or named differently.`,
          place,
        ),
      );
    }
    return { progType, sleepable, attachType, hook: isLsm ? target : null, func, btfId };
  }

  /** The hook whose name differs by the fewest edits, when that is few. */
  #similar(func: string, isLsm: boolean): string | undefined {
    if (!isLsm) return undefined;
    const kernel = this.#target.btf;
    const list = kernel.type(kernel.find('security_list_options', 'union'));
    if (list.kind !== 'union') return undefined;
    const wanted = func.slice('bpf_lsm_'.length);
    let best: string | undefined;
    let fewest = 4;
    for (const m of list.members) {
      const edits = distance(wanted, m.name, fewest);
      if (edits < fewest && kernel.find(`bpf_lsm_${m.name}`, 'func') !== 0) [best, fewest] = [m.name, edits];
    }
    return best;
  }

  /** A function's code with CO-RE, maps and externs filled in; the same for every program that uses it. */
  #relocate(func: OpenedFunction): Relocated {
    let done = this.#relocated.get(func);
    if (done === undefined) {
      try {
        done = this.#relocateNow(func);
      } catch (e) {
        if (!(e instanceof LoadFailure)) throw e;
        done = e;
      }
      this.#relocated.set(func, done);
    }
    if (done instanceof LoadFailure) throw done;
    return done;
  }

  #relocateNow(func: OpenedFunction): Relocated {
    const insns: InsnArray = {
      count: func.insns.count,
      op: func.insns.op.slice(),
      dst: func.insns.dst.slice(),
      src: func.insns.src.slice(),
      off: func.insns.off.slice(),
      imm: func.insns.imm.slice(),
    };
    hideRawMaps(insns);
    const outcomes = func.coreRelos.map((r): CoreReloOutcome => ({ insn: r.insn, ...this.#core(func, insns, r) }));
    for (const r of func.relocs) {
      const { insn } = r;
      // A poisoned instruction stays poisoned.
      if (insns.op[insn] !== func.insns.op[insn]) continue;
      switch (r.kind) {
        case 'map':
          insns.src[insn] = BPF_PSEUDO_MAP_FD;
          insns.imm[insn] = r.map;
          insns.imm[insn + 1] = 0;
          break;
        case 'data':
          insns.src[insn] = BPF_PSEUDO_MAP_VALUE;
          insns.imm[insn + 1] = insns.imm[insn] + r.offset;
          insns.imm[insn] = r.map;
          break;
        case 'extern':
          this.#patchExtern(insns, insn, r.extern);
          break;
        case 'func':
          insns.src[insn] = BPF_PSEUDO_FUNC;
          break;
        case 'call':
          break;
      }
    }
    return { insns, outcomes };
  }

  #core(func: OpenedFunction, insns: InsnArray, r: OpenedFunction['coreRelos'][number]): CoreOutcome {
    const btf: Btf = this.#opened.btf!;
    this.#resolver ??= new CoreResolver(btf, this.#target.btf);
    const access = btf.string(r.accessOffset);
    try {
      return this.#resolver.apply(insns, r.insn, r.kind, r.typeId, access);
    } catch (e) {
      if (!(e instanceof CoreError)) throw e;
      const kind = CORE_RELO_KINDS[r.kind] ?? String(r.kind);
      return fail(
        'core-relocation',
        `prog '${func.name}': relo <${kind}> [${r.typeId}] ${btf.typeText(r.typeId)} + ${access}: ${e.message}`,
        'The relocation that makes this access portable cannot be applied to this kernel.',
        { program: func.name, section: func.section, insn: r.insn, line: this.#lineAt(func, r.insn) },
      );
    }
  }

  #patchExtern(insns: InsnArray, insn: number, index: number): void {
    const { extern, id, address = 0n } = this.#externs[index];
    if (insns.op[insn] === OP_CALL) {
      insns.src[insn] = id === 0 ? 0 : BPF_PSEUDO_KFUNC_CALL;
      insns.off[insn] = 0;
      insns.imm[insn] = id === 0 ? POISON_CALL_KFUNC_BASE + index : id;
      return;
    }
    if (extern.kind === 'kconfig') {
      insns.src[insn] = BPF_PSEUDO_MAP_VALUE;
      insns.imm[insn] = this.#kconfig;
      insns.imm[insn + 1] = extern.offset;
    } else {
      insns.src[insn] = id === 0 ? 0 : BPF_PSEUDO_BTF_ID;
      insns.imm[insn] = id === 0 ? Number(BigInt.asIntN(32, address)) : id;
      insns.imm[insn + 1] = Number(address >> 32n) | 0;
    }
  }
}

/**
 * Loads of maps by number, which no relocation belongs to (hand-written code): the number is a file descriptor of the loading
 * process, no index of ours. Kept as -1 - fd, which no map has.
 */
function hideRawMaps(insns: InsnArray): void {
  for (let i = 0; i < insns.count; i++) {
    const map = insns.src[i] === BPF_PSEUDO_MAP_FD || insns.src[i] === BPF_PSEUDO_MAP_VALUE;
    if (insns.op[i] === OP_LD_IMM64 && map && insns.imm[i] >= 0) insns.imm[i] = -1 - insns.imm[i];
  }
}

/** Edit distance, given up at `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || a.length > 100) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return Math.min(row[b.length], limit);
}
