export { buildObject } from './build-object.ts';
