/** Alignment of accesses: always demanded on the stack and of atomics, elsewhere only with BPF_F_STRICT_ALIGNMENT. */
import type { Env } from './env.ts';
import { EACCES } from './env.ts';
import { wholeOffset } from './offsets.ts';
import { isInsnArray } from './indirect-jumps.ts';
import type { Reg, RegKind } from './reg.ts';

const WORDS: Readonly<Partial<Record<RegKind, string>>> = {
  flow_keys: 'flow keys ',
  map_key: 'key ',
  map_value: 'value ',
  ctx: 'context ',
  fp: 'stack ',
  sock: 'sock ',
  sock_common: 'sock_common ',
  tcp_sock: 'tcp_sock ',
  xdp_sock: 'xdp_sock ',
};

/** Packets start two bytes before a multiple of four (NET_IP_ALIGN). */
const NET_IP_ALIGN = 2;

/** `strict`: this access must be aligned in any case. */
export function checkAlignment(env: Env, reg: Reg, off: number, size: number, strict: boolean): void {
  if (size === 1) return;
  const always = reg.kind === 'fp' || (reg.kind === 'map_value' && isInsnArray(reg.map!));
  if (!strict && !env.strictAlignment && !always) return;
  const packet = reg.kind === 'pkt' || reg.kind === 'pkt_meta';
  const t = reg.num.tnum;
  const sum = t.vlo + reg.off + off + (packet ? NET_IP_ALIGN : 0);
  if (((sum | t.mlo) & (size - 1)) === 0) return;
  const at = env.rules.offsetsInOne
    ? `${env.rules.tnumText(wholeOffset(reg, env.rules.bounds).num.tnum)}+${off} size ${size}`
    : `${env.rules.tnumText(t)}+${reg.off}+${off} size ${size}`;
  const message = packet
    ? `misaligned packet access off ${NET_IP_ALIGN}+${at}`
    : `misaligned ${WORDS[reg.kind] ?? ''}access off ${at}`;
  env.fail(EACCES, 'misaligned', message);
}
