/** Places and edits for what the front end, the loader and the verifier find: they know the kernel, lint knows the source. */
import { kernelsHave, type Diagnostic, type QuickFix, type SourceRange } from '../../base/index.ts';
import { closest, type FunctionDecl, type TranslationUnit } from '../c/index.ts';
import { findHook, type PolicyFacts } from './facts.ts';
import { mapsOf, type MapSource } from './maps.ts';
import { programsOf, type Program } from './programs.ts';
import { insertLine, part, replace } from './report.ts';

/** What a finding is about, when its producer knew. */
export interface Subject {
  readonly program?: string;
  readonly section?: string;
}

const KINDS = ['lsm', 'lsm.s', 'lsm_cgroup', 'fentry', 'fexit', 'fmod_ret'];

export function withFixes(d: Diagnostic, about: Subject, unit: TranslationUnit, facts: PolicyFacts): Diagnostic {
  switch (d.code) {
    case 'c/missing-sec':
      return { ...d, ...missingSec(d, unit, facts) };
    case 'loader/unknown-section':
    case 'loader/no-such-hook':
    case 'loader/no-attach-target':
    case 'verifier/disabled-hook':
    case 'verifier/not-sleepable':
    case 'verifier/not-sleepable-function':
      return { ...d, ...atSection(d, about, unit, facts) };
    case 'verifier/gpl-lsm':
    case 'verifier/gpl-helper':
    case 'verifier/gpl-struct':
      return { ...d, ...licence(unit) };
    case 'loader/map-create':
    case 'loader/map-definition':
      return { ...d, ...mapPlace(d, unit) };
    default:
      return d;
  }
}

/** `SEC("lsm/<hook>")` above the function, for the hook that its name or parameters suggest. */
function missingSec(d: Diagnostic, unit: TranslationUnit, facts: PolicyFacts): Partial<Diagnostic> {
  const name = /^'(\w+)'/.exec(d.message)?.[1] ?? '';
  const names = facts.hooks.filter((h) => h.attachable).map((h) => h.name);
  const hook =
    names.find((h) => h === name) ??
    names.filter((h) => name.includes(h)).sort((a, b) => b.length - a.length)[0] ??
    closest(name, names);
  if (hook === null) return {};
  const f = unit.functions.find((x) => x.name === name);
  const line = f === undefined ? d.range.line : unit.sources.range(f.loc, f.loc).line;
  return { fixes: [insertLine(`Insert SEC("lsm/${hook}")`, unit.file, line, `SEC("lsm/${hook}")`)] };
}

function programOf(unit: TranslationUnit, about: Subject): Program | undefined {
  const all = programsOf(unit);
  return (
    all.find((p) => p.decl.name === about.program) ??
    (about.section === undefined ? undefined : all.find((p) => p.section === about.section))
  );
}

/** The part of SEC("kind/target") that is wrong, and what may be meant. */
function atSection(d: Diagnostic, about: Subject, unit: TranslationUnit, facts: PolicyFacts): Partial<Diagnostic> {
  const p = programOf(unit, about);
  if (p === undefined || p.sectionLoc === 0) return {};
  // Within the quotes.
  const text = unit.sources.range(p.sectionLoc, p.sectionLoc);
  if (text.line !== text.endLine || text.endColumn - text.column !== p.section.length + 2) return {};
  const optional = p.section.startsWith('?') ? 1 : 0;
  const kind = part(text, 1 + optional, p.kind.length);
  const target = part(text, 2 + optional + p.kind.length, p.target.length);
  const fixes: QuickFix[] = [];
  let range: SourceRange = target;
  if (d.code === 'loader/unknown-section') {
    range = kind;
    const guess = closest(p.kind, KINDS);
    if (guess !== null) fixes.push(replace(`Change to '${guess}'`, kind, guess));
    else if (findHook(facts.hooks, p.section) !== undefined)
      fixes.push(replace(`Change to 'lsm/${p.section}'`, kind, `lsm/${p.section}`));
  } else if (d.code === 'loader/no-such-hook') {
    const guess = closest(
      p.target,
      facts.hooks.filter((h) => h.attachable).map((h) => h.name),
    );
    if (guess !== null && p.kind.startsWith('lsm')) fixes.push(replace(`Change to '${guess}'`, target, guess));
    const elsewhere = facts
      .others()
      .filter((o) => findHook(o.hooks, p.target))
      .map((o) => o.kernel);
    if (elsewhere.length > 0) {
      return { range, fixes, explanation: `${d.explanation ?? ''} ${kernelsHave(elsewhere)} it.`.trim() };
    }
  } else if (d.code === 'loader/no-attach-target') {
    range = kind;
  } else if (d.code.startsWith('verifier/not-sleepable')) {
    if (p.kind.endsWith('.s')) fixes.push(replace(`Change to '${p.kind.slice(0, -2)}'`, kind, p.kind.slice(0, -2)));
  }
  return fixes.length === 0 ? { range } : { range, fixes };
}

function licence(unit: TranslationUnit): Partial<Diagnostic> {
  const v = unit.variables.find((x) => x.attributes.section === 'license');
  if (v === undefined) {
    const first = unit.functions.find((f) => f.body !== null && unit.sources.range(f.loc, f.loc).file === unit.file);
    const line = first === undefined ? 1 : blockStart(unit, first);
    return {
      fixes: [insertLine('Add the licence "GPL"', unit.file, line, 'char LICENSE[] SEC("license") = "GPL";\n')],
    };
  }
  const at = unit.sources.range(v.end, v.end);
  const text = unit.sources.lineText(at.file, at.line).slice(at.column - 1, at.endColumn - 1);
  return text.startsWith('"') ? { fixes: [replace('Change the licence to "GPL"', at, '"GPL"')] } : {};
}

/** The line where the first definition of the file begins, its SEC() and comment lines included. */
function blockStart(unit: TranslationUnit, f: FunctionDecl): number {
  let line = unit.sources.range(f.loc, f.loc).line;
  while (
    line > 1 &&
    unit.sources.lineText(unit.file, line - 1).trim() !== '' &&
    !/^\s*(#|\})/.test(unit.sources.lineText(unit.file, line - 1))
  )
    line--;
  return line;
}

/** Message of map findings: `map 'name': ...`. The member that is wrong, and how to right it. */
function mapPlace(d: Diagnostic, unit: TranslationUnit): Partial<Diagnostic> {
  const name = /^map '([\w.]+?)(?:\.inner)?'/.exec(d.message)?.[1];
  const map = mapsOf(unit).find((m) => m.decl.name === name);
  if (map === undefined) return {};
  const why = `${d.message} ${d.explanation ?? ''}`;
  const member = (field: string): SourceRange | null => {
    const f = map.fields.find((x) => x.name === field);
    return f?.nameLoc === undefined || f.nameLoc === 0 ? null : unit.sources.range(f.nameLoc, f.nameLoc);
  };
  const whole = unit.sources.range(map.decl.nameLoc, map.decl.nameLoc);
  const absent = (text: string): Partial<Diagnostic> => ({ range: whole, fixes: addMember(unit, map, text) });
  if (/max_entries must not be 0/.test(why)) {
    const at = member('max_entries');
    return at === null
      ? absent(/this ringbuf map/.test(why) ? '__uint(max_entries, 256 * 1024)' : '__uint(max_entries, 1024)')
      : { range: at };
  }
  if (/it has no key/.test(why)) return absent('__type(key, __u32)');
  if (/it has no value/.test(why)) return absent('__type(value, __u64)');
  if (/it needs __uint\(map_flags/.test(why)) {
    const at = member('map_flags');
    return at === null ? absent('__uint(map_flags, BPF_F_NO_PREALLOC)') : { range: at };
  }
  if (/map type isn't specified/.test(why)) return absent('__uint(type, BPF_MAP_TYPE_HASH)');
  if (/has neither key nor value/.test(why))
    return removal(unit, ['key', 'value', 'key_size', 'value_size'], member, whole);
  if (/queues and stacks have no key/.test(why)) return removal(unit, ['key', 'key_size'], member, whole);
  if (/has no max_entries/.test(why)) return removal(unit, ['max_entries'], member, whole);
  const size = /its (key|value) must have (\d+) bytes/.exec(why);
  if (size !== null) {
    const what = size[1]!;
    const bySize = member(`${what}_size`);
    const at = bySize ?? member(what) ?? whole;
    const line = unit.sources.lineText(at.file, at.line);
    const old = new RegExp(`^${what}(?:_size)?\\s*,\\s*([^;]*?)\\)\\s*;`).exec(line.slice(at.column - 1));
    if (old === null) return { range: at };
    const column = at.column + old[0].indexOf(old[1]!, what.length);
    const range = { ...at, column, endColumn: column + old[1]!.length };
    const right = bySize !== null ? size[2]! : '__u32';
    return { range, fixes: [replace(`Change to '${right}'`, range, right)] };
  }
  const unknown = /unknown field '(\w+)'/.exec(why);
  if (unknown !== null) {
    const at = member(unknown[1]!) ?? whole;
    const guess = closest(unknown[1]!, [
      'type',
      'max_entries',
      'map_flags',
      'key',
      'value',
      'key_size',
      'value_size',
      'values',
      'pinning',
      'numa_node',
      'map_extra',
    ]);
    return { range: at, ...(guess === null ? {} : { fixes: [replace(`Change to '${guess}'`, at, guess)] }) };
  }
  return { range: whole };
}

/** The member as a new line behind the last one. */
function addMember(unit: TranslationUnit, map: MapSource, text: string): readonly QuickFix[] {
  const last = map.fields.at(-1)?.nameLoc;
  if (last === undefined || last === 0) return [];
  const at = unit.sources.range(last, last);
  const line = unit.sources.lineText(at.file, at.line);
  const indent = /^\s*/.exec(line)![0];
  return [insertLine(`Add ${text}`, at.file, at.line + 1, `${indent}${text};`)];
}

/** Takes the lines of members away that stand in lines of their own. */
function removal(
  unit: TranslationUnit,
  names: readonly string[],
  member: (field: string) => SourceRange | null,
  whole: SourceRange,
): Partial<Diagnostic> {
  const places = names.flatMap((n) => member(n) ?? []);
  const alone = places.every((r) => /^\s*__\w+\(.*\);\s*$/.test(unit.sources.lineText(r.file, r.line)));
  return {
    range: places[0] ?? whole,
    ...(places.length > 0 && alone
      ? {
          fixes: [
            {
              title: `Remove ${names
                .filter((n) => member(n) !== null)
                .map((n) => `'${n}'`)
                .join(' and ')}`,
              edits: places.map((r) => ({
                range: { file: r.file, line: r.line, column: 1, endLine: r.line + 1, endColumn: 1 },
                text: '',
              })),
            },
          ],
        }
      : {}),
  };
}
