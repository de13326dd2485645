/** The names of a file scope. Tells the watcher, if there is one, what is asked and set. */
import type { Context, Sym, TagType } from '../context.ts';

export class Names<V extends Sym | TagType> extends Map<string, V> {
  readonly #cx: Context;
  readonly #kind: 'symbols' | 'tags';

  constructor(cx: Context, kind: 'symbols' | 'tags') {
    super();
    this.#cx = cx;
    this.#kind = kind;
  }

  override get(name: string): V | undefined {
    const value = super.get(name);
    this.#cx.watch?.read(this.#kind, name, value);
    return value;
  }

  override has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  override set(name: string, value: V): this {
    this.#cx.watch?.write(this.#kind, name, value);
    return super.set(name, value);
  }

  /** Sets what the kernel or a header has under the name. */
  pull(name: string, value: V): void {
    super.set(name, value);
    this.#cx.pulled[this.#kind].add(name);
    this.#cx.watch?.fetched(this.#kind, name, value);
  }

  /** As `get`, unnoticed. */
  peek(name: string): V | undefined {
    return super.get(name);
  }

  restore(name: string, value: V): void {
    super.set(name, value);
  }
}
