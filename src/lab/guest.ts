/**
 * A running guest: one of Debian's kernels in QEMU (software emulation, one CPU, no network card), our agent as its
 * init, jobs over the second serial port.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { cpio } from './cpio.ts';
import type { KernelId } from './kernels.ts';
import type { LabKernel } from './packages.ts';
import { prepareLab, type Lab } from './prepare.ts';
import { which } from './shell.ts';

export interface BootOptions {
  readonly kernel: KernelId;
  /** LSM-relevant part of the kernel command line, e.g. `lsm=yama,bpf`. Null or empty: the kernel's default. */
  readonly cmdline?: string | null;
  /** From `prepareLab()`; prepared here when absent. */
  readonly lab?: Lab;
  readonly bootTimeoutMs?: number;
  readonly memoryMb?: number;
}

/** One JSON line of the agent; `t` says what it is. */
export interface GuestLine {
  readonly t: string;
  readonly [key: string]: unknown;
}

interface Ready {
  readonly release: string;
  readonly lsm: string;
  readonly uptime: number;
  readonly shm: number;
  readonly data: number;
  readonly size: number;
}

/** A failure of the laboratory itself: no guest, no answer, an operation of the set-up that was refused. */
export class LabError extends Error {
  readonly console: string;
  constructor(message: string, console = '') {
    const tail = console.trim().split('\n').slice(-12).join('\n');
    super(tail ? `${message}\nguest console:\n${tail}` : message);
    this.name = 'LabError';
    this.console = console;
  }
}

/** Host must not run ahead of the agent by more: the kernel's tty buffers hold 64 KB. */
const WINDOW = 24 * 1024;
const CHUNK = 4096;

const KERNEL_ARGUMENTS = [
  ...['console=ttyS0', 'loglevel=4', 'panic=-1', 'rdinit=/sbin/init', 'lsm.debug', 'nokaslr', 'mitigations=off'],
  ...[
    'random.trust_cpu=on',
    'tsc=reliable',
    'no_timer_check',
    'cryptomgr.notests',
    'rcupdate.rcu_expedited=1',
    'log_buf_len=1M',
  ],
].join(' ');

const running = new Set<ChildProcess>();
let exitHook = false;

/** No guest outlives us. */
function track(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
  if (exitHook) return;
  exitHook = true;
  process.once('exit', () => {
    for (const c of running) c.kill('SIGKILL');
  });
}

/** The image and, where libbpf looks for the values of `extern ... __kconfig`, the kernel's configuration. */
function guestFiles(lab: Lab, kernel: LabKernel): Uint8Array {
  const config = { path: `boot/config-${kernel.release}`, kind: 'file', data: readFileSync(kernel.config) } as const;
  return Buffer.concat([readFileSync(lab.image.initramfs), cpio([config])]);
}

export class Guest {
  readonly kernel: KernelId;
  readonly cmdline: string;
  readonly lab: Lab;
  ready!: Ready;
  /** Seconds from start to the agent's first word. */
  bootSeconds = 0;
  /** True once a run changed what cannot be changed back (lockdown, yama scope 3): boot a new one. */
  spoiled = false;
  /** AppArmor profiles that earlier runs loaded; the next run removes them first. */
  readonly profiles = new Set<string>();
  readonly #process: ChildProcess;
  readonly #dir: string;
  #text = '';
  #stderr = '';
  #ended: string | null = null;
  #jobs = 0;
  #onLine: ((line: GuestLine) => void) | null = null;
  #onEnd: ((reason: string) => void) | null = null;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: BootOptions, lab: Lab) {
    this.kernel = options.kernel;
    this.cmdline = options.cmdline ?? '';
    this.lab = lab;
    const kernel = lab.kernels[options.kernel];
    if (!kernel)
      throw new LabError(
        `the laboratory has no kernel ${options.kernel}: ${lab.missing[options.kernel] ?? 'not fetched'}`,
      );
    this.#dir = mkdtempSync(path.join(tmpdir(), 'lsmith-guest-'));
    const initramfs = path.join(this.#dir, 'initramfs.cpio');
    writeFileSync(initramfs, guestFiles(lab, kernel));
    // Without cmpxchg16b: under load QEMU 7.2's emulation of it loses the flags now and then, and the guest's allocator dies.
    const args = [
      ...[
        '-M',
        'pc',
        '-accel',
        'tcg,thread=multi',
        '-cpu',
        'max,-cx16',
        '-m',
        String(options.memoryMb ?? 768),
        '-smp',
        '1',
      ],
      ...['-nic', 'none', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
      ...['-chardev', `file,id=con,path=${path.join(this.#dir, 'console')}`, '-chardev', 'stdio,id=job,signal=off'],
      ...['-device', 'isa-serial,chardev=con,index=0', '-device', 'isa-serial,chardev=job,index=1'],
      ...['-kernel', kernel.vmlinux, '-initrd', initramfs],
      ...['-append', `${KERNEL_ARGUMENTS} ${this.cmdline}`.trim()],
    ];
    this.#process = spawn(which('qemu-system-x86_64') ?? 'qemu-system-x86_64', args, {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    track(this.#process);
    this.#process.stdout?.setEncoding('latin1').on('data', (text: string) => this.#receive(text));
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#process.stdin?.on('error', () => {});
    this.#process.on('error', (e) => this.#end(`QEMU does not start: ${e.message}`));
    this.#process.on('exit', (code, signal) => this.#end(`the guest ended (${signal ?? code})`));
  }

  get release(): string {
    return this.ready.release;
  }

  /** As /sys/kernel/security/lsm prints it. */
  get lsm(): string {
    return this.ready.lsm;
  }

  /** Everything the kernel printed on its console so far. */
  console(): string {
    try {
      return readFileSync(path.join(this.#dir, 'console'), 'latin1');
    } catch {
      return '';
    }
  }

  #receive(text: string): void {
    this.#text += text;
    for (let nl = this.#text.indexOf('\n'); nl >= 0; nl = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, nl).replace(/\r$/, '');
      this.#text = this.#text.slice(nl + 1);
      if (!line.trim()) continue;
      try {
        this.#onLine?.(JSON.parse(line) as GuestLine);
      } catch {
        this.#onLine?.({ t: 'garbage', line });
      }
    }
  }

  #end(reason: string): void {
    this.#ended ??= this.#stderr.trim() ? `${reason}: ${this.#stderr.trim()}` : reason;
    this.#onEnd?.(this.#ended);
  }

  /** Feeds lines to `each` until it says true. */
  #listen(each: (line: GuestLine) => boolean, timeoutMs: number, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        this.#onLine = this.#onEnd = null;
        if (error) reject(error);
        else resolve();
      };
      const timer = setTimeout(() => {
        finish(new LabError(`${what}: no answer within ${Math.round(timeoutMs / 1000)} s`, this.console()));
        this.close();
      }, timeoutMs);
      this.#onLine = (line) => {
        if (each(line)) finish();
      };
      this.#onEnd = (reason) => finish(new LabError(`${what}: ${reason}`, this.console()));
      if (this.#ended) this.#onEnd(this.#ended);
    });
  }

  async waitReady(timeoutMs: number): Promise<void> {
    const t0 = performance.now();
    await this.#listen(
      (line) => {
        if (line.t !== 'ready') return false;
        this.ready = line as unknown as Ready;
        return true;
      },
      timeoutMs,
      `booting ${this.kernel} with "${this.cmdline}"`,
    );
    this.bootSeconds = (performance.now() - t0) / 1000;
    if (Number((this.ready as unknown as { problem: number }).problem) !== 0) {
      throw new LabError(
        `the agent could not set up the guest (errno ${(this.ready as unknown as { problem: number }).problem})`,
        this.console(),
      );
    }
  }

  /** One job; jobs queue up. Resolves with the agent's lines; an `error` line of the agent becomes a LabError. */
  request(kind: string, payload: Uint8Array, timeoutMs = 60_000): Promise<GuestLine[]> {
    const result = this.#queue.then(() => this.#request(kind, payload, timeoutMs));
    this.#queue = result.catch(() => {});
    return result;
  }

  async #request(kind: string, plain: Uint8Array, timeoutMs: number): Promise<GuestLine[]> {
    // The emulated UART moves some 170 KB a second.
    const payload = deflateSync(plain);
    const id = ++this.#jobs;
    const lines: GuestLine[] = [];
    const stdin = this.#process.stdin!;
    let sent = 0;
    const pump = (acked: number): void => {
      while (sent < payload.length && sent - acked < WINDOW) {
        const part = payload.subarray(sent, Math.min(sent + CHUNK, payload.length));
        stdin.write(part);
        sent += part.length;
      }
    };
    const done = this.#listen(
      (line) => {
        if (line.t === 'ack') pump(Number(line.n));
        else if (line.t !== 'end') lines.push(line);
        return line.t === 'end' && line.job === id;
      },
      timeoutMs,
      `job ${kind}`,
    );
    stdin.write(`job ${id} ${kind} ${plain.length} ${payload.length}\n`);
    pump(0);
    await done;
    const error = lines.find((l) => l.t === 'error');
    if (error) throw new LabError(`job ${kind}: ${String(error.what)}: ${String(error.text)}`, this.console());
    return lines;
  }

  close(): void {
    this.#end('closed');
    this.#process.kill('SIGKILL');
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Boots a guest; about two seconds. The caller closes it. */
export async function bootGuest(options: BootOptions): Promise<Guest> {
  let lab = options.lab;
  if (!lab) {
    const prepared = prepareLab();
    if (!prepared.ok) throw new LabError(prepared.reason);
    lab = prepared.lab;
  }
  const guest = new Guest(options, lab);
  try {
    await guest.waitReady(options.bootTimeoutMs ?? 60_000);
  } catch (error) {
    guest.close();
    throw error;
  }
  return guest;
}
