/** What features contribute: commands, views, and where they are found. Each registration can be undone. */
import type { ComponentType } from 'react';
import { toDisposable, type Disposable } from '../../base/index.ts';
import { evaluateWhen, type ContextKeys } from './when.ts';

export interface Command {
  readonly id: string;
  readonly title: string;
  /** Group shown before the title in the palette. */
  readonly category: string;
  /** e.g. `Ctrl+Shift+P`; `Alt+ArrowUp`. */
  readonly key?: string;
  /** When the key applies and the palette lists it: `editorFocus && !inputFocus`. */
  readonly when?: string;
  readonly hidden?: boolean;
  run(argument?: unknown): void | Promise<void>;
}

export type ViewPlace = 'left' | 'right' | 'bottom' | 'editor';

export interface View {
  readonly id: string;
  readonly title: string;
  readonly icon: string;
  readonly place: ViewPlace;
  /** Part of the default layout, in this order; views without it open on demand. */
  readonly order?: number;
  readonly component: ComponentType<{ readonly config: unknown }>;
  /** Shown behind the title, e.g. the number of problems. */
  readonly badge?: ComponentType;
}

const commands = new Map<string, Command>();
const views = new Map<string, View>();

export function registerCommand(command: Command): Disposable {
  commands.set(command.id, command);
  return toDisposable(() => commands.delete(command.id));
}

export function registerView(view: View): Disposable {
  views.set(view.id, view);
  return toDisposable(() => views.delete(view.id));
}

export const allCommands = (): readonly Command[] => [...commands.values()];
export const allViews = (): readonly View[] => [...views.values()];
export const getView = (id: string): View | undefined => views.get(id);
export const getCommand = (id: string): Command | undefined => commands.get(id);

let report: (message: string) => void = () => {};
/** Where a failing command says so. */
export const onCommandError = (listener: (message: string) => void): void => void (report = listener);

/** Runs a command by id; `id:argument` passes text. */
export function execute(id: string, argument?: unknown): void {
  const colon = id.indexOf(':');
  const command = commands.get(colon < 0 ? id : id.slice(0, colon));
  if (!command) return report(`There is no command ${id}`);
  try {
    const result = command.run(colon < 0 ? argument : id.slice(colon + 1));
    if (result instanceof Promise) result.catch((e: unknown) => report(e instanceof Error ? e.message : String(e)));
  } catch (e) {
    report(e instanceof Error ? e.message : String(e));
  }
}

/** The command that a key press means in this context, the latest registration first. */
export function commandForKey(key: string, context: ContextKeys): Command | undefined {
  return [...commands.values()].reverse().find((c) => c.key === key && evaluateWhen(c.when, context));
}
