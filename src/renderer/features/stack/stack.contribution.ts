import {
  moveModule,
  registerCommand,
  registerView,
  resetOrder,
  setSemantics,
  showView,
} from '../../workbench/index.ts';
import { focusedModule, Stack } from './Stack.tsx';

registerView({ id: 'stack', title: 'LSM Stack', icon: 'layers', place: 'right', order: 1, component: Stack });
registerCommand({ id: 'view.stack', title: 'Show LSM Stack', category: 'View', run: () => showView('stack') });
registerCommand({
  id: 'stack.up',
  title: 'Move LSM Earlier',
  category: 'LSM Stack',
  key: 'Alt+ArrowUp',
  when: '!editorFocus',
  run: () => moveModule(focusedModule(), -1),
});
registerCommand({
  id: 'stack.down',
  title: 'Move LSM Later',
  category: 'LSM Stack',
  key: 'Alt+ArrowDown',
  when: '!editorFocus',
  run: () => moveModule(focusedModule(), 1),
});
registerCommand({ id: 'stack.reset', title: 'Back to the Scenario’s Order', category: 'LSM Stack', run: resetOrder });
for (const [id, title] of [
  ['lsm', 'LSM list'],
  ['fexit', 'fexit'],
  ['fexit-if-zero', 'fexit if zero'],
  ['fmod_ret', 'fmod_ret'],
] as const) {
  registerCommand({
    id: `semantics.${id}`,
    title: `Attach Semantics: ${title}`,
    category: 'LSM Stack',
    run: () => setSemantics(id),
  });
}
