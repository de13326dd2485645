/** What is known of a place, as bits. */
export const LIVE_READ = 1;
export const LIVE_WRITTEN = 2;
/** Explored completely: nothing will mark it any more. */
export const LIVE_DONE = 4;
