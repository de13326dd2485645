import {
  beforeLeaving,
  call,
  checkAll,
  engine,
  exploreOrders,
  isScenario,
  registerCommand,
  resetLayout,
  runScenario,
  set,
  setKernel,
  showView,
  get,
} from '../../workbench/index.ts';

registerCommand({
  id: 'run.scenario',
  title: 'Run Scenario',
  category: 'Run',
  key: 'F5',
  run: (path) => {
    showView('trace', false);
    const active = get().active;
    return runScenario(
      typeof path === 'string'
        ? path
        : active !== null && isScenario(active) && active !== get().scenario
          ? active
          : undefined,
    );
  },
});
registerCommand({
  id: 'run.choose',
  title: 'Choose Scenario…',
  category: 'Run',
  run: () => set({ palette: { mode: 'scenarios' } }),
});
registerCommand({
  id: 'run.kernel',
  title: 'Choose Kernel Profile…',
  category: 'Run',
  run: () => set({ palette: { mode: 'kernels' } }),
});
registerCommand({
  id: 'run.setKernel',
  title: 'Set Kernel Profile',
  category: 'Run',
  hidden: true,
  run: (k) => setKernel(String(k)),
});
registerCommand({
  id: 'run.exploreOrders',
  title: 'Explore Orders Again',
  category: 'Run',
  hidden: true,
  run: exploreOrders,
});
registerCommand({ id: 'check.all', title: 'Check All Policies', category: 'Run', key: 'Ctrl+Shift+B', run: checkAll });
registerCommand({ id: 'engine.restart', title: 'Restart Engine', category: 'Engine', run: () => engine.restart() });
registerCommand({ id: 'layout.reset', title: 'Reset Layout', category: 'View', run: resetLayout });
registerCommand({
  id: 'window.reload',
  title: 'Reload Window',
  category: 'Window',
  run: async () => {
    await beforeLeaving();
    await call('window.reload');
  },
});
registerCommand({
  id: 'window.devtools',
  title: 'Toggle Developer Tools',
  category: 'Window',
  run: () => call('window.toggleDevTools').then(() => undefined),
});
