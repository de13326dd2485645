/** The usual command lines of `lsmith build`, read without the library that reads them all. */
import { DEFAULT_KERNEL, type BuildOptions } from './build.ts';

export interface BuildArguments {
  readonly file: string;
  readonly options: BuildOptions;
}

const WITH_VALUE: Readonly<Record<string, 'kernel' | 'output' | 'include' | 'define'>> = {
  '-k': 'kernel',
  '--kernel': 'kernel',
  '-o': 'output',
  '--output': 'output',
  '-I': 'include',
  '--include': 'include',
  '-D': 'define',
  '--define': 'define',
};

/**
 * @param words what stands behind `build`
 * @returns null for everything else, be it right or wrong: help, an option that is not known, a value that is missing
 */
export function buildArguments(words: readonly string[]): BuildArguments | null {
  const files: string[] = [];
  const one: { kernel?: string; output?: string } = {};
  const many: Record<'include' | 'define', string[]> = { include: [], define: [] };
  let json = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === '--json') {
      json = true;
      continue;
    }
    if (!word.startsWith('-')) {
      files.push(word);
      continue;
    }
    // `--output=file` and `-Ifolder` are one word.
    const cut = word.startsWith('--') ? word.indexOf('=') : word.length > 2 ? 2 : -1;
    const name = cut < 0 ? word : word.slice(0, cut);
    const what = Object.hasOwn(WITH_VALUE, name) ? WITH_VALUE[name] : undefined;
    if (what === undefined) return null;
    const value = cut < 0 ? words[++i] : word.slice(word.startsWith('--') ? cut + 1 : cut);
    if (value === undefined || value === '' || (cut < 0 && value.startsWith('-'))) return null;
    if (what === 'kernel' || what === 'output') one[what] = value;
    else many[what].push(value);
  }
  if (files.length !== 1 || files[0] === '') return null;
  return { file: files[0], options: { kernel: DEFAULT_KERNEL, ...one, ...many, json } };
}
