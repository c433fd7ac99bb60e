import type { DeepReadonly } from 'vue'
import type { Account, Channel } from '@/api/types'

/** Whether the pages should offer moderation here; the server decides for itself. */
export function moderates(account: DeepReadonly<Account> | null, channel: Channel | null): boolean {
  if (account === null || channel === null) return false
  return channel.owner.id === account.id || account.roles.includes('moderator') || account.roles.includes('admin')
}
