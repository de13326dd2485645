import {
  currentKernel,
  get,
  registerCommand,
  registerView,
  set,
  showBesideEditors,
  showView,
} from '../../workbench/index.ts';
import { States } from './States.tsx';
import { goToRefusal, load, move } from './store.ts';

registerView({ id: 'states', title: 'States', icon: 'type-hierarchy-sub', place: 'editor', component: States });
registerCommand({
  id: 'editor.states',
  title: 'Show Explored States',
  category: 'Editor',
  key: 'Ctrl+Alt+I',
  run: (program) => {
    showBesideEditors('states');
    const a = get().active;
    if (typeof program === 'string' && a !== null) void load(a, program);
  },
});
registerCommand({
  id: 'states.show',
  title: 'Show the Path to a Refusal',
  category: 'States',
  hidden: true,
  run: async (what) => {
    const { file, message } = what as { file: string; message: string };
    const report = get().checks[file]?.[currentKernel()];
    const program = report?.programs.find((p) => !p.accepted && p.message === message)?.name ?? null;
    showBesideEditors('states');
    await load(file, program);
    goToRefusal();
    showView('states');
  },
});
registerCommand({
  id: 'states.next',
  title: 'Next Instruction on the Path',
  category: 'States',
  key: 'F10',
  when: 'in-states',
  run: () => move(1, 'step'),
});
registerCommand({
  id: 'states.previous',
  title: 'Previous Instruction on the Path',
  category: 'States',
  key: 'Shift+F10',
  when: 'in-states',
  run: () => move(-1, 'step'),
});
registerCommand({
  id: 'states.nextBranch',
  title: 'Next Branch on the Path',
  category: 'States',
  key: 'F11',
  when: 'in-states',
  run: () => move(1, 'branch'),
});
registerCommand({
  id: 'states.previousBranch',
  title: 'Previous Branch on the Path',
  category: 'States',
  key: 'Shift+F11',
  when: 'in-states',
  run: () => move(-1, 'branch'),
});
registerCommand({
  id: 'states.refusal',
  title: 'Go to the Refusal',
  category: 'States',
  when: 'in-states',
  run: goToRefusal,
});
registerCommand({
  id: 'editor.budget',
  title: 'Toggle Verifier Budget in the Gutter',
  category: 'Editor',
  key: 'Ctrl+Alt+B',
  run: () => set((s) => ({ settings: { ...s.settings, budget: !s.settings.budget } })),
});
