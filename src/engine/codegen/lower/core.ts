/** `__builtin_preserve_*_info` and type ids: values that the loader fills in for the running kernel. */
import {
  type BtfTypeIdExpr,
  type CoreEnumValueExpr,
  type CoreFieldInfoExpr,
  type CoreTypeInfoExpr,
  integerOf,
  sizeOf,
  asNamed,
} from '../../c/index.ts';
import { CORE_KIND, type Inst } from '../ir.ts';
import type { Lowering } from './context.ts';
import { lowerPlace } from './place.ts';

const FIELD_KINDS = [
  CORE_KIND.byteOff,
  CORE_KIND.byteSize,
  CORE_KIND.exists,
  CORE_KIND.signed,
  CORE_KIND.lshift,
  CORE_KIND.rshift,
];
const TYPE_KINDS = [CORE_KIND.typeExists, CORE_KIND.typeSize, CORE_KIND.typeMatches];

export function lowerCoreInfo(
  lw: Lowering,
  e: CoreFieldInfoExpr | CoreTypeInfoExpr | CoreEnumValueExpr | BtfTypeIdExpr,
): Inst {
  const b = lw.b;
  const type = lw.valueType(e.type, e);
  lw.at(e);
  switch (e.kind) {
    case 'coreFieldInfo':
      return fieldInfo(lw, e);
    case 'coreTypeInfo': {
      const kind = TYPE_KINDS[e.info] ?? CORE_KIND.typeExists;
      const value = kind === CORE_KIND.typeSize ? BigInt(sizeOf(e.target)) : 1n;
      return b.coreImm(type, kind, { type: asNamed(e.target), steps: [{ kind: 'index', index: 0 }] }, value);
    }
    case 'coreEnumValue': {
      const exists = e.info === 0;
      const access = { type: asNamed(e.target), steps: [], enumerator: e.enumerator };
      return b.coreImm(type, exists ? CORE_KIND.enumvalExists : CORE_KIND.enumvalValue, access, exists ? 1n : e.value);
    }
    case 'btfTypeId': {
      const kind = e.flag === 0 ? CORE_KIND.localTypeId : CORE_KIND.targetTypeId;
      // The value (the type's id in our own BTF) is known when the BTF is written.
      const target = kind === CORE_KIND.targetTypeId ? asNamed(e.target) : e.target;
      return b.coreImm(type, kind, { type: target, steps: [{ kind: 'index', index: 0 }] }, 0n);
    }
  }
}

function fieldInfo(lw: Lowering, e: CoreFieldInfoExpr): Inst {
  const b = lw.b;
  const type = lw.valueType(e.type, e);
  const before = lw.preserve;
  const kind = FIELD_KINDS[e.info] ?? CORE_KIND.exists;
  lw.preserve = true;
  lw.asksExistence = kind === CORE_KIND.exists;
  // The operand is not evaluated: whatever computing its base emits is unused and disappears.
  const p = lowerPlace(lw, e.field);
  lw.preserve = before;
  lw.asksExistence = false;
  if (p.core === null) {
    lw.cx.error(e, 'codegen/field-info', 'this is not a field of a struct or union', 'Give `pointer->field`.');
    return b.constant(type, 0);
  }
  const int = integerOf(p.type);
  const bytes = sizeOf(p.type);
  // Shifts are for the field as part of a 64-bit little-endian load of its unit.
  const shifts =
    p.bits === null
      ? { l: 64 - bytes * 8, r: 64 - bytes * 8 }
      : { l: 64 - p.bits.offset - p.bits.size, r: 64 - p.bits.size };
  const values = [p.core.offset, bytes, 1, int?.signed ? 1 : 0, shifts.l, shifts.r];
  return b.coreImm(type, kind, { type: p.core.type, steps: p.core.steps }, BigInt(values[e.info] ?? 0));
}
