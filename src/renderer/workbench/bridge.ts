/** Typed calls to the main process. */
import type { MainEvent, Method, Params, Results } from '../../protocol/index.ts';

/** Throws with the main process's own words when the call is refused or fails. */
export async function call<M extends Method>(
  method: M,
  ...args: Params<M> extends undefined ? [] : [Params<M>]
): Promise<Results[M]> {
  const reply = await window.lsmith.call(method, args[0]);
  if (!reply.ok) throw new Error(reply.error);
  return reply.value as Results[M];
}

export const onMain = (listener: (event: MainEvent) => void): (() => void) => window.lsmith.on(listener);
