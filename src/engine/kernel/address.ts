/** Socket addresses as scenarios write them: `127.0.0.1:80`, `[::1]:80`, `/run/x.sock`, `@abstract`. */
import type { SockAddress } from './objects.ts';

const UNIX_PATH_MAX = 107;

/** @returns the address, or what is wrong with the text */
export function parseAddress(text: string): SockAddress | string {
  if (text.startsWith('/') || text.startsWith('@')) {
    if (new TextEncoder().encode(text).length > UNIX_PATH_MAX) return `longer than ${UNIX_PATH_MAX} bytes`;
    return { family: 'unix', ip: [], port: 0, path: text };
  }
  const bracket = /^\[([^\]]*)\]:(\d{1,5})$/.exec(text);
  if (bracket) {
    const ip = parseIpv6(bracket[1]);
    if (ip === null) return `${bracket[1]} is no IPv6 address`;
    return withPort({ family: 'inet6', ip, port: Number(bracket[2]), path: '' });
  }
  const v4 = /^([\d.]+):(\d{1,5})$/.exec(text);
  if (v4) {
    const ip = parseIpv4(v4[1]);
    if (ip === null) return `${v4[1]} is no IPv4 address`;
    return withPort({ family: 'inet', ip, port: Number(v4[2]), path: '' });
  }
  return 'expected A.B.C.D:port, [IPv6]:port, /path/of/socket or @abstract';
}

const withPort = (a: SockAddress): SockAddress | string => (a.port > 65535 ? `port ${a.port} is above 65535` : a);

export function parseIpv4(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4 || parts.some((p) => !/^\d{1,3}$/.test(p) || Number(p) > 255)) return null;
  return parts.map(Number);
}

export function parseIpv6(text: string): number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const words = (s: string): number[] | null => {
    if (s === '') return [];
    const out: number[] = [];
    const parts = s.split(':');
    for (const [i, part] of parts.entries()) {
      const v4 = i === parts.length - 1 && part.includes('.') ? parseIpv4(part) : null;
      if (v4 !== null) out.push((v4[0] << 8) | v4[1], (v4[2] << 8) | v4[3]);
      else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(parseInt(part, 16));
      else return null;
    }
    return out;
  };
  const head = words(halves[0]);
  const tail = halves.length === 2 ? words(halves[1]) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  return [...head, ...new Array<number>(missing).fill(0), ...tail].flatMap((w) => [w >> 8, w & 0xff]);
}
