/** Thrown out of the engine when what was asked is not wanted any more (`EngineOptions.cancelled`). */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';

  constructor() {
    super('what was asked is not wanted any more');
  }
}
