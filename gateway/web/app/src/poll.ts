import { onUnmounted } from 'vue'

export interface Poll {
  /** Ask now, and count the interval from now. */
  now(): void
}

/** Runs work again and again while the view lives and the tab is visible, never twice at once; work may give the next wait in ms. */
export function usePoll(everyMs: number, work: (signal: AbortSignal) => Promise<number | undefined>): Poll {
  const stopped = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = false
  let again = false

  const run = async () => {
    clearTimeout(timer)
    if (running) {
      again = true
      return
    }
    running = true
    const wait = document.visibilityState === 'visible' ? await work(stopped.signal).catch(() => undefined) : undefined
    running = false
    if (stopped.signal.aborted) return
    timer = setTimeout(() => void run(), again ? 0 : (wait ?? everyMs))
    again = false
  }
  const shown = () => {
    if (document.visibilityState === 'visible') void run()
  }
  document.addEventListener('visibilitychange', shown)
  onUnmounted(() => {
    stopped.abort()
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', shown)
  })
  void run()
  return { now: () => void run() }
}
