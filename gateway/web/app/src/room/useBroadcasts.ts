import { computed, ref, shallowRef, watch, type ComputedRef, type Ref } from 'vue'
import { ApiError } from '@/api/client'
import type { Broadcast } from '@/api/types'
import { barrage } from '@/app'
import { usePoll, type Poll } from '@/poll'
import { extended, refreshed, type PastStreams } from './pastStreams'

const calmMs = 60_000
const failedMs = 10_000

/** Whether there are older broadcasts than those known, and what became of asking for them. */
export type Older = 'none' | 'some' | 'loading' | 'failed'

export interface BroadcastsWatch {
  /** Null until known; what was known stays when the server does not answer. */
  list: ComputedRef<Broadcast[] | null>
  failed: Ref<boolean>
  older: ComputedRef<Older>
  /** Asks for the next page of older ones. */
  more: () => Promise<void>
  poll: Poll
}

/** The broadcasts of a channel that were recorded; "" is no channel yet. */
export function useBroadcasts(channel: () => string): BroadcastsWatch {
  const known = shallowRef<PastStreams | null>(null)
  const failed = ref(false)
  const asking = ref<'' | 'loading' | 'failed'>('')
  const poll = usePoll(calmMs, async (signal) => {
    const asked = channel()
    if (asked === '') return undefined
    try {
      const found = await barrage.broadcasts(asked, '', signal)
      if (asked !== channel()) return 0
      known.value = refreshed(known.value, found)
      failed.value = false
      return calmMs
    } catch (e) {
      if (signal.aborted || asked !== channel()) return 0
      const missing = e instanceof ApiError && e.kind === 'not_found'
      failed.value = !missing
      return missing ? calmMs : failedMs
    }
  })

  async function more(): Promise<void> {
    const [asked, after] = [channel(), known.value?.next ?? '']
    if (after === '' || asking.value === 'loading') return
    asking.value = 'loading'
    let outcome: '' | 'failed' = 'failed'
    try {
      const page = await barrage.broadcasts(asked, after)
      // Meanwhile another channel may be looked at, or the list may have begun anew.
      if (asked === channel() && known.value?.next === after) known.value = extended(known.value, page)
      outcome = ''
    } catch {
      // The button says so.
    }
    if (asked === channel()) asking.value = outcome
  }

  watch(channel, () => {
    known.value = null
    failed.value = false
    asking.value = ''
    poll.now()
  })
  return {
    list: computed(() => known.value?.list ?? null),
    older: computed(() => ((known.value?.next ?? '') === '' ? 'none' : asking.value || 'some')),
    failed, more, poll,
  }
}
