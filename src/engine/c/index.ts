/**
 * The C front end: `compileFrontEnd` turns a file's text into a typed, checked AST and diagnostics. Headers come from an
 * `IncludeResolver` (`createIncludeResolver`), kernel types from the profile's BTF behind the virtual vmlinux.h.
 */
export * from './ast.ts';
export * from './statements.ts';
export { helperId } from './builtins.ts';
export { evaluate, type Constant } from './constant.ts';
export { closest, MAX_DIAGNOSTICS } from './diagnostics.ts';
export {
  compileFrontEnd,
  createFrontEndCache,
  type FrontEndCache,
  type FrontEndInput,
  type FrontEndResult,
} from './front-end.ts';
export { HeaderTables, writeHeaderTables } from './header-tables.ts';
export { FrontEndSession } from './incremental/session.ts';
export {
  BUNDLE_PREFIX,
  dirName,
  createIncludeResolver,
  joinPath,
  type IncludeOptions,
  type IncludeResolver,
  type ResolvedInclude,
  type HeaderSource,
} from './includes.ts';
export { findField } from './layout.ts';
export { compatible, typeText } from './type-text.ts';
export * from './types.ts';
export { asksConstant, hasErrors, walk, type Visitor } from './walk.ts';
