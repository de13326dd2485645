/** One door: every call from the window comes in here, is checked for its sender and its shape, and answered as data. */
import { ipcMain, type IpcMainInvokeEvent } from 'electron';
import * as v from 'valibot';
import { CALL_CHANNEL, methods, type Method, type Params, type Reply, type Results } from '../protocol/index.ts';
import { log } from './log.ts';
import { ORIGIN } from './scheme.ts';

export type Handlers = { [M in Method]: (params: Params<M>) => Results[M] | Promise<Results[M]> };

/** Only our own page, in its top frame. */
function fromOurFrame(event: IpcMainInvokeEvent): boolean {
  const frame = event.senderFrame;
  if (!frame || frame !== event.sender.mainFrame) return false;
  try {
    const url = new URL(frame.url);
    return `${url.protocol}//${url.host}` === ORIGIN;
  } catch {
    return false;
  }
}

export function serveCalls(handlers: Handlers): void {
  ipcMain.handle(CALL_CHANNEL, async (event, method: unknown, params: unknown): Promise<Reply<unknown>> => {
    if (!fromOurFrame(event)) {
      log('warn', `call refused: foreign frame ${event.senderFrame?.url ?? '?'}`);
      return { ok: false, error: 'refused' };
    }
    if (typeof method !== 'string' || !Object.hasOwn(methods, method)) return { ok: false, error: 'unknown method' };
    const parsed = v.safeParse(methods[method as Method] as v.GenericSchema, params);
    if (!parsed.success) return { ok: false, error: `${method}: ${parsed.issues[0].message}` };
    try {
      const handler = handlers[method as Method] as (p: unknown) => unknown;
      return { ok: true, value: await handler(parsed.output) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      log('error', `${method}: ${message}`);
      return { ok: false, error: message };
    }
  });
}
