import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { ApiError } from '@/api/client'
import type { Channel } from '@/api/types'
import { barrage } from '@/app'
import { usePoll, type Poll } from '@/poll'

const calmMs = 15_000
const busyMs = 2_500
const failedMs = 5_000

export type Loading = 'loading' | 'there' | 'missing' | 'failed'

export interface ChannelWatch {
  channel: ShallowRef<Channel | null>
  loading: Ref<Loading>
  poll: Poll
}

/** The channel's document, kept fresh: often while its state is about to change, seldom otherwise. */
export function useChannel(name: () => string): ChannelWatch {
  const channel = shallowRef<Channel | null>(null)
  const loading = ref<Loading>('loading')
  const poll = usePoll(calmMs, async (signal) => {
    const asked = name()
    if (asked === '') return undefined
    try {
      const found = await barrage.channel(asked, signal)
      if (asked !== name()) return 0
      channel.value = found
      loading.value = 'there'
      return found.state === 'interrupted' ? busyMs : calmMs
    } catch (e) {
      if (signal.aborted || asked !== name()) return 0
      const missing = e instanceof ApiError && e.kind === 'not_found'
      if (missing || channel.value === null) loading.value = missing ? 'missing' : 'failed'
      return missing ? calmMs * 4 : failedMs
    }
  })
  watch(name, () => {
    channel.value = null
    loading.value = 'loading'
    poll.now()
  })
  return { channel, loading, poll }
}
