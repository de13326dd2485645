/**
 * Inline assembly in LLVM's BPF syntax: moves, arithmetic, byte swaps, loads, stores, atomic operations, jumps within the
 * statement or to a label of `asm goto`, `may_goto`, calls, `exit`. The last kinds below are for naked functions only.
 */
import type { BinOp, MemSize, Pred } from './ir.ts';

/** An operand of an instruction: one of the statement's (`%[x]`, `%0`), a machine register, a number, or a name. */
export type AsmValue =
  | { readonly kind: 'operand'; readonly ref: string; readonly narrow: boolean }
  | { readonly kind: 'register'; readonly number: number; readonly narrow: boolean }
  | { readonly kind: 'number'; readonly value: bigint }
  /** The address of a variable or function, in `r1 = name ll`. */
  | { readonly kind: 'symbol'; readonly name: string };

export interface AsmAddress {
  readonly base: AsmValue;
  readonly offset: AsmValue;
  readonly negative: boolean;
  readonly size: MemSize;
  readonly signed: boolean;
}

export type AsmTarget =
  | { readonly kind: 'relative'; readonly by: number }
  /** `at`: of a numeric label, which may stand at several places, the next one or the last one. */
  | { readonly kind: 'label'; readonly name: string; readonly at: 'f' | 'b' | null }
  /** `%l[name]` or `%l2`. */
  | { readonly kind: 'outside'; readonly ref: string };

export type AsmInsn =
  | { readonly op: 'move'; readonly to: AsmValue; readonly from: AsmValue }
  | { readonly op: 'negate'; readonly to: AsmValue; readonly from: AsmValue }
  | { readonly op: 'extend'; readonly to: AsmValue; readonly from: AsmValue; readonly size: 1 | 2 | 4 }
  | { readonly op: 'swap'; readonly to: AsmValue; readonly from: AsmValue; readonly how: string; readonly size: number }
  | { readonly op: 'alu'; readonly to: AsmValue; readonly from: AsmValue; readonly bin: BinOp }
  | { readonly op: 'load'; readonly to: AsmValue; readonly address: AsmAddress }
  | { readonly op: 'store'; readonly from: AsmValue; readonly address: AsmAddress }
  | { readonly op: 'atomic'; readonly from: AsmValue; readonly address: AsmAddress; readonly bin: BinOp }
  | {
      readonly op: 'if';
      readonly left: AsmValue;
      readonly right: AsmValue;
      readonly pred: Pred | 'set';
      readonly target: AsmTarget;
    }
  | { readonly op: 'goto' | 'may_goto' | 'gotol'; readonly target: AsmTarget }
  | { readonly op: 'call'; readonly callee: string }
  | { readonly op: 'exit' }
  /** The `ll` of a 64-bit constant: two slots. */
  | { readonly op: 'load64'; readonly to: AsmValue; readonly from: AsmValue }
  | {
      readonly op: 'fetch';
      readonly how: 'add' | 'and' | 'or' | 'xor' | 'xchg' | 'cmpxchg';
      readonly to: AsmValue;
      readonly from: AsmValue;
      readonly address: AsmAddress;
    }
  /** `r0 = *(u8 *)skb[r1]` */
  | { readonly op: 'packet'; readonly size: MemSize; readonly at: AsmValue }
  /** `.8byte` */
  | { readonly op: 'data'; readonly value: AsmValue };

export interface AsmText {
  readonly insns: readonly AsmInsn[];
  /** Label name to the indices of the instructions behind it; only numeric ones have several. */
  readonly labels: ReadonlyMap<string, readonly number[]>;
}

/** Index of the instruction that a label names for instruction `n`; undefined when there is no such label. */
export function labelIndex(text: AsmText, t: AsmTarget & { kind: 'label' }, n: number): number | undefined {
  const all = text.labels.get(t.name) ?? [];
  if (t.at === 'f') return all.find((to) => to > n);
  return t.at === 'b' ? all.filter((to) => to <= n).at(-1) : all[0];
}

const ALU: Readonly<Record<string, BinOp>> = {
  '+': 'add', '-': 'sub', '*': 'mul', '/': 'udiv', '%': 'urem', '&': 'and', '|': 'or', '^': 'xor', '<<': 'shl', '>>': 'lshr',
  's>>': 'ashr', 's/': 'sdiv', 's%': 'srem',
}; // prettier-ignore

const PREDICATES: Readonly<Record<string, Pred | 'set'>> = {
  '==': 'eq', '!=': 'ne', '<': 'ult', '<=': 'ule', '>': 'ugt', '>=': 'uge', 's<': 'slt', 's<=': 'sle', 's>': 'sgt',
  's>=': 'sge', '&': 'set',
}; // prettier-ignore

const SIZES: Readonly<Record<string, MemSize>> = { '8': 1, '16': 2, '32': 4, '64': 8 };

const REG = String.raw`%\w*\[\w+\]|%w?\d+|[rw](?:10|\d)`;
const VALUE = String.raw`${REG}|-?(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*`;
const MEMORY = String.raw`\*\s*\(\s*([us])(8|16|32|64)\s*\*\s*\)\s*\(\s*(${REG})\s*(?:([+-]?)\s*(${VALUE})\s*)?\)`;
const rule = (text: string): RegExp => new RegExp(`^${text}$`);
const IF = rule(String.raw`if\s+(${REG})\s*(==|!=|s?[<>]=?|&)\s*(${VALUE})\s*goto\s*(\S+)`);
const LOAD = rule(String.raw`(${REG})\s*=\s*${MEMORY}`);
const STORE = rule(String.raw`${MEMORY}\s*=\s*(${VALUE})`);
const ATOMIC = rule(String.raw`lock\s+${MEMORY}\s*([-+&|^])=\s*(${REG})`);
const EXTEND = rule(String.raw`(${REG})\s*=\s*\(\s*s(8|16|32)\s*\)\s*(${REG})`);
const SWAP = rule(String.raw`(${REG})\s*=\s*(be|le|bswap)(16|32|64)\s+(${REG})`);
const NEGATE = rule(String.raw`(${REG})\s*=\s*-\s*(${REG})`);
const MOVE = rule(String.raw`(${REG})\s*=\s*(${VALUE})`);
const LOAD64 = rule(String.raw`(${REG})\s*=\s*(${VALUE}|[A-Za-z_]\w*)\s*ll`);
const OPERATE = rule(String.raw`(${REG})\s*(s?>>|<<|s?[/%]|[-+*&|^])=\s*(${VALUE})`);
const FETCH = rule(
  String.raw`(${REG})\s*=\s*atomic_fetch_(add|and|or|xor)\(\(\s*([us])(32|64)\s*\*\s*\)\s*\(\s*(${REG})\s*(?:([+-])\s*(${VALUE})\s*)?\)\s*,\s*(${REG})\s*\)`,
);
const EXCHANGE = rule(
  String.raw`(${REG})\s*=\s*(cmpxchg|xchg)(?:32)?_(32|64)\(\s*(${REG})\s*(?:([+-])\s*(${VALUE})\s*)?(?:,\s*(?:${REG})\s*)?,\s*(${REG})\s*\)`,
);
const PACKET = rule(String.raw`r0\s*=\s*\*\s*\(\s*u(8|16|32)\s*\*\s*\)\s*skb\[(${VALUE})\]`);
const DATA = rule(String.raw`\.8byte\s+(${VALUE})`);

/** How bpf_experimental.h of the kernel's selftests writes `may_goto` for assemblers that do not know it (little endian). */
const MAY_GOTO_BYTES =
  /\b\d+:\s*\.byte 0xe5;\s*\.byte 0;\s*\.long \(\((%l(?:\[\w+\]|\d+)) - \d+b - 8\) \/ 8\) & 0xffff;\s*\.short 0/g;

/** The instructions of a template, or the text of the first one that is none of those above. */
export function parseAsm(template: string): AsmText | { readonly unknown: string } {
  const insns: AsmInsn[] = [];
  const labels = new Map<string, number[]>();
  const text = template
    .replace(/\/\*.*?\*\//gs, ' ')
    .replace(/\/\/[^\n]*/g, '')
    .replace(/%%/g, '%')
    .replace(MAY_GOTO_BYTES, 'may_goto $1')
    // Operands in memory are printed with their parentheses.
    .replace(/(\*\s*\(\s*[us](?:8|16|32|64)\s*\*\s*\)\s*)(%\w*(?:\[\w+\]|\d+))/g, '$1($2)');
  for (const part of text.split(/[;\n]/)) {
    let line = part.trim();
    for (
      let m = /^([A-Za-z_.$][\w.$]*|\d+)(?:%=)?\s*:(?!\])/.exec(line);
      m !== null;
      m = /^([\w.$]+)(?:%=)?\s*:/.exec(line)
    ) {
      labels.set(m[1]!, [...(labels.get(m[1]!) ?? []), insns.length]);
      line = line.slice(m[0].length).trim();
    }
    if (line === '') continue;
    const insn = parseInsn(line);
    if (insn === null) return { unknown: line };
    insns.push(insn);
  }
  return { insns, labels };
}

function parseInsn(line: string): AsmInsn | null {
  let m: RegExpExecArray | null;
  if (line === 'exit') return { op: 'exit' };
  if ((m = IF.exec(line)) !== null) {
    return { op: 'if', left: value(m[1]!), pred: PREDICATES[m[2]!]!, right: value(m[3]!), target: target(m[4]!) };
  }
  if ((m = /^(goto|may_goto|gotol)\s*(\S+)$/.exec(line)) !== null)
    return { op: m[1] as 'goto' | 'may_goto' | 'gotol', target: target(m[2]!) };
  if ((m = /^call\s+(\S+)$/.exec(line)) !== null) return { op: 'call', callee: m[1]! };
  if ((m = LOAD.exec(line)) !== null) return { op: 'load', to: value(m[1]!), address: address(m, 2) };
  if ((m = STORE.exec(line)) !== null) return { op: 'store', from: value(m[6]!), address: address(m, 1) };
  if ((m = ATOMIC.exec(line)) !== null) {
    return { op: 'atomic', from: value(m[7]!), address: address(m, 1), bin: ALU[m[6]!]! };
  }
  if ((m = EXTEND.exec(line)) !== null) {
    return { op: 'extend', to: value(m[1]!), from: value(m[3]!), size: SIZES[m[2]!] as 1 | 2 | 4 };
  }
  if ((m = SWAP.exec(line)) !== null) {
    return { op: 'swap', to: value(m[1]!), from: value(m[4]!), how: m[2]!, size: Number(m[3]) / 8 };
  }
  if ((m = NEGATE.exec(line)) !== null) return { op: 'negate', to: value(m[1]!), from: value(m[2]!) };
  if ((m = LOAD64.exec(line)) !== null) return { op: 'load64', to: value(m[1]!), from: value(m[2]!) };
  if ((m = MOVE.exec(line)) !== null) return { op: 'move', to: value(m[1]!), from: value(m[2]!) };
  if ((m = OPERATE.exec(line)) !== null) return { op: 'alu', to: value(m[1]!), from: value(m[3]!), bin: ALU[m[2]!]! };
  if ((m = FETCH.exec(line)) !== null) {
    const how = m[2] as 'add' | 'and' | 'or' | 'xor';
    return { op: 'fetch', how, to: value(m[1]!), from: value(m[8]!), address: address(m, 3) };
  }
  if ((m = EXCHANGE.exec(line)) !== null) {
    const at = address(['u', ...m.slice(3)], 0);
    return { op: 'fetch', how: m[2] as 'cmpxchg' | 'xchg', to: value(m[1]!), from: value(m[7]!), address: at };
  }
  if ((m = PACKET.exec(line)) !== null) return { op: 'packet', size: SIZES[m[1]!]!, at: value(m[2]!) };
  if ((m = DATA.exec(line)) !== null) return { op: 'data', value: value(m[1]!) };
  return null;
}

function value(text: string): AsmValue {
  const operand = /^%(\w*)\[(\w+)\]$/.exec(text) ?? /^%(w?)(\d+)$/.exec(text);
  if (operand !== null) return { kind: 'operand', ref: operand[2]!, narrow: operand[1] === 'w' };
  const register = /^([rw])(\d+)$/.exec(text);
  if (register !== null) return { kind: 'register', number: Number(register[2]), narrow: register[1] === 'w' };
  if (/^[A-Za-z_]/.test(text)) return { kind: 'symbol', name: text };
  const digits = text.replace(/[uUlL]+$/, '');
  return { kind: 'number', value: digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits) };
}

/** From the signedness, size, base register, sign and offset that a pattern caught, from `at` on. */
function address(m: readonly string[], at: number): AsmAddress {
  const offset = m[at + 4];
  return {
    signed: m[at] === 's',
    size: SIZES[m[at + 1]!]!,
    base: value(m[at + 2]!),
    negative: m[at + 3] === '-',
    offset: offset === undefined ? { kind: 'number', value: 0n } : value(offset),
  };
}

function target(text: string): AsmTarget {
  const outside = /^%l(?:\[(\w+)\]|(\d+))$/.exec(text);
  if (outside !== null) return { kind: 'outside', ref: outside[1] ?? outside[2]! };
  if (/^[+-]\d+$/.test(text)) return { kind: 'relative', by: Number(text) };
  const numeric = /^(\d+)([fb])$/.exec(text);
  if (numeric !== null) return { kind: 'label', name: numeric[1]!, at: numeric[2] as 'f' | 'b' };
  return { kind: 'label', name: text.replace(/%=$/, ''), at: null };
}
