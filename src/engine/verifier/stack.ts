/** Loads and stores on the stack: spilled registers, partial and variable-offset accesses. */
import { BPF_CLASS, BPF_MEM, BPF_MODE, BPF_ST } from '../bpf/index.ts';
import type { Env } from './env.ts';
import { EACCES, EFAULT, EINVAL } from './env.ts';
import { markSlotRead, noteWalk } from './liveness.ts';
import { offsetText } from './offsets.ts';
import { markPrecise, recordHistory } from './precision.ts';
import type { Reg } from './reg.ts';
import { constReg, isSpillable, linkOf, NOT_INIT, unknownReg } from './reg.ts';
import { destroyDynptr } from './slots.ts';
import type { Frame } from './state.ts';
import type { StackSlot } from './stack-slot.ts';
import {
  ALL_SPILL,
  isBlank,
  isObject,
  SLOT_DYNPTR,
  SLOT_INVALID,
  SLOT_MISC,
  SLOT_POISON,
  SLOT_SPILL,
  SLOT_ZERO,
  slotTypes,
} from './stack-slot.ts';

const MAX_STACK = 512;
const MAX_VAR_OFF = 1 << 29;

export type StackUse = 'read' | 'write' | 'helper';
const WORDS: Readonly<Record<StackUse, string>> = {
  read: ' read from',
  write: ' write to',
  helper: ' indirect access to',
};

/** Checks that [off, off + size) of a stack pointer is inside of the stack, and makes room. */
export function checkStackBounds(env: Env, regno: number, reg: Reg, off: number, size: number, use: StackUse): void {
  const words = WORDS[use];
  let min: number;
  let max: number;
  if (reg.num.isConst) {
    min = reg.num.constNumber + off;
    max = min + size;
  } else {
    if (reg.num.smaxNumber >= MAX_VAR_OFF || reg.num.sminNumber <= -MAX_VAR_OFF) {
      env.fail(EACCES, 'stack-unbounded', `invalid unbounded variable-offset${words} stack R${regno}`, regno);
    }
    min = reg.num.sminNumber + off;
    max = reg.num.smaxNumber + off + size;
  }
  if (min < -MAX_STACK || min > -1 || max > 0 || size < 0) {
    const errno = min < -MAX_STACK || min > -1 ? EACCES : max > 0 ? EINVAL : EFAULT;
    const message = reg.num.isConst
      ? `invalid${words} stack R${regno} off=${env.rules.offsetsInOne ? min : off} size=${size}`
      : `invalid variable-offset${words} stack R${regno} var_off=${variableOffset(env, reg, off)} size=${size}`;
    env.fail(errno, 'stack-bounds', message, regno);
  }
  const frame = env.frameOf(reg);
  frame.grow(-min);
  const sub = env.subprogs[frame.subprog];
  if (sub !== undefined && -min > sub.stackDepth) sub.stackDepth = -min;
}

/** How messages name the place: variable and fixed part. */
function variableOffset(env: Env, reg: Reg, off: number): string {
  const { rules } = env;
  if (!rules.offsetsInOne) return offsetText(env, reg) + (rules.stackOffWords ? ` off=${off}` : '');
  return `${offsetText(env, reg)} off=${off - reg.off}`;
}

/** Gives a number an id before it is copied, so that both learn from later comparisons. */
export function assignScalarId(env: Env, reg: Reg): Reg {
  if (!reg.isScalar) return reg;
  let r = reg;
  if (env.rules.linkedScalars) {
    if (linkOf(r.id) !== 0) {
      r = r.copy();
      r.id = 0;
      r.off = 0;
    }
    if (r.id !== 0 || r.num.isConst) return r;
  } else if (r.id !== 0) return r;
  r = r.copy();
  r.id = env.newId();
  return r;
}

export function dropScalarId(reg: Reg): Reg {
  if (reg.id === 0 && reg.off === 0) return reg;
  const r = reg.copy();
  r.id = 0;
  r.off = 0;
  return r;
}

const misc = (t: number): number => (isBlank(t) ? t : SLOT_MISC);

/** A byte that belongs to a slot but not to the value spilled into it. */
function besideSpill(env: Env, t: number): number {
  // Since 6.8 zero bytes stay zero beside a spill.
  return isBlank(t) || (env.rules.spillZero && t === SLOT_ZERO) ? t : SLOT_MISC;
}

function spill(env: Env, frame: Frame, n: number, reg: Reg, size: number): void {
  if (size === 8) {
    frame.putSlot(n, ALL_SPILL, reg);
    frame.noteWritten(n);
    return;
  }
  const types = frame.stack[n].types.map((t, i) => (i >= 8 - size ? SLOT_SPILL : besideSpill(env, t)));
  frame.putSlot(n, slotTypes(types), reg);
}

/** Bytes of a slot whose register is gone: they are data. */
const scrubbed = (slot: StackSlot): readonly number[] => (slot.isSpecial ? slot.types.map(misc) : slot.types);

/** Store of `valueReg` (-1 = an unknown or immediate value) at a fixed offset. */
export function stackWriteFixed(env: Env, frame: Frame, off: number, size: number, valueReg: number): void {
  const slotIndex = (-off - 1) >> 3;
  const { insns } = env;
  const isSt = (insns.op[env.insn] & BPF_CLASS) === BPF_ST && (insns.op[env.insn] & BPF_MODE) === BPF_MEM;
  let reg = valueReg >= 0 ? env.reg(valueReg) : null;
  const aligned = off % 8 === 0;
  const bounded = (r: Reg): boolean => !r.num.isUnknown;
  const place = frame.frameno * 64 + slotIndex;
  env.log.touchSlot(slotIndex);
  destroyDynptr(env, frame, slotIndex);
  env.fastcalls?.touch(env, frame.subprog, off);
  if (
    reg !== null &&
    aligned &&
    reg.isScalar &&
    (env.rules.spillUnbounded || bounded(reg)) &&
    (env.rules.spillZero || !reg.isNull)
  ) {
    // Spills through other registers than r10 are not followed backwards: what made the number is marked here.
    if (!env.rules.fullBacktrack && insns.dst[env.insn] !== 10) markPrecise(env, valueReg);
    const fits = reg.num.width <= 8 * size;
    if (env.rules.linkedScalars && fits) {
      reg = assignScalarId(env, reg);
      env.setReg(valueReg, reg);
    }
    spill(env, frame, slotIndex, fits ? reg : dropId(reg), size);
    recordHistory(env, { stackAccess: place });
    return;
  }
  if (reg === null && aligned && isSt && (env.rules.spillZero || insns.imm[env.insn] !== 0)) {
    spill(env, frame, slotIndex, constReg(insns.imm[env.insn], env.insn), size);
    recordHistory(env, { stackAccess: place });
    return;
  }
  if (reg !== null && isSpillable(reg)) {
    if (size !== 8) env.fail(EACCES, 'spill-size', 'invalid size of register spill', valueReg);
    if (frame !== env.frame && reg.kind === 'fp') {
      env.fail(
        EINVAL,
        'spill-stack-pointer',
        'cannot spill pointers to stack into stack frame of the caller',
        valueReg,
      );
    }
    spill(env, frame, slotIndex, reg, size);
    recordHistory(env, { stackAccess: place });
    return;
  }
  if (size === 8) frame.noteWritten(slotIndex);
  let type = SLOT_MISC;
  if ((reg !== null && reg.isNull) || (reg === null && isSt && insns.imm[env.insn] === 0)) {
    markPrecise(env, valueReg);
    type = SLOT_ZERO;
  }
  const types = scrubbed(frame.stack[slotIndex]).slice();
  for (let i = 0; i < size; i++) types[(-off - 1 - i) & 7] = type;
  frame.putSlot(slotIndex, slotTypes(types), NOT_INIT);
}

/** Only the id: the constant of a link stays (as the kernel does on narrowing spills). */
function dropId(reg: Reg): Reg {
  if (reg.id === 0) return reg;
  const r = reg.copy();
  r.id = 0;
  return r;
}

/** Store somewhere in a range: every slot in it may be hit. */
export function stackWriteVar(env: Env, frame: Frame, ptr: Reg, off: number, size: number, valueReg: number): void {
  const min = ptr.num.sminNumber + off;
  const max = ptr.num.smaxNumber + off + size;
  const { insns } = env;
  const isSt = (insns.op[env.insn] & BPF_CLASS) === BPF_ST && (insns.op[env.insn] & BPF_MODE) === BPF_MEM;
  const value = valueReg >= 0 ? env.reg(valueReg) : null;
  // Up to 6.7 only a register counts.
  const zeroImm = env.rules.spillZero && value === null && isSt && insns.imm[env.insn] === 0;
  const zero = (value !== null && value.isNull) || zeroImm;
  let zeroUsed = false;
  for (let i = min; i < max; i++) destroyDynptr(env, frame, (-i - 1) >> 3);
  env.fastcalls?.touch(env, frame.subprog, min);
  for (let i = min; i < max; i++) {
    const spi = (-i - 1) >> 3;
    const slot = frame.stack[spi];
    env.log.touchSlot(spi);
    const at = (-i - 1) & 7;
    if (env.rules.spillZero && zero && slot.types[at] === SLOT_SPILL && slot.isScalarSpill && slot.reg.isNull) {
      zeroUsed = true;
      continue;
    }
    const types = (env.rules.scrubOnVariableStore ? scrubbed(slot) : slot.types).slice();
    const staysZero = zero && types[at] === SLOT_ZERO;
    if (staysZero) zeroUsed = true;
    types[at] = staysZero ? SLOT_ZERO : SLOT_MISC;
    frame.putSlot(spi, slotTypes(types), NOT_INIT);
  }
  if (zeroUsed) markPrecise(env, valueReg);
}

/** Load from a fixed offset into `dst` (-1 = only checked). Returns what the register then holds. */
export function stackReadFixed(env: Env, frame: Frame, off: number, size: number, dst: number): Reg | null {
  const slotIndex = (-off - 1) >> 3;
  if (env.rules.trust) env.log.touchSlot(slotIndex);
  // Of the function that reads, whoever's stack it is.
  env.fastcalls?.touch(env, env.frame.subprog, off);
  const slot = frame.stack[slotIndex];
  const place = frame.frameno * 64 + slotIndex;
  const byte = (i: number): number => slot.types[(-off - 1 - i) & 7];
  if (!slot.isSpill) {
    // Unwritten bytes may be read by privileged programs (6.3; in 6.1 by backport); those of dynptrs and iterators not, nor
    // what a variable store left of a register.
    for (let i = 0; i < size; i++) {
      if (byte(i) === SLOT_POISON) deadRead(env, '', off, i, size, dst);
      if (isObject(byte(i)) || byte(i) === SLOT_SPILL)
        env.fail(EACCES, 'stack-read', `invalid read from stack off ${off}+${i} size ${size}`, dst);
    }
    noteWalk(env, markSlotRead(frame, slotIndex));
    if (dst < 0) return null;
    let zeros = 0;
    for (let i = 0; i < size; i++) if (byte(i) === SLOT_ZERO) zeros++;
    return zeros === size ? storedZero(env) : unknownReg(env.insn);
  }
  let spillSize = 1;
  for (let i = 7; i > 0 && slot.types[i - 1] === SLOT_SPILL; i--) spillSize++;
  // Loading a number links it to what stays in the slot.
  if (
    env.rules.linksAnyConst &&
    dst >= 0 &&
    size === spillSize &&
    (size === 8 || (size === 4 && slot.reg.num.width <= 32))
  ) {
    frame.putSlotReg(slotIndex, assignScalarId(env, slot.reg));
  }
  const { reg } = frame.stack[slotIndex];
  if (size === 8 && spillSize === 8) {
    noteWalk(env, markSlotRead(frame, slotIndex));
    if (dst < 0) {
      recordHistory(env, { stackAccess: place });
      return null;
    }
    recordHistory(env, { stackAccess: place });
    return reg;
  }
  if (!reg.isScalar) env.fail(EACCES, 'fill-size', 'invalid size of register fill', dst);
  noteWalk(env, markSlotRead(frame, slotIndex));
  if (dst < 0) return null;
  if (!env.rules.linkedScalars) {
    if (off % 8 === 0 && size === spillSize) {
      recordHistory(env, { stackAccess: place });
      return reg;
    }
    for (let i = 0; i < size; i++) {
      const t = byte(i);
      if (t === SLOT_ZERO) env.fail(EACCES, 'stack-read', `invalid read from stack off ${off}+${i} size ${size}`, dst);
    }
    return unknownReg(env.insn);
  }
  // Little endian: the low part of the slot is the low part of the number.
  if (size <= spillSize && off % 8 === 0) {
    recordHistory(env, { stackAccess: place });
    return reg.num.width > size * 8 ? dropScalarId(reg) : reg;
  }
  let spilled = 0;
  let zeros = 0;
  for (let i = 0; i < size; i++) {
    if (byte(i) === SLOT_POISON) deadRead(env, '', off, i, size, dst);
    if (byte(i) === SLOT_SPILL) spilled++;
    else if (byte(i) === SLOT_ZERO) zeros++;
  }
  if (spilled === size && reg.isNull) {
    recordHistory(env, { stackAccess: place });
    return constReg(0, env.insn);
  }
  return zeros === size ? constReg(0, env.insn) : unknownReg(env.insn);
}

/** What the analysis before the walk took for dead is read. */
function deadRead(env: Env, who: string, off: number, i: number, size: number, regno: number): never {
  const message = `reading from stack ${who}off ${off}+${i} size ${size}, slot poisoned by dead code elimination`;
  env.fail(EACCES, 'stack-read', message, regno);
}

/** Load from a variable offset. */
export function stackReadVar(env: Env, regno: number, reg: Reg, off: number, size: number): Reg {
  checkStackRange(env, regno, reg, off, size, false, 'read', false);
  const frame = env.frameOf(reg);
  const min = reg.num.sminNumber + off;
  const max = reg.num.smaxNumber + off + size;
  env.fastcalls?.touch(env, frame.subprog, min);
  for (let i = min; i < max; i++) {
    if (env.rules.offsetsInOne) env.log.touchSlot((-i - 1) >> 3);
    if (frame.stack[(-i - 1) >> 3].types[(-i - 1) & 7] !== SLOT_ZERO) return unknownReg(env.insn);
  }
  return storedZero(env);
}

/** What bytes that are zero are read as. What was stored there was searched for when it was. */
function storedZero(env: Env): Reg {
  const r = constReg(0, env.insn);
  r.precise = !env.rules.fullBacktrack;
  return r;
}

/**
 * Stack memory that is read over a range, by a helper or at a variable offset. With `raw` the helper fills it: nothing has to
 * be there, and true is returned for the caller to mark it as written.
 */
export function checkStackRange(
  env: Env,
  regno: number,
  reg: Reg,
  off: number,
  size: number,
  zeroOk: boolean,
  by: 'read' | 'helper',
  raw: boolean,
  access: 'read' | 'write' = 'read',
  deadOk = false,
): boolean {
  if (size === 0 && !zeroOk) env.fail(EACCES, 'zero-size', 'invalid zero-sized read', regno);
  checkStackBounds(env, regno, reg, off, size, env.rules.offsetsInOne ? access : by);
  const frame = env.frameOf(reg);
  const constant = reg.num.isConst;
  if (raw && constant) {
    refuseDynptrs(env, frame, reg.num.constNumber + off, size);
    return true;
  }
  const min = (constant ? reg.num.constNumber : reg.num.sminNumber) + off;
  const max = (constant ? reg.num.constNumber : reg.num.smaxNumber) + off;
  const clobber = by === 'helper' && (access === 'write' || !env.rules.helperReadsKeep);
  for (let i = min; i < max + size; i++) {
    const spi = (-i - 1) >> 3;
    const slot = frame.stack[spi];
    const at = (-i - 1) & 7;
    const t = slot.types[at];
    if (t === SLOT_POISON && !slot.isSpill) {
      if (!deadOk && !clobber) deadRead(env, `R${regno} `, min, i - min, size, regno);
      continue;
    }
    if (isObject(t) || (t === SLOT_SPILL && !slot.isSpill)) {
      const how = by === 'helper' && !env.rules.offsetsInOne ? ' indirect' : '';
      const where = constant ? `off ${min}` : `var_off ${offsetText(env, reg)}`;
      env.fail(EACCES, 'stack-read', `invalid${how} read from stack R${regno} ${where}+${i - min} size ${size}`, regno);
    }
    if (t === SLOT_ZERO || t === SLOT_INVALID) {
      if (clobber) {
        const types = slot.types.slice();
        types[at] = SLOT_MISC;
        frame.putSlot(spi, slotTypes(types), slot.reg);
      }
    } else if (t !== SLOT_MISC && clobber) {
      // The helper may write anything there.
      frame.putSlot(spi, slotTypes(slot.types.map(misc)), unknownReg(env.insn));
    }
    noteWalk(env, markSlotRead(frame, spi));
  }
  return false;
}

/** A helper may fill stack memory, but not where a dynptr lives. */
function refuseDynptrs(env: Env, frame: Frame, off: number, size: number): void {
  if (!env.rules.dynptrsEnd) return;
  for (let i = off; i < off + size; i++) {
    const slot = frame.stack[(-i - 1) >> 3] as StackSlot | undefined;
    if (slot?.types[(-i - 1) & 7] === SLOT_DYNPTR) {
      env.fail(EACCES, 'dynptr-overwritten', `potential write to dynptr at off=${i} disallowed`);
    }
  }
}
