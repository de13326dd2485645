/** The lines that the analyses before the walk leave in the level-2 log (7.1 on). */
import { BPF_CALL, BPF_CLASS, BPF_JMP, BPF_LDX, BPF_STX, OP_LD_IMM64 } from '../bpf/index.ts';
import type { Env } from './env.ts';
import type { Places, Track } from './frame-pointers.ts';
import { isFp, sameTrack, TRACKED_REGS, trackText } from './frame-pointers.ts';
import type { Instance } from './live-stack.ts';
import { padFrom } from './log.ts';
import { insnText } from './print.ts';
import { hasHalf, isEmpty, type Halves } from './stack-masks.ts';

/** An instruction without its number. */
const plain = (env: Env, i: number): string => insnText(env, i).replace(/^\d+: /, '');
const numbered = (env: Env, i: number): string => `${String(i).padStart(3)}: ${plain(env, i)}`;

/** Functions without information in BTF have no name. */
const nameOf = (env: Env, n: number): string => (env.subprogs[n].funcTypeId === 0 ? '' : env.subprogs[n].name);
const subprogText = (env: Env, n: number): string => `subprog#${n}${nameOf(env, n) === '' ? '' : ` ${nameOf(env, n)}`}`;

export function logOrder(env: Env, calleesFirst: readonly number[]): void {
  calleesFirst.forEach((n, i) => env.log.line(`topo_order[${i}] = ${nameOf(env, n)}`));
}

/** Half slots of one frame: whole slots as `fp0-8`, halves as `fp0-4h`, three and more in a row as `fp0-8..-24`. */
function halvesText(frame: number, set: Halves): string {
  const out: string[] = [];
  const off = (spi: number): number => -(spi + 1) * 8;
  const whole = (spi: number): boolean => spi < 64 && hasHalf(set, spi * 2) && hasHalf(set, spi * 2 + 1);
  for (let spi = 0; spi < 64; spi++) {
    const lo = hasHalf(set, spi * 2);
    const hi = hasHalf(set, spi * 2 + 1);
    if (!lo && !hi) continue;
    if (!whole(spi)) out.push(`fp${frame}${off(spi) + (lo ? 4 : 0)}h`);
    else if (whole(spi + 1) && whole(spi + 2)) {
      const first = spi;
      while (whole(spi + 1)) spi++;
      out.push(`fp${frame}${off(first)}..${off(spi)}`);
    } else out.push(`fp${frame}${off(spi)}`);
  }
  return out.join(' ');
}

/** Arguments on the stack come behind the registers. */
const regName = (r: number): string => (r < TRACKED_REGS ? `r${r}` : `sa${r - TRACKED_REGS}`);

export class LivenessLog {
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  analyzing(subprog: number, depth: number): void {
    this.#env.log.line(`subprog#${subprog}: analyzing (depth ${depth})...`);
  }

  /** What an instruction changed. */
  step(i: number, before: Places, after: Places): void {
    let out = '';
    const note = (name: string, a: Track, b: Track): void => {
      if (!sameTrack(a, b)) out += `\t${name}: ${trackText(a)} -> ${trackText(b)}`;
    };
    if (before.regs !== after.regs) before.regs.forEach((t, r) => note(regName(r), t, after.regs[r]));
    if (before.stack !== after.stack) before.stack.forEach((t, n) => note(`fp${-(n + 1) * 8}`, t, after.stack[n]));
    if (out !== '') this.#env.log.line(numbered(this.#env, i) + out);
  }

  /** Two ways meet at `to`; a place is a register, or a slot as a negative number. */
  join(from: number, to: number, place: number, old: Track, now: Track, met: Track): void {
    const name = place >= 0 ? regName(place) : `fp${place * 8}`;
    this.#env.log.line(
      `arg JOIN insn ${from} -> ${to} ${name}: ${trackText(old)} + ${trackText(now)} => ${trackText(met)}`,
    );
  }

  /** The pointers that loads, stores and calls of a function find. */
  places(subprog: number, places: readonly (Places | null)[]): void {
    const env = this.#env;
    const { start } = env.subprogs[subprog];
    env.log.line(`${subprogText(env, subprog)}:`);
    for (let k = 0; k < places.length; k++) {
      const i = start + k;
      const op = env.insns.op[i];
      const cls = op & BPF_CLASS;
      const at = places[k];
      let out = '';
      if (at !== null && (cls === BPF_LDX || cls === BPF_STX || op === (BPF_JMP | BPF_CALL))) {
        at.regs.forEach((t, r) => {
          if (r !== 10 && isFp(t)) out += ` ${regName(r)}=${trackText(t)}`;
        });
        at.stack.forEach((t, n) => {
          if (isFp(t)) out += ` fp${-(n + 1) * 8}=${trackText(t)}`;
        });
      }
      env.log.line(numbered(env, i) + (out === '' ? '' : ` //${out}`));
      if (op === OP_LD_IMM64) k++;
    }
  }

  instances(all: Instance[]): void {
    all.sort((a, b) => a.callsite - b.callsite || a.depth - b.depth).forEach((x) => this.#instance(x));
  }

  /** What each instruction of a function reads and writes of the stack. */
  #instance(x: Instance): void {
    const env = this.#env;
    env.log.line(`stack use/def ${subprogText(env, x.subprog)} (d${x.depth},cs${x.callsite}):`);
    for (let k = 0; k < x.count; k++) {
      const i = x.start + k;
      const text = numbered(env, i);
      const list = (of: (frame: number) => Halves | undefined): string => {
        const out: string[] = [];
        for (let f = x.depth; f >= 0; f--) {
          const set = of(f);
          if (set !== undefined && !isEmpty(set)) out.push(halvesText(f, set));
        }
        return out.join(' ');
      };
      const use = list((f) => x.frames[f]?.readAt(k));
      const def = list((f) => x.frames[f]?.writtenAt(k));
      const uses = use === '' ? '' : ` use: ${use}`;
      const defs = def === '' ? '' : ` def: ${def}`;
      env.log.line(uses + defs === '' ? text : `${text}${padFrom(text.length)};${uses}${defs}`);
      if (env.insns.op[i] === OP_LD_IMM64) k++;
    }
  }
}

/** Loops and live registers before each instruction. */
export function logLiveRegs(env: Env, live: Uint16Array, loops: Int32Array): void {
  env.log.line('Live regs before insn:');
  for (let i = 0; i < live.length; i++) {
    let regs = '';
    for (let r = 0; r < 10; r++) regs += live[i] & (1 << r) ? r : '.';
    env.log.line(
      `${loops[i] === 0 ? '   ' : String(loops[i]).padStart(3)} ${String(i).padStart(3)}: ${regs} ${plain(env, i)}`,
    );
    if (env.insns.op[i] === OP_LD_IMM64) i++;
  }
}
