/**
 * When is a type of the program "the same" as one of the kernel? Three relations, as libbpf defines them
 * (relo_core.c of libbpf 1.x): fields compatible, types compatible, types match.
 */
import type { Btf, BtfType } from '../bpf/index.ts';

/** Thrown where libbpf returns an error instead of yes or no (types nested beyond any sense). */
export class CoreError extends Error {}

const MAX_DEPTH = 32;

/** Length of a name without its flavor: `file___v2` → `file`. */
export function essentialName(name: string): string {
  // A separator is `___` between two characters that are no underscores; the last one counts.
  for (let i = name.length - 5; i >= 0; i--) {
    if (name[i] !== '_' && name.startsWith('___', i + 1) && name[i + 4] !== '_') return name.slice(0, i + 1);
  }
  return name;
}

const isEnum = (t: BtfType): boolean => t.kind === 'enum' || t.kind === 'enum64';
const isComposite = (t: BtfType): boolean => t.kind === 'struct' || t.kind === 'union';

/** Kinds that may stand for each other. */
export const kindsCompatible = (a: BtfType, b: BtfType): boolean => a.kind === b.kind || (isEnum(a) && isEnum(b));

const stripped = (btf: Btf, id: number): BtfType => btf.type(btf.strip(id));

/** May a field of the one type be read as the other? */
export function fieldsCompatible(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const a = stripped(local, localId);
    const b = stripped(target, targetId);
    if (isComposite(a) && isComposite(b)) return true;
    if (!kindsCompatible(a, b)) return false;
    switch (a.kind) {
      case 'ptr':
      case 'float':
      case 'int':
        return true;
      case 'fwd':
      case 'enum':
      case 'enum64': {
        const names = [essentialName(a.name), essentialName(b.name)];
        return names[0] === '' || names[1] === '' || names[0] === names[1];
      }
      case 'array':
        if (b.kind !== 'array') return false;
        localId = a.type;
        targetId = b.type;
        break;
      default:
        return false;
    }
  }
  throw new CoreError('types are nested too deeply');
}

/** bpf_core_type_exists(): same kind, same name (checked by the caller), same shape of pointers and functions. */
export function typesCompatible(
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
  level = MAX_DEPTH,
): boolean {
  if (!kindsCompatible(local.type(localId), target.type(targetId))) return false;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const a = stripped(local, localId);
    const b = stripped(target, targetId);
    if (!kindsCompatible(a, b)) return false;
    switch (a.kind) {
      case 'void':
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'fwd':
      case 'int':
        return true;
      case 'ptr':
        if (b.kind !== 'ptr') return false;
        [localId, targetId] = [a.type, b.type];
        break;
      case 'array':
        if (b.kind !== 'array') return false;
        [localId, targetId] = [a.type, b.type];
        break;
      case 'func_proto':
        if (b.kind !== 'func_proto' || a.params.length !== b.params.length || a.variadic !== b.variadic) return false;
        if (a.params.length > 0 && level <= 0) throw new CoreError('types are nested too deeply');
        for (let i = 0; i < a.params.length; i++) {
          const [p, q] = [local.strip(a.params[i].type), target.strip(b.params[i].type)];
          if (!typesCompatible(local, p, target, q, level - 1)) return false;
        }
        [localId, targetId] = [local.strip(a.ret), target.strip(b.ret)];
        break;
      default:
        return false;
    }
  }
  throw new CoreError('types are nested too deeply');
}

const namesMatch = (a: string, b: string): boolean => (b === '' ? a === '' : essentialName(a) === essentialName(b));

/** bpf_core_type_matches(): every member of the program's type is in the kernel's, with matching types. */
export function typesMatch(
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
  behindPointer = false,
  level = MAX_DEPTH,
): boolean {
  if (level <= 0) throw new CoreError('types are nested too deeply');
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const a = stripped(local, localId);
    const b = stripped(target, targetId);
    if (!namesMatch(a.name, b.name)) return false;
    switch (a.kind) {
      case 'void':
        return b.kind === 'void';
      case 'fwd':
        if (b.kind === 'fwd') return a.union === b.union;
        return behindPointer && b.kind === (a.union ? 'union' : 'struct');
      case 'enum':
      case 'enum64': {
        if ((b.kind !== 'enum' && b.kind !== 'enum64') || a.size !== b.size || a.values.length > b.values.length)
          return false;
        const known = new Set(b.values.map((v) => essentialName(v.name)));
        return a.values.every((v) => known.has(essentialName(v.name)));
      }
      case 'struct':
      case 'union':
        if (behindPointer) return a.kind === b.kind || (b.kind === 'fwd' && (a.kind === 'union') === b.union);
        if (a.kind !== b.kind || a.members.length > b.members.length) return false;
        return a.members.every((m) =>
          b.members.some(
            (n) => namesMatch(m.name, n.name) && typesMatch(local, m.type, target, n.type, behindPointer, level - 1),
          ),
        );
      case 'int':
        return b.kind === 'int' && a.size === b.size && a.signed === b.signed;
      case 'ptr':
        if (b.kind !== 'ptr') return false;
        behindPointer = true;
        [localId, targetId] = [a.type, b.type];
        break;
      case 'array':
        if (b.kind !== 'array' || a.count !== b.count) return false;
        [localId, targetId] = [a.type, b.type];
        break;
      case 'func_proto':
        if (b.kind !== 'func_proto' || a.params.length !== b.params.length || a.variadic !== b.variadic) return false;
        for (let i = 0; i < a.params.length; i++) {
          if (!typesMatch(local, a.params[i].type, target, b.params[i].type, behindPointer, level - 1)) return false;
        }
        [localId, targetId] = [a.ret, b.ret];
        break;
      default:
        return false;
    }
  }
  throw new CoreError('types are nested too deeply');
}
