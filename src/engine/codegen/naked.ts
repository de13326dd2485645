/**
 * Naked functions: no frame and no code but their assembly, which goes into the object as it is written. The registers and
 * the stack are the author's; nothing is optimised, inlined or checked.
 */
import type { AsmOperand, AsmStmt, FunctionDecl, Stmt } from '../c/index.ts';
import { type AsmInsn, type AsmText, parseAsm } from './asm-parse.ts';
import { Func } from './ir.ts';
import { resultTypeOf, type UnitContext, valueTypeOf } from './lower/context.ts';
import { calleeOf, constantOf, operandOf, symbolOf } from './lower/asm-operands.ts';
import { AsmProblem, assemble } from './machine/assemble.ts';
import type { CodeReloc, FunctionCode } from './machine/emit.ts';
import { wordBytes } from './machine/opcodes.ts';

export interface NakedFunction {
  readonly code: FunctionCode;
  /** Functions that it calls or names. */
  readonly names: ReadonlySet<FunctionDecl>;
}

/** The code of a function with the attribute; null after an error. */
export function nakedFunction(cx: UnitContext, decl: FunctionDecl): NakedFunction | null {
  const words: number[] = [];
  const relocs: CodeReloc[] = [];
  const lines: { insn: number; loc: number }[] = [];
  let count = 0;
  for (const s of statements(decl.body!)) {
    if (s.kind !== 'asm') {
      cx.error(s, 'codegen/naked', `'${decl.name}' is naked: its body can be assembly only`, HINT);
      return null;
    }
    const part = assembleStatement(cx, s);
    if (part === null) return null;
    const at = words.length >> 1;
    lines.push({ insn: at, loc: s.loc });
    for (const r of part.relocs) relocs.push({ ...r, insn: at + r.insn });
    for (const w of part.words) words.push(w);
    count += part.count;
  }
  if (count === 0) {
    cx.error(decl, 'codegen/naked', `'${decl.name}' is naked and has no instructions`, HINT);
    return null;
  }
  const names = new Set<FunctionDecl>();
  for (const { target } of relocs) {
    if (target.kind !== 'address') names.add(target.decl);
    else if (target.symbol.kind === 'func') names.add(target.symbol.decl);
  }
  const code = { name: decl.name, decl, bytes: wordBytes(words), relocs, core: [], lines, count, tooFar: false };
  return { code, names };
}

const HINT =
  'A naked function has no frame of its own: write its instructions, down to `exit`, in asm volatile("..."), or leave the attribute out.';

/** The statements that do something. */
function statements(s: Stmt): Stmt[] {
  if (s.kind === 'compound') return s.body.flatMap(statements);
  return s.kind === 'empty' ? [] : [s];
}

/** Stands for it where functions are looked at: nothing but its type. */
export function nakedIr(decl: FunctionDecl): Func {
  const f = new Func(decl);
  f.returns = resultTypeOf(decl.type.ret);
  for (const p of decl.params) f.addParam(valueTypeOf(p.type) ?? 'i64');
  const entry = f.addBlock();
  const end = f.create('unreachable', 'void', [], decl.loc);
  end.block = entry;
  entry.insts.push(end);
  return f;
}

function assembleStatement(cx: UnitContext, s: AsmStmt): ReturnType<typeof assemble> | null {
  const refuse = (what: string): null => {
    cx.error(s, 'codegen/asm', `this inline assembly is not supported: '${what.slice(0, 60)}'`, UNKNOWN);
    return null;
  };
  const text = parseAsm(s.template);
  if ('unknown' in text) return refuse(text.unknown);
  const operands = [...s.outputs, ...s.inputs];
  const find = (ref: string): AsmOperand => operandOf(operands, ref) ?? raise(`%[${ref}] is not an operand`);
  const registers = registersOf(s);
  try {
    const insns = [...registers].map(([o, number]): AsmInsn => {
      const from = { kind: 'operand' as const, ref: String(operands.indexOf(o)), narrow: false };
      const c = constantOf(o.expr);
      const short = c?.kind === 'number' && BigInt.asIntN(32, c.value) === c.value;
      const to = { kind: 'register' as const, number, narrow: false };
      return short ? { op: 'move', to, from: { kind: 'number', value: c.value } } : { op: 'load64', to, from };
    });
    return assemble(withInsns(text, insns), {
      operand: (ref) =>
        constantOf(find(ref).expr) ?? raise(`%[${ref}] is not a constant: a naked function has no variables`),
      symbol: (name) => symbolOf(cx, name) ?? raise(`${name}, which is not in this file`),
      register: (ref) => registers.get(find(ref)) ?? null,
      callee: (name) => calleeOf(cx, name, (ref) => find(ref).expr) ?? raise(`call ${name}`),
    });
  } catch (e) {
    if (!(e instanceof AsmProblem)) throw e;
    return refuse(e.message);
  }
}

/** As clang fills them: behind those for arguments come those that calls leave alone. */
const ORDER = [1, 2, 3, 4, 5, 0, 6, 7, 8, 9];

/** Registers of the operands that ask for one. They are set before the statement. */
function registersOf(s: AsmStmt): Map<AsmOperand, number> {
  const taken = new Set(s.clobbers.map((c) => Number(/^[rw](\d)$/.exec(c)?.[1] ?? -1)));
  const out = new Map<AsmOperand, number>();
  for (const o of s.inputs) {
    if (/[in]/.test(o.constraint)) continue;
    const free = ORDER.find((r) => !taken.has(r));
    if (free === undefined) continue;
    taken.add(free);
    out.set(o, free);
  }
  return out;
}

/** The text behind other instructions. */
const withInsns = (text: AsmText, first: readonly AsmInsn[]): AsmText => ({
  insns: [...first, ...text.insns],
  labels: new Map([...text.labels].map(([name, at]) => [name, at.map((n) => n + first.length)])),
});

const UNKNOWN = "Write the instruction as llvm-objdump prints it, or as '.8byte' with its bits.";

function raise(what: string): never {
  throw new AsmProblem(what);
}
