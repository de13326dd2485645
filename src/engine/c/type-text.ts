/** C spelling of types, as clang prints them in messages, and type compatibility. */
import { strip, type BareType, type CType } from './types.ts';

/** e.g. `struct file *`, `const char[16]`, `int (*)(void *, u32)`. */
export function typeText(t: CType, depth = 0): string {
  if (depth > 12) return '...';
  return declare(t, '', depth);
}

function declare(t: CType, inner: string, depth: number): string {
  switch (t.kind) {
    case 'pointer': {
      const p = strip(t.pointee);
      const isSuffix = (p.kind === 'array' || p.kind === 'function') && t.pointee.kind !== 'typedef';
      return declare(t.pointee, isSuffix ? `(*${inner})` : `*${inner}`, depth + 1);
    }
    case 'array':
      return declare(t.element, `${inner}[${t.count ?? ''}]`, depth + 1);
    case 'function': {
      const params = t.params.map((p) => typeText(p.type, depth + 1));
      if (t.variadic) params.push('...');
      return declare(t.ret, `${inner}(${params.length === 0 && t.prototyped ? 'void' : params.join(', ')})`, depth + 1);
    }
    case 'qualified': {
      const q = [t.const ? 'const' : '', t.volatile ? 'volatile' : '', t.restrict ? 'restrict' : ''].filter(
        (s) => s !== '',
      );
      if (t.base.kind === 'pointer')
        return declare(t.base, ` ${q.join(' ')}${inner === '' ? '' : ' ' + inner}`.replace(/^ /, ''), depth + 1);
      return `${q.join(' ')} ${declare(t.base, inner, depth + 1)}`;
    }
    case 'tag':
      return declare(t.base, inner, depth + 1);
    default:
      return join(baseName(t), inner);
  }
}

const join = (name: string, inner: string): string =>
  inner === '' ? name : inner.startsWith('[') ? name + inner : `${name} ${inner}`;

function baseName(t: Exclude<CType, { kind: 'pointer' | 'array' | 'function' | 'qualified' | 'tag' }>): string {
  switch (t.kind) {
    case 'void':
      return 'void';
    case 'int':
    case 'float':
    case 'typedef':
      return t.name;
    case 'record':
      return `${t.tag} ${t.name === '' ? '(unnamed)' : t.name}`;
    case 'enum':
      return `enum ${t.name === '' ? '(unnamed)' : t.name}`;
    case 'error':
      return '<error>';
  }
}

/** Whether two types are compatible (C11 6.2.7), qualifiers on top ignored. */
export function compatible(a: CType, b: CType, depth = 0): boolean {
  const x: BareType = strip(a);
  const y: BareType = strip(b);
  if (x === y || x.kind === 'error' || y.kind === 'error' || depth > 20) return true;
  if (x.kind === 'enum' && y.kind === 'int') return x.underlying === y;
  if (x.kind === 'int' && y.kind === 'enum') return y.underlying === x;
  if (x.kind !== y.kind) return false;
  switch (x.kind) {
    case 'void':
      return true;
    case 'int':
    case 'float':
      return x.name === (y as typeof x).name;
    case 'pointer':
      return compatible(x.pointee, (y as typeof x).pointee, depth + 1);
    case 'array': {
      const o = y as typeof x;
      return (
        (x.count === null || o.count === null || x.count === o.count) && compatible(x.element, o.element, depth + 1)
      );
    }
    case 'function': {
      const o = y as typeof x;
      if (!compatible(x.ret, o.ret, depth + 1)) return false;
      if (!x.prototyped || !o.prototyped) return true;
      return (
        x.variadic === o.variadic &&
        x.params.length === o.params.length &&
        x.params.every((p, i) => compatible(p.type, o.params[i]!.type, depth + 1))
      );
    }
    default:
      return false;
  }
}
