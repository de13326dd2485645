/**
 * Builds the operations of a `run` job (guest/run.c): keeps track of the shared memory's addresses, of tasks' slots and
 * of saved results, so that callers speak in system calls and names.
 */
import { NR } from './abi.ts';

/** A result that a later call uses, e.g. a descriptor. */
export interface SavedValue {
  readonly variable: number;
}
export type Argument = number | bigint | SavedValue;

/** Room for one system call's buffers of the guest, as the agent's `ready` line says. */
export interface SharedMemory {
  readonly address: number;
  readonly dataOffset: number;
  readonly size: number;
}

const MAX_SLOTS = 64;
const encoder = new TextEncoder();
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const textHex = (text: string): string => (text === '' ? '-' : hexOf(encoder.encode(text)));
const argumentText = (a: Argument): string => (typeof a === 'object' ? `$${a.variable}` : String(a));

export interface StepOptions {
  readonly child?: number;
  /** An exec after which the same task makes further steps. */
  readonly goesOn?: boolean;
  readonly timeoutMs?: number;
  readonly save?: SavedValue;
}

export class Script {
  readonly #memory: SharedMemory;
  readonly #parts: Uint8Array[] = [];
  #next: number;
  #slots = 0;
  #variables = 0;
  readonly #strings = new Map<string, number>();

  constructor(memory: SharedMemory) {
    this.#memory = memory;
    this.#next = memory.dataOffset;
  }

  line(text: string): void {
    this.#parts.push(encoder.encode(`${text}\n`));
  }

  /** A line that announces raw bytes. */
  blob(text: string, bytes: Uint8Array): void {
    this.line(`${text} ${bytes.length}`);
    this.#parts.push(bytes, encoder.encode('\n'));
  }

  payload(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }

  slot(): number {
    if (this.#slots === MAX_SLOTS)
      throw new Error(`a scenario may have at most ${MAX_SLOTS - 1} tasks on the real kernel`);
    return this.#slots++;
  }

  variable(): SavedValue {
    return { variable: this.#variables++ };
  }

  /** Bytes at a fixed place; the address is valid in every task. */
  bytes(data: Uint8Array, size = data.length): number {
    const offset = this.reserve(size);
    if (data.length > 0) this.line(`data ${offset} ${hexOf(data)}`);
    return this.#memory.address + offset;
  }

  /** `n` bytes of scratch; @returns their offset */
  reserve(n: number): number {
    const offset = this.#next;
    this.#next = (this.#next + n + 15) & ~15;
    if (this.#next > this.#memory.size) throw new Error('the scenario needs more memory than the guest shares');
    return offset;
  }

  address(offset: number): number {
    return this.#memory.address + offset;
  }

  /** Address of a NUL-terminated string. */
  string(text: string): number {
    let address = this.#strings.get(text);
    if (address === undefined) {
      address = this.bytes(encoder.encode(`${text}\0`));
      this.#strings.set(text, address);
    }
    return address;
  }

  /** Address of little-endian u64s. */
  words(values: readonly (number | bigint)[]): number {
    const data = new DataView(new ArrayBuffer(values.length * 8));
    values.forEach((v, i) => data.setBigUint64(i * 8, BigInt.asUintN(64, BigInt(v)), true));
    return this.bytes(new Uint8Array(data.buffer));
  }

  /** Address of a NULL-terminated array of strings. */
  strings(texts: readonly string[]): number {
    return this.words([...texts.map((t) => this.string(t)), 0]);
  }

  /** Environment that lets the task go on under remote control after an exec. */
  environment(slot: number): number {
    return this.strings([`LSMITH=${slot}`]);
  }

  /** A call that must succeed (`label` says what it is for), or may fail when the label is empty. */
  call(
    slot: number,
    label: string,
    nr: number,
    args: readonly Argument[],
    options: { child?: number; save?: SavedValue } = {},
  ): void {
    this.line(
      `sys ${slot} ${options.child ?? -1} ${options.save?.variable ?? -1} ${textHex(label)} ${nr} ${args.map(argumentText).join(' ')}`,
    );
  }

  step(slot: number, nr: number, args: readonly Argument[], options: StepOptions = {}): void {
    const head = [
      slot,
      options.child ?? -1,
      options.save?.variable ?? -1,
      options.goesOn ? 1 : 0,
      options.timeoutMs ?? 2000,
      nr,
    ];
    this.line(`step ${head.join(' ')} ${args.map(argumentText).join(' ')}`);
  }

  spawn(slot: number, pid: number, exe: string | null): void {
    this.line(`spawn ${slot} ${pid} ${exe === null ? '-' : textHex(exe)}`);
  }

  /** A new task as a child of `parent`, with exactly this pid. */
  cloneTask(parent: number, child: number, pid: number, label: string): void {
    const set = this.bytes(new Uint8Array(new Int32Array([pid]).buffer));
    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup
    const args = this.words([0, 0, 0, 0, 17, 0, 0, 0, set, 1, 0]);
    this.call(parent, label, NR.clone3, [args, 88], { child });
  }
}
