/** Statements → blocks. */
import { assertNever } from '../../../base/index.ts';
import type { CallExpr, CaseStmt, ForStmt, Initializer, Stmt, SwitchStmt, UnrollHint, VarDecl } from '../../c/index.ts';
import { isRecordType } from './context.ts';
import type { Block, Inst, ValueType } from '../ir.ts';
import { lowerAsm } from './asm.ts';
import { lowerCall } from './call.ts';
import { depthAt, leaveScope, runCleanups } from './cleanup.ts';
import type { Lowering } from './context.ts';
import { lowerCondition, lowerExpr, storeInit } from './expr.ts';
import { copyBytes } from './memory.ts';
import { variablePlace, variableSlot } from './place.ts';
import { mentions } from './records.ts';
import { alignOf, asksConstant, evaluate, sizeOf } from '../../c/index.ts';

export function lowerStmt(lw: Lowering, s: Stmt): void {
  const b = lw.b;
  switch (s.kind) {
    case 'compound': {
      const depth = lw.cleanups.length;
      for (const inner of s.body) lowerStmt(lw, inner);
      leaveScope(lw, depth);
      return;
    }
    case 'decl':
      for (const v of s.vars) {
        if (v.storage !== 'auto') continue;
        lw.at(v);
        const slot = variableSlot(lw, v);
        // The caller's memory for the result is not begun here.
        if (slot !== lw.resultSlot) b.start(slot);
        if (v.init !== null) initialise(lw, v, slot, v.init);
        if (v.cleanup !== null) lw.cleanups.push(v);
      }
      return;
    case 'expr':
      lw.at(s);
      lowerExpr(lw, s.expr);
      return;
    case 'if': {
      lw.at(s);
      const known = evaluate(s.cond);
      if (known !== null && known.base === null && !asksConstant(s.cond)) {
        // The other branch is not translated at all: what it cannot do is no mistake there.
        const [taken, dead] = known.value !== 0n ? [s.then, s.else] : [s.else, s.then];
        if (dead === null || !hasLabel(dead)) {
          if (taken !== null) lowerStmt(lw, taken);
          return;
        }
      }
      const then = lw.func.addBlock();
      const done = lw.func.addBlock();
      const otherwise = s.else === null ? done : lw.func.addBlock();
      lowerCondition(lw, s.cond, then, otherwise);
      b.block = then;
      lowerStmt(lw, s.then);
      b.br(done);
      if (s.else !== null) {
        b.block = otherwise;
        lowerStmt(lw, s.else);
        b.br(done);
      }
      b.block = done;
      return;
    }
    case 'while': {
      const head = lw.func.addBlock();
      const body = lw.func.addBlock();
      const done = lw.func.addBlock();
      head.unroll = hint(s.unroll);
      b.br(head);
      b.block = head;
      lw.at(s);
      lowerCondition(lw, s.cond, body, done);
      b.block = body;
      loopBody(lw, s.body, done, head);
      b.br(head);
      b.block = done;
      return;
    }
    case 'do': {
      const body = lw.func.addBlock();
      const test = lw.func.addBlock();
      const done = lw.func.addBlock();
      body.unroll = hint(s.unroll);
      b.br(body);
      b.block = body;
      loopBody(lw, s.body, done, test);
      b.br(test);
      b.block = test;
      lw.at(s.cond);
      lowerCondition(lw, s.cond, body, done);
      b.block = done;
      return;
    }
    case 'for':
      lowerFor(lw, s);
      return;
    case 'switch':
      lowerSwitch(lw, s);
      return;
    case 'case':
    case 'default': {
      const block = lw.cases.get(s);
      if (block !== undefined) {
        b.br(block);
        b.block = block;
      }
      lowerStmt(lw, s.body);
      return;
    }
    case 'label': {
      const block = lw.label(s.name);
      b.br(block);
      b.block = block;
      lowerStmt(lw, s.body);
      return;
    }
    case 'goto':
      lw.at(s);
      runCleanups(lw, depthAt(lw, s.label));
      b.br(lw.label(s.label));
      return;
    case 'break':
      lw.at(s);
      if (lw.loops.length > 0) {
        const target = lw.loops[lw.loops.length - 1];
        runCleanups(lw, target.cleanups);
        b.br(target.breakTo);
      }
      return;
    case 'continue': {
      lw.at(s);
      for (let i = lw.loops.length - 1; i >= 0; i--) {
        const target = lw.loops[i].continueTo;
        if (target === null) continue;
        runCleanups(lw, lw.loops[i].cleanups);
        b.br(target);
        return;
      }
      return;
    }
    case 'return': {
      lw.at(s);
      let value: Inst | null = null;
      if (s.value !== null) {
        const passedOn = s.value.kind === 'call' && lw.resultSlot !== null;
        value = passedOn ? lowerCall(lw, s.value as CallExpr, lw.resultSlot!) : lowerExpr(lw, s.value);
        lw.at(s);
        if (value !== null && isRecordType(s.value.type) && lw.resultSlot !== null) {
          const align = Math.min(8, alignOf(s.value.type));
          copyBytes(lw, s, lw.resultSlot, value, sizeOf(s.value.type), align);
          value = null;
        }
      }
      runCleanups(lw, 0);
      b.ret(lw.func.returns === 'void' ? null : (value ?? b.constant(lw.func.returns, 0)));
      return;
    }
    case 'empty':
      return;
    case 'asm':
      lowerAsm(lw, s);
      return;
    default:
      assertNever(s);
  }
}

/** Whether a jump from outside may lead into a statement. */
function initialise(lw: Lowering, v: VarDecl, slot: Inst, init: Initializer): void {
  // Nobody but the initialiser can know the address yet, so a function may write its result there as it goes.
  if (init.kind === 'expr' && init.expr.kind === 'call' && isRecordType(v.type) && !mentions(init.expr, v))
    lowerCall(lw, init.expr, slot);
  else storeInit(lw, variablePlace(lw, v), init);
}

function hasLabel(s: Stmt): boolean {
  switch (s.kind) {
    case 'label':
    case 'case':
    case 'default':
      return true;
    case 'compound':
      return s.body.some(hasLabel);
    case 'if':
      return hasLabel(s.then) || (s.else !== null && hasLabel(s.else));
    case 'while':
    case 'do':
    case 'for':
    case 'switch':
      return hasLabel(s.body);
    default:
      // Labels within statement expressions can be reached from within only.
      return false;
  }
}

const hint = (u: UnrollHint): Block['unroll'] => u;

function loopBody(lw: Lowering, body: Stmt, breakTo: Block, continueTo: Block): void {
  lw.loops.push({ breakTo, continueTo, cleanups: lw.cleanups.length });
  lowerStmt(lw, body);
  lw.loops.pop();
}

function lowerFor(lw: Lowering, s: ForStmt): void {
  const b = lw.b;
  const depth = lw.cleanups.length;
  if (s.init !== null) lowerStmt(lw, s.init);
  const head = lw.func.addBlock();
  const body = lw.func.addBlock();
  const step = lw.func.addBlock();
  const done = lw.func.addBlock();
  head.unroll = hint(s.unroll);
  b.br(head);
  b.block = head;
  if (s.cond !== null) {
    lw.at(s.cond);
    lowerCondition(lw, s.cond, body, done);
  } else b.br(body);
  b.block = body;
  loopBody(lw, s.body, done, step);
  b.br(step);
  b.block = step;
  if (s.step !== null) {
    lw.at(s.step);
    lowerExpr(lw, s.step);
  }
  b.br(head);
  b.block = done;
  leaveScope(lw, depth);
}

/** Cases that lead to one place, in a window of 64 values, from which a test of one bit is shorter than comparisons. */
const MANY_CASES = 6;

/** Cases by where they lead: `case 1: case 2: ...` is one place. */
function sameTarget(cases: readonly CaseStmt[]): CaseStmt[][] {
  const groups = new Map<Stmt, CaseStmt[]>();
  for (const c of cases) {
    let inner: Stmt = c;
    while (inner.kind === 'case' && (inner.body.kind === 'case' || inner.body.kind === 'default')) inner = inner.body;
    (groups.get(inner) ?? groups.set(inner, []).get(inner)!).push(c);
  }
  return [...groups.values()];
}

/** One test for a group of cases; false when it has to be compared one by one. */
function testBits(lw: Lowering, v: Inst, cases: readonly CaseStmt[]): boolean {
  if (cases.length < MANY_CASES) return false;
  let low = cases[0].low;
  let high = cases[0].high;
  for (const c of cases) {
    if (c.low < low) low = c.low;
    if (c.high > high) high = c.high;
  }
  if (low > 0n && high < 64n) low = 0n;
  if (high - low >= 64n) return false;
  let mask = 0n;
  for (const c of cases) for (let x = c.low; x <= c.high; x++) mask |= 1n << (x - low);
  const { b, func } = lw;
  const type = v.type as ValueType;
  const inside = func.addBlock();
  const next = func.addBlock();
  const from = low === 0n ? v : b.bin('sub', v, b.constant(type, low));
  b.condbr('ule', from, b.constant(type, high - low), inside, next);
  b.block = inside;
  const bit = b.bin('shl', b.i64(1), type === 'i32' ? b.cast('zext', 'i64', from) : from);
  b.condbr('ne', b.bin('and', bit, b.i64(mask)), b.i64(0), lw.cases.get(cases[0])!, next);
  b.block = next;
  return true;
}

/** A chain of comparisons; a range takes one subtraction and one unsigned comparison. */
function lowerSwitch(lw: Lowering, s: SwitchStmt): void {
  const b = lw.b;
  lw.at(s);
  const v = lowerExpr(lw, s.cond)!;
  const type = v.type as ValueType;
  const done = lw.func.addBlock();
  for (const c of s.cases) lw.cases.set(c, lw.func.addBlock());
  let fallback = done;
  if (s.defaultCase !== null) {
    fallback = lw.func.addBlock();
    lw.cases.set(s.defaultCase, fallback);
  }
  const tested = new Set(
    sameTarget(s.cases)
      .filter((group) => testBits(lw, v, group))
      .flat(),
  );
  for (const c of s.cases) {
    if (tested.has(c)) continue;
    lw.at(c);
    const next = lw.func.addBlock();
    const target = lw.cases.get(c)!;
    if (c.low === c.high) b.condbr('eq', v, b.constant(type, c.low), target, next);
    else {
      const from = b.bin('sub', v, b.constant(type, c.low));
      b.condbr('ule', from, b.constant(type, c.high - c.low), target, next);
    }
    b.block = next;
  }
  b.br(fallback);
  b.block = lw.func.addBlock();
  lw.loops.push({ breakTo: done, continueTo: null, cleanups: lw.cleanups.length });
  lowerStmt(lw, s.body);
  lw.loops.pop();
  b.br(done);
  b.block = done;
}
