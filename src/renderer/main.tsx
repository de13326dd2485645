/** Starts the window: contributions register, the session opens the workspace, the frame is drawn. */
import { createRoot } from 'react-dom/client';
import 'flexlayout-react/style/light.css';
import '@vscode/codicons/dist/codicon.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/panels.css';
import './styles/editor.css';
import './styles/stack.css';
import './styles/pages.css';
import './styles/detail.css';
import './styles/search.css';
import './styles/states.css';
import './features/explorer/explorer.contribution.ts';
import './features/search/search.contribution.tsx';
import './features/editor/editor.contribution.ts';
import './features/trace/trace.contribution.ts';
import './features/problems/problems.contribution.tsx';
import './features/orders/orders.contribution.tsx';
import './features/data/data.contribution.tsx';
import './features/hooks/hooks.contribution.tsx';
import './features/stack/stack.contribution.ts';
import './features/instructions/instructions.contribution.tsx';
import './features/states/states.contribution.tsx';
import './features/log/log.contribution.tsx';
import './features/settings/settings.contribution.tsx';
import './features/run/run.contribution.ts';
import './features/palette/palette.contribution.ts';
import { Palette, Prompt } from './features/palette/Palette.tsx';
import { Workbench } from './workbench/Workbench.tsx';
import { beforeLeaving, startSession } from './workbench/session.ts';
import { notify } from './workbench/store.ts';
import { call } from './workbench/bridge.ts';

for (const type of ['error', 'unhandledrejection'] as const) {
  window.addEventListener(type, (e) => {
    const reason: unknown = e instanceof ErrorEvent ? (e.error ?? e.message) : (e as PromiseRejectionEvent).reason;
    const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    // Monaco cancels its own questions by rejecting them.
    if (!/Canceled|ResizeObserver/.test(text)) void call('log.write', { level: 'error', message: text.slice(0, 4000) });
  });
}
window.addEventListener('pagehide', () => void beforeLeaving());

startSession()
  .catch((e: unknown) => notify(`The workspace could not be opened: ${e instanceof Error ? e.message : String(e)}`))
  .finally(() => {
    createRoot(document.getElementById('root')!).render(
      <Workbench
        overlays={
          <>
            <Palette />
            <Prompt />
          </>
        }
      />,
    );
  });
