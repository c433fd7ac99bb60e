import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { ApiError } from '@/api/client'
import type { Broadcast } from '@/api/types'
import { barrage } from '@/app'
import { usePoll, type Poll } from '@/poll'

const calmMs = 60_000
const failedMs = 10_000

export interface BroadcastsWatch {
  /** Null until known; what was known stays when the server does not answer. */
  list: ShallowRef<Broadcast[] | null>
  failed: Ref<boolean>
  poll: Poll
}

/** The broadcasts of a channel that were recorded; "" is no channel yet. */
export function useBroadcasts(channel: () => string): BroadcastsWatch {
  const list = shallowRef<Broadcast[] | null>(null)
  const failed = ref(false)
  const poll = usePoll(calmMs, async (signal) => {
    const asked = channel()
    if (asked === '') return undefined
    try {
      const found = await barrage.broadcasts(asked, signal)
      if (asked !== channel()) return 0
      list.value = found
      failed.value = false
      return calmMs
    } catch (e) {
      if (signal.aborted || asked !== channel()) return 0
      const missing = e instanceof ApiError && e.kind === 'not_found'
      failed.value = !missing
      return missing ? calmMs : failedMs
    }
  })
  watch(channel, () => {
    list.value = null
    failed.value = false
    poll.now()
  })
  return { list, failed, poll }
}
