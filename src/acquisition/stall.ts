/** A timer this much too late, milliseconds, says that this machine stood still: what came meanwhile has not been read yet, and is no silence. */
export const STALL_MS = 20
