/** The bridge: one call, one event stream. Shapes are checked on the other side. */
import { contextBridge, ipcRenderer, type IpcRendererEvent } from 'electron';
import { CALL_CHANNEL, EVENT_CHANNEL, type Bridge, type MainEvent, type Reply } from '../protocol/ipc.ts';

const bridge: Bridge = {
  call: (method, params) => ipcRenderer.invoke(CALL_CHANNEL, method, params) as Promise<Reply<unknown>>,
  on: (listener) => {
    const handle = (_event: IpcRendererEvent, value: MainEvent): void => listener(value);
    ipcRenderer.on(EVENT_CHANNEL, handle);
    return () => ipcRenderer.removeListener(EVENT_CHANNEL, handle);
  },
};

contextBridge.exposeInMainWorld('lsmith', bridge);
