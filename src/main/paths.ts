/** Where things lie: built files, bundled assets, the user's data. */
import { app } from 'electron';
import { join } from 'node:path';

/** `out/` beside main's own folder, in the asar or in a checkout. */
export const rendererDir = (): string => join(__dirname, '../renderer');
/** Assets travel beside the asar in a package, and in the checkout else. */
export const assetsDir = (): string =>
  app.isPackaged ? join(process.resourcesPath, 'assets') : join(__dirname, '../../assets');
export const userFile = (...parts: string[]): string => join(app.getPath('userData'), ...parts);
