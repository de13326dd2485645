/** What the real verifier says: of the programs of objects, and of raw instruction streams in bulk. */
import type { Guest } from './guest.ts';
import type { LabObject } from './run.ts';

export interface ObjectVerdict {
  readonly object: string;
  /** libbpf could not open the object at all; then there are no programs. */
  readonly openError: string | null;
  readonly programs: readonly KernelVerdict[];
}

export interface KernelVerdict {
  readonly name: string;
  readonly section: string;
  readonly accepted: boolean;
  /** Of BPF_PROG_LOAD (or of libbpf before it); 0 when accepted. */
  readonly errno: number;
  /** Verifier log, its middle cut out when long. '' when the refusal came before the verifier. */
  readonly log: string;
  /** libbpf's warnings, for refusals. */
  readonly libbpf: string;
  readonly insns: number;
  /** -1 when the log has no such line. */
  readonly processed: number;
  /** Null when it was not tried (refused). */
  readonly attachErrno: number | null;
}

export interface VerdictOptions {
  /** bpf log level: 1 path of the failure, 2 everything, 4 statistics; sum of them. */
  readonly level?: number;
  readonly logCap?: number;
  /** Attach what loads; default true. */
  readonly attach?: boolean;
  /**
   * Load whole objects, and programs on their own only where that fails: much faster, with the statistics alone as log
   * of a program that loads.
   */
  readonly together?: boolean;
}

/** What a map of maps holds, where the object leaves that to its own loader (`bpf_map__set_inner_map_fd()`). */
export interface InnerMap {
  /** The outer map. */
  readonly map: string;
  /** bpf_map_type of the inner ones. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** Entries of the outer map, where the object does not say; 0: as it says. */
  readonly outerEntries: number;
}

export interface VerdictObject extends LabObject {
  readonly inner?: readonly InnerMap[];
}

/** Each program of each object: a refusal hides no other. In the order of the object. */
export async function loadVerdicts(
  guest: Guest,
  objects: readonly VerdictObject[],
  options: VerdictOptions = {},
): Promise<ObjectVerdict[]> {
  const { level = 5, attach = true, logCap = 48 * 1024, together = false } = options;
  const parts: Uint8Array[] = [Buffer.from(`options ${level} ${+attach} ${logCap} ${+together}\n`)];
  objects.forEach((o, i) => {
    for (const m of o.inner ?? [])
      parts.push(
        Buffer.from(`inner ${m.map} ${m.type} ${m.keySize} ${m.valueSize} ${m.maxEntries} ${m.outerEntries}\n`),
      );
    parts.push(Buffer.from(`object o${i} ${o.bytes.length}\n`), o.bytes, Buffer.from('\n'));
  });
  const lines = await guest.request('objects', Buffer.concat(parts), 60_000 + objects.length * 60_000);
  return objects.map((o, i) => {
    const mine = lines.filter((l) => l.object === `o${i}`);
    const opened = mine.find((l) => l.t === 'object');
    const openError =
      opened && Number(opened.errno) === 0 ? null : String(opened?.libbpf || `errno ${String(opened?.errno)}`);
    return {
      object: o.name,
      openError,
      programs: mine
        .filter((l) => l.t === 'program')
        .map((l): KernelVerdict => ({
          name: String(l.name),
          section: String(l.section),
          accepted: l.accepted === true,
          errno: Number(l.errno),
          log: String(l.log),
          libbpf: String(l.libbpf),
          insns: Number(l.insns),
          processed: Number(l.processed),
          attachErrno: l.attachErrno === undefined ? null : Number(l.attachErrno),
        })),
    };
  });
}

export interface RawProgram {
  /** Raw 8-byte slots. Map loads name an index into `maps` (src_reg 1: map, 2: value at the second slot's imm). */
  readonly insns: Uint8Array;
  /** LSM hook without prefix; or `func` for another attach function. */
  readonly hook?: string;
  readonly func?: string;
  /** BTF id to attach to, instead of a name: names are searched for one by one. */
  readonly btfId?: number;
  readonly sleepable?: boolean;
  readonly license?: string;
  /** bpf_prog_type and attach type; default BPF_PROG_TYPE_LSM and BPF_LSM_MAC. */
  readonly progType?: number;
  readonly attachType?: number;
  /** Instruction arrays of this program alone; their indexes follow those of `maps`. */
  readonly tables?: readonly RawTable[];
  /** BTF, and where the functions of the program begin with their types in it. */
  readonly functions?: {
    readonly btf: Uint8Array;
    readonly list: readonly { readonly start: number }[];
    readonly typeIds: readonly number[];
  };
}

/** An instruction array: the instruction of each entry. */
export interface RawTable {
  readonly insns: readonly number[];
  /** Is it frozen before the program is loaded? The kernel refuses it otherwise. */
  readonly frozen: boolean;
}

/** The descriptor that programs get for a table where the kernel has no instruction arrays: no map. */
export const NO_TABLE_FD = 999;

export interface RawMap {
  /** bpf_map_type. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
}

export interface RawVerdict {
  readonly accepted: boolean;
  readonly errno: number;
  readonly processed: number;
  /** End of the verifier log. */
  readonly log: string;
}

const PROG_TYPE_LSM = 29;
const BPF_LSM_MAC = 27;
const BPF_F_SLEEPABLE = 1 << 4;

/** Verdicts in bulk: no libbpf, no BTF of the program, some thousand programs a second of guest time. */
export async function rawVerdicts(
  guest: Guest,
  programs: readonly RawProgram[],
  options: { readonly maps?: readonly RawMap[]; readonly level?: number; readonly tail?: number } = {},
): Promise<RawVerdict[]> {
  const parts: Uint8Array[] = [Buffer.from(`options ${options.level ?? 1} ${options.tail ?? 600}\n`)];
  for (const m of options.maps ?? [])
    parts.push(Buffer.from(`map ${m.type} ${m.keySize} ${m.valueSize} ${m.maxEntries} ${m.flags ?? 0}\n`));
  for (const p of programs) {
    const func = p.btfId !== undefined ? `#${p.btfId}` : (p.func ?? (p.hook ? `bpf_lsm_${p.hook}` : '-'));
    const head = [
      p.progType ?? PROG_TYPE_LSM,
      p.attachType ?? BPF_LSM_MAC,
      p.sleepable ? BPF_F_SLEEPABLE : 0,
      p.license ?? 'GPL',
      func,
    ];
    for (const t of p.tables ?? []) {
      const line = [NO_TABLE_FD, +t.frozen, t.insns.length, ...t.insns].join(' ');
      parts.push(Buffer.from(`table ${line}\n`));
    }
    if (p.functions !== undefined) {
      const { btf, list, typeIds } = p.functions;
      const info = list.map((f, n) => `${f.start} ${typeIds[n]}`).join(' ');
      parts.push(Buffer.from(`btf ${btf.length} ${list.length} ${info}\n`), btf, Buffer.from('\n'));
    }
    parts.push(Buffer.from(`prog ${head.join(' ')} ${p.insns.length >> 3}\n`), p.insns, Buffer.from('\n'));
  }
  const lines = await guest.request('raw', Buffer.concat(parts), 60_000 + programs.length * 200);
  return lines
    .filter((l) => l.t === 'raw')
    .map((l) => ({
      accepted: Number(l.errno) === 0,
      errno: Number(l.errno),
      processed: Number(l.processed),
      log: String(l.log),
    }));
}
