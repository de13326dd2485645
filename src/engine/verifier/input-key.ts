/**
 * All that a verdict on a program depends on, as one text: programs with the same text have the same verdict. What the
 * verifier reads:
 * - of the platform, everything: the text is about one platform object;
 * - of the program: its name, code, attach target, and its functions with their types;
 * - of the object: whether its licence is GPL compatible, the maps that the code names (with the templates of maps of
 *   maps), and BTF. Of BTF it reads the types of functions and of map values, through `find` by name what tags name
 *   (`contains:`, `exception_callback:`), and by number what kernel functions are given (bpf_obj_new).
 *
 * Types count by their shape, not by their number, so that a declaration elsewhere in the file changes nothing. Where
 * names or numbers are looked up in all of BTF, all of BTF counts. Line records are read for refusals only: `linesText`.
 */
import { BPF_PSEUDO_CALL, OP_CALL, type Btf, type BtfType, type InsnArray } from '../bpf/index.ts';
import type { LoadedObject, LoadedProgram, MapDef } from '../loader/index.ts';
import { mapsNamed } from './maps-named.ts';
import { declTags, type DeclTags } from './btf-tags.ts';

/** Tags whose meaning is a name that is looked up. */
const NAMING = /^(contains|exception_callback):/;

/** Writes the keys of one object's programs. */
export class InputKeys {
  readonly #obj: LoadedObject;
  readonly #shapes: Shapes | null;
  readonly #maps = new Map<number, string>();
  #all: string | null = null;

  constructor(obj: LoadedObject) {
    this.#obj = obj;
    this.#shapes = obj.btf === null ? null : new Shapes(obj.btf);
  }

  of(prog: LoadedProgram): string {
    const { progType, sleepable, hook, attachType, func, btfId } = prog.attach;
    const parts: unknown[] = [prog.name, progType, sleepable, hook, attachType, func, btfId];
    parts.push(this.#obj.gplCompatible, this.#obj.btf !== null);
    for (const s of prog.subprogs) parts.push(s.name, s.start, s.end, s.linkage, this.#shape(s.funcTypeId));
    for (const map of mapsNamed(prog.insns)) parts.push(map, this.#map(map, []));
    if (this.#shapes !== null && (this.#shapes.naming || callsKernel(prog.insns))) parts.push(this.#whole());
    return joined(parts) + codeText(prog.insns);
  }

  #shape(id: number): string {
    return id === 0 || this.#shapes === null ? '' : this.#shapes.of(id);
  }

  #map(index: number, outer: readonly number[]): string {
    const known = this.#maps.get(index);
    if (known !== undefined) return known;
    const map: MapDef | undefined = this.#obj.maps[index];
    if (map === undefined || outer.includes(index)) return '';
    const { keyTypeId, valueTypeId, initial, slots: _, ...plain } = map;
    const text = joined([
      JSON.stringify(plain),
      this.#shape(keyTypeId),
      this.#shape(valueTypeId),
      // Constants that programs may not write are known to the verifier.
      map.readOnly && initial !== undefined ? bytesText(initial) : null,
      map.innerMap === undefined ? '' : this.#map(map.innerMap, [...outer, index]),
    ]);
    this.#maps.set(index, text);
    return text;
  }

  #whole(): string {
    return (this.#all ??= this.#shapes?.all() ?? '');
  }
}

/** One text of several, each with its length: different lists are different texts. */
function joined(parts: readonly unknown[]): string {
  let text = '';
  for (const part of parts) {
    const s = `${typeof part} ${String(part)}`;
    text += `${s.length}:${s}`;
  }
  return text;
}

/** The line records, which explanations of refusals name. */
export const linesText = (prog: LoadedProgram): string =>
  JSON.stringify(prog.lines.map((l) => [l.insn, l.file, l.text, l.line, l.column]));

/** Instructions as they are encoded: eight bytes each. */
function codeText({ count, op, dst, src, off, imm }: InsnArray): string {
  let text = '';
  const part = new Uint16Array(4 * Math.min(count, 1024));
  for (let from = 0; from < count; from += 1024) {
    const to = Math.min(count, from + 1024);
    let p = 0;
    for (let i = from; i < to; i++) {
      part[p++] = op[i] | (dst[i] << 8) | (src[i] << 12);
      part[p++] = off[i];
      part[p++] = imm[i];
      part[p++] = imm[i] >>> 16;
    }
    text += String.fromCharCode(...part.subarray(0, p));
  }
  return text;
}

function bytesText(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

/** Calls of kernel functions, which may be given numbers of types. */
const callsKernel = ({ count, op, src }: InsnArray): boolean => {
  for (let i = 0; i < count; i++) if (op[i] === OP_CALL && src[i] > BPF_PSEUDO_CALL) return true;
  return false;
};

/** What types look like, with everything that they lead to. */
class Shapes {
  readonly naming: boolean;
  readonly #btf: Btf;
  readonly #tags: DeclTags;
  readonly #known = new Map<number, string>();

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#tags = declTags(btf);
    let naming = false;
    for (let id = 1; id < btf.typeCount && !naming; id++)
      naming = btf.kind(id) === 'decl_tag' && NAMING.test(btf.name(id));
    this.naming = naming;
  }

  of(root: number): string {
    let text = this.#known.get(root);
    if (text !== undefined) return text;
    // Types are numbered in the order in which they are met, so that the shape of a recursive one ends.
    const numbers = new Map<number, number>();
    const work: number[] = [];
    const ref = (id: number): number => {
      if (id === 0) return 0;
      let n = numbers.get(id);
      if (n === undefined) {
        n = numbers.size + 1;
        numbers.set(id, n);
        work.push(id);
      }
      return n;
    };
    ref(root);
    const parts: unknown[] = [];
    for (let i = 0; i < work.length; i++) parts.push(this.#one(work[i], ref));
    text = JSON.stringify(parts);
    this.#known.set(root, text);
    return text;
  }

  /** Every type by its number. */
  all(): string {
    const parts: unknown[] = [];
    for (let id = 1; id < this.#btf.typeCount; id++) parts.push(this.#one(id, (x) => x));
    return JSON.stringify(parts);
  }

  #one(id: number, ref: (id: number) => number): unknown[] {
    const t = this.#btf.type(id);
    // Nobody asks for the name of a global variable, which changes while it is typed.
    const parts: unknown[] = [t.kind, t.kind === 'var' ? '' : t.name, ...this.#details(t, ref)];
    const tags = this.#tags.of(id, -1);
    if (tags.length > 0) parts.push('tags', ...tags);
    return parts;
  }

  #details(t: BtfType, ref: (id: number) => number): unknown[] {
    /** Of the n-th member or parameter. */
    const tags = (n: number): readonly string[] => this.#tags.of(t.id, n);
    switch (t.kind) {
      case 'int':
        return [t.size, t.bits, t.signed, t.char, t.bool];
      case 'ptr':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        return [ref(t.type)];
      case 'array':
        return [ref(t.type), t.count];
      case 'struct':
      case 'union':
        return [t.size, t.members.map((m, n) => [m.name, ref(m.type), m.bitOffset, m.bitSize, ...tags(n)])];
      case 'enum':
      case 'enum64':
        return [t.size, t.signed, t.values.map((v) => [v.name, String(v.value)])];
      case 'fwd':
        return [t.union];
      case 'func': {
        const proto = this.#btf.type(t.type);
        const params = proto.kind === 'func_proto' ? proto.params : [];
        return [t.linkage, ref(t.type), params.map((_, n) => tags(n))];
      }
      case 'func_proto':
        return [ref(t.ret), t.variadic, t.params.map((p) => [p.name, ref(p.type)])];
      case 'var':
        return [ref(t.type)];
      case 'datasec':
        return [t.size, t.vars.map((v) => [ref(v.type), v.offset, v.size])];
      case 'decl_tag':
        return [t.type, t.componentIndex];
      case 'float':
        return [t.size];
      case 'void':
        return [];
    }
  }
}
