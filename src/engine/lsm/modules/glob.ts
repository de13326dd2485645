/** AppArmor path globs (apparmor.d(5)): `?`, `*` (not over `/`), `**`, `[...]`, `{a,b}`; everything else literal. */

const cache = new Map<string, RegExp>();
const CACHE_LIMIT = 1000;

/** Compiles a glob; throws a SyntaxError-like Error for unbalanced brackets. Pure but for a bounded cache. */
export function globToRegExp(glob: string): RegExp {
  const hit = cache.get(glob);
  if (hit) return hit;
  let out = '';
  let depth = 0;
  for (let i = 0; i < glob.length; i++) {
    const ch = glob[i];
    if (ch === '*') {
      // A glob never matches an empty file name: `/dir/*` and `/dir/**` do not match `/dir/` itself.
      const atStart = i > 0 && glob[i - 1] === '/';
      if (glob[i + 1] === '*') {
        i++;
        const atEnd = i === glob.length - 1;
        out += atStart && atEnd ? '[^\\0/][^\\0]*' : '[^\\0]*';
      } else {
        const atEnd = i === glob.length - 1 || glob[i + 1] === '/';
        out += atStart && atEnd ? '[^\\0/]+' : '[^\\0/]*';
      }
    } else if (ch === '?') out += '[^\\0/]';
    else if (ch === '{') {
      depth++;
      out += '(?:';
    } else if (ch === '}' && depth > 0) {
      depth--;
      out += ')';
    } else if (ch === ',' && depth > 0) out += '|';
    else if (ch === '[') {
      const end = glob.indexOf(']', i + 2);
      if (end < 0) throw new Error(`unbalanced [ in ${glob}`);
      const body = glob.slice(i + 1, end).replace(/\\/g, '\\\\');
      out += `[${body}]`;
      i = end;
    } else if (ch === '\\' && i + 1 < glob.length) out += escape(glob[++i]);
    else out += escape(ch);
  }
  if (depth !== 0) throw new Error(`unbalanced { in ${glob}`);
  const re = new RegExp(`^${out}$`, 's');
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(glob, re);
  return re;
}

const escape = (ch: string): string => ch.replace(/[.*+?^${}()|[\]\\/]/, '\\$&');
