/** Icons and small parts that every panel uses. */
import type { ReactNode } from 'react';

export const Icon = ({ name }: { name: string }) => <span className={`codicon codicon-${name}`} aria-hidden="true" />;

export function Button(p: {
  icon?: string;
  label: string;
  title?: string;
  iconOnly?: boolean;
  primary?: boolean;
  disabled?: boolean;
  onPress: () => void;
}) {
  return (
    <button
      type="button"
      className={`btn${p.primary ? ' primary' : ''}${p.iconOnly ? ' icon-only' : ''}`}
      title={p.title ?? p.label}
      aria-label={p.iconOnly ? p.label : undefined}
      disabled={p.disabled}
      onClick={p.onPress}
    >
      {p.icon && <Icon name={p.icon} />}
      {!p.iconOnly && <span>{p.label}</span>}
    </button>
  );
}

/** What a panel shows when it has nothing yet, with the one next step. */
export function Empty(p: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <div className="empty-title">{p.title}</div>
      {p.children && <div className="empty-text">{p.children}</div>}
      {p.action}
    </div>
  );
}

export type Mark = 'allow' | 'deny' | 'override' | 'skip' | 'unknown' | 'none';
const SHAPES: Readonly<Record<Mark, string>> = {
  allow: '✓',
  deny: '✗',
  override: '↷',
  skip: '—',
  unknown: '?',
  none: '·',
};
/** State as shape and colour together. */
export const StateMark = ({ mark, label }: { mark: Mark; label?: string }) => (
  <span
    className={`mark mark-${mark}`}
    role={label ? 'img' : undefined}
    aria-label={label}
    aria-hidden={label ? undefined : true}
  >
    {SHAPES[mark]}
  </span>
);
