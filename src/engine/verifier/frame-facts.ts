/** What a frame is, whatever it holds. */
import type { Reg } from './reg.ts';

export interface Ref {
  readonly id: number;
  readonly insn: number;
  /** Frame number of the callback that acquired it; 0 = no callback. */
  readonly callbackFrame: number;
}

const NO_ARGS: readonly Reg[] = [];

/** What a frame is, its registers and stack aside. */
export class FrameFacts {
  refs: readonly Ref[] = [];
  callsite: number;
  frameno: number;
  subprog: number;
  inCallback = false;
  callbackRange: readonly [number, number] = [0, 0];
  callbackDepth = 0;
  /** Entered by a timer or work queue later on: its own program, on a fresh stack. */
  inAsyncCallback = false;
  asyncEntry = 0;
  /** The function that bpf_throw() ends in. */
  inExceptionCallback = false;
  /** Arguments on the stack for the next call: the sixth, and so on. Never changed in place. */
  outArgs: readonly Reg[] = NO_ARGS;
  /** Its own arguments on the stack may not be loaded any more. */
  noArgLoad = false;

  constructor(callsite: number, frameno: number, subprog: number) {
    this.callsite = callsite;
    this.frameno = frameno;
    this.subprog = subprog;
  }

  hasLikeFacts(o: FrameFacts): boolean {
    return (
      this.callsite === o.callsite &&
      this.subprog === o.subprog &&
      this.refs === o.refs &&
      this.inCallback === o.inCallback &&
      this.callbackRange === o.callbackRange &&
      this.callbackDepth === o.callbackDepth &&
      this.inAsyncCallback === o.inAsyncCallback &&
      this.asyncEntry === o.asyncEntry &&
      this.inExceptionCallback === o.inExceptionCallback &&
      this.outArgs === o.outArgs &&
      this.noArgLoad === o.noArgLoad
    );
  }

  protected takeFacts(from: FrameFacts): this {
    this.callsite = from.callsite;
    this.frameno = from.frameno;
    this.subprog = from.subprog;
    this.refs = from.refs;
    this.inCallback = from.inCallback;
    this.callbackRange = from.callbackRange;
    this.callbackDepth = from.callbackDepth;
    this.inAsyncCallback = from.inAsyncCallback;
    this.asyncEntry = from.asyncEntry;
    this.inExceptionCallback = from.inExceptionCallback;
    this.outArgs = from.outArgs;
    this.noArgLoad = from.noArgLoad;
    return this;
  }
}
