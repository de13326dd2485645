import { registerCommand, registerView, showView, stepSelection } from '../../workbench/index.ts';
import { Trace } from './Trace.tsx';

registerView({ id: 'trace', title: 'Trace', icon: 'list-tree', place: 'bottom', order: 1, component: Trace });
registerCommand({ id: 'view.trace', title: 'Show Trace', category: 'View', run: () => showView('trace') });
registerCommand({
  id: 'trace.next',
  title: 'Next Decision',
  category: 'Go',
  key: 'Alt+N',
  run: () => stepSelection(1),
});
registerCommand({
  id: 'trace.previous',
  title: 'Previous Decision',
  category: 'Go',
  key: 'Alt+P',
  run: () => stepSelection(-1),
});
