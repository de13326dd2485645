/** Something that must be released by whoever created it. */
export interface Disposable {
  dispose(): void;
}

/** Collects disposables; disposes them in reverse order of creation, once. */
export class DisposableStore implements Disposable {
  readonly #items: Disposable[] = [];
  #disposed = false;

  add<T extends Disposable>(item: T): T {
    if (this.#disposed) item.dispose();
    else this.#items.push(item);
    return item;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    while (this.#items.length > 0) this.#items.pop()!.dispose();
  }
}

export const toDisposable = (dispose: () => void): Disposable => ({ dispose });
