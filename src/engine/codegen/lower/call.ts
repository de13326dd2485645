/** Calls: helpers by number, local functions, kernel functions. */
import { type CallExpr, type CType, type Expr, integerOf, isPointer, isVoid, sizeOf } from '../../c/index.ts';
import { functionCallee, type Inst, type ValueType } from '../ir.ts';
import { isAggregate, isRecordType, isSigned, type Lowering, resultTypeOf } from './context.ts';
import { lowerExpr, narrow } from './expr.ts';
import { copyBytes } from './memory.ts';
import { addressOf, temporary } from './place.ts';

/** @param into where a record that is returned goes; without it, to memory of its own */
export function lowerCall(lw: Lowering, e: CallExpr, into?: Inst): Inst | null {
  const b = lw.b;
  const target = e.target;
  const byRecord = isRecordType(e.signature.ret);
  const args: Inst[] = [];
  let result: Inst | null = null;
  if (byRecord) {
    result = into ?? addressOf(lw, temporary(lw, e.signature.ret, '(returned struct)'));
    args.push(result);
  }
  const local = target.kind === 'indirect' || (target.kind === 'function' && target.decl.body !== null);
  if (target.kind === 'indirect') args.unshift(lowerExpr(lw, target.pointer)!);
  for (const a of e.args) args.push(lowerArgument(lw, a, local));
  lw.at(e);
  const type = resultTypeOf(e.signature.ret);
  switch (target.kind) {
    case 'helper':
      return value(b.call({ kind: 'helper', id: target.id, name: target.name }, type, checkCount(lw, e, args)));
    case 'function': {
      const d = target.decl;
      const callee = functionCallee(d);
      if (callee?.kind === 'local') {
        const call = b.call(callee, type, args);
        return byRecord ? result : value(call);
      }
      if (callee !== null)
        return kernelResult(lw, value(b.call(callee, type, checkCount(lw, e, args))), e.signature.ret);
      if (d.floating) {
        lw.cx.error(
          e,
          'c/float',
          `'${d.name}' computes with floating point, which BPF does not have`,
          'Use integers, scaled if need be.',
        );
        return type === 'void' ? null : b.constant(type, 0);
      }
      if (d.attributes.error !== null) return value(b.call({ kind: 'forbidden', decl: d, end: e.end }, type, []));
      lw.cx.error(
        e,
        'codegen/undefined-function',
        `call to '${d.name}', which is not defined in this file`,
        'A BPF program can call its own functions, helpers (<bpf/bpf_helpers.h>) and kernel functions declared with __ksym.',
      );
      return type === 'void' ? null : b.constant(type, 0);
    }
    case 'indirect': {
      const call = b.call({ kind: 'indirect', end: e.end }, type, args);
      return byRecord ? result : value(call);
    }
  }

  function value(call: Inst): Inst | null {
    return isVoid(e.signature.ret) ? null : call;
  }
}

/** Of a kernel function's result only the bits of its type mean something: the rest is what its machine code left there. */
function kernelResult(lw: Lowering, v: Inst | null, type: CType): Inst | null {
  if (v === null || v.type === 'ptr') return v;
  return integerOf(type)?.rank === 0 ? lw.b.bin('and', v, lw.b.constant(v.type as ValueType, 1n)) : narrow(lw, v, type);
}

function checkCount(lw: Lowering, e: CallExpr, args: Inst[]): Inst[] {
  if (args.length <= 5) return args;
  lw.cx.error(
    e,
    'codegen/too-many-arguments',
    `a BPF call takes at most 5 arguments, this one has ${args.length}`,
    'Pass a pointer to a struct instead.',
  );
  return args.slice(0, 5);
}

function lowerArgument(lw: Lowering, a: Expr, local: boolean): Inst {
  const v = lowerExpr(lw, a);
  if (v === null) return lw.b.i64(0);
  if (isAggregate(a.type) && !isPointer(a.type)) {
    const copy = temporary(lw, a.type, '(struct argument)');
    copyBytes(lw, a, addressOf(lw, copy), v, sizeOf(a.type), Math.min(copy.align, 8));
    return addressOf(lw, copy);
  }
  // The kernel reads whole registers: say what the upper half is. A signed int's upper half nobody reads, nor do our
  // own functions read that of any 32-bit parameter.
  if (!local && v.type === 'i32' && v.op !== 'const' && !isSigned(a.type)) return lw.b.cast('zext', 'i64', v);
  return v;
}
