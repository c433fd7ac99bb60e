/** Whether the reader's system asks for less motion; asked each time, since it can change. */
export function reducedMotion(): boolean {
  return globalThis.matchMedia('(prefers-reduced-motion: reduce)').matches
}
