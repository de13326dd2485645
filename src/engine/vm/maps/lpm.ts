/** Longest-prefix-match trie. Semantics: kernel/bpf/lpm_trie.c with the fixes of 6.13 that stable 6.1 and 6.12 carry. */
import { EEXIST, EINVAL, ENOENT, ENOSPC } from '../errno.ts';
import type { KAddr } from '../types.ts';
import { u32 } from './array.ts';
import { BPF_EXIST, BPF_NOEXIST, VmMap, keyText } from './map.ts';

interface Node {
  readonly prefixLen: number;
  /** Whole key as given, prefix length included; bits after the prefix are kept but do not count. */
  readonly key: Uint8Array;
  readonly value: KAddr;
}

export class LpmTrie extends VmMap {
  readonly #nodes = new Map<string, Node>();
  /** Nodes per prefix length, so that lookups try only lengths that exist. */
  readonly #lengths = new Map<number, number>();

  find(key: Uint8Array): number {
    const max = u32(key);
    if (max > this.#maxPrefix) return 0;
    let best: Node | undefined;
    for (const len of this.#lengths.keys()) {
      if (len > max || (best !== undefined && len <= best.prefixLen)) continue;
      best = this.#nodes.get(maskedText(key, len)) ?? best;
    }
    return best?.value ?? 0;
  }

  set(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (flags < 0 || flags > BPF_EXIST) return -EINVAL;
    const len = u32(key);
    if (len > this.#maxPrefix) return -EINVAL;
    const text = maskedText(key, len);
    const old = this.#nodes.get(text);
    if (old !== undefined) {
      if (flags === BPF_NOEXIST) return -EEXIST;
    } else {
      if (flags === BPF_EXIST) return -ENOENT;
      if (this.#nodes.size >= this.def.maxEntries) return -ENOSPC;
      this.#lengths.set(len, (this.#lengths.get(len) ?? 0) + 1);
    }
    const own = key.slice();
    const at = this.allocValue(own);
    this.copyIn(at, value);
    this.#nodes.set(text, { prefixLen: len, key: own, value: at });
    if (old !== undefined) this.host.release(old.value);
    return 0;
  }

  remove(key: Uint8Array): number {
    const len = u32(key);
    if (len > this.#maxPrefix) return -EINVAL;
    const text = maskedText(key, len);
    const node = this.#nodes.get(text);
    if (node === undefined) return -ENOENT;
    this.#nodes.delete(text);
    const left = this.#lengths.get(len)! - 1;
    if (left === 0) this.#lengths.delete(len);
    else this.#lengths.set(len, left);
    this.host.release(node.value);
    return 0;
  }

  /** In trie_get_next_key's order: a node after its children, 0 before 1. */
  *items(): Iterable<{ readonly key: Uint8Array; readonly value: number }> {
    const nodes = [...this.#nodes.values()].sort(postorder);
    for (const { key, value } of nodes) yield { key: key.slice(), value };
  }

  dispose(): void {
    for (const n of this.#nodes.values()) this.mem.free(n.value);
    this.#nodes.clear();
    this.#lengths.clear();
  }

  get #maxPrefix(): number {
    return (this.def.keySize - 4) * 8;
  }
}

/** Prefix length and the bits that count: equal exactly for keys that name the same node. */
function maskedText(key: Uint8Array, len: number): string {
  const whole = len >> 3;
  const bytes = key.slice(0, 4 + whole + ((len & 7) !== 0 ? 1 : 0));
  bytes.set([len, len >> 8, len >> 16, len >> 24], 0);
  if ((len & 7) !== 0) bytes[4 + whole] &= 0xff00 >> (len & 7);
  return keyText(bytes);
}

function postorder(a: Node, b: Node): number {
  const common = Math.min(a.prefixLen, b.prefixLen);
  for (let i = 0; i < common; i++) {
    const bit = 0x80 >> (i & 7);
    const x = a.key[4 + (i >> 3)] & bit;
    const y = b.key[4 + (i >> 3)] & bit;
    if (x !== y) return x - y;
  }
  return b.prefixLen - a.prefixLen;
}
