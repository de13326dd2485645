/**
 * The format strings of bpf_trace_printk and its like: kernel/bpf/helpers.c, bpf_bprintf_prepare. Text is a string of
 * bytes (one character each). %p is not hashed here, and symbols (%pS and its like) are printed as addresses.
 */

/** Where strings and addresses come from; undefined = the access faults. */
export interface FormatSources {
  text(address: bigint, max: number): Uint8Array | undefined;
  bytes(address: bigint, size: number): Uint8Array | undefined;
}

const MAX_TEXT = 512;

/** Flags, width, conversion. A plain %p must be followed by white space, punctuation or the end. */
const SPEC = /^%([-+ 0]*)([1-9]\d*)?(?:(p(?:[ku]s|[Ii][46]|[KxsSB]|(?=$|[\s!-/:-@[-`{-~])))|(s)|(c)|(ll|l)?([diuxX]))/;

/** The text, or undefined for a format that the kernel refuses (-EINVAL). */
export function formatBpf(format: string, args: readonly bigint[], from: FormatSources): string | undefined {
  let out = '';
  let next = 0;
  for (let i = 0; i < format.length; i++) {
    const c = format.charCodeAt(i);
    if (c >= 0x80 || (c < 0x20 && !(c >= 9 && c <= 13)) || c === 0x7f) return undefined;
    if (format[i] !== '%') {
      out += format[i];
      continue;
    }
    if (format[i + 1] === '%') {
      out += '%';
      i++;
      continue;
    }
    const spec = SPEC.exec(format.slice(i));
    if (spec === null || next >= args.length) return undefined;
    i += spec[0].length - 1;
    const [, flags, width, pointer, str, chr, long, conversion] = spec;
    const arg = args[next++];
    let text: string;
    if (pointer !== undefined) text = formatPointer(pointer, arg, from);
    else if (str !== undefined) text = bytesText(from.text(arg, MAX_TEXT));
    else if (chr !== undefined) text = String.fromCharCode(Number(arg & 0xffn));
    else text = formatNumber(arg, long !== undefined, conversion, flags);
    out += pad(text, flags, width === undefined ? 0 : Math.min(Number(width), MAX_TEXT), conversion !== undefined);
  }
  return out;
}

/** A faulting string prints as nothing. */
function bytesText(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return '';
  const end = bytes.indexOf(0);
  return Array.from(end < 0 ? bytes : bytes.subarray(0, end), (b) => String.fromCharCode(b)).join('');
}

function formatNumber(arg: bigint, long: boolean, conversion: string, flags: string): string {
  const bits = long ? 64 : 32;
  if (conversion === 'd' || conversion === 'i') {
    const v = BigInt.asIntN(bits, arg);
    return v < 0n ? v.toString() : (flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '') + v.toString();
  }
  const v = BigInt.asUintN(bits, arg);
  if (conversion === 'u') return v.toString();
  const text = v.toString(16);
  return conversion === 'X' ? text.toUpperCase() : text;
}

function pad(text: string, flags: string, width: number, number: boolean): string {
  if (text.length >= width) return text;
  if (flags.includes('-')) return text.padEnd(width);
  if (!number || !flags.includes('0')) return text.padStart(width);
  const sign = /^[-+ ]/.exec(text)?.[0] ?? '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
}

/** `%p` and its extensions. %pks and %pus are strings in kernel and user memory. */
function formatPointer(spec: string, arg: bigint, from: FormatSources): string {
  const kind = spec[1];
  if (spec === 'pks' || spec === 'pus') return bytesText(from.text(arg, MAX_TEXT));
  if (kind === 'I' || kind === 'i') {
    const size = spec[2] === '4' ? 4 : 16;
    const bytes = from.bytes(arg, size) ?? new Uint8Array(size);
    return size === 4 ? ipv4(bytes, kind) : ipv6(bytes, kind);
  }
  if (kind === 'B' || kind === 'S' || kind === 's') return `0x${arg.toString(16)}`;
  return arg.toString(16).padStart(16, '0');
}

function ipv4(b: Uint8Array, kind: string): string {
  const parts = Array.from(b, (x) => (kind === 'i' ? x.toString().padStart(3, '0') : x.toString()));
  return parts.join('.');
}

function ipv6(b: Uint8Array, kind: string): string {
  const parts = Array.from({ length: 8 }, (_, i) => ((b[2 * i] << 8) | b[2 * i + 1]).toString(16).padStart(4, '0'));
  return parts.join(kind === 'i' ? '' : ':');
}
