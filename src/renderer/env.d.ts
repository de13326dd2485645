/// <reference types="vite/client" />
import type { Bridge } from '../protocol/index.ts';

declare global {
  interface Window {
    readonly lsmith: Bridge;
  }
}
