/** The small language of `when`: names, `!`, `&&`, `||`; `&&` binds stronger. */
export type ContextKeys = ReadonlySet<string>;

export function evaluateWhen(expression: string | undefined, keys: ContextKeys): boolean {
  if (!expression) return true;
  return expression.split('||').some((alternative) =>
    alternative.split('&&').every((term) => {
      const t = term.trim();
      return t.startsWith('!') ? !keys.has(t.slice(1).trim()) : keys.has(t);
    }),
  );
}

/** `Ctrl+Shift+P` for a key press; letters in upper case, named keys as the DOM names them. */
export function keyName(e: {
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  key: string;
  code: string;
}): string {
  const base = /^Key[A-Z]$/.test(e.code) ? e.code.slice(3) : /^Digit\d$/.test(e.code) ? e.code.slice(5) : e.key;
  return [e.ctrlKey || e.metaKey ? 'Ctrl' : '', e.altKey ? 'Alt' : '', e.shiftKey ? 'Shift' : '', base]
    .filter(Boolean)
    .join('+');
}

/** How a key is shown to people. */
export const keyLabel = (key: string): string => key.replace('ArrowUp', '↑').replace('ArrowDown', '↓');
