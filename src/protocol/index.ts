export * from './ipc.ts';
export * from './board.ts';
export * from './engine.ts';
export * from './check-json.ts';
export * from './settings.ts';
export * from './menu.ts';
